"""`<message>` stanzas that we receive (docs/protocol/messages.md, "Receiving")."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import Jid, Node

MAX_TIME = 2**32
"""Unix seconds; a message of a later time counts as one without any."""

MAX_ENCS = 8
"""Ciphertexts looked at in one stanza; real ones carry one or two."""


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """This device's two names: by phone number and, once known, by hidden id; both with device."""

    pn: Jid
    lid: Jid | None

    def is_own(self, jid: Jid) -> bool:
        """Whether an address is this account's, on whatever device."""
        bare = jid.bare
        return bare == self.pn.bare or (self.lid is not None and bare == self.lid.bare)

    def is_this_device(self, jid: Jid) -> bool:
        """Whether an address is this very device."""
        return self.is_own(jid) and jid.device == self.pn.device


@dataclass(frozen=True, slots=True)
class Enc:
    """One `<enc>`: a Signal ciphertext.

    Attributes:
        kind: pkmsg, msg, skmsg, or something newer.
        version: the padding's version, "2" for what we know.
        retry_count: how often the sender was asked for it.
        hide: no placeholder is to be shown if it can't be read.
    """

    kind: str
    version: str
    body: bytes
    retry_count: int
    hide: bool


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A received message before decryption.

    Attributes:
        chat: bare, in the stanza's own addressing.
        sender: the author's device, in the stanza's own addressing.
        from_me: written by an own device.
        timestamp: Unix seconds, the server's; 0 when it gives none.
        mappings: pairs (PN, LID), bare, that the stanza vouches for.
        offline: it waited in the server's queue.
        unavailable: why the content was withheld, None when it was not.
    """

    node: Node
    id: str
    chat: Jid
    sender: Jid
    from_me: bool
    timestamp: int
    push_name: str
    category: str
    offline: bool
    encs: tuple[Enc, ...]
    device_identity: bytes | None
    mappings: tuple[tuple[Jid, Jid], ...]
    unavailable: str | None

    @property
    def is_peer(self) -> bool:
        """Machinery between own devices, never a message that people see."""
        return self.category == "peer" and self.from_me


def parse_message(node: Node, own: OwnAddresses) -> IncomingMessage:
    """Read a `<message>`.

    Raises:
        StanzaError: id or from are missing, or the author of a group message.
    """
    message_id = node.attr("id")
    source = node.jid("from")
    chat, sender, from_me = _chat_and_sender(node, source, own)
    unavailable = node.find("unavailable")
    identity = node.find("device-identity")
    return IncomingMessage(
        node=node,
        id=message_id,
        chat=chat,
        sender=sender,
        from_me=from_me,
        timestamp=_time(node),
        push_name=node.get("notify") or "",
        category=node.get("category") or "",
        offline="offline" in node.attrs,
        encs=tuple(_enc(child) for child in node.children("enc")[:MAX_ENCS]),
        device_identity=identity.data if identity is not None else None,
        mappings=_mappings(node, source),
        unavailable=None if unavailable is None else unavailable.get("type") or "unknown",
    )


def _time(node: Node) -> int:
    time = node.get_int("t", 0)
    return time if 0 < time < MAX_TIME else 0


def _chat_and_sender(node: Node, source: Jid, own: OwnAddresses) -> tuple[Jid, Jid, bool]:
    if source.is_group or source.is_broadcast:
        participant = node.jid("participant")
        return source, participant, own.is_own(participant)
    if own.is_own(source):
        recipient = node.get_jid("recipient")
        return (recipient or source).bare, source, True
    if source.is_newsletter:
        return source.bare, source, node.get("is_sender") == "true"
    return source.bare, source, False


def _enc(node: Node) -> Enc:
    return Enc(
        kind=node.get("type") or "",
        version=node.get("v") or "",
        body=node.content if isinstance(node.content, bytes) else b"",
        retry_count=min(max(node.get_int("count", 0) or 0, 0), 255),
        hide=node.get("decrypt-fail") == "hide",
    )


def _mappings(node: Node, source: Jid) -> tuple[tuple[Jid, Jid], ...]:
    """The PN-LID pairs that a stanza's attributes name."""
    pairs = []
    known = {
        "sender": source,
        "participant": node.get_jid("participant"),
        "recipient": node.get_jid("recipient"),
        "peer_recipient": node.get_jid("recipient"),
    }
    for prefix, address in known.items():
        if address is None:
            continue
        if address.is_pn and (lid := node.get_jid(f"{prefix}_lid")) is not None and lid.is_lid:
            pairs.append((address.bare, lid.bare))
        elif address.is_lid and (pn := node.get_jid(f"{prefix}_pn")) is not None and pn.is_pn:
            pairs.append((pn.bare, address.bare))
    return tuple(pairs)


@dataclass(frozen=True, slots=True)
class MessageAck:
    """The server's answer to a message of ours.

    Attributes:
        id: the message.
        timestamp: the server's time, Unix seconds; 0 when absent.
        error: why it was refused, 0 when it was accepted.
        phash: the server's hash of the devices, when it differs from ours.
        server_id: the number that a post has got in its channel; 0 when absent.
    """

    id: str
    timestamp: int
    error: int
    phash: str | None
    server_id: int = 0


def parse_message_ack(node: Node) -> MessageAck:
    """Read an `<ack class="message">`.

    Raises:
        StanzaError: it has no id.
    """
    return MessageAck(
        node.attr("id"),
        max(node.get_int("t", 0) or 0, 0),
        node.get_int("error", 0) or 0,
        node.get("phash"),
        max(node.get_int("server_id", 0), 0),
    )
