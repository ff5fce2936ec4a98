"""Who reads a group message or a status post, and who of them lacks our sender key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..model import AddressingMode
from ..stanza.ids import participant_hash
from ..stanza.message import OwnAddresses
from ..store import UnitOfWork
from ..wire import STATUS, Jid
from .encryption import signal_device
from .fanout import DEVICE_LIST_AGE_S, NeedDevices, NeedGroup, canonical


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
    users = (user if user.is_lid else store.addresses.lid_of(user) or user for user in audience)
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
    missing: list[Jid] = []
    numbers: dict[Jid, tuple[int, ...]] = {}
    others = {canonical(store, jid): jid.bare for jid in users if not own.is_own(jid)}
    for user, address in {me: me, **others}.items():
        if user in absent:
            continue
        devices = store.addresses.devices(user)
        if devices is None or now - devices.fetched_at > DEVICE_LIST_AGE_S:
            missing.append(user)
        else:
            numbers[address] = devices.devices
    if missing:
        return NeedDevices(tuple(missing))
    # Where the list of our own devices is unusable, they have to ask for the message.
    own_numbers = numbers.pop(me, ())
    sender = own.lid if mode is AddressingMode.LID and own.lid is not None else own.pn
    by_user = {
        user: tuple(user.with_device(number) for number in known) for user, known in numbers.items()
    }
    return GroupFanout(
        to=to,
        mode=mode,
        users=tuple(by_user),
        devices=tuple(device for devices in by_user.values() for device in devices),
        cold=_cold(store, to, by_user.values()),
        own=tuple(sender.with_device(n) for n in own_numbers if n != own.pn.device),
        sender=sender,
    )


def _cold(store: UnitOfWork, to: Jid, users: Iterable[tuple[Jid, ...]]) -> tuple[Jid, ...]:
    """The devices that need our key: all of a user whose phone lacks it."""
    warm = store.sender_keys.warm_devices(to)
    cold: list[Jid] = []
    for devices in users:
        lacking = [
            device for device in devices if signal_device(store, device).signal_address not in warm
        ]
        is_phone_cold = any(device.device == 0 for device in lacking)
        cold += devices if is_phone_cold else lacking
    return tuple(cold)
