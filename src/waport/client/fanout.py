"""Which devices get a message, and what is missing before it can be encrypted for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..stanza.ids import participant_hash
from ..stanza.message import OwnAddresses
from ..store import QueuedSend, UnitOfWork
from ..wire import Jid

DEVICE_LIST_AGE_S = 12 * 3600
"""Seconds after which a device list is asked for again, in case a notification was missed."""


@dataclass(frozen=True, slots=True)
class Fanout:
    """Where the copies of a private message go.

    Attributes:
        to: the recipient as the stanza names it, bare: the LID where it is known.
        chat: the recipient by phone number where that is known, bare.
        peers: the recipient's devices.
        own: our own other devices.
    """

    to: Jid
    chat: Jid
    peers: tuple[Jid, ...]
    own: tuple[Jid, ...]

    @property
    def devices(self) -> tuple[Jid, ...]:
        """All of them."""
        return self.peers + self.own


@dataclass(frozen=True, slots=True)
class NeedDevices:
    """The device lists of these users must be asked for first."""

    users: tuple[Jid, ...]


@dataclass(frozen=True, slots=True)
class NeedGroup:
    """The group's metadata must be asked for first."""

    group: Jid


def canonical(store: UnitOfWork, jid: Jid) -> Jid:
    """A person's address as chats are keyed: bare, by phone number where that is known."""
    bare = jid.bare
    if bare.is_lid:
        return store.addresses.pn_of(bare) or bare
    return bare


def chat_of(store: UnitOfWork, queued: QueuedSend) -> Jid:
    """The chat in which a queued message stands now: its person may have got another address."""
    chat = canonical(store, queued.chat)
    if store.messages.get(chat, queued.message_id) is None:
        moved = store.messages.find(queued.message_id)
        if moved is not None and moved.key.from_me:
            return moved.key.chat
    return chat


def plan(
    store: UnitOfWork,
    own: OwnAddresses,
    chat: Jid,
    now: int,
    absent: frozenset[Jid] = frozenset(),
) -> Fanout | NeedDevices:
    """The fan-out to a person from what is stored, or what must be asked for.

    Args:
        absent: people whose devices were asked for, and remain unknown. They have none: where they
            are our own, those have to ask for the message.
    """
    chat = canonical(store, chat)
    me = own.pn.bare
    known: dict[Jid, Sequence[int]] = {}
    missing = []
    for user in {chat: None, me: None}:
        devices = store.addresses.devices(user)
        if devices is not None and now - devices.fetched_at <= DEVICE_LIST_AGE_S:
            known[user] = tuple(devices.devices)
        elif user in absent:
            known[user] = ()
        else:
            missing.append(user)
    if missing:
        return NeedDevices(tuple(missing))
    lid = chat if chat.is_lid else store.addresses.lid_of(chat)
    to = lid or chat
    self_address = own.lid.bare if lid is not None and own.lid is not None else me
    own_devices = tuple(
        self_address.with_device(number) for number in known[me] if number != own.pn.device
    )
    if chat == me:
        return Fanout(to, chat, (), own_devices)
    peers = tuple(to.with_device(number) for number in known[chat])
    return Fanout(to, chat, peers, own_devices)


def device_hashes(store: UnitOfWork, own: OwnAddresses, chat: Jid, now: int) -> frozenset[str]:
    """What the server's hash of a private message's devices may be, if it knows the same ones.

    Clients differ in whether they count the sending device. Empty when a list is missing.

    Source: docs/protocol/messages.md, "phash".
    """
    fanout = plan(store, own, chat, now)
    if isinstance(fanout, NeedDevices):
        return frozenset()
    sender = own.lid if fanout.to.is_lid and own.lid is not None else own.pn
    return frozenset(
        (participant_hash(fanout.devices), participant_hash((*fanout.devices, sender)))
    )
