"""How many messages of a chat are unread, and the event that tells when that changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ..model import DomainEvent, MessageKey, UnreadChanged
from ..store import UnitOfWork
from ..wire import Jid
from .work import Work


def recount(
    store: UnitOfWork,
    emit: Callable[[DomainEvent], object],
    chat: Jid,
    change: Callable[[], object],
) -> None:
    """Change what is unread in a chat, and tell it if it makes a difference.

    Args:
        chat: as the store knows it; one that is not listed is left alone.
        change: does it.
    """
    before = store.chats.get(chat)
    if before is None:
        return
    change()
    after = store.chats.get(chat)
    if after is not None and after.unread_count != before.unread_count:
        emit(UnreadChanged(after, after.unread_count))


def mark_read(work: Work, chat: Jid, keys: Sequence[MessageKey], count: int) -> None:
    """The unread messages that a chat had a moment ago are read; those that came since are not.

    Args:
        chat: as the store knows it.
        keys: of the messages.
        count: how many of the chat's unread messages they stand for.
    """
    store = work.store
    store.messages.mark_read(keys)
    recount(store, work.emit, chat, partial(store.chats.mark_read, chat, count))
    read = store.chats.get(chat)
    if read is not None and not read.unread:
        # History that comes later must not bring back what was read.
        store.history.note_read(chat, read.timestamp)
