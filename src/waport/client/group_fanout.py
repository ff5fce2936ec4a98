"""Who reads a group message or a status post, and who of them lacks our sender key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

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
        phash: the hash over all devices that the server compares with its own.
        marked: the Signal addresses that may have our sender key but are told it again.
        is_known_to_strangers: whether a device may have our sender key that is none of them.
        good_until: Unix seconds; then device lists are old. 0 when some can't be had.

    Source: docs/protocol/signal.md, "Sender-key memory".
    """

    to: Jid
    mode: AddressingMode
    users: tuple[Jid, ...]
    devices: tuple[Jid, ...]
    cold: tuple[Jid, ...]
    own: tuple[Jid, ...]
    sender: Jid
    phash: str
    marked: frozenset[str]
    is_known_to_strangers: bool
    good_until: int


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
    key = ("fanout", group)
    before = store.remembered(key)
    if isinstance(before, GroupFanout) and now <= before.good_until:
        return before
    users = (member.jid for member in known.members)
    fanout = _plan(store, own, group, known.addressing, users, now, absent)
    if isinstance(fanout, GroupFanout) and fanout.good_until:
        store.remember(key, fanout)
    return fanout


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
    lists = store.addresses.device_numbers([me, *people])
    since = now - DEVICE_LIST_AGE_S
    lacking = {
        person
        for person in (me, *people)
        if (known := lists.get(person)) is None or known.fetched_at < since
    }
    missing = _missing(store, [person for person in (me, *people) if person in lacking], absent)
    if missing:
        return NeedDevices(missing)
    readers = [
        _Reader.of(person, lists[person].numbers, lids.get(person))
        for person in people
        if person not in lacking
    ]
    sender = own.lid if mode is AddressingMode.LID and own.lid is not None else own.pn
    # Where the list of our own devices is unusable, they have to ask for the message.
    numbers = () if me in lacking else lists[me].numbers
    mine = _Reader.of(
        sender.bare,
        (sender.device, *(number for number in numbers if number != sender.device)),
        store.addresses.lid_of(sender) if sender.is_pn else None,
    )
    told = store.sender_keys.memory(to)
    devices = tuple([device for reader in readers for device in reader.devices])
    names = {name for reader in (mine, *readers) for name in reader.names}
    return GroupFanout(
        to=to,
        mode=mode,
        users=tuple([reader.user for reader in readers]),
        devices=devices,
        cold=tuple([device for reader in readers for device in reader.cold(told)]),
        own=mine.devices[1:],
        sender=sender,
        phash=participant_hash((*devices, *mine.devices)),
        marked=frozenset([name for name, is_warm in told.items() if not is_warm]),
        is_known_to_strangers=not told.keys() <= names,
        good_until=0 if lacking else DEVICE_LIST_AGE_S + min(x.fetched_at for x in lists.values()),
    )


def _missing(store: UnitOfWork, lacking: Sequence[Jid], absent: frozenset[Jid]) -> tuple[Jid, ...]:
    """Whose devices must be asked for, each under the address that they are kept under."""
    pns = store.addresses.pns_of(person for person in lacking if person.is_lid)
    users = (pns.get(person, person) for person in lacking)
    return tuple(user for user in users if user not in absent)


def _people(
    store: UnitOfWork, own: OwnAddresses, users: Iterable[Jid]
) -> tuple[list[Jid], dict[Jid, Jid]]:
    """Everybody but us, bare and once; and the LIDs of those who are named by phone number."""
    people = dict.fromkeys(user.bare for user in users if not own.is_own(user))
    lids = store.addresses.lids_of(person for person in people if person.is_pn)
    return [person for person in people if lids.get(person) not in people], lids


class _Reader(NamedTuple):
    """A person's devices, and their Signal addresses in the same order."""

    user: Jid
    devices: tuple[Jid, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, user: Jid, numbers: Iterable[int], lid: Jid | None) -> Self:
        """The devices of these numbers.

        Args:
            user: as the group names them, bare.
            numbers: of the devices.
            lid: where it is known of somebody who is named by phone number (see `signal_device`).
        """
        name = (lid or user).signal_name
        listed = list(numbers)
        return cls(
            user,
            tuple([user.with_device(number) for number in listed]),
            tuple([f"{name}.{number}" for number in listed]),
        )

    def cold(self, told: Mapping[str, bool]) -> Sequence[Jid]:
        """The devices that need our key: all of a person whose phone lacks it.

        Args:
            told: who may have the key, and whether they do.
        """
        pairs = zip(self.devices, self.names, strict=True)
        lacking = [device for device, name in pairs if not told.get(name)]
        is_phone_cold = any(device.device == 0 for device in lacking)
        return self.devices if is_phone_cold else lacking
