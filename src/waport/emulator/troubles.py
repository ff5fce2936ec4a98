"""Trouble with single stanzas, as a test has ordered it: acks, deliveries, answers to questions.

Source: docs/emulator.md, "Faults".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ..wire import AttrValue, Jid, Node

if TYPE_CHECKING:
    from .accounts import Account, Device, Directory

Deed = Literal["repeat", "overtake", "lose", "damage", "unavailable", "other-address", "as-status"]
"""What can happen to a stanza on its way to a device."""

DEEDS: frozenset[Deed] = frozenset(
    {"repeat", "overtake", "lose", "damage", "unavailable", "other-address", "as-status"}
)


@dataclass(frozen=True, slots=True)
class Target:
    """One device of an account, or all of them.

    Attributes:
        number: whose.
        device: None for all.
    """

    number: str
    device: int | None = None

    def fits(self, account: Account, device: Device) -> bool:
        """Whether this is the device, or one of them."""
        return account.number == self.number and self.device in (None, device.id)


@dataclass(slots=True)
class AckFault:
    """What happens to the acks of the next messages that some devices send.

    Attributes:
        sender: whose messages.
        chats: bare addresses of the only chats that it is about; empty: all.
        count: of messages.
        error: the message is refused with this code, and reaches nobody; with 421, a group's
            addressing mode changes at this moment.
        attrs: further attributes of the ack.
        is_lost: the message is taken, but no ack is sent.
        delay_s: the ack comes so much later.
        repeats: so many times more.
        is_peer: it is about the messages to the sender's own phone, not about all others.
    """

    sender: Target
    chats: frozenset[Jid] = frozenset()
    count: int = 1
    error: int | None = None
    attrs: Mapping[str, str] = field(default_factory=dict)
    is_lost: bool = False
    delay_s: float = 0.0
    repeats: int = 0
    is_peer: bool = False


@dataclass(slots=True)
class StanzaFault:
    """What happens to the next stanzas for some devices.

    Attributes:
        receiver: whose stanzas.
        deed: `repeat`: it comes `times` times more. `overtake`: so many later ones come before it.
            `lose`: it never comes. `damage`: one bit of a ciphertext is turned. `unavailable`: its
            content is withheld (`<unavailable>`). `other-address`: people in it are named by the
            other one of their two addresses. `as-status`: a `<message>` comes as `<status>`.
        senders: bare addresses of those whose stanzas it is about; empty: all.
        tag: the kind of stanza.
        count: of stanzas.
        times: see `deed`.
        type: of `<unavailable>`; None leaves it out.
        is_peer: it is about what the receiver's own phone sends for the machinery, not about all
            others.
    """

    receiver: Target
    deed: Deed
    senders: frozenset[Jid] = frozenset()
    tag: str = "message"
    count: int = 1
    times: int = 1
    type: str | None = "view_once"
    is_peer: bool = False


@dataclass(slots=True)
class QueryFault:
    """What happens to the answers to the next questions of some devices.

    Attributes:
        asker: whose questions.
        namespace: `xmlns` of the question.
        count: of questions.
        code: the question is refused with this; None: it is answered as ever.
        backoff: seconds, an attribute of the refusal.
        is_lost: it is carried out, but no answer comes.
        delay_s: the answer comes so much later.
        is_twice: it comes twice.
        is_misnamed: it carries the id of no question.
    """

    asker: Target
    namespace: str
    count: int = 1
    code: int | None = None
    backoff: int | None = None
    is_lost: bool = False
    delay_s: float = 0.0
    is_twice: bool = False
    is_misnamed: bool = False


@dataclass(frozen=True, slots=True)
class Parcel:
    """A stanza for a device, and whether it is a copy of what another device of it has sent."""

    node: Node
    own_copy: bool


@dataclass(slots=True)
class _Held:
    parcel: Parcel
    left: int  # stanzas that are still to come before it


class Troubles:
    """The faults that wait for their moment.

    Args:
        directory: knows the other address of people.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.acks: list[AckFault] = []
        self.stanzas: list[StanzaFault] = []
        self.queries: list[QueryFault] = []
        self._actions: list[tuple[Target, Callable[[], None]]] = []
        self._held: dict[tuple[str, int], list[_Held]] = {}

    def before_message(self, sender: Target, action: Callable[[], None]) -> None:
        """Do something when the next message of a device has come, before it goes on."""
        self._actions.append((sender, action))

    def clear(self) -> None:
        """Forget every fault; stanzas that are held back stay so until a later one comes."""
        for faults in (self.acks, self.stanzas, self.queries, self._actions):
            faults.clear()

    # --- taking them -----------------------------------------------------------------------------

    def take_actions(self, account: Account, device: Device, message: Node) -> None:
        """Do what was to be done before this message."""
        if message.get("category") == "peer":
            return
        due = [entry for entry in self._actions if entry[0].fits(account, device)]
        for entry in due:
            self._actions.remove(entry)
            entry[1]()

    def take_ack(self, account: Account, device: Device, message: Node) -> AckFault | None:
        """What is to happen to the ack of this message."""
        to = message.get_jid("to")
        is_peer = message.get("category") == "peer"
        for fault in self.acks:
            is_there = not fault.chats or (to is not None and to.bare in fault.chats)
            if fault.sender.fits(account, device) and fault.is_peer is is_peer and is_there:
                fault.count -= 1
                if fault.count <= 0:
                    self.acks.remove(fault)
                return fault
        return None

    def take_query(self, account: Account, device: Device, iq: Node) -> QueryFault | None:
        """What is to happen to the answer to this question."""
        for fault in self.queries:
            if fault.asker.fits(account, device) and fault.namespace == iq.get("xmlns"):
                fault.count -= 1
                if fault.count <= 0:
                    self.queries.remove(fault)
                return fault
        return None

    def on_delivery(self, account: Account, device: Device, parcel: Parcel) -> list[Parcel]:
        """What goes to a device in place of a stanza, in this order."""
        fault = self._take_stanza(account, device, parcel.node)
        place = (account.number, device.id)
        if fault is not None and fault.deed == "overtake":
            self._held.setdefault(place, []).append(_Held(parcel, fault.times))
            return []
        parcels = [parcel] if fault is None else self._disturbed(fault, parcel)
        held = self._held.get(place)
        if held and parcels:
            for item in held:
                item.left -= 1
            parcels += [item.parcel for item in held if item.left <= 0]
            self._held[place] = [item for item in held if item.left > 0]
        return parcels

    def _take_stanza(self, account: Account, device: Device, node: Node) -> StanzaFault | None:
        is_peer = node.get("category") == "peer"
        sources = {
            jid.bare for name in ("from", "participant") if (jid := node.get_jid(name)) is not None
        }
        for fault in self.stanzas:
            is_from = not fault.senders or bool(fault.senders & sources)
            is_kind = fault.tag == node.tag and fault.is_peer is is_peer
            if fault.receiver.fits(account, device) and is_kind and is_from:
                fault.count -= 1
                if fault.count <= 0:
                    self.stanzas.remove(fault)
                return fault
        return None

    def _disturbed(self, fault: StanzaFault, parcel: Parcel) -> list[Parcel]:
        if fault.deed == "lose":
            return []
        if fault.deed == "repeat":
            return [parcel] * (fault.times + 1)
        node = parcel.node
        if fault.deed == "damage":
            changed = Node(node.tag, node.attrs, _damaged(node.children()))
        elif fault.deed == "unavailable":
            changed = Node(node.tag, node.attrs, _withheld(node.children(), fault.type))
        elif fault.deed == "as-status":
            changed = Node("status", node.attrs, node.content)
        else:
            changed = Node(node.tag, self._readdressed(node.attrs), node.content)
        return [Parcel(changed, parcel.own_copy)]

    def _readdressed(self, attrs: Mapping[str, AttrValue]) -> dict[str, AttrValue]:
        changed = dict(attrs)
        for name, beside in _ADDRESSES.items():
            jid = changed.get(name)
            other = self._other_address(jid) if isinstance(jid, Jid) else None
            if other is None or not isinstance(jid, Jid):
                continue
            changed[name] = other
            known = [text for text in (f"{beside}_pn", f"{beside}_lid") if text in changed]
            for text in known:
                del changed[text]
            if known:
                changed[f"{beside}_pn" if other.is_lid else f"{beside}_lid"] = jid
        mode = changed.get("addressing_mode")
        if mode is not None:
            changed["addressing_mode"] = "pn" if mode == "lid" else "lid"
        return changed

    def _other_address(self, jid: Jid) -> Jid | None:
        account = self._directory.by_jid(jid.bare)
        return account.address(lid=not jid.is_lid, device=jid.device) if account else None


_ADDRESSES = {"from": "sender", "participant": "participant", "recipient": "peer_recipient"}
"""Attributes that name people, and what the attributes with their other address begin with."""

_CONTENT = frozenset({"enc", "plaintext", "device-identity"})


def _withheld(children: Iterable[Node], kind: str | None) -> list[Node]:
    rest = [child for child in children if child.tag not in _CONTENT]
    return [Node("unavailable", {} if kind is None else {"type": kind}), *rest]


def _damaged(children: Iterable[Node]) -> list[Node]:
    """The same elements, with one bit of the last ciphertext's middle turned."""
    nodes = list(children)
    for index in reversed(range(len(nodes))):
        content = nodes[index].content
        if nodes[index].tag == "enc" and isinstance(content, bytes) and content:
            body = bytearray(content)
            body[len(body) // 2] ^= 1
            nodes[index] = Node("enc", nodes[index].attrs, bytes(body))
            break
    return nodes
