"""Messages about messages: reactions, edits, revokes, pins, settings of the chat.

Source: docs/protocol/messages.md, "Content" and "Protocol messages".
"""

from __future__ import annotations

from typing import Any

from ...model.contents import (
    ChatTimer,
    EncryptedComment,
    EncryptedEdit,
    EncryptedReaction,
    Keep,
    KeepAction,
    MemberLabel,
    Pin,
    PinAction,
    Placeholder,
    Protocol,
    Reaction,
    Revoke,
    SecretEdit,
    SharingLimit,
)
from ...proto import pb
from .context import DISAPPEARING, SEALED, target
from .fields import Field, Spec, always, choice, enum_number, nested, scalar, text, within

REACTION = Spec(
    Reaction,
    pb.ReactionMessage,
    (
        target("target", "key"),
        # The empty text takes a reaction back.
        text("text", "text", is_required=True),
        scalar("timestamp_ms", "senderTimestampMs"),
    ),
)

ENCRYPTED_REACTION = Spec(
    EncryptedReaction, pb.EncReactionMessage, (target("target", "targetMessageKey"), SEALED)
)

ENCRYPTED_COMMENT = Spec(
    EncryptedComment, pb.EncCommentMessage, (target("target", "targetMessageKey"), SEALED)
)

ENCRYPTED_EDIT = Spec(
    EncryptedEdit,
    pb.SecretEncryptedMessage,
    (
        target("target", "targetMessageKey"),
        SEALED,
        choice("kind", "secretEncType", SecretEdit),
    ),
)

PIN = Spec(
    Pin,
    pb.PinInChatMessage,
    (
        target("target", "key"),
        choice("action", "type", PinAction),
        scalar("timestamp_ms", "senderTimestampMs"),
    ),
)

KEEP = Spec(
    Keep,
    pb.KeepInChatMessage,
    (
        target("target", "key"),
        choice("action", "keepType", KeepAction),
        scalar("timestamp_ms", "timestampMs"),
    ),
)

PLACEHOLDER = Spec(Placeholder, pb.PlaceholderMessage, ())


def _protocol_type() -> Field:
    """The number of a protocol message, also one that the schema doesn't know."""

    def write(part: Any, value: Any) -> None:
        part.ClearField("type")
        if value is None:
            return
        if value in pb.ProtocolMessage.Type.values():
            part.type = value
        else:
            tag = pb.ProtocolMessage.DESCRIPTOR.fields_by_name["type"].number << 3
            part.MergeFromString(bytes((tag,)) + _varint(value))

    return Field("type", ("type",), lambda part: enum_number(part, "type"), write)


def _varint(number: int) -> bytes:
    # A negative number takes the ten bytes of its 64-bit form.
    number &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_TYPE = pb.ProtocolMessage.Type

REVOKE = Spec(Revoke, pb.ProtocolMessage, (target("target", "key"),), always("type", _TYPE.REVOKE))

CHAT_TIMER = Spec(
    ChatTimer,
    pb.ProtocolMessage,
    (
        # 0 switches the timer off, so it is written as well.
        scalar("expiration_s", "ephemeralExpiration", is_required=True),
        scalar("set_at", "ephemeralSettingTimestamp"),
        nested("disappearing", "disappearingMode", DISAPPEARING),
    ),
    always("type", _TYPE.EPHEMERAL_SETTING),
)

MEMBER_LABEL = Spec(
    MemberLabel,
    pb.ProtocolMessage,
    (
        # The empty text takes the label away.
        within("memberLabel", text("label", "label", is_required=True)),
        within("memberLabel", scalar("set_at", "labelTimestamp")),
    ),
    always("type", _TYPE.GROUP_MEMBER_LABEL_CHANGE),
)

SHARING_LIMIT = Spec(
    SharingLimit,
    pb.ProtocolMessage,
    (
        within("limitSharing", scalar("is_limited", "sharingLimited", is_required=True)),
        within("limitSharing", scalar("set_at", "limitSharingSettingTimestamp")),
    ),
    always("type", _TYPE.LIMIT_SHARING),
)

PROTOCOL = Spec(Protocol, pb.ProtocolMessage, (_protocol_type(),))
"""Every other protocol message."""
