"""Reading and writing the records that all devices of an account share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ...appstate import Operation
from ...appstate.actions import (
    BY_KIND,
    Action,
    MessageRange,
    MessageRef,
    PendingMutation,
    RangeMessage,
    write_action,
)
from ...appstate.actions import read_action as _read_action
from ...errors import NotFound
from ...model import Message
from ...store import Database, UnitOfWork
from ...wire import Jid
from ..app_state import AppStateSync
from ..fanout import canonical

A = TypeVar("A", bound=Action)
T = TypeVar("T")

MAX_NAMED = 16
"""Messages of one second that the range of an action names."""

MakeActions = Callable[[UnitOfWork, int], Sequence[Action]]
"""What to write; runs in the transaction that keeps it. Gets the time, Unix seconds."""


class SharedRecords:
    """The records of one account, as features use them."""

    def __init__(self, database: Database, session_id: str, sync: AppStateSync) -> None:
        self._database = database
        self._session_id = session_id
        self._sync = sync

    async def change(self, make: MakeActions, operation: Operation = Operation.SET) -> None:
        """Write records; see `AppStateSync.write`.

        Raises:
            InvalidInput: one cannot be written.
            StoreError: nothing is changed.
        """

        def changes(store: UnitOfWork, at_ms: int) -> list[PendingMutation]:
            return [
                write_action(action, timestamp_ms=at_ms, operation=operation)
                for action in make(store, at_ms // 1000)
            ]

        await self._sync.write(changes)

    async def write(self, *actions: Action) -> None:
        """Write these records in one patch."""
        await self.change(lambda _store, _now_s: actions)

    async def all(self, kind: type[A]) -> list[A]:
        """All records of a kind that is kept as it came, which are set."""
        return await self.read(lambda store: kept(store, kind))

    async def one(self, kind: type[A]) -> A | None:
        """The one record of a setting; None where it was never set."""
        found = await self.all(kind)
        return found[0] if found else None

    async def read(self, job: Callable[[UnitOfWork], T]) -> T:
        """Look into the store."""
        return await self._database.read(self._session_id, job)

    async def settle(self) -> None:
        """Wait until the server has all that was changed here."""
        await self._sync.settle()


def kept(store: UnitOfWork, kind: type[A]) -> list[A]:
    """All records of a kind that is kept as it came."""
    actions = [_read_action(each.mutation) for each in store.app_state.kept(BY_KIND[kind].name)]
    return [action for action in actions if isinstance(action, kind)]


def newest_range(store: UnitOfWork, chat: Jid, now_s: int) -> MessageRange:
    """All messages that a chat has now.

    Source: docs/protocol/app-state.md, "Message ranges".
    """
    page = store.messages.page(chat, MAX_NAMED)
    if not page:
        return MessageRange(now_s)
    last_s = page[0].timestamp
    named = [RangeMessage(ref_of(each), last_s) for each in page if each.timestamp == last_s]
    return MessageRange(last_s, messages=tuple(named))


def known_message(store: UnitOfWork, chat: Jid, message_id: str) -> Message:
    """A message.

    Raises:
        NotFound: there is no such message.
    """
    message = store.messages.get(canonical(store, chat), message_id)
    if message is None:
        raise NotFound(404, "there is no such message")
    return message


def ref_of(message: Message) -> MessageRef:
    """A message, as app state names it."""
    key = message.key
    return MessageRef(key.chat, key.id, key.from_me, None if key.from_me else key.sender)
