"""What else a device writes when the user does something to a chat.

Source: docs/protocol/app-state.md, "What goes together".
"""

from __future__ import annotations

from .base import Action, MessageRange
from .chats import ArchiveChat, LockChat, PinChat


def with_side_effects(action: Action, newest: MessageRange) -> tuple[Action, ...]:
    """The action, and those that belong into the same patch: no chat is pinned and archived.

    Args:
        newest: the newest messages of the chat.
    """
    match action:
        case ArchiveChat(chat=chat, archived=True):
            return action, PinChat(chat, False)
        case PinChat(chat=chat, pinned=True):
            return action, ArchiveChat(chat, False, newest)
        case LockChat(chat=chat, locked=True):
            return action, ArchiveChat(chat, False, newest), PinChat(chat, False)
        case _:
            return (action,)
