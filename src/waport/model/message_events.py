"""Domain events about messages and what people add to them."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import Jid
from .contents import EventAnswer
from .message import Ack, Message, MessageKey


@dataclass(frozen=True, slots=True)
class MessageAdded:
    """A message entered a chat: received, or written by this account on any device."""

    message: Message


@dataclass(frozen=True, slots=True)
class MessageUndecryptable:
    """A message that can't be read yet; its author was asked to send it again."""

    message: Message


@dataclass(frozen=True, slots=True)
class AckChanged:
    """A message's ack rose, or sending it failed.

    `participant` is whose receipt it was, in groups.
    """

    message: Message
    ack: Ack
    participant: Jid | None = None


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A message says something else now.

    Attributes:
        message: as it is now.
        previous: as it was.
    """

    message: Message
    previous: Message


@dataclass(frozen=True, slots=True)
class MessageRevoked:
    """A message was taken back for everybody.

    Attributes:
        message: what is left of it, under its own key.
        original: as it was; None when it never came.
        by: who took it back, bare.
    """

    message: Message
    original: Message | None
    by: Jid


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A message was deleted for this account alone; it is as it was last."""

    message: Message


@dataclass(frozen=True, slots=True)
class ReactionChanged:
    """Somebody reacted to a message, or took that back.

    Attributes:
        target: the message reacted to.
        key: of the reaction itself.
        text: the emoji; empty when it was taken back.
        timestamp_ms: when, by the sender's clock, Unix milliseconds.
        is_orphan: the target is not known here.
    """

    target: MessageKey
    key: MessageKey
    text: str
    timestamp_ms: int
    is_orphan: bool = False


@dataclass(frozen=True, slots=True)
class VoteChanged:
    """Somebody voted in a poll, or took the vote back.

    Attributes:
        poll: the poll.
        key: of the vote itself.
        voter: bare.
        selected: all the answers that the voter chooses from now on, in the poll's order.
        timestamp_ms: when, by the voter's clock, Unix milliseconds.
    """

    poll: Message
    key: MessageKey
    voter: Jid
    selected: tuple[str, ...]
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class EventAnswered:
    """Somebody answered to an event; the latest answer of a person counts."""

    event: Message
    key: MessageKey
    sender: Jid
    answer: EventAnswer


@dataclass(frozen=True, slots=True)
class MessagePinned:
    """A message was pinned in its chat, or no longer is.

    Attributes:
        target: the message.
        by: who did it, bare.
        is_pinned: pinned, or unpinned.
        duration_s: how long the pin holds; 0 when unpinned.
        timestamp: Unix seconds.
    """

    target: MessageKey
    by: Jid
    is_pinned: bool
    duration_s: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class MediaUploaded:
    """The file of an own message is on the media hosts, and the message is on its way."""

    message: Message


@dataclass(frozen=True, slots=True)
class MediaFetched:
    """The file of an incoming message was fetched, or can't be.

    Attributes:
        message: whose file it is.
        mimetype: as its sender claims.
        file_name: of a document; empty when it has none.
        size: bytes; None when the file can't be had.
        data: its base64; None when it is too large or can't be had.
    """

    message: Message
    mimetype: str
    file_name: str
    size: int | None
    data: str | None
