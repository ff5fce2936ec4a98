"""Accounts and their devices, as the server knows them.

The server knows public keys only. What the phone keeps for itself (its private keys, its chats) is
the phone's business (`phone.py`).
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..crypto import RandomBytes
from ..errors import InvalidInput
from ..wire import Jid
from .business import Business
from .groups import GroupBook
from .mailbox import Mailbox
from .newsletters import NewsletterBook
from .tokens import TrustedToken

if TYPE_CHECKING:
    from .delivery import DeviceSession
    from .link import PhoneDevice

MAX_DEVICES = 255
"""A device number travels in one byte (docs/protocol/nodes.md, "JID wire forms")."""

_ACCEPTED_KEPT = 5_000  # message ids remembered per sending device, to recognise repetitions
_ASKED_KEPT = 500  # message ids that others have asked to be sent again
_MIN_DIGITS = 7
_MAX_DIGITS = 15

DEFAULT_PRIVACY = {
    "last": "all",
    "online": "all",
    "profile": "all",
    "status": "all",
    "groupadd": "all",
    "readreceipts": "all",
    "calladd": "all",
    "messages": "all",
}
"""What a new account shows to whom (docs/protocol/queries.md, "Privacy settings")."""


STATUS_AUDIENCES = ("contacts", "whitelist", "blacklist")
"""Who sees status posts: all contacts, some of them, all but some of them."""


@dataclass(frozen=True, slots=True)
class SignedKey:
    """The public half of a signed pre-key: 32 bytes, and the identity key's 64-byte signature."""

    id: int
    public: bytes
    signature: bytes


@dataclass(slots=True)
class Device:
    """One device of an account; number 0 is the phone.

    Attributes:
        id: 0..255.
        noise_public: the static key that it must log in with (32 bytes; empty for the phone).
        registration_id: as the device registered or uploaded it.
        identity: its identity key, 32 bytes, empty before the first upload.
        signed_pre_key: the current one.
        pre_keys: the unused one-time keys, id to 32 bytes, in the order of upload.
        spent: the one-time keys that were given out; none is given out twice.
        uploaded: it has uploaded keys since it was linked.
        device_identity: ADVSignedDeviceIdentity of a companion without the account signature key.
        key_index: the companion's number in the signed key index list; None for the phone.
        platform: what the device called its operating system.
        introduced: the phone has given it its keys and history.
        dirty: kinds of data that the device has to fetch again, and since when (unix seconds).
        mailbox: what the device has not acknowledged yet.
        accepted: ids of messages that the device sent lately, with the time of their ack.
        asked_again: ids of messages that other devices have asked it for again, and which devices
            (by PN); of no use after a restart, when they would ask once more.
        session: its login, while it is connected.
        available: it said that its user is looking at it.
    """

    id: int
    noise_public: bytes = b""
    registration_id: int = 0
    identity: bytes = b""
    signed_pre_key: SignedKey | None = None
    pre_keys: dict[int, bytes] = field(default_factory=dict)
    spent: dict[int, bytes] = field(default_factory=dict)
    uploaded: bool = False
    device_identity: bytes = b""
    key_index: int | None = None
    platform: str = ""
    introduced: bool = False
    dirty: dict[str, int] = field(default_factory=dict)
    mailbox: Mailbox = field(default_factory=Mailbox)
    accepted: OrderedDict[str, int] = field(default_factory=OrderedDict)
    asked_again: OrderedDict[str, set[Jid]] = field(default_factory=OrderedDict)
    session: DeviceSession | None = None
    available: bool = False

    @property
    def has_keys(self) -> bool:
        """Whether others can start a Signal session with it."""
        return bool(self.identity) and self.signed_pre_key is not None

    def accept(self, key: str, t: int) -> int | None:
        """Note a sent message; the time of its first ack if it is a repetition, else None."""
        known = self.accepted.get(key)
        if known is not None:
            return known
        self.accepted[key] = t
        if len(self.accepted) > _ACCEPTED_KEPT:
            self.accepted.popitem(last=False)
        return None

    def ask_again(self, message_id: str, asking: Jid) -> None:
        """Note that another device, named by PN, wants a message again."""
        self.asked_again.setdefault(message_id, set()).add(asking)
        if len(self.asked_again) > _ASKED_KEPT:
            self.asked_again.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Restriction:
    """WhatsApp does not let an account begin new chats for a while.

    Attributes:
        kind: how the server calls the reason.
        ends: unix seconds; None: until it is lifted.
    """

    kind: str
    ends: int | None = None


