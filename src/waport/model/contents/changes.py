"""Messages that say something about another message, or about the chat."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from .context import Disappearing
from .keys import Sealed, TargetKey

if TYPE_CHECKING:
    from . import Content


@dataclass(frozen=True, slots=True)
class Reaction:
    """A reaction.

    Attributes:
        target: the message reacted to.
        text: one emoji; empty takes the reaction back.
        timestamp_ms: Unix milliseconds; the latest of a person counts.
    """

    target: TargetKey
    text: str
    timestamp_ms: int = 0
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class EncryptedReaction:
    """A reaction in an announcement group (see `stanza.addons.open_reaction`)."""

    target: TargetKey
    sealed: Sealed
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class EncryptedComment:
    """A comment on a post of an announcement group (see `stanza.addons.open_message`)."""

    target: TargetKey
    sealed: Sealed
    extra: bytes = field(default=b"", repr=False, kw_only=True)


class SecretEdit(IntEnum):
    """What an encrypted edit changes."""

    UNKNOWN = 0
    EVENT_EDIT = 1
    MESSAGE_EDIT = 2
    MESSAGE_SCHEDULE = 3
    POLL_EDIT = 4
    POLL_ADD_OPTION = 5


@dataclass(frozen=True, slots=True)
class EncryptedEdit:
    """An edit under the target's secret (see `stanza.addons.open_message`)."""

    target: TargetKey
    sealed: Sealed
    kind: SecretEdit = SecretEdit.UNKNOWN
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Edit:
    """A message gets another content.

    Attributes:
        target: a message of the same author.
        content: what it says from now on.
        timestamp_ms: Unix milliseconds.
    """

    target: TargetKey
    content: Content
    timestamp_ms: int = 0
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Revoke:
    """A message is taken back: by its author, or by an admin of the group."""

    target: TargetKey
    extra: bytes = field(default=b"", repr=False, kw_only=True)


class PinAction(IntEnum):
    """Pin or unpin."""

    UNKNOWN = 0
    PIN = 1
    UNPIN = 2


@dataclass(frozen=True, slots=True)
class Pin:
    """A message is pinned in the chat, for all, or no longer.

    Attributes:
        target: the message.
        action: pin or unpin.
        duration_s: how long a pin holds: 86400, 604800 or 2592000; 0 when unpinned.
        timestamp_ms: Unix milliseconds.
    """

    target: TargetKey
    action: PinAction = PinAction.PIN
    duration_s: int = 0
    timestamp_ms: int = 0
    extra: bytes = field(default=b"", repr=False, kw_only=True)


class KeepAction(IntEnum):
    """Keep, or no longer."""

    UNKNOWN = 0
    KEEP = 1
    UNDO = 2


@dataclass(frozen=True, slots=True)
class Keep:
    """A disappearing message is kept in the chat, for all, or no longer."""

    target: TargetKey
    action: KeepAction = KeepAction.KEEP
    timestamp_ms: int = 0
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ChatTimer:
    """A private chat's timer was set.

    Attributes:
        expiration_s: 0, 86400, 604800 or 7776000.
        set_at: Unix seconds; the latest setting counts.
        disappearing: how it came about.
    """

    expiration_s: int
    set_at: int = 0
    disappearing: Disappearing | None = None
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class MemberLabel:
    """The sender's label in the group changed; empty takes it away."""

    label: str
    set_at: int = 0
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class SharingLimit:
    """Sharing out of the chat was limited, or is free again."""

    is_limited: bool
    set_at: int = 0
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Protocol:
    """Any other `protocolMessage`: machinery between devices (see `stanza.contents.trust`).

    Attributes:
        type: its number; None when it has none.
        extra: all its fields, as a serialized protobuf.
    """

    type: int | None
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A message that linked devices are not allowed to read; the phone has it."""

    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A content of a kind that has no value of its own.

    Attributes:
        name: the member of `pb.Message` that is set; empty when the schema has none for it.
        raw: the whole content, a serialized `pb.Message`; empty when there is no content at all,
            as in a message that only brings keys.
    """

    name: str = ""
    raw: bytes = field(default=b"", repr=False)
