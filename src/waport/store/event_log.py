"""The log of outgoing events. Who still has to be told of them stands in deliveries.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, insert, select

from .deliveries import add_delivery, rename_lane
from .rows import Repository
from .schema import event_log, retries
from .statements import Connection, Statement, row_values

_APPEND = Statement(insert(event_log).values(row_values(event_log)).returning(event_log.c.id))
_PRUNE_RETRIES = Statement(delete(retries).where(retries.c.updated_ms < bindparam("before_ms")))
_COLUMNS = tuple(event_log.c[name] for name in ("id", "session_id", "kind", "data", "created_ms"))
_AFTER = Statement(
    select(*_COLUMNS)
    .where(event_log.c.id > bindparam("after"))
    .order_by(event_log.c.id)
    .limit(bindparam("limit"))
)
_AFTER_IN_SESSION = Statement(
    select(*_COLUMNS)
    .where(event_log.c.session_id == bindparam("session_id"), event_log.c.id > bindparam("after"))
    .order_by(event_log.c.session_id, event_log.c.id)
    .limit(bindparam("limit"))
)
_LAST_ID = Statement(select(func.max(event_log.c.id)))


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One event of the log.

    Attributes:
        id: its number. Numbers rise in the order of the commits.
        session_id: whose event.
        kind: its name.
        data: its content, JSON text.
        created_ms: when it happened, Unix milliseconds.
    """

    id: int
    session_id: str
    kind: str
    data: str
    created_ms: int


class EventLog(Repository):
    """The events of this session."""

    __slots__ = ("_now_ms",)

    def __init__(self, db: Connection, session_id: str, now_ms: Callable[[], int]) -> None:
        super().__init__(db, session_id)
        self._now_ms = now_ms

    def append(
        self, kind: str, lane: str, data: str, *, deliver: bool, webhooks: Iterable[int] = ()
    ) -> int:
        """Log an event.

        Args:
            kind: its name.
            lane: what it must stay in order with, such as a chat.
            data: its content, JSON text.
            deliver: the receiver that the settings name has to be told; the lane's earlier events
                come first.
            webhooks: the numbers of the webhooks that have to be told as well.

        Returns:
            the event's number. Numbers rise in the order of the commits.
        """
        (event_id,) = self._db.single(
            _APPEND,
            session_id=self._session_id,
            kind=kind,
            lane=lane,
            data=data,
            created_ms=self._now_ms(),
        )
        for webhook in (0, *webhooks) if deliver else webhooks:
            add_delivery(self._db, self._session_id, lane, event_id, webhook)
        return int(event_id)

    def rename_lane(self, old: str, new: str) -> None:
        """Move what is still to be delivered in one lane to another, as when a chat is renamed.

        Events of both lanes are then delivered in the order in which they happened, and before
        whatever is appended to the new lane later. What waits for another try keeps waiting if it
        is the first.
        """
        rename_lane(self._db, self._session_id, old, new)


def events_after(
    db: Connection, after: int, limit: int, session_id: str | None = None
) -> list[LoggedEvent]:
    """The events behind a number, in order.

    Args:
        session_id: only this session's; None for those of all.
    """
    if session_id is None:
        rows = db.all(_AFTER, after=after, limit=limit)
    else:
        rows = db.all(_AFTER_IN_SESSION, session_id=session_id, after=after, limit=limit)
    return [LoggedEvent(*row) for row in rows]


def last_event_id(db: Connection) -> int:
    """The newest event's number; 0 of an empty log."""
    (last,) = db.single(_LAST_ID)
    return int(last or 0)


def prune_retries(db: Connection, before_ms: int) -> None:
    """Forget how often messages were asked for again that nobody asked for since."""
    db.change(_PRUNE_RETRIES, before_ms=before_ms)
