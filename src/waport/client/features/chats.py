"""The list of chats: what is unread, reading it, clearing and deleting.

What is done here holds on this device alone, read receipts apart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from ...errors import NotFound
from ...model import AddressingMode, Chat, ChatRemoved, ChatSummary, Contact, MessageKey
from ...stanza.receipt import MAX_RECEIPT_IDS, receipt
from ...store import Database, UnitOfWork
from ...wire import STATUS, Jid, Node
from ..clock import SYSTEM_CLOCK, Clock
from ..fanout import canonical
from ..people import hidden
from ..queries import Queries
from ..unread import mark_read, recount
from ..work import EventSink, Work
from ..work_job import in_work

T = TypeVar("T")

MAX_SEEN = 10_000
"""Messages of one chat that are told to be read at once; older ones count as read silently."""

CLEAR_STEP = 1000
"""Messages that are removed in one transaction."""


@dataclass(frozen=True, slots=True)
class _Unread:
    """What is unread in a chat.

    Attributes:
        chat: as chats are keyed.
        count: as the chat counts it.
        is_marked: it is shown as unread in any case.
        keys: the messages themselves, the newest first.
        by_author: their ids, the oldest first, by where the receipt goes: the chat's address and
            in groups the author's.
    """

    chat: Jid
    count: int
    is_marked: bool
    keys: list[MessageKey]
    by_author: dict[tuple[Jid, Jid | None], list[str]]


class Chats:
    """The chats of one account.

    Args:
        sink: is told what changes here.
        sends_read_receipts: whether others are told when their messages were read.
    """

    def __init__(
        self,
        database: Database,
        session_id: str,
        queries: Queries,
        sink: EventSink,
        sends_read_receipts: Callable[[], Awaitable[bool]],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._database = database
        self._session_id = session_id
        self._queries = queries
        self._sink = sink
        self._sends_read_receipts = sends_read_receipts
        self._clock = clock

    # --- lists -------------------------------------------------------------------------------

    async def all(self) -> list[ChatSummary]:
        """Every chat with its newest message, the latest first; the status feed is none."""
        found = await self._read(lambda store: store.chats.summaries())
        return [summary for summary in found if summary.chat.jid != STATUS]

    async def get(self, chat: Jid) -> ChatSummary:
        """One chat. With a person there always is one, though it may be empty.

        Raises:
            NotFound: the group or channel is not known.
        """

        def job(store: UnitOfWork) -> ChatSummary:
            jid = canonical(store, chat)
            found = store.chats.summary(jid)
            if found is not None:
                return found
            if not jid.is_user:
                raise NotFound(404, "there is no such chat")
            return ChatSummary(Chat(jid), None, store.contacts.get(jid) or Contact(jid))

        return await self._read(job)

    # --- reading -----------------------------------------------------------------------------

    async def send_seen(self, chat: Jid, *, privately: bool | None = None) -> int:
        """Mark a chat as read: the authors of its unread messages and our own devices are told.

        A channel's is only marked here.

        Args:
            privately: tell our own devices alone; None does as the privacy settings say.

        Returns:
            how many messages were told to be read.
        Raises:
            ConnectionClosed: there is no connection; everything is as before.
            QueryError, QueryTimeout, StanzaError: the privacy settings could not be asked for.
        """
        unread = await self._read(lambda store: _unread(store, chat))
        if not unread.count and not unread.is_marked:
            return 0
        if unread.by_author:
            if privately is None:
                privately = not await self._sends_read_receipts()
            # Before the chat counts as read: receipts that are lost can then be sent again.
            link = self._queries.link
            for node in self._receipts(unread, "read-self" if privately else "read"):
                link.send(node)

        await self._in_work(lambda work: mark_read(work, unread.chat, unread.keys, unread.count))
        return len(unread.keys)

    def _receipts(self, unread: _Unread, kind: str) -> Sequence[Node]:
        now = int(self._clock.unix())
        return [
            receipt(to, ids[at : at + MAX_RECEIPT_IDS], kind, participant=author, timestamp=now)
            for (to, author), ids in unread.by_author.items()
            for at in range(0, len(ids), MAX_RECEIPT_IDS)
        ]

    async def mark_unread(self, chat: Jid) -> None:
        """Show a chat as unread until it is read. One that there is not is left alone."""

        def job(work: Work) -> None:
            jid = canonical(work.store, chat)
            recount(work.store, work.emit, jid, partial(work.store.chats.mark_unread, jid))

        await self._in_work(job)

    # --- removing ----------------------------------------------------------------------------

    async def clear(self, chat: Jid, *, keep_starred: bool = False) -> int:
        """Remove the messages that a chat has now; how many there were.

        Args:
            keep_starred: starred messages stay.
        """
        jid, top, count = await self._read(lambda store: _extent(store, chat))
        removed = 0
        while True:
            step = await self._database.write(
                self._session_id,
                lambda store: store.messages.clear(
                    jid, top, keep_starred=keep_starred, limit=CLEAR_STEP
                ),
            )
            removed += step
            if step < CLEAR_STEP:
                break
        await self._in_work(
            lambda work: recount(
                work.store, work.emit, jid, partial(work.store.chats.mark_read, jid, count)
            )
        )
        return removed

    async def delete(self, chat: Jid) -> None:
        """Remove a chat with its messages; it comes back with the next one."""
        await self.clear(chat)

        def job(work: Work) -> None:
            store = work.store
            jid = canonical(store, chat)
            stored = store.chats.get(jid)
            if stored is not None and not store.messages.newest(jid):
                store.chats.unlist(jid)
                work.emit(ChatRemoved(stored))

        await self._in_work(job)

    async def _in_work(self, job: Callable[[Work], T]) -> T:
        now = int(self._clock.unix())
        return await in_work(self._database, self._session_id, self._sink, now, job)

    async def _read(self, job: Callable[[UnitOfWork], T]) -> T:
        return await self._database.read(self._session_id, job)


def _extent(store: UnitOfWork, chat: Jid) -> tuple[Jid, int, int]:
    """A chat as it is keyed, the number of its newest message, and how many are unread."""
    jid = canonical(store, chat)
    known = store.chats.get(jid)
    return jid, store.messages.newest(jid), 0 if known is None else known.unread


def _unread(store: UnitOfWork, chat: Jid) -> _Unread:
    jid = canonical(store, chat)
    known = store.chats.get(jid)
    count = 0 if known is None else known.unread
    keys = store.messages.unread(jid, min(count, MAX_SEEN)) if count else []
    by_author: dict[tuple[Jid, Jid | None], list[str]] = {}
    if not jid.is_newsletter:
        for key in reversed(keys):
            by_author.setdefault(_reader_of(store, key), []).append(key.id)
    is_marked = known is not None and known.marked_unread
    return _Unread(jid, count, is_marked, keys, by_author)


def _reader_of(store: UnitOfWork, key: MessageKey) -> tuple[Jid, Jid | None]:
    """Where the receipt for a message goes, and whom it names as the author."""
    if key.chat.is_user:
        return hidden(store, key.chat), None
    group = store.groups.get(key.chat) if key.chat.is_group else None
    if group is not None and group.addressing is AddressingMode.PN:
        return key.chat, key.sender
    return key.chat, hidden(store, key.sender)
