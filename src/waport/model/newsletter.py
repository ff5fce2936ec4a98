"""Channels ("newsletters"), as the server describes them and as they are kept.

Words of the server that we do not know stay as they are: they are texts, and the enums here only
name those that are known.

Source: docs/protocol/newsletters.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ..wire import Jid

CHANNEL_LINK = "https://whatsapp.com/channel/"
"""What the link to a channel begins with; the invite code follows."""


class ChannelRole(StrEnum):
    """What the account is to a channel."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    SUBSCRIBER = "SUBSCRIBER"
    GUEST = "GUEST"


class ChannelState(StrEnum):
    """What the platform lets a channel be."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    GEOSUSPENDED = "GEOSUSPENDED"
    DELETED = "DELETED"
    NON_EXISTING = "NON_EXISTING"


class ReactionMode(StrEnum):
    """Which reactions a channel takes: any, the usual ones, none, any but some."""

    ALL = "ALL"
    BASIC = "BASIC"
    NONE = "NONE"
    BLOCKLIST = "BLOCKLIST"


class DirectoryView(StrEnum):
    """A list of the directory of channels."""

    RECOMMENDED = "RECOMMENDED"
    TRENDING = "TRENDING"
    POPULAR = "POPULAR"
    NEW = "NEW"


@dataclass(frozen=True, slots=True)
class Newsletter:
    """A channel.

    Attributes:
        jid: `...@newsletter`.
        name: what it is called.
        name_at_us: when it was named, Unix microseconds.
        description: may be empty.
        description_at_us: when it was described, Unix microseconds.
        created_at: Unix seconds.
        invite: the code of its link; empty when unknown.
        handle: its name in links; empty for none.
        subscribers: how many follow it.
        is_verified: the platform vouches for who runs it.
        state: one of `ChannelState`, or a word that is not known here.
        role: one of `ChannelRole`, or a word that is not known here.
        is_muted: nothing is told of what its admins do.
        mutes_followers: nothing is told of what its followers do.
        reactions: one of `ReactionMode`, or a word that is not known here.
        picture_id: of its picture; empty for none.
        picture_path: where the picture lies on the media hosts; not encrypted.
        preview_path: the same for a small one.
        fetched_at: when the server was asked last, Unix seconds; 0 for what came by itself.
    """

    jid: Jid
    name: str = ""
    name_at_us: int = 0
    description: str = ""
    description_at_us: int = 0
    created_at: int = 0
    invite: str = ""
    handle: str = ""
    subscribers: int = 0
    is_verified: bool = False
    state: str = ChannelState.ACTIVE
    role: str = ChannelRole.GUEST
    is_muted: bool = False
    mutes_followers: bool = False
    reactions: str = ReactionMode.ALL
    picture_id: str = ""
    picture_path: str = ""
    preview_path: str = ""
    fetched_at: int = field(default=0, compare=False)

    @property
    def link(self) -> str:
        """The link to it; empty when its code is not known."""
        return CHANNEL_LINK + self.invite if self.invite else ""

    @property
    def is_followed(self) -> bool:
        """It is in the account's list of channels."""
        return self.role in (ChannelRole.OWNER, ChannelRole.ADMIN, ChannelRole.SUBSCRIBER)

    @property
    def is_run(self) -> bool:
        """The account may post in it."""
        return self.role in (ChannelRole.OWNER, ChannelRole.ADMIN)

    @property
    def is_gone(self) -> bool:
        """There is no such channel any more."""
        return self.state in (ChannelState.DELETED, ChannelState.NON_EXISTING)


@dataclass(frozen=True, slots=True)
class ChannelPerson:
    """Somebody who has to do with a channel.

    Attributes:
        jid: bare; by hidden id or number, as the server names them.
        pn: the phone number, where it is shown.
        name: what they are called; empty when not shown.
        role: as `Newsletter.role`.
        since: when they came, or for the invited when the invitation ends; Unix seconds.
    """

    jid: Jid
    pn: Jid | None = None
    name: str = ""
    role: str = ""
    since: int = 0


@dataclass(frozen=True, slots=True)
class ReactionSenders:
    """Who gave one reaction to a post."""

    code: str
    people: tuple[ChannelPerson, ...]


@dataclass(frozen=True, slots=True)
class ChannelPage:
    """Some channels of the directory.

    Attributes:
        channels: in the server's order.
        cursor: leads to those that follow; empty when there are none.
    """

    channels: tuple[Newsletter, ...]
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class PostCounts:
    """What followers did with a post.

    Attributes:
        reactions: how many gave each reaction.
        views: how many have seen it.
        forwards: how often it was forwarded.
        responses: how often it was answered.
        votes: of a poll, by the SHA-256 of an answer in hex.
    """

    reactions: Mapping[str, int] = field(default_factory=dict)
    views: int = 0
    forwards: int = 0
    responses: int = 0
    votes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Post:
    """One message of a channel, as a list of them shows it.

    Attributes:
        server_id: counts up in the channel; what the server calls the post by.
        id: the stanza id; empty where only counters came.
        timestamp: when it was written, Unix seconds.
        content: the serialized `pb.Message`; None where only counters came or it was taken back.
        from_me: this account wrote it.
        is_revoked: an admin has taken it back.
        edited_ms: when it was changed last, Unix milliseconds; 0 for never.
        counts: None where they were not told.
    """

    server_id: int
    id: str = ""
    timestamp: int = 0
    content: bytes | None = None
    from_me: bool = False
    is_revoked: bool = False
    edited_ms: int = 0
    counts: PostCounts | None = None


@dataclass(frozen=True, slots=True)
class KnownPost:
    """A post as it is kept: which message it is, and its counters.

    Attributes:
        channel: where.
        server_id: its number there.
        message_id: of the stored message; empty when only its number is known.
        counts: as they were told last.
    """

    channel: Jid
    server_id: int
    message_id: str
    counts: PostCounts = field(default_factory=PostCounts)


@dataclass(frozen=True, slots=True)
class OwnReaction:
    """A reaction of ours to a post: the code, and when we gave it, Unix seconds."""

    channel: Jid
    server_id: int
    code: str
    timestamp: int = 0


class ChannelChangeKind(StrEnum):
    """What happened to a channel, or to the account in it."""

    FOLLOWED = "followed"
    UNFOLLOWED = "unfollowed"
    MUTED = "muted"
    UPDATED = "updated"
    STATE = "state"
    PROMOTED = "promoted"
    DEMOTED = "demoted"
    OWNER = "owner"
    INVITE_REVOKED = "invite_revoked"
