"""A message as the phone's history has it: `WebMessageInfo`, with all that was added to it.

Source: docs/protocol/app-state.md, "What comes out".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError as ProtobufError

from ..errors import DecodeError
from ..model import Ack, AddOnKind, MessageKind
from ..model.contents import Content, Protocol, Text, Unknown
from ..proto import as_text, pb
from ..wire import Jid
from .contents import read_message
from .contents.fields import enum_number, parse_jid
from .peer import SECRET_SIZE

MAX_ID: Final = 256
"""Characters of a message id; real ones have 32 at most."""

MAX_ADDITIONS: Final = 2000
"""Reactions, votes and receipts that are read of one message."""

HASH_SIZE: Final = 32
MAX_REACTION_BYTES: Final = 256

_STUB = pb.WebMessageInfo.StubType
_VERIFIED: Final = (_STUB.BIZ_PRIVACY_MODE_TO_FB, _STUB.BIZ_PRIVACY_MODE_TO_BSP)
_ACKS: Final = {int(ack): ack for ack in Ack}

_NUMBERS: Final = {each.name: each.number for each in pb.WebMessageInfo.DESCRIPTOR.fields}
_TIME, _STATUS = _NUMBERS["messageTimestamp"], _NUMBERS["status"]
_PARTICIPANT, _PUSH_NAME = _NUMBERS["participant"], _NUMBERS["pushName"]
_STARRED, _SECRET = _NUMBERS["starred"], _NUMBERS["messageSecret"]
_STUB_TYPE, _STUB_PARAMETERS = _NUMBERS["messageStubType"], _NUMBERS["messageStubParameters"]
_RECEIPTS, _REACTIONS = _NUMBERS["userReceipt"], _NUMBERS["reactions"]
_VOTES = _NUMBERS["pollUpdates"]
_CONVERSATION: Final = pb.Message.DESCRIPTOR.fields_by_name["conversation"].number
_MACHINERY: Final = frozenset(("stickerSyncRmrMessage", "messageHistoryNotice"))
_MAX_TIME: Final = 1 << 53

IsAddOn = Callable[[Content], bool]
"""Whether a content speaks of another message."""


class Addition(NamedTuple):
    """A reaction, or a vote, that is kept beside its message.

    Attributes:
        kind: which of both.
        id: of the message that brought it.
        from_me: it is the account's.
        sender: its author; None where the chat says who that is.
        data: as `AddOn.data`.
        timestamp_ms: Unix milliseconds.
    """

    kind: AddOnKind
    id: str
    from_me: bool
    sender: Jid | None
    data: bytes
    timestamp_ms: int


class ReadTimes(NamedTuple):
    """How far an own message came with one person; times in Unix seconds, 0 for never."""

    reader: Jid
    delivered_at: int
    read_at: int
    played_at: int


@dataclass(frozen=True, slots=True)
class HistoryMessage:
    """One message of the history.

    Attributes:
        id: the stanza id.
        from_me: written by this account.
        author: who wrote it, as the phone names them; None where the chat says it.
        timestamp: Unix seconds.
        kind: what it is.
        content: what a store keeps of it.
        says: what it says; None for placeholders, stubs and what was taken back.
        push_name: the author's name; empty when not told.
        ack: how far it came.
        starred: the account starred it.
        additions: what people added to it.
        readers: how far it came, person by person.
        verified_name: of the business, where the phone notes it; else empty.
    """

    id: str
    from_me: bool
    author: Jid | None
    timestamp: int
    kind: MessageKind
    content: bytes = field(repr=False)
    says: Content | None
    push_name: str
    ack: Ack
    starred: bool
    additions: tuple[Addition, ...] = ()
    readers: tuple[ReadTimes, ...] = ()
    verified_name: str = ""

    @property
    def counts(self) -> bool:
        """It counts as unread until it is read."""
        return not self.from_me and self.kind in (MessageKind.TEXT, MessageKind.OTHER)


def parse_history_message(data: bytes, is_add_on: IsAddOn) -> HistoryMessage | None:
    """Read a serialized `HistorySyncMsg`; None for machinery that nobody is to see.

    Raises:
        DecodeError: it is none, or it does not say which message it is, or it says nothing.
    """
    try:
        return _message(pb.HistorySyncMsg.FromString(data).message, is_add_on)
    except ProtobufError as exc:
        raise DecodeError("a message of the history is not a protobuf") from exc


def parse_status(data: bytes, is_add_on: IsAddOn) -> HistoryMessage | None:
    """Read a serialized `WebMessageInfo`; as `parse_history_message`."""
    try:
        return _message(pb.WebMessageInfo.FromString(data), is_add_on)
    except ProtobufError as exc:
        raise DecodeError("a status of the history is not a protobuf") from exc


def _message(info: pb.WebMessageInfo, is_add_on: IsAddOn) -> HistoryMessage | None:
    # One list of what is there costs less than a question for each of a dozen fields.
    there = {described.number: value for described, value in info.ListFields()}
    key = info.key
    message_id = as_text(key.id)
    if not message_id or len(message_id) > MAX_ID or not message_id.isprintable():
        raise DecodeError("a message of the history has no usable id")
    kind, content, says = _content(info, there, is_add_on)
    if kind is None:
        return None
    from_me = key.fromMe
    timestamp = there.get(_TIME, 0)
    verified = ""
    if there.get(_STUB_TYPE) in _VERIFIED and there.get(_STUB_PARAMETERS):
        verified = as_text(there[_STUB_PARAMETERS][0])
    return HistoryMessage(
        id=message_id,
        from_me=from_me,
        author=parse_jid(key.participant) or parse_jid(there.get(_PARTICIPANT)),
        timestamp=timestamp if timestamp < _MAX_TIME else 0,
        kind=kind,
        content=content,
        says=says,
        push_name=as_text(there.get(_PUSH_NAME, "")),
        ack=_ack(there.get(_STATUS), from_me=from_me),
        starred=there.get(_STARRED, False),
        additions=tuple(_additions(info)) if _REACTIONS in there or _VOTES in there else (),
        readers=tuple(_readers(info)) if from_me and _RECEIPTS in there else (),
        verified_name=verified,
    )


def _content(
    info: pb.WebMessageInfo, there: Mapping[int, Any], is_add_on: IsAddOn
) -> tuple[MessageKind | None, bytes, Content | None]:
    """What a message is, what is kept of it, and what it says."""
    if there.get(_STUB_TYPE) == _STUB.REVOKE:
        revoked = pb.Message()
        revoked.protocolMessage.type = pb.ProtocolMessage.REVOKE
        revoked.protocolMessage.key.CopyFrom(info.key)
        return MessageKind.REVOKED, revoked.SerializePartialToString(), None
    message = info.message
    parts = message.ListFields()
    if not parts and not message.ByteSize():
        return _empty(info)
    secret = there.get(_SECRET, b"")
    # Phones keep the secret beside the content; everything here expects it inside.
    if len(secret) == SECRET_SIZE and not message.messageContextInfo.messageSecret:
        message.messageContextInfo.messageSecret = secret
    if len(parts) == 1 and parts[0][0].number == _CONVERSATION and isinstance(parts[0][1], str):
        content = message.SerializePartialToString()
        return MessageKind.TEXT, content, Text(parts[0][1], is_plain=True)
    message.ClearField("senderKeyDistributionMessage")
    says = read_message(message).content
    if isinstance(says, Protocol) or (isinstance(says, Unknown) and says.name in _MACHINERY):
        return None, b"", None
    if says == Unknown():
        return _empty(info)
    content = message.SerializePartialToString()
    if is_add_on(says):
        return MessageKind.ADD_ON, content, says
    return (MessageKind.TEXT if isinstance(says, Text) else MessageKind.OTHER), content, says


def _empty(info: pb.WebMessageInfo) -> tuple[MessageKind, bytes, None]:
    """What a message without content is."""
    stub = enum_number(info, "messageStubType") or 0
    if stub == _STUB.CIPHERTEXT:
        return MessageKind.CIPHERTEXT, b"", None
    if stub:
        return MessageKind.STUB, _stub(info), None
    raise DecodeError("a message of the history says nothing")


def _stub(info: pb.WebMessageInfo) -> bytes:
    kept = pb.WebMessageInfo()
    kept.messageStubParameters.extend([as_text(each) for each in info.messageStubParameters])
    if info.HasField("participant"):
        kept.participant = as_text(info.participant)
    # A type that the schema does not have stands among the unknown fields, which are left out.
    if info.HasField("messageStubType"):
        kept.messageStubType = info.messageStubType
    return kept.SerializePartialToString()


def _ack(status: int | None, *, from_me: bool) -> Ack:
    """The phone counts from 0 for an error; what it does not say is at least with the server."""
    if status is None:
        return Ack.SERVER
    return _ACKS[max(min(int(status) - 1, Ack.PLAYED), Ack.ERROR if from_me else Ack.SERVER)]


def _additions(info: pb.WebMessageInfo) -> Iterator[Addition]:
    for reaction in info.reactions[:MAX_ADDITIONS]:
        text = as_text(reaction.text).encode("utf-8", "replace")
        if len(text) <= MAX_REACTION_BYTES:
            yield _addition(AddOnKind.REACTION, reaction.key, text, reaction.senderTimestampMs)
    for update in info.pollUpdates[:MAX_ADDITIONS]:
        chosen = [option for option in update.vote.selectedOptions if len(option) == HASH_SIZE]
        yield _addition(
            AddOnKind.VOTE, update.pollUpdateMessageKey, b"".join(chosen), update.senderTimestampMs
        )


def _addition(kind: AddOnKind, key: pb.MessageKey, data: bytes, timestamp_ms: int) -> Addition:
    at = timestamp_ms if 0 < timestamp_ms < _MAX_TIME else 0
    author = parse_jid(key.participant)
    return Addition(kind, as_text(key.id)[:MAX_ID], key.fromMe, author, data, at)


def _readers(info: pb.WebMessageInfo) -> Iterator[ReadTimes]:
    for told in info.userReceipt[:MAX_ADDITIONS]:
        reader = parse_jid(told.userJid)
        if reader is not None:
            times = (told.receiptTimestamp, told.readTimestamp, told.playedTimestamp)
            yield ReadTimes(reader.bare, *(at if 0 < at < _MAX_TIME else 0 for at in times))
