"""One message as the phone's chat shows it, and how its content is read.

Source: docs/protocol/messages.md, "Receiving".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError as ProtobufDecodeError
from google.protobuf.message import Message as ProtobufMessage

from ..errors import DecodeError
from ..proto import pb
from ..wire import Jid


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """One message as the phone's chat shows it.

    Attributes:
        seq: counts up from 1.
        id: of the stanza.
        sender: the device it came from.
        chat: bare; for a copy from an own companion the chat it was sent to.
        participant: the sender in a group, else None.
        timestamp: the server's, unix seconds.
        message: the content; empty for a post that was deleted.
        edit: what the stanza says of the kind of change that it is; None for a new message.
        server_id: the number of a post in its channel; None elsewhere.
    """

    seq: int
    id: str
    sender: Jid
    chat: Jid
    participant: Jid | None
    timestamp: int
    message: pb.Message
    edit: str | None = None
    server_id: int | None = None

    @property
    def text(self) -> str | None:
        """The text, or None when it is no text message."""
        if self.message.HasField("conversation"):
            return self.message.conversation
        if self.message.HasField("extendedTextMessage"):
            return self.message.extendedTextMessage.text
        return None

    def to_json(self) -> dict[str, object]:
        """The shape of the admin API."""
        more: dict[str, object] = {} if self.edit is None else {"edit": self.edit}
        if self.server_id is not None:
            more["server_id"] = self.server_id
        return {
            "seq": self.seq,
            "id": self.id,
            "from": str(self.sender.bare),
            "device": self.sender.device,
            "chat": str(self.chat),
            "participant": None if self.participant is None else str(self.participant),
            "timestamp": self.timestamp,
            "text": self.text,
            "message": MessageToDict(self.message, preserving_proto_field_name=True),
            **more,
        }


def parse_message(data: bytes) -> pb.Message:
    """Read a Message.

    Raises:
        DecodeError: it is none, or a text in it is not UTF-8.
    """
    try:
        message = pb.Message.FromString(data)
    except ProtobufDecodeError as exc:
        raise DecodeError("no Message") from exc
    if not _is_readable(message):
        raise DecodeError("a text in the Message is not UTF-8")
    return message


def _is_readable(message: ProtobufMessage) -> bool:
    """Whether every text is one; protobuf gives bytes for a text that is not UTF-8."""
    for described, value in message.ListFields():
        values = value if described.is_repeated else [value]
        if isinstance(value, Mapping):
            values = [*value, *value.values()]
        for item in values:
            if isinstance(item, ProtobufMessage):
                if not _is_readable(item):
                    return False
            elif isinstance(item, bytes) and described.type != FieldDescriptor.TYPE_BYTES:
                return False
    return True
