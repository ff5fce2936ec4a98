"""What stands beside the content itself: quote, mentions, forwarding, timer, secret, album."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from ...wire import Jid
from .keys import TargetKey


@dataclass(frozen=True, slots=True)
class Quote:
    """The message that is answered.

    Attributes:
        id: its stanza id.
        author: who wrote it, bare.
        chat: where it stands, when that is another chat (a status, a group).
        content: its content as a serialized `pb.Message`, without its own context.
    """

    id: str
    author: Jid | None = None
    chat: Jid | None = None
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class GroupMention:
    """A group that a text mentions."""

    group: Jid | None
    subject: str = ""


@dataclass(frozen=True, slots=True)
class ChannelSource:
    """The channel post that a message was forwarded from."""

    channel: Jid | None
    name: str = ""
    server_id: int = 0


class TimerInitiator(IntEnum):
    """Who set a chat's timer."""

    CHANGED_IN_CHAT = 0
    INITIATED_BY_ME = 1
    INITIATED_BY_OTHER = 2
    BIZ_UPGRADE_FB_HOSTING = 3


class TimerTrigger(IntEnum):
    """What set a chat's timer."""

    UNKNOWN = 0
    CHAT_SETTING = 1
    ACCOUNT_SETTING = 2
    BULK_CHANGE = 3
    BIZ_SUPPORTS_FB_HOSTING = 4
    UNKNOWN_GROUPS = 5


@dataclass(frozen=True, slots=True)
class Disappearing:
    """How a chat's timer came about."""

    initiator: TimerInitiator = TimerInitiator.CHANGED_IN_CHAT
    trigger: TimerTrigger = TimerTrigger.UNKNOWN
    by_me: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """The context info of a content.

    Attributes:
        quote: the message that is answered.
        mentions: people whose `@user` stands in the text.
        mentions_everyone: the text has `@all`.
        group_mentions: groups named in the text.
        is_forwarded: the content was taken from another message.
        forwarding_score: how often; above 4 it is shown as "many times".
        forwarded_from: the channel post that it came from.
        expiration_s: the chat's timer, seconds; 0 when messages stay.
        timer_set_at: when the timer was set, Unix seconds.
        disappearing: how the timer came about.

    Source: docs/protocol/messages.md, "Content".
    """

    quote: Quote | None = None
    mentions: tuple[Jid, ...] = ()
    mentions_everyone: bool = False
    group_mentions: tuple[GroupMention, ...] = ()
    is_forwarded: bool = False
    forwarding_score: int = 0
    forwarded_from: ChannelSource | None = None
    expiration_s: int = 0
    timer_set_at: int = 0
    disappearing: Disappearing | None = None


NO_CONTEXT: Final = Context()
"""The context of a message that answers, mentions and forwards nothing."""


class AssociationKind(IntEnum):
    """In what way a message belongs to another one. Other numbers occur and are kept."""

    UNKNOWN = 0
    MEDIA_ALBUM = 1
    EVENT_COVER_IMAGE = 3
    STATUS_POLL = 4
    HD_VIDEO_DUAL_UPLOAD = 5
    MEDIA_POLL = 7
    HD_IMAGE_DUAL_UPLOAD = 10
    MOTION_PHOTO = 12


@dataclass(frozen=True, slots=True)
class Association:
    """A message that belongs to another one, such as a picture of an album.

    Attributes:
        kind: in what way.
        parent: the message it belongs to.
        index: its place there.
    """

    kind: AssociationKind = AssociationKind.UNKNOWN
    parent: TargetKey | None = None
    index: int = 0


@dataclass(frozen=True, slots=True)
class MessageInfo:
    """The `messageContextInfo` of a message.

    Attributes:
        secret: 32 random bytes, once for each message; later votes, edits, reactions, comments
            and reports need it. Empty when there is none.
        reporting_version: 2 beside a reporting token, else 0.
        add_on_duration_s: how long a pin holds.
        association: the album or other message that this one belongs to.
        extra: all the rest, as a serialized protobuf.

    Source: docs/protocol/messages.md, "Message secret".
    """

    secret: bytes = field(default=b"", repr=False)
    reporting_version: int = 0
    add_on_duration_s: int = 0
    association: Association | None = None
    extra: bytes = field(default=b"", repr=False)


NO_INFO: Final = MessageInfo()
"""Neither secret nor anything else."""
