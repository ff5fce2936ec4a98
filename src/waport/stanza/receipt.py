"""Receipts and acks, both ways (docs/protocol/messages.md, "Receipts" and "Retries")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import DecryptFailure, StanzaError
from ..model import Ack
from ..signal import PreKey, PreKeyBundle, SignedPreKey
from ..wire import SERVER, AttrValue, Jid, Node
from .prekeys import KEY_TYPE, key_node, parse_bundle, signed_key_node

MAX_RECEIPT_IDS = 256
"""Ids that one receipt may name."""

MAX_READERS = 4096
"""Readers looked at in one receipt; a group has at most 1024 members."""

MAX_RETRIES = 5
"""After this many requests for one message its sender stops answering."""

_LEVELS = {
    "": Ack.DELIVERED,
    "inactive": Ack.DELIVERED,
    "read": Ack.READ,
    "read-self": Ack.READ,
    "played": Ack.PLAYED,
    "played-self": Ack.PLAYED,
}


@dataclass(frozen=True, slots=True)
class RetryRequest:
    """A device could not read a message of ours and asks for it again.

    Attributes:
        count: the how manieth request it is, from 1.
        registration_id: the asking device's.
        keys: its fresh bundle, if it sent one.
        device_identity: its signed identity, beside the keys.
    """

    count: int
    registration_id: int
    keys: PreKeyBundle | None
    device_identity: bytes | None


@dataclass(frozen=True, slots=True)
class Reader:
    """One member of a group in a receipt that speaks of many.

    Attributes:
        message_id: what they got or read.
        jid: the member.
        level: how far the message came with them.
        timestamp: Unix seconds, 0 when absent.
    """

    message_id: str
    jid: Jid
    level: Ack
    timestamp: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as the server delivers it.

    Attributes:
        ids: the messages it speaks of.
        source: `from`: the reader's device, or the group.
        participant: the reader's device in a group.
        recipient: the chat, when an own other device read there.
        kind: its type, empty for a delivery.
        timestamp: Unix seconds, 0 when absent.
        retry: set on retry receipts.
        is_incapable: the device got the message but can't make use of it.
        readers: of a group, several in one receipt.
    """

    ids: tuple[str, ...]
    source: Jid
    participant: Jid | None
    recipient: Jid | None
    kind: str
    timestamp: int
    retry: RetryRequest | None
    is_incapable: bool = False
    readers: tuple[Reader, ...] = ()

    @property
    def level(self) -> Ack | None:
        """The ack that the receipt stands for, None when it stands for none."""
        return None if self.is_incapable else _LEVELS.get(self.kind)


def parse_receipt(node: Node) -> Receipt:
    """Read a `<receipt>`.

    Raises:
        StanzaError: id or from are missing, or a retry without its count.
    """
    ids = [node.attr("id")]
    listing = node.find("list")
    if listing is not None:
        for item in listing.children("item")[:MAX_RECEIPT_IDS]:
            message_id = item.get("id")
            if message_id and message_id not in ids:
                ids.append(message_id)
    kind = node.get("type") or ""
    source = node.jid("from")
    return Receipt(
        tuple(ids),
        source,
        node.get_jid("participant"),
        node.get_jid("recipient"),
        kind,
        node.get_int("t", 0) or 0,
        _retry_request(node) if kind == "retry" else None,
        node.find("error") is not None,
        _readers(node, kind) if source.is_group or source.is_broadcast else (),
    )


def _readers(node: Node, kind: str) -> tuple[Reader, ...]:
    """`<participants key="MSGID"><user jid t type?/>...</participants>`, as often as it stands."""
    readers: list[Reader] = []
    for listing in node.children("participants")[:MAX_RECEIPT_IDS]:
        message_id = listing.get("key") or listing.get("message_id") or node.attr("id")
        for user in listing.children("user"):
            jid = user.get_jid("jid")
            level = _LEVELS.get(user.get("type") or kind)
            if jid is None or level is None:
                continue
            if len(readers) == MAX_READERS:
                return tuple(readers)
            timestamp = max(user.get_int("t", 0) or 0, 0)
            readers.append(Reader(message_id, jid, level, timestamp))
    return tuple(readers)


