"""Domain events about chats, groups and channels."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import Jid
from .chat import Chat
from .group import GroupChange
from .newsletter import ChannelChangeKind, KnownPost, Newsletter


@dataclass(frozen=True, slots=True)
class ChatTimerChanged:
    """The timer of a chat's messages was set.

    Attributes:
        chat: the chat, bare.
        expiration_s: seconds; 0 when messages stay.
        by: who set it, bare.
        timestamp: Unix seconds.
    """

    chat: Jid
    expiration_s: int
    by: Jid
    timestamp: int


@dataclass(frozen=True, slots=True)
class GroupChanged:
    """Something happened to a group.

    Attributes:
        group: its address.
        change: what.
        author: who did it, bare, by phone number where that is known; None when not said.
        timestamp: Unix seconds.
        id: of the notification.
    """

    group: Jid
    change: GroupChange
    author: Jid | None
    timestamp: int
    id: str


@dataclass(frozen=True, slots=True)
class ChannelChanged:
    """Something happened to a channel, or to a person in it.

    Attributes:
        channel: as it is known now.
        kind: what.
        person: whom a change of roles concerns, bare, by phone number where that is known.
    """

    channel: Newsletter
    kind: ChannelChangeKind
    person: Jid | None = None


@dataclass(frozen=True, slots=True)
class PostCounted:
    """The reactions, views or other counters of a channel's post have changed."""

    post: KnownPost


@dataclass(frozen=True, slots=True)
class ChatArchived:
    """A chat was put away, or brought back.

    Attributes:
        chat: as it is now.
        archived: it is put away.
        previous: it was before.
    """

    chat: Chat
    archived: bool
    previous: bool


@dataclass(frozen=True, slots=True)
class ChatRemoved:
    """A chat was deleted for this account; it is as it was last."""

    chat: Chat


@dataclass(frozen=True, slots=True)
class UnreadChanged:
    """A chat was read, or marked as unread, by this account.

    Attributes:
        chat: as it is now.
        count: its unread messages; -1 when there are none but it is marked as unread.
    """

    chat: Chat
    count: int
