"""The order in which the messages of a chat are committed: that of the calls.

Somebody who is written to by number and by hidden id is one person, with one order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from weakref import WeakValueDictionary

from ..wire import Jid


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


class Lanes:
    """The lanes of one account: one for each chat, and for each person, however they are named.

    Args:
        name: the address under which everything of a person is kept, for a hidden id.
    """

    def __init__(self, name: Callable[[Jid], Awaitable[Jid]]) -> None:
        self._name = name
        self._by_chat: WeakValueDictionary[Jid, Lane] = WeakValueDictionary()
        self._naming = asyncio.Lock()

    async def join(self, chat: Jid) -> tuple[Lane, Turn | None, Turn]:
        """Stand behind all calls before this one; the lane, the turn before, and the own turn."""
        # Uncontended it does not wait; while a name is looked up, later calls stay behind.
        async with self._naming:
            if chat.is_lid:
                chat = await self._name(chat)
        lane = self._by_chat.setdefault(chat, Lane())
        loop = asyncio.get_running_loop()
        before, mine = lane.last, Turn(loop.create_future(), loop.create_future())
        lane.last = mine
        return lane, before, mine