@dataclass(slots=True)
class ChatCap:
    """How many new chats an account may begin.

    Attributes:
        total: at most.
        used: so far.
        since: unix seconds at which counting began.
        ends: unix seconds at which it begins anew; nothing happens then by itself.
    """

    total: int
    used: int = 0
    since: int = 0
    ends: int = 0


@dataclass(slots=True)
class Account:
    """One person.

    Attributes:
        number: the phone number, digits only.
        name: the current push name, shown to others as `notify`.
        lid_user: the digits of the hidden id.
        devices: by number; 0, the phone, is always there.
        phone: the simulated phone itself, once it is switched on.
        key_index_list: the newest ADVSignedKeyIndexList of the phone; served as it is.
        key_index_ts: the time inside it, unix seconds.
        contacts: numbers of the accounts that have exchanged messages with this one.
        about: the status text and when it was set (unix seconds).
        picture: id and JPEG bytes of the profile picture.
        privacy: setting name to value.
        blocked: numbers that may not write to this account.
        default_timer: seconds for new chats and when that was set.
        last_seen: unix seconds at which the last available device became unavailable.
        first_name: the push name that it was made with; a registration of that name means it.
        tokens: trusted-contact tokens that others have given it, by their number, newest last.
        notices: ids of the terms that it has agreed to.
        restriction: set while it may not begin new chats.
        chat_cap: set when it may begin only so many.
        is_guarded: strangers need a token of it to write to it or to look at it.
        status_audience: one of STATUS_AUDIENCES, and the numbers that it is about.
        business: what makes it the account of a business; None for people.
        username: the name by which it may be found; empty for none.
        exclusions: by privacy setting, the numbers to whom `contact_blacklist` does not apply.
        contact_code: of the link to it; empty until it asks for one.
        phone_state: what the phone handed over at the last stop (see `PhoneDevice.dump`).
    """

    number: str
    name: str
    lid_user: str
    devices: dict[int, Device] = field(default_factory=lambda: {0: Device(0)})
    phone: PhoneDevice | None = None
    key_index_list: bytes = b""
    key_index_ts: int = 0
    contacts: set[str] = field(default_factory=set)
    about: tuple[str, int] = ("", 0)
    picture: tuple[str, bytes] | None = None
    privacy: dict[str, str] = field(default_factory=lambda: dict(DEFAULT_PRIVACY))
    blocked: set[str] = field(default_factory=set)
    default_timer: tuple[int, int] = (0, 0)
    last_seen: int | None = None
    phone_state: dict[str, object] | None = None
    first_name: str = ""
    tokens: dict[str, list[TrustedToken]] = field(default_factory=dict)
    notices: set[str] = field(default_factory=set)
    restriction: Restriction | None = None
    chat_cap: ChatCap | None = None
    is_guarded: bool = False
    status_audience: tuple[str, tuple[str, ...]] = ("contacts", ())
    business: Business | None = None
    contact_code: str = ""
    username: str = ""
    exclusions: dict[str, set[str]] = field(default_factory=dict)

    @property
    def jid(self) -> Jid:
        """The bare phone number JID."""
        return Jid(self.number, "s.whatsapp.net")

    @property
    def lid(self) -> Jid:
        """The bare LID."""
        return Jid(self.lid_user, "lid")

    def address(self, *, lid: bool, device: int = 0) -> Jid:
        """The account's, or one device's, JID in one of the two address kinds."""
        return (self.lid if lid else self.jid).with_device(device)

    def companions(self) -> Iterator[Device]:
        """Every device but the phone, by number."""
        return (self.devices[number] for number in sorted(self.devices) if number)

    @property
    def is_available(self) -> bool:
        """Whether any device shows the account as online."""
        return any(device.available for device in self.devices.values())

    def free_device_id(self, promised: Collection[int] = ()) -> int | None:
        """The lowest companion number that is neither used nor promised, or None without any."""
        numbers = range(1, MAX_DEVICES + 1)
        return next((n for n in numbers if n not in self.devices and n not in promised), None)


