"""What is inside a message: the protobuf that end-to-end encryption carries."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError as ProtobufError

from ..errors import DecodeError, InvalidInput
from ..model import MessageKind
from ..proto import pb
from ..wire import Jid

MAX_TEXT = 65536
"""Characters of a text message (docs/protocol/messages.md, "Limits")."""

MAX_WRAPPERS = 5
"""Wrappers peeled off one message; more than that is no real message."""

MAX_INFLATED = 64 * 1024 * 1024
"""Bytes that an inline history may inflate to."""

_WRAPPERS = frozenset(
    field.name
    for field in pb.Message.DESCRIPTOR.fields
    if field.message_type is not None and field.message_type.name == "FutureProofMessage"
)
"""Members that only say how the content inside is to be shown."""

# These change or announce something else; they are never messages of their own in a chat.
_NOT_SHOWN = frozenset(
    (
        "protocolMessage",
        "senderKeyDistributionMessage",
        "fastRatchetKeySenderKeyDistributionMessage",
        "messageContextInfo",
        "reactionMessage",
        "encReactionMessage",
        "pollUpdateMessage",
        "encEventResponseMessage",
        "keepInChatMessage",
        "pinInChatMessage",
        "secretEncryptedMessage",
        "encCommentMessage",
        "stickerSyncRmrMessage",
        "messageHistoryNotice",
    )
)

_ADD_ONS = frozenset(
    (
        "reactionMessage",
        "encReactionMessage",
        "pollUpdateMessage",
        "encEventResponseMessage",
        "keepInChatMessage",
        "pinInChatMessage",
        "secretEncryptedMessage",
        "encCommentMessage",
    )
)
_PROTOCOL_ADD_ONS = frozenset(
    (
        pb.ProtocolMessage.REVOKE,
        pb.ProtocolMessage.EPHEMERAL_SETTING,
        pb.ProtocolMessage.MESSAGE_EDIT,
    )
)


def parse_content(data: bytes) -> pb.Message:
    """Decode the plaintext of an `<enc>`.

    Raises:
        DecodeError: it is no protobuf message.
    """
    message = pb.Message()
    try:
        message.ParseFromString(data)
    except ProtobufError as exc:
        raise DecodeError("message content is not a protobuf") from exc
    return message


def text_content(text: str, mentions: Sequence[Jid] = (), *, secret: bytes) -> pb.Message:
    """The content of a text message.

    Args:
        text: at most 65536 characters.
        mentions: people whose `@user` stands in the text.
        secret: 32 random bytes that later edits and reports of this message need.

    Raises:
        InvalidInput: the text is too long.
    """
    if len(text) > MAX_TEXT:
        raise InvalidInput(f"a text has at most {MAX_TEXT} characters")
    message = pb.Message()
    message.extendedTextMessage.text = text
    if mentions:
        message.extendedTextMessage.contextInfo.mentionedJid.extend(str(jid) for jid in mentions)
    message.messageContextInfo.messageSecret = secret
    return message


def add_quote(message: pb.Message, quoted: pb.Message, quoted_id: str, author: Jid) -> None:
    """Make a text message a reply to another one, whose own context is left out."""
    context = message.extendedTextMessage.contextInfo
    context.stanzaId = quoted_id
    context.participant = str(author)
    context.quotedMessage.CopyFrom(quoted)
    context.quotedMessage.ClearField("messageContextInfo")
    if context.quotedMessage.HasField("extendedTextMessage"):
        context.quotedMessage.extendedTextMessage.ClearField("contextInfo")


def device_sent(message: pb.Message, destination: Jid) -> pb.Message:
    """The form in which our own other devices get a message of ours."""
    wrapped = pb.Message()
    wrapped.deviceSentMessage.destinationJid = str(destination)
    wrapped.deviceSentMessage.message.CopyFrom(message)
    if message.HasField("messageContextInfo"):
        wrapped.messageContextInfo.CopyFrom(message.messageContextInfo)
    return wrapped


@dataclass(frozen=True, slots=True)
class Opened:
    """A content without its `deviceSentMessage` wrapper.

    `destination` is the chat that an own other device wrote to, None without a wrapper.
    """

    message: pb.Message
    destination: str | None


def open_device_sent(message: pb.Message) -> Opened:
    """Take a message of an own device out of its wrapper; others are returned as they are."""
    if not message.HasField("deviceSentMessage"):
        return Opened(message, None)
    inner = pb.Message()
    inner.CopyFrom(message.deviceSentMessage.message)
    if not inner.HasField("messageContextInfo") and message.HasField("messageContextInfo"):
        inner.messageContextInfo.CopyFrom(message.messageContextInfo)
    return Opened(inner, message.deviceSentMessage.destinationJid)


def unwrap(message: pb.Message) -> pb.Message:
    """Peel off the wrappers that only say how a content is to be shown.

    Raises:
        DecodeError: nested deeper than any real message.
    """
    for _ in range(MAX_WRAPPERS + 1):
        for field, value in message.ListFields():
            if field.name in _WRAPPERS:
                message = value.message
                break
        else:
            return message
    raise DecodeError("message content is wrapped too often")


def kind_of(message: pb.Message) -> MessageKind | None:
    """What a content is, None when it is machinery that nobody keeps (keys, a history notice...).

    Raises:
        DecodeError: nested deeper than any real message.
    """
    inner = unwrap(message)
    if inner.HasField("conversation") or inner.HasField("extendedTextMessage"):
        return MessageKind.TEXT
    names = {field.name for field, _ in inner.ListFields()}
    if not names or not names <= _NOT_SHOWN:
        return MessageKind.OTHER
    protocol = inner.protocolMessage
    if names & _ADD_ONS or (protocol.HasField("type") and protocol.type in _PROTOCOL_ADD_ONS):
        return MessageKind.ADD_ON
    return None


@dataclass(frozen=True, slots=True)
class HistoryNames:
    """What a first history tells about names and addresses."""

    push_names: tuple[tuple[Jid, str], ...]
    mappings: tuple[tuple[Jid, Jid], ...]


def parse_inline_history(payload: bytes) -> HistoryNames:
    """Names and PN-LID pairs in the inline payload of a history sync notification.

    Raises:
        DecodeError: no zlib stream, larger than the limit, or no protobuf.
    """
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(payload, MAX_INFLATED)
    except zlib.error as exc:
        raise DecodeError("history is not a zlib stream") from exc
    if not inflater.eof:
        raise DecodeError("history is cut short or too large")
    history = pb.HistorySync()
    try:
        history.ParseFromString(data)
    except ProtobufError as exc:
        raise DecodeError("history is not a protobuf") from exc
    names = []
    for entry in history.pushnames:
        jid = _jid(entry.id)
        if jid is not None and entry.pushname:
            names.append((jid.bare, entry.pushname))
    mappings = []
    for pair in history.phoneNumberToLidMappings:
        pn, lid = _jid(pair.pnJid), _jid(pair.lidJid)
        if pn is not None and lid is not None and pn.is_pn and lid.is_lid:
            mappings.append((pn.bare, lid.bare))
    return HistoryNames(tuple(names), tuple(mappings))


def _jid(text: str) -> Jid | None:
    try:
        return Jid.parse(text)
    except InvalidInput:
        return None