def _retry_request(node: Node) -> RetryRequest:
    retry = node.child("retry")
    count = retry.int_attr("count")
    registration = node.find("registration")
    keys_node = node.find("keys")
    keys = None
    identity = None
    registration_bytes = registration.data if registration is not None else b""
    if len(registration_bytes) != 4:
        raise StanzaError("receipt", "a retry without registration id")
    if keys_node is not None:
        keys = parse_bundle(keys_node, registration_bytes)
        identity_node = keys_node.find("device-identity")
        identity = identity_node.data if identity_node is not None else None
    return RetryRequest(count, int.from_bytes(registration_bytes, "big"), keys, identity)


def receipt(
    to: Jid,
    ids: Sequence[str],
    kind: str = "",
    *,
    participant: Jid | None = None,
    recipient: Jid | None = None,
    timestamp: int | None = None,
) -> Node:
    """A receipt for at most 256 messages of one sender in one chat."""
    attrs: dict[str, AttrValue] = {"id": ids[0], "to": to}
    if kind:
        attrs["type"] = kind
    if participant is not None:
        attrs["participant"] = participant
    if recipient is not None:
        attrs["recipient"] = recipient
    if timestamp is not None:
        attrs["t"] = str(timestamp)
    if len(ids) == 1:
        return Node("receipt", attrs)
    items = [Node("item", {"id": message_id}) for message_id in ids[1:]]
    return Node("receipt", attrs, [Node("list", {}, items)])


@dataclass(frozen=True, slots=True)
class RetryKeys:
    """Our own keys in a retry receipt; the one-time key is never one from the server's pool."""

    identity: bytes
    pre_key: PreKey
    signed_pre_key: SignedPreKey
    device_identity: bytes


def retry_receipt(
    message: Node,
    *,
    count: int,
    reason: DecryptFailure,
    registration_id: int,
    keys: RetryKeys | None,
) -> Node:
    """Ask for a message again that could not be read.

    Args:
        message: the `<message>` in question.
        count: the how manieth request this is.
        reason: goes into `error` unless it is 0 or a reason of our own.
        registration_id: ours.
        keys: sent from the second request on, or at once when the sender lacks them.
    """
    message_id = message.attr("id")
    attrs: dict[str, AttrValue] = {"id": message_id, "to": message.jid("from"), "type": "retry"}
    for name in ("participant", "recipient", "category"):
        if name in message.attrs:
            attrs[name] = message.attrs[name]
    retry: dict[str, AttrValue] = {
        "v": "1",
        "count": str(count),
        "id": message_id,
        "t": message.get("t") or "0",
    }
    if 0 < reason < 100:
        retry["error"] = str(int(reason))
    content = [
        Node("retry", retry),
        Node("registration", {}, registration_id.to_bytes(4, "big")),
    ]
    if keys is not None:
        content.append(
            Node(
                "keys",
                {},
                [
                    Node("type", {}, KEY_TYPE),
                    Node("identity", {}, keys.identity),
                    key_node(keys.pre_key),
                    signed_key_node(keys.signed_pre_key),
                    Node("device-identity", {}, keys.device_identity),
                ],
            )
        )
    return Node("receipt", attrs, content)


def ack(node: Node, *, own: Jid | None = None, error: int | None = None) -> Node:
    """The ack of a received stanza.

    Args:
        node: a message, receipt, notification, call...
        own: this device; stands in acks of messages.
        error: makes it a refusal.

    Source: docs/protocol/messages.md, "Acks of received stanzas".
    """
    attrs: dict[str, AttrValue] = {
        "id": node.attr("id"),
        "to": node.attrs.get("from", SERVER),
        "class": node.tag,
    }
    for name in ("participant", "recipient"):
        if name in node.attrs:
            attrs[name] = node.attrs[name]
    if node.tag != "message" and "type" in node.attrs:
        attrs["type"] = node.attrs["type"]
    if node.tag == "message" and own is not None:
        attrs["from"] = own
    if error is not None:
        attrs["error"] = str(error)
    return Node("ack", attrs)
