"""Takes a message from a device, acks it and hands each addressed device its own copy.

Source: docs/protocol/messages.md, "Server ack".
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from ..wire import SERVER, AttrValue, Jid, Node, encode_node, encode_stanza
from .accounts import Account, Device, Directory
from .delivery import Deliveries
from .policy import PendingFaults

_ARRIVALS_KEPT = 100_000
_KEPT_ATTRIBUTES = ("id", "type", "edit", "category")
_USED_UP = frozenset({"participants", "enc", "device-identity", "tctoken", "cstoken"})
_MAX_ID = 256
_MAX_ENCS = 8  # for one device

NO_SUCH_CHAT = 404
NOT_ALLOWED = 405
MALFORMED = 400


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message stanza as it came in.

    Attributes:
        id: the message id.
        sender: the sending device's PN JID.
        sha256: of the decrypted stanza, hex.
        duplicate: the device has sent this before, and only the ack was repeated.
    """

    id: str
    sender: Jid
    sha256: str
    duplicate: bool


class MessageRouter:
    """The server's way with `<message>` between two people, and within one account."""

    def __init__(self, directory: Directory, deliveries: Deliveries, faults: PendingFaults) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._faults = faults
        self.arrivals: deque[Arrival] = deque(maxlen=_ARRIVALS_KEPT)

    def handle(self, account: Account, device: Device, node: Node, raw: bytes | None) -> None:
        """Take one message.

        Args:
            account: of the sender.
            device: that sent it.
            node: the stanza.
            raw: its bytes as they came in, when it came over a socket.
        """
        now = int(self._deliveries.now())
        key = _repetition_key(node)
        first = device.accepted.get(key)
        digest = hashlib.sha256(raw if raw is not None else encode_stanza(node)).hexdigest()
        sender = account.address(lid=False, device=device.id)
        message_id = node.get("id", "")[:_MAX_ID]
        self.arrivals.append(Arrival(message_id, sender, digest, first is not None))
        if first is not None:
            self._ack(account, device, node, t=first)
            return
        failure = self._deliver(account, device, node)
        if failure is None:
            device.accept(key, now)
            self._deliveries.changed()
        # Only now: an acked message is in the mailboxes of everybody it is for.
        self._ack(account, device, node, t=now, failure=failure)

    def _ack(
        self, account: Account, device: Device, node: Node, *, t: int, failure: int | None = None
    ) -> None:
        if self._faults.take_ack(account.address(lid=False, device=device.id)):
            return
        attrs: dict[str, AttrValue] = {
            "class": "message",
            "id": node.get("id", ""),
            "from": node.attrs.get("to", SERVER),
            "t": str(t),
        }
        if failure is not None:
            attrs["error"] = str(failure)
        if device.session is not None:
            device.session.send(Node("ack", attrs))

    def _deliver(self, account: Account, device: Device, node: Node) -> int | None:
        """Put the copies into the mailboxes; the error for the ack if nobody can be sent to."""
        to = node.get_jid("to")
        if to is None or not 0 < len(node.get("id", "")) <= _MAX_ID:
            return MALFORMED
        if to.is_group:
            return NO_SUCH_CHAT
        if not to.is_user:
            return NOT_ALLOWED
        peer = self._directory.by_jid(to)
        if peer is None:
            return NO_SUCH_CHAT
        named = _named(node, to)
        if not named or any(len(encs) > _MAX_ENCS for _, encs in named):
            return MALFORMED
        for owner, receiver, encs in self._copies(named):
            if receiver is device:
                continue
            if owner is account:
                own = self._own_copy(account, device, node, to, encs)
                # Peer messages are machinery of the account: they are acked like anybody's message.
                is_copy = node.get("category") != "peer"
                self._deliveries.post(owner, receiver, own, own_copy=is_copy)
            elif owner is peer and account.number not in peer.blocked:
                self._deliveries.post(owner, receiver, self._peer_copy(account, device, node, encs))
        if peer is not account:
            account.contacts.add(peer.number)
            peer.contacts.add(account.number)
        return None

    def _copies(
        self, named: list[tuple[Jid, list[Node]]]
    ) -> Iterable[tuple[Account, Device, list[Node]]]:
        """The named devices that exist, each once, with what is encrypted for it."""
        copies: dict[Jid, tuple[Account, Device, list[Node]]] = {}
        for target, encs in named:
            found = self._directory.device(target)
            if found is not None:
                # Baileys 7 writes a resend both ways in one stanza; two copies would be a double.
                owner, device = found
                address = owner.address(lid=False, device=device.id)
                copies.setdefault(address, (owner, device, encs))
        return copies.values()

    def _peer_copy(self, account: Account, device: Device, node: Node, encs: list[Node]) -> Node:
        lid = node.jid("to").is_lid
        attrs = _kept(node)
        attrs["from"] = account.address(lid=lid, device=device.id)
        attrs["t"] = self._deliveries.t
        attrs["notify"] = account.name
        attrs["sender_pn" if lid else "sender_lid"] = account.address(lid=not lid, device=device.id)
        return Node("message", attrs, _content(node, encs))

    def _own_copy(
        self, account: Account, device: Device, node: Node, to: Jid, encs: list[Node]
    ) -> Node:
        attrs = _kept(node)
        attrs["from"] = account.address(lid=to.is_lid, device=device.id)
        attrs["t"] = self._deliveries.t
        if node.get("category") == "peer":
            return Node("message", attrs, _content(node, encs))
        # A resend to an own device names the chat itself; otherwise the chat is what `to` was.
        chat = node.get_jid("recipient") or to.bare
        attrs["recipient"] = chat
        person = self._directory.by_jid(chat)
        if person is not None:
            name = "peer_recipient_pn" if chat.is_lid else "peer_recipient_lid"
            attrs[name] = person.address(lid=not chat.is_lid)
        attrs["notify"] = account.name
        return Node("message", attrs, _content(node, encs))


def _named(node: Node, to: Jid) -> list[tuple[Jid, list[Node]]]:
    """Every address that something is encrypted for, as the stanza names them."""
    bare = node.children("enc")
    named = [(to, bare)] if bare else []
    participants = node.find("participants")
    for entry in participants.children("to") if participants is not None else []:
        target, encs = entry.get_jid("jid"), entry.children("enc")
        if target is not None and encs:
            named.append((target, encs))
    return named


def _kept(node: Node) -> dict[str, AttrValue]:
    return {name: node.attrs[name] for name in _KEPT_ATTRIBUTES if name in node.attrs}


def _content(node: Node, encs: list[Node]) -> list[Node]:
    rest = [child for child in node.children() if child.tag not in _USED_UP]
    identity = node.find("device-identity")
    if identity is not None and any(enc.get("type") == "pkmsg" for enc in encs):
        rest.insert(0, identity)
    return [*encs, *rest]


def _repetition_key(node: Node) -> str:
    """What makes two stanzas of one device the same message.

    A resend after a retry receipt has the id of the message it repairs, but is for one device only;
    it is a repetition only if the ciphertext is the same too.
    """
    message_id = node.get("id", "")
    to = node.get_jid("to")
    participants = node.find("participants")
    listed = participants.children("to") if participants is not None else []
    encs = [enc for holder in [node, *listed] for enc in holder.children("enc")]
    is_resend = (
        node.get("device_fanout") == "false"
        or any("count" in enc.attrs for enc in encs)
        or (to is not None and to.device != 0)
    )
    if not is_resend:
        return message_id
    bodies = hashlib.sha256(b"".join(encode_node(enc) for enc in encs)).hexdigest()
    return f"{message_id} {to} {bodies}"
