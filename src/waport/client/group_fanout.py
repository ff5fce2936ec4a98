"""Who reads a group message or a status post, and who of them lacks our sender key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ..model import AddressingMode
from ..stanza.ids import participant_hash
from ..stanza.message import OwnAddresses
from ..store import UnitOfWork
from ..wire import STATUS, Jid
from .fanout import DEVICE_LIST_AGE_S, NeedDevices, NeedGroup


@dataclass(frozen=True, slots=True)
class GroupFanout:
    """Where a message for many goes.

    Attributes:
        to: the group, or the status feed.
        mode: how its members are addressed.
        users: the other members, bare.
        devices: all their devices.
        cold: the ones that don't have our sender key.
        own: our own other devices; they are told the key every time.
        sender: this device, in the same address kind.
        is_known_to_strangers: whether a device may have our sender key that is none of them.
        phash: over all devices.

    Source: docs/protocol/signal.md, "Sender-key memory".
    """

    to: Jid
    mode: AddressingMode
    users: tuple[Jid, ...]
    devices: tuple[Jid, ...]
    cold: tuple[Jid, ...]
    own: tuple[Jid, ...]
    sender: Jid
    is_known_to_strangers: bool

    @property
    def phash(self) -> str:
        """The hash that the server compares with its own."""
        return participant_hash((*self.devices, *self.own, self.sender))


def plan_group(
    store: UnitOfWork, own: OwnAddresses, group: Jid, now: int, absent: frozenset[Jid]
) -> GroupFanout | NeedDevices | NeedGroup:
    """The fan-out to a group from what is stored, or what must be asked for.

    Args:
        absent: members that turned out to have no account.
    """
    known = store.groups.get(group)
    if known is None or (known.is_due(now) and not known.is_left):
        return NeedGroup(group)
    users = (member.jid for member in known.members)
    return _plan(store, own, group, known.addressing, users, now, absent)


def plan_status(
    store: UnitOfWork,
    own: OwnAddresses,
    audience: Iterable[Jid],
    now: int,
    absent: frozenset[Jid],
) -> GroupFanout | NeedDevices:
    """The fan-out of a status post; people are addressed by LID where that is known."""
    people = [user.bare for user in audience]
    lids = store.addresses.lids_of(person for person in people if person.is_pn)
    users = (lids.get(person, person) for person in people)
    mode = AddressingMode.LID if own.lid is not None else AddressingMode.PN
    return _plan(store, own, STATUS, mode, users, now, absent)


def _plan(
    store: UnitOfWork,
    own: OwnAddresses,
    to: Jid,
    mode: AddressingMode,
    users: Iterable[Jid],
    now: int,
    absent: frozenset[Jid],
) -> GroupFanout | NeedDevices:
    me = own.pn.bare
    people, lids = _people(store, own, users)
    known = store.addresses.device_numbers([me, *people])
    since = now - DEVICE_LIST_AGE_S
    readers: list[_Reader] = []
    lacking: list[Jid] = []
    for person in (me, *people):
        found = known.get(person)
        if found is None or found.fetched_at < since:
            lacking.append(person)
        elif person is not me:
            readers.append(_reader(person, found.numbers, lids.get(person) if lids else None))
    if lacking:
        pns = store.addresses.pns_of(person for person in lacking if person.is_lid)
        missing = [user for person in lacking if (user := pns.get(person, person)) not in absent]
        if missing:
            return NeedDevices(tuple(missing))
    sender = own.lid if mode is AddressingMode.LID and own.lid is not None else own.pn
    # Where the list of our own devices is unusable, they have to ask for the message.
    own_numbers = () if me in lacking else known[me].numbers
    mine = _reader(
        sender.bare,
        (*own_numbers, sender.device),
        store.addresses.lid_of(sender) if sender.is_pn else None,
    )
    told = store.sender_keys.memory(to)
    warm = {name for name, is_warm in told.items() if is_warm}
    names = {name for reader in (mine, *readers) for name in reader.names}
    return GroupFanout(
        to=to,
        mode=mode,
        users=tuple([reader.user for reader in readers]),
        devices=tuple([device for reader in readers for device in reader.devices]),
        cold=tuple([device for reader in readers for device in reader.cold(warm)]),
        own=tuple([device for device in mine.devices if device.device != sender.device]),
        sender=sender,
        is_known_to_strangers=not told.keys() <= names,
    )


def _people(
    store: UnitOfWork, own: OwnAddresses, users: Iterable[Jid]
) -> tuple[list[Jid], dict[Jid, Jid]]:
    """Everybody but us, bare and once; and the LIDs of those who are named by phone number."""
    mine = {own.pn.bare, None if own.lid is None else own.lid.bare}
    people = dict.fromkeys(bare for user in users if (bare := user.bare) not in mine)
    pns = [person for person in people if person.is_pn]
    if not pns:
        return list(people), {}
    lids = store.addresses.lids_of(pns)
    return [person for person in people if lids.get(person) not in people], lids


class _Reader(NamedTuple):
    """A person's devices, and their Signal addresses in the same order."""

    user: Jid
    devices: tuple[Jid, ...]
    names: tuple[str, ...]

    def cold(self, warm: set[str]) -> Sequence[Jid]:
        """The devices that need our key: all of a person whose phone lacks it.

        Args:
            warm: the addresses that have it.
        """
        if warm.issuperset(self.names):
            return ()
        lacking = [
            device
            for device, name in zip(self.devices, self.names, strict=True)
            if name not in warm
        ]
        is_phone_cold = any(device.device == 0 for device in lacking)
        return self.devices if is_phone_cold else lacking


@lru_cache(maxsize=4096)
def _reader(user: Jid, numbers: tuple[int, ...], lid: Jid | None) -> _Reader:
    """Every message of a group asks for the same ones, hundreds of them.

    Args:
        user: as the group names them, bare.
        numbers: of their devices.
        lid: where it is known of somebody who is named by phone number (see `signal_device`).
    """
    name = (lid or user).signal_name
    return _Reader(
        user,
        tuple([user.with_device(number) for number in numbers]),
        tuple([f"{name}.{number}" for number in numbers]),
    )
