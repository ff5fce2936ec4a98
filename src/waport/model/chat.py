"""A conversation, as lists of chats show it."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import Jid
from .contact import Contact
from .message import Message


@dataclass(frozen=True, slots=True)
class Chat:
    """One conversation: with a person, in a group, a channel or the status feed.

    Attributes:
        jid: the chat, bare, by phone number where that is known.
        name: its title; empty when unknown.
        unread: messages that were not read yet.
        timestamp: of its latest message, Unix seconds; 0 when there is none.
        archived: put away.
        pinned: kept on top.
        muted_until: Unix seconds; 0 when not muted, -1 for ever.
        marked_unread: the account wants to see it as unread, whatever was read in it.
    """

    jid: Jid
    name: str = ""
    unread: int = 0
    timestamp: int = 0
    archived: bool = False
    pinned: bool = False
    muted_until: int = 0
    marked_unread: bool = False

    @property
    def unread_count(self) -> int:
        """The unread messages; -1 when there are none but the chat is marked as unread."""
        return self.unread or (-1 if self.marked_unread else 0)


@dataclass(frozen=True, slots=True)
class ChatSummary:
    """A chat with what a list shows of it.

    Attributes:
        chat: the chat.
        last: its newest message; None when there is none.
        contact: the person, in a private chat; None when nothing is known of them.
    """

    chat: Chat
    last: Message | None = None
    contact: Contact | None = None

    @property
    def title(self) -> str:
        """The chat's name; never empty."""
        if self.chat.name or self.contact is None:
            return self.chat.name or self.chat.jid.user
        return self.contact.title
