"""Messages as every upper room speaks of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

from google.protobuf.message import DecodeError as ProtobufError

from ..proto import as_text, pb
from ..wire import Jid
from .notice import Notice


class Ack(IntEnum):
    """How far a message has come; it only ever rises (docs/protocol/messages.md, "Receipts")."""

    ERROR = -1
    PENDING = 0
    SERVER = 1
    DELIVERED = 2
    READ = 3
    PLAYED = 4


class MessageKind(StrEnum):
    """What a stored message is.

    `CIPHERTEXT` is a placeholder for one that can't be read yet. `ADD_ON` speaks of another message
    (a reaction, an edit, a deletion, a vote): it is kept, but never listed as one. `REVOKED` is
    what is left of a message that was taken back; its content is the revoking `protocolMessage`.
    `STUB` is a note that something happened in the chat (a group was made, a call was missed):
    `Message.notice`. It is never listed either; its content is a `WebMessageInfo` with type and
    parameters.
    """

    TEXT = "text"
    OTHER = "other"
    CIPHERTEXT = "ciphertext"
    ADD_ON = "add_on"
    REVOKED = "revoked"
    STUB = "stub"


@dataclass(frozen=True, slots=True)
class MessageKey:
    """What names a message.

    Attributes:
        chat: the chat, bare, by phone number where that is known.
        id: the stanza id.
        from_me: written by this account, on whatever device.
        sender: the author, bare; in a private chat the chat itself or the own account.
    """

    chat: Jid
    id: str
    from_me: bool
    sender: Jid


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a chat, as it is stored.

    Attributes:
        key: chat, id and author.
        timestamp: Unix seconds, the server's where it gave one.
        content: the serialized, unwrapped `pb.Message`; empty for a placeholder; of a notice the
            serialized `pb.WebMessageInfo` with its type and parameters alone.
        kind: what it is.
        push_name: the name that the author had when writing; empty when unknown.
        ack: how far it has come (own messages), or how it was answered (others').
        seq: its place in the store, rising; 0 before it is stored.
        pending: an own message that the server has not acknowledged in time.
        edited_ms: when it was last edited, Unix milliseconds; 0 for never.
        edit_id: the stanza id of that edit.
        starred: the account starred it.
        refusal: the code with which the server refused it; 0: it did not, or gave none.
    """

    key: MessageKey
    timestamp: int
    content: bytes
    kind: MessageKind
    push_name: str = ""
    ack: Ack = Ack.PENDING
    seq: int = 0
    pending: bool = False
    edited_ms: int = 0
    edit_id: str = ""
    starred: bool = False
    refusal: int = 0

    def proto(self) -> pb.Message:
        """The content as a protobuf; a notice, or bytes that don't parse, give an empty one."""
        message = pb.Message()
        if self.kind is MessageKind.STUB:
            return message
        try:
            message.ParseFromString(self.content)
        except ProtobufError:
            return pb.Message()
        return message

    @property
    def notice(self) -> Notice | None:
        """What a notice says; None for every other message."""
        return Notice.parse(self.content) if self.kind is MessageKind.STUB else None

    @property
    def text(self) -> str:
        """The text of a text message, else empty."""
        message = self.proto()
        return as_text(message.conversation or message.extendedTextMessage.text)

    def with_ack(self, ack: Ack) -> Message:
        """The same message with another ack."""
        return replace(self, ack=ack)
