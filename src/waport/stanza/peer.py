"""What a linked device and the own phone tell each other: questions, answers, address pairs.

Source: docs/protocol/messages.md, "Peer messages".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from google.protobuf.message import DecodeError as ProtobufError

from ..errors import DecodeError, InvalidInput
from ..model.contents import TargetKey
from ..proto import as_text, pb
from ..signal import Ciphertext
from ..wire import AttrValue, Jid, Node
from .contents.context import TARGET_KEY
from .contents.fields import parse_jid

MAX_PLACEHOLDERS = 50
"""Messages that one request asks for, and that are taken from one answer."""

MAX_MAPPINGS = 20_000
"""Address pairs taken from one message of the phone."""

MAX_PN_DIGITS = 15
"""Longer numbers are no phone numbers (E.164)."""

SECRET_SIZE = 32

_REQUEST = pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_MESSAGE
_RESPONSE = pb.ProtocolMessage.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE
_AT_ONCE = frozenset(
    (
        pb.GENERATE_LINK_PREVIEW,
        pb.HISTORY_SYNC_ON_DEMAND,
        pb.PLACEHOLDER_MESSAGE_RESEND,
        pb.COMPANION_CANONICAL_USER_NONCE_FETCH,
    )
)
"""Requests that wake a sleeping phone."""


class PushPriority(StrEnum):
    """How hard the server tries to wake the phone."""

    HIGH = "high"
    HIGH_FORCE = "high_force"


def push_priority(content: pb.Message) -> PushPriority:
    """The priority of a message to the phone, by what it asks for."""
    request = content.protocolMessage.peerDataOperationRequestMessage
    asked = request.HasField("peerDataOperationRequestType")
    if asked and request.peerDataOperationRequestType in _AT_ONCE:
        return PushPriority.HIGH_FORCE
    return PushPriority.HIGH


def is_privacy_sensitive(content: pb.Message) -> bool:
    """Whether the stanza says so: it does when old history is asked for."""
    request = content.protocolMessage.peerDataOperationRequestMessage
    return request.peerDataOperationRequestType == pb.HISTORY_SYNC_ON_DEMAND


def build_peer_message(
    message_id: str,
    to: Jid,
    ciphertext: Ciphertext,
    *,
    device_identity: bytes,
    priority: PushPriority,
    privacy_sensitive: bool = False,
) -> Node:
    """A message to one own device, which no other gets.

    Args:
        message_id: see `ids.message_id`.
        to: the device by phone number; bare for the phone.
        ciphertext: for that device.
        device_identity: ours; it travels only beside a pkmsg.
        priority: see `push_priority`.
        privacy_sensitive: see `is_privacy_sensitive`.
    """
    attrs: dict[str, AttrValue] = {
        "id": message_id,
        "to": to,
        "type": "text",
        "category": "peer",
        "push_priority": priority.value,
    }
    if privacy_sensitive:
        attrs["privacy_sensitive"] = "1"
    content = [
        Node("meta", {"appdata": "default"}),
        Node("enc", {"v": "2", "type": ciphertext.type}, ciphertext.body),
    ]
    if ciphertext.type == "pkmsg":
        content.append(Node("device-identity", {}, device_identity))
    return Node("message", attrs, content)


def is_peer_message(node: Node) -> bool:
    """Whether a stanza is one of those that `build_peer_message` makes."""
    return node.tag == "message" and node.get("category") == "peer"


def _request(request: pb.PeerDataOperationRequestMessage) -> pb.Message:
    message = pb.Message()
    message.protocolMessage.type = _REQUEST
    message.protocolMessage.peerDataOperationRequestMessage.CopyFrom(request)
    return message


def placeholder_request(targets: Sequence[TargetKey]) -> pb.Message:
    """Ask the phone for messages that this device can't read.

    Args:
        targets: the messages as they were named on the wire, in the own account's view.

    Raises:
        InvalidInput: none, or more than 50.
    """
    if not 0 < len(targets) <= MAX_PLACEHOLDERS:
        raise InvalidInput(f"the phone is asked for 1 to {MAX_PLACEHOLDERS} messages at once")
    request = pb.PeerDataOperationRequestMessage(
        peerDataOperationRequestType=pb.PLACEHOLDER_MESSAGE_RESEND
    )
    for target in targets:
        key = request.placeholderMessageResendRequest.add().messageKey
        TARGET_KEY.write(key, target)
    return _request(request)


class TimeUnit(IntEnum):
    """How many of them are a second."""

    SECONDS = 1
    MILLISECONDS = 1000


def history_request(
    oldest: TargetKey,
    timestamp: int,
    count: int,
    *,
    unit: TimeUnit = TimeUnit.SECONDS,
    account_lid: Jid | None = None,
) -> pb.Message:
    """Ask the phone for what stands in a chat before a message.

    Args:
        oldest: the first message that is known.
        timestamp: of that message, Unix seconds.
        count: how many messages are wanted; 50 is usual.
        unit: of the time in the request. The field's name speaks of milliseconds, but phones read
            seconds.
        account_lid: the own account by hidden id, bare, if that is known.

    Raises:
        InvalidInput: the message names no chat, or a number is out of range.
    """
    if oldest.chat is None:
        raise InvalidInput("a history request needs a chat")
    if not 0 < count <= 1000 or not 0 <= timestamp < 1 << 53:
        raise InvalidInput("a history request with a number out of range")
    request = pb.PeerDataOperationRequestMessage(
        peerDataOperationRequestType=pb.HISTORY_SYNC_ON_DEMAND
    )
    wanted = request.historySyncOnDemandRequest
    wanted.chatJid = str(oldest.chat)
    wanted.oldestMsgId = oldest.id
    wanted.oldestMsgFromMe = oldest.from_me
    wanted.onDemandMsgCount = count
    wanted.oldestMsgTimestampMs = timestamp * unit
    if account_lid is not None:
        wanted.accountLid = str(account_lid)
    return _request(request)


@dataclass(frozen=True, slots=True)
class PhoneCopy:
    """A message as the phone keeps it.

    Attributes:
        id: the stanza id.
        chat: as the phone names it.
        from_me: written by this account.
        participant: the author in a group; None when not said.
        timestamp: Unix seconds; 0 when not said.
        push_name: the author's name; empty when not said.
        content: the serialized `pb.Message`, its secret inside.
    """

    id: str
    chat: Jid
    from_me: bool
    participant: Jid | None
    timestamp: int
    push_name: str
    content: bytes


def parse_placeholder_answers(message: pb.ProtocolMessage) -> tuple[PhoneCopy, ...]:
    """The messages in the phone's answer to `placeholder_request`.

    Those that the phone does not have, and those that make no sense, are left out.
    """
    response = message.peerDataOperationRequestResponseMessage
    if message.type != _RESPONSE or (
        response.peerDataOperationRequestType != pb.PLACEHOLDER_MESSAGE_RESEND
    ):
        return ()
    copies = []
    for result in response.peerDataOperationResult[:MAX_PLACEHOLDERS]:
        data = result.placeholderMessageResendResponse.webMessageInfoBytes
        if data:
            try:
                copies.append(parse_phone_copy(data))
            except DecodeError:
                continue
    return tuple(copies)


def parse_phone_copy(data: bytes) -> PhoneCopy:
    """Read a serialized `WebMessageInfo`.

    Raises:
        DecodeError: it is none, or lacks key or content.
    """
    try:
        info = pb.WebMessageInfo.FromString(data)
    except ProtobufError as exc:
        raise DecodeError("a message of the phone is not a protobuf") from exc
    key = TARGET_KEY.read(info.key)
    if not key.id or key.chat is None:
        raise DecodeError("a message of the phone does not say which one it is")
    if not info.message.ListFields():
        raise DecodeError("a message of the phone has no content")
    content = info.message
    # Phones keep the secret beside the content; everything here expects it inside.
    secret = info.messageSecret
    if len(secret) == SECRET_SIZE and not content.messageContextInfo.messageSecret:
        content.messageContextInfo.messageSecret = secret
    return PhoneCopy(
        id=key.id,
        chat=key.chat.bare,
        from_me=key.from_me,
        participant=key.participant or parse_jid(info.participant),
        timestamp=info.messageTimestamp if info.messageTimestamp < 1 << 53 else 0,
        push_name=as_text(info.pushName),
        content=content.SerializeToString(),
    )


def parse_mapping_sync(payload: bytes) -> tuple[tuple[Jid, Jid], ...]:
    """The pairs (PN, LID), bare, of a LID_MIGRATION_MAPPING_SYNC message.

    Args:
        payload: `encodedMappingPayload`, a protobuf that is not compressed.

    Raises:
        DecodeError: it is no protobuf. Pairs without a number or a LID are left out, as is all
            beyond the first 20000.
    """
    try:
        sync = pb.LIDMigrationMappingSyncPayload.FromString(payload)
    except ProtobufError as exc:
        raise DecodeError("an address mapping is not a protobuf") from exc
    pairs = []
    for mapping in sync.pnToLidMappings[:MAX_MAPPINGS]:
        pn, lid = mapping.pn, mapping.latestLid or mapping.assignedLid
        if pn and lid and len(str(pn)) <= MAX_PN_DIGITS:
            pairs.append((Jid(str(pn), "s.whatsapp.net"), Jid(str(lid), "lid")))
    return tuple(pairs)


def parse_migration_time(payload: bytes) -> int:
    """When the phone went over to hidden ids, Unix seconds; 0 when not told.

    Args:
        payload: as for `parse_mapping_sync`.
    """
    try:
        at = pb.LIDMigrationMappingSyncPayload.FromString(payload).chatDbMigrationTimestamp
    except ProtobufError:
        return 0
    return at if 0 < at < 1 << 53 else 0