class Directory:
    """All accounts, found by number, LID or push name.

    Args:
        random_bytes: makes fresh numbers.

    Attributes:
        groups: all groups of these accounts.
        newsletters: all channels of these accounts.
    """

    def __init__(self, random_bytes: RandomBytes = os.urandom) -> None:
        self.groups = GroupBook(random_bytes)
        self.newsletters = NewsletterBook(random_bytes)
        self._random_bytes = random_bytes
        self._by_number: dict[str, Account] = {}
        self._by_lid: dict[str, Account] = {}
        self._by_name: dict[str, Account] = {}

    def __iter__(self) -> Iterator[Account]:
        return iter(list(self._by_number.values()))

    def __len__(self) -> int:
        return len(self._by_number)

    def create(self, number: str | None = None, name: str | None = None) -> Account:
        """A new account with device 0.

        Args:
            number: digits (a leading + and separators are dropped); drawn from the name, or at
                random, when None.
            name: the push name; the number when None.
        Raises:
            InvalidInput: not a phone number, or one that is taken.
        """
        if number is None:
            digits = self._number_for(name)
        else:
            digits = "".join(c for c in number if c in "0123456789")
            if not _MIN_DIGITS <= len(digits) <= _MAX_DIGITS or digits.startswith("0"):
                raise InvalidInput("a phone number has 7 to 15 digits and does not start with 0")
            if digits in self._by_number:
                raise InvalidInput("there is an account with that phone number")
        account = Account(digits, name or digits, self._lid_for(digits), first_name=name or "")
        self.add(account)
        return account

    def add(self, account: Account) -> None:
        """Enter an account that was made elsewhere (a saved one)."""
        self._by_number[account.number] = account
        self._by_lid[account.lid_user] = account
        if account.first_name:
            self._by_name.setdefault(account.first_name, account)

    def by_name(self, name: str) -> Account | None:
        """The account that was created with this push name."""
        return self._by_name.get(name)

    def by_jid(self, jid: Jid) -> Account | None:
        """The account of a user's or device's PN or LID."""
        if jid.is_lid:
            return self._by_lid.get(jid.user)
        return self._by_number.get(jid.user) if jid.is_pn else None

    def find(self, text: str) -> Account | None:
        """The account of a phone number, PN JID or LID in text form."""
        try:
            jid = Jid.parse(text) if "@" in text else Jid(text.removeprefix("+"), "s.whatsapp.net")
        except InvalidInput:
            return None
        return self.by_jid(jid)

    def device(self, jid: Jid) -> tuple[Account, Device] | None:
        """The device that a PN or LID with a device number means."""
        account = self.by_jid(jid)
        device = account.devices.get(jid.device) if account else None
        return (account, device) if account and device else None

    def select(self, numbers: Iterable[str]) -> list[Account]:
        """The accounts of these numbers, in a fixed order; unknown ones are left out."""
        return [self._by_number[n] for n in sorted(set(numbers)) if n in self._by_number]

    def _number_for(self, name: str | None) -> str:
        """A free number: the same one for the same name as long as nobody has it."""
        seed = name.encode() if name else self._random_bytes(16)
        while True:
            seed = hashlib.sha256(seed).digest()
            number = f"1555{int.from_bytes(seed[:8], 'big') % 10**7:07d}"
            if number not in self._by_number:
                return number

    def _lid_for(self, number: str) -> str:
        seed = b"lid " + number.encode()
        while True:
            seed = hashlib.sha256(seed).digest()
            user = f"1{int.from_bytes(seed[:8], 'big') % 10**14:014d}"
            if user not in self._by_lid:
                return user
