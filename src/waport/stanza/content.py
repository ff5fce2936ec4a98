"""What is inside a message: the protobuf that end-to-end encryption carries."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError as ProtobufError

from ..errors import DecodeError
from ..proto import pb
from ..wire import Jid

MAX_WRAPPERS = 5
"""Wrappers peeled off one message; more than that is no real message."""

_WRAPPERS = frozenset(
    field.name
    for field in pb.Message.DESCRIPTOR.fields
    if field.message_type is not None and field.message_type.name == "FutureProofMessage"
)
"""Members that only say how the content inside is to be shown."""


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
