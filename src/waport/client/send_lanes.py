"""The order in which the messages of a chat are committed: that of the calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """One call's place in its lane: what the call behind it waits for."""

    handed_in: asyncio.Future[None]
    done: asyncio.Future[None]


@dataclass(slots=True, weakref_slot=True)
class Lane:
    """One chat's queue: messages are committed in the order of the calls.

    Attributes:
        is_warm: the latest message found all it needed in the store. The next one is then handed
            in without waiting for the commit, since the store keeps the order. The writer thread
            takes this back as soon as a message lacks something; those behind it wait then.
        waiting: calls that wait until the one before them is done.
        last: the latest call.
    """

    is_warm: bool = False
    waiting: int = 0
    last: Turn | None = None


def end_turn(mine: asyncio.Future[None], before: asyncio.Future[None] | None) -> None:
    """A stage of a call is over; for those behind it not before the same stage of all before."""
    if mine.done():
        return
    if before is None or before.done():
        mine.set_result(None)
    else:
        before.add_done_callback(lambda _: mine.set_result(None))
