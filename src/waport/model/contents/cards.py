"""Cards: contacts, places, invitations."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...wire import Jid
from .context import NO_CONTEXT, Context


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact card.

    Attributes:
        name: as shown.
        vcard: a vCard 3.0; its TEL carries `waid=` for people on WhatsApp.
    """

    name: str
    vcard: str
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Contacts:
    """Several contact cards under one heading."""

    name: str
    contacts: tuple[Contact, ...]
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Location:
    """A place.

    Attributes:
        latitude, longitude: degrees.
        name, address, url: of the place.
        accuracy_m: metres, 0 when unknown.
        is_live: an old form of a live location.
        comment: what the sender wrote about it.
        thumbnail: a small JPEG of the map.
    """

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""
    url: str = ""
    accuracy_m: int = 0
    is_live: bool = False
    comment: str = ""
    thumbnail: bytes = field(default=b"", repr=False)
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class LiveLocation:
    """The start of a place that is kept up to date.

    Attributes:
        latitude, longitude: degrees.
        accuracy_m: metres.
        speed_mps: metres per second.
        heading: degrees clockwise from magnetic north.
        caption: the text below it.
        sequence: rises with every update.
        time_offset_s: seconds since the start.
        thumbnail: a small JPEG of the map.
    """

    latitude: float
    longitude: float
    accuracy_m: int = 0
    speed_mps: float = 0.0
    heading: int = 0
    caption: str = ""
    sequence: int = 0
    time_offset_s: int = 0
    thumbnail: bytes = field(default=b"", repr=False)
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class GroupInvite:
    """An invitation into a group, addressed to one person.

    Attributes:
        group: the group.
        code: to join with.
        expires_at: Unix seconds.
        name: the group's title.
        caption: the text below it.
        is_community: it is a community.
        thumbnail: a small JPEG of the group's picture.
    """

    group: Jid | None
    code: str
    expires_at: int = 0
    name: str = ""
    caption: str = ""
    is_community: bool = False
    thumbnail: bytes = field(default=b"", repr=False)
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ChannelInvite:
    """An invitation to follow a channel, or to become one of its admins.

    Attributes:
        channel: the channel.
        name: its title.
        caption: the text below it.
        expires_at: Unix seconds; for admins only.
        as_admin: it makes an admin.
        thumbnail: a small JPEG of the channel's picture.
    """

    channel: Jid | None
    name: str = ""
    caption: str = ""
    expires_at: int = 0
    as_admin: bool = False
    thumbnail: bytes = field(default=b"", repr=False)
    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class PhoneNumberRequest:
    """The sender, who knows only our hidden id, asks for our phone number."""

    context: Context = NO_CONTEXT
    extra: bytes = field(default=b"", repr=False, kw_only=True)
