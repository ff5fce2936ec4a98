"""Takes a message from a device, acks it and hands each addressed device its own copy.

Source: docs/protocol/messages.md, "Server ack".
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Iterable, Set
from dataclasses import dataclass

from ..wire import SERVER, AttrValue, Jid, Node, encode_node, encode_stanza
from .accounts import Account, Device, Directory
from .business_nodes import verified_name_node
from .copies import (
    MALFORMED,
    NO_SUCH_CHAT,
    NOT_ALLOWED,
    OTHER_ADDRESSING,
    TAKEN,
    Verdict,
    ciphertexts,
    is_resend,
    is_untyped_media,
    kept_attributes,
    kept_content,
    named_devices,
    too_many,
)
from .delivery import Deliveries
from .groups_messages import GroupMessages
from .newsletters_messages import NewsletterMessages, newsletter_key
from .restrictions import Restrictions
from .troubles import AckFault, Troubles

_log = logging.getLogger(__name__)

_ARRIVALS_KEPT = 100_000
_MAX_ID = 256


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
    """The server's way with `<message>`: between two people, within one account, to many."""

    def __init__(
        self,
        directory: Directory,
        deliveries: Deliveries,
        troubles: Troubles,
        restrictions: Restrictions,
        newsletters: NewsletterMessages,
    ) -> None:
        self._directory = directory
        self._deliveries = deliveries
        self._troubles = troubles
        self._restrictions = restrictions
        self._newsletters = newsletters
        self._groups = GroupMessages(directory, deliveries)
        self.arrivals: deque[Arrival] = deque(maxlen=_ARRIVALS_KEPT)

    def handle(self, account: Account, device: Device, node: Node, raw: bytes | None) -> None:
        """Take one message.

        Args:
            account: of the sender.
            device: that sent it.
            node: the stanza.
            raw: its bytes as they came in, when it came over a socket.
        """
        self._troubles.take_actions(account, device, node)
        fault = self._troubles.take_ack(account, device, node)
        now = int(self._deliveries.now())
        key = _repetition_key(node)
        first = device.accepted.get(key)
        digest = hashlib.sha256(raw if raw is not None else encode_stanza(node)).hexdigest()
        sender = account.address(lid=False, device=device.id)
        message_id = node.get("id", "")[:_MAX_ID]
        self.arrivals.append(Arrival(message_id, sender, digest, first is not None))
        if first is not None:
            # A client may answer a retry receipt by sending everything to everybody once more; it
            # is for those who asked. Whoever has read it would take it for another message.
            asking = device.asked_again.pop(key, None)
            if asking:
                self._deliver(account, device, node, asking)
            self._ack(device, node, first, self._newsletters.known(node), fault)
            return
        if fault is not None and fault.error is not None:
            self._ack(device, node, now, self._refused(node, fault.error), fault)
            return
        verdict = self._deliver(account, device, node, None)
        if verdict.error is None:
            device.accept(key, now)
            if key != message_id:
                self._note_answer(device, node)
            self._deliveries.changed()
        # Only now: an acked message is in the mailboxes of everybody it is for.
        self._ack(device, node, now, verdict, fault)

    def _refused(self, node: Node, error: int) -> Verdict:
        """A refusal that was ordered."""
        group = self._directory.groups.find(node.get_jid("to"))
        if error != OTHER_ADDRESSING or group is None:
            return Verdict(error)
        group.mode = "pn" if group.is_lid else "lid"
        return Verdict(error, {"addressing_mode": group.mode})

    def _note_answer(self, device: Device, node: Node) -> None:
        """A resend answers the device that it is for."""
        target = node.get_jid("participant") or node.get_jid("to")
        found = self._directory.device(target) if target is not None else None
        if found is not None:
            asking = found[0].address(lid=False, device=found[1].id)
            device.asked_again.get(node.get("id", ""), set()).discard(asking)

    def _ack(
        self, device: Device, node: Node, t: int, verdict: Verdict, fault: AckFault | None
    ) -> None:
        if fault is not None and fault.is_lost:
            return
        attrs: dict[str, AttrValue] = {
            "class": "message",
            "id": node.get("id", ""),
            "from": node.attrs.get("to", SERVER),
            "t": str(t),
            **verdict.extra,
        }
        if verdict.error is not None:
            attrs["error"] = str(verdict.error)
        if fault is None:
            _send(device, Node("ack", attrs), 1)
            return
        ack, times = Node("ack", {**attrs, **fault.attrs}), fault.repeats + 1
        if fault.delay_s:
            asyncio.get_running_loop().call_later(fault.delay_s, _send, device, ack, times)
        else:
            _send(device, ack, times)

    def _deliver(
        self, account: Account, device: Device, node: Node, only: Set[Jid] | None
    ) -> Verdict:
        """Put the copies into the mailboxes.

        Args:
            account: of the sender.
            device: that sent it.
            node: the stanza.
            only: devices, by PN, beyond which nobody gets it; None: whoever it is for.

        Returns:
            what the ack says.
        """
        to = node.get_jid("to")
        if to is None or not 0 < len(node.get("id", "")) <= _MAX_ID:
            return Verdict(MALFORMED)
        if to.is_group:
            return self._groups.to_group(account, device, node, only)
        if to.is_status:
            return self._groups.to_audience(account, device, node, only)
        if to.is_newsletter:
            return self._newsletters.take(account, device, node)
        if not to.is_user:
            return Verdict(NOT_ALLOWED)
        peer = self._directory.by_jid(to)
        if peer is None:
            return Verdict(NO_SUCH_CHAT)
        named = named_devices(node, to)
        if not named or too_many(named):
            return Verdict(MALFORMED)
        if (refusal := self._restrictions.refusal(account, peer, node)) is not None:
            return Verdict(refusal)
        if self._deliveries.policy.drop_untyped_media and is_untyped_media(node):
            _log.warning("message %s is media without a mediatype: dropped", node.get("id"))
            return TAKEN
        for owner, receiver, encs in self._copies(named):
            address = owner.address(lid=False, device=receiver.id)
            if receiver is device or (only is not None and address not in only):
                continue
            if owner is account:
                own = self._own_copy(account, device, node, to, encs)
                # Peer messages are machinery of the account: they are acked like anybody's message.
                is_copy = node.get("category") != "peer"
                self._deliveries.post(owner, receiver, own, own_copy=is_copy)
            elif owner is peer and account.number not in peer.blocked:
                self._deliveries.post(owner, receiver, self._peer_copy(account, device, node, encs))
        if peer is not account:
            self._restrictions.begun(account, peer)
            account.contacts.add(peer.number)
            peer.contacts.add(account.number)
        return TAKEN

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
        attrs = kept_attributes(node)
        attrs["from"] = account.address(lid=lid, device=device.id)
        attrs["t"] = self._deliveries.t
        attrs["notify"] = account.name
        attrs["sender_pn" if lid else "sender_lid"] = account.address(lid=not lid, device=device.id)
        content = kept_content(node, encs)
        if account.business is not None:
            content.append(verified_name_node(account.business))
        return Node("message", attrs, content)

    def _own_copy(
        self, account: Account, device: Device, node: Node, to: Jid, encs: list[Node]
    ) -> Node:
        attrs = kept_attributes(node)
        attrs["from"] = account.address(lid=to.is_lid, device=device.id)
        attrs["t"] = self._deliveries.t
        if node.get("category") == "peer":
            return Node("message", attrs, kept_content(node, encs))
        # A resend to an own device names the chat itself; otherwise the chat is what `to` was.
        chat = node.get_jid("recipient") or to.bare
        attrs["recipient"] = chat
        person = self._directory.by_jid(chat)
        if person is not None:
            name = "peer_recipient_pn" if chat.is_lid else "peer_recipient_lid"
            attrs[name] = person.address(lid=not chat.is_lid)
        attrs["notify"] = account.name
        return Node("message", attrs, kept_content(node, encs))


def _send(device: Device, ack: Node, times: int) -> None:
    if device.session is not None:
        for _ in range(times):
            device.session.send(ack)


def _repetition_key(node: Node) -> str:
    """What makes two stanzas of one device the same message.

    A resend after a retry receipt has the id of the message it repairs, but is for one device only;
    it is a repetition only if the ciphertext is the same too.
    """
    message_id = node.get("id", "")
    to = node.get_jid("to")
    if to is not None and to.is_newsletter:
        return newsletter_key(node)
    if not is_resend(node):
        return message_id
    encs = [encode_node(enc) for enc in ciphertexts(node)]
    bodies = hashlib.sha256(b"".join(encs)).hexdigest()
    return f"{message_id} {node.get('participant') or to} {bodies}"
