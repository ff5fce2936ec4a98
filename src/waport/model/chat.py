"""A conversation, as lists of chats show it."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import Jid


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
    """

    jid: Jid
    name: str = ""
    unread: int = 0
    timestamp: int = 0
    archived: bool = False
    pinned: bool = False
    muted_until: int = 0
