"""A transaction of a caller's own whose events are told after the commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..errors import SessionError
from ..store import Database, UnitOfWork
from .work import EventSink, Work, own_addresses

T = TypeVar("T")


async def _nothing() -> None:
    """Nobody is announced by such a job."""


def own_work(store: UnitOfWork, sink: EventSink, now: int) -> Work:
    """The work of a job that answers no stanza.

    Raises:
        SessionError: the account is not linked.
    """
    credentials = store.devices.get()
    if credentials is None or credentials.pn is None:
        raise SessionError(store.session_id, "not linked")
    return Work(
        store=store,
        credentials=credentials,
        own=own_addresses(credentials),
        now=now,
        sink=sink,
        available=False,
        seen_receipt="",
        announce=_nothing,
    )


async def in_work(
    database: Database, session_id: str, sink: EventSink, now: int, job: Callable[[Work], T]
) -> T:
    """Run a job in one transaction and publish the events that it emits.

    Args:
        now: Unix seconds.
        job: replies and follow-ups of its have no effect: it answers no stanza.

    Raises:
        SessionError: the account is not linked.
        StoreError: nothing was written.
    """

    def run(store: UnitOfWork) -> tuple[T, Work]:
        work = own_work(store, sink, now)
        return job(work), work

    result, work = await database.write(session_id, run)
    if work.frames:
        sink.publish(session_id, work.frames)
    return result
