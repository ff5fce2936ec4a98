"""How many messages of a chat are unread, and the event that tells when that changed."""

from __future__ import annotations

from collections.abc import Callable

from ..model import DomainEvent, UnreadChanged
from ..store import UnitOfWork
from ..wire import Jid


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
