"""The address of anything on WhatsApp: a person, a device, a group, a channel, the service.

Source: docs/protocol/nodes.md, "JID wire forms" and "JID grammar".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ..errors import InvalidInput

PN_SERVER: Final = "s.whatsapp.net"
LID_SERVER: Final = "lid"
HOSTED_SERVER: Final = "hosted"
HOSTED_LID_SERVER: Final = "hosted.lid"
LEGACY_SERVER: Final = "c.us"
MESSENGER_SERVER: Final = "msgr"
INTEROP_SERVER: Final = "interop"

KNOWN_SERVERS: Final = frozenset(
    {
        PN_SERVER,
        LID_SERVER,
        HOSTED_SERVER,
        HOSTED_LID_SERVER,
        LEGACY_SERVER,
        MESSENGER_SERVER,
        INTEROP_SERVER,
        "g.us",
        "broadcast",
        "newsletter",
        "bot",
        "call",
    }
)
"""Servers that the protocol names. A JID of another one is kept as it is (opaque)."""

DOMAINS: Final = {PN_SERVER: 0, LID_SERVER: 1, HOSTED_SERVER: 128, HOSTED_LID_SERVER: 129}
"""Servers whose devices travel as AD_JID, and their domain byte."""

MAX_AD_DEVICE: Final = 255
"""AD_JID has one byte for the device."""

MAX_DEVICE: Final = 0xFFFF
"""FB_JID and INTEROP_JID have two bytes for the device (and for the integrator)."""

_MAX_TEXT = 512  # far above any real JID; bounds what the memo can hold
_NUMBER = re.compile(r"[0-9]{1,5}")
_SERVER = re.compile(r"[A-Za-z0-9._-]+")
_PN_FAMILY = frozenset({PN_SERVER, LEGACY_SERVER, HOSTED_SERVER})
_USER_SERVERS = _PN_FAMILY | {LID_SERVER, HOSTED_LID_SERVER}
_BARE_SERVER = {
    LEGACY_SERVER: PN_SERVER,
    HOSTED_SERVER: PN_SERVER,
    HOSTED_LID_SERVER: LID_SERVER,
}
_SIGNAL_SUFFIX = {
    PN_SERVER: "",
    LEGACY_SERVER: "",
    LID_SERVER: "_1",
    HOSTED_SERVER: "_128",
    HOSTED_LID_SERVER: "_129",
}
_BOT_PHONE = re.compile(r"1313555[0-9]{4}|131655500[0-9]{2}")


def domain_server(domain: int) -> tuple[str, int]:
    """Server and agent of an AD_JID's domain byte; the agent is the byte if it names no server."""
    for server, known in DOMAINS.items():
        if known == domain:
            return server, 0
    if domain & 0x81 == 0x80:
        return HOSTED_SERVER, 0
    return PN_SERVER, domain


def is_agent(number: int) -> bool:
    """Whether the number is a domain byte that names none of our servers, so that it is kept."""
    return 0 <= number <= 0xFF and domain_server(number)[1] != 0


@dataclass(frozen=True, slots=True)
class Jid:
    """One address. Equal parts make equal JIDs; compare `bare` to compare users.

    The constructor checks nothing, `parse` and the codec do.

    Attributes:
        user: "" for the address of a server.
        server: such as "s.whatsapp.net", "lid", "g.us"; may be one we do not know.
        device: 0 is the phone.
        agent: the domain byte of an AD_JID whose domain is unknown, else 0.
        integrator: the third-party network, for the server "interop" only.
    """

    user: str
    server: str
    device: int = 0
    agent: int = 0
    integrator: int = 0

    @classmethod
    def parse(cls, text: str) -> Jid:
        """Read the text form.

        `@server` and the plain name of a known server are the address of that server.

        Raises:
            InvalidInput: the text is no JID.
        """
        if not isinstance(text, str) or len(text) > _MAX_TEXT:
            raise InvalidInput("a JID is a text such as 15551234567@s.whatsapp.net")
        return _parse(text)

    def __str__(self) -> str:
        user = self.user
        server = self.server
        if not user:
            return server if server in KNOWN_SERVERS else f"@{server}"
        if self.agent:
            return f"{user}.{self.agent}:{self.device}@{server}"
        if server == INTEROP_SERVER:
            user = f"{self.integrator}-{user}"
        if self.device:
            return f"{user}:{self.device}@{server}"
        return f"{user}@{server}"

    def __hash__(self) -> int:
        # Two of the parts tell nearly all JIDs apart, and hashing is on the encoder's way.
        return hash((self.user, self.device))

    @property
    def is_server(self) -> bool:
        """No user: the service itself."""
        return not self.user

    @property
    def is_pn(self) -> bool:
        """A person by phone number (also in the old spelling, c.us); not the hosted form."""
        return self.server in (PN_SERVER, LEGACY_SERVER) and self.user != ""

    @property
    def is_lid(self) -> bool:
        """A person by hidden id; not the hosted form."""
        return self.server == LID_SERVER and self.user != ""

    @property
    def is_hosted(self) -> bool:
        """A device that Meta runs for a business, by phone number or LID."""
        return self.server in (HOSTED_SERVER, HOSTED_LID_SERVER) and self.user != ""

    @property
    def is_user(self) -> bool:
        """A person or one of their devices, by phone number or LID, hosted or not."""
        return self.server in _USER_SERVERS and self.user != ""

    @property
    def is_group(self) -> bool:
        """A group or community."""
        return self.server == "g.us" and self.user != ""

    @property
    def is_newsletter(self) -> bool:
        """A channel."""
        return self.server == "newsletter" and self.user != ""

    @property
    def is_broadcast(self) -> bool:
        """A broadcast list or the status feed."""
        return self.server == "broadcast" and self.user != ""

    @property
    def is_status(self) -> bool:
        """The status feed, status@broadcast."""
        return self.server == "broadcast" and self.user == "status"

    @property
    def is_bot(self) -> bool:
        """An AI bot, by its own server or by one of the phone numbers set aside for bots."""
        if self.server == "bot":
            return self.user != ""
        return (
            self.server in (PN_SERVER, LEGACY_SERVER)
            and self.device == 0
            and _BOT_PHONE.fullmatch(self.user) is not None
        )

    @property
    def bare(self) -> Jid:
        """The user without device and agent, in the PN or LID family.

        c.us and hosted become s.whatsapp.net, hosted.lid becomes lid. Two JIDs mean the same
        user only if their bare forms are equal.
        """
        server = _BARE_SERVER.get(self.server)
        if server is None:
            if not self.device and not self.agent:
                return self
            server = self.server
        return Jid(self.user, server, 0, 0, self.integrator)

    def with_device(self, device: int) -> Jid:
        """The same user's device of that number.

        Raises:
            InvalidInput: the number does not fit on the wire (0..255, for msgr and interop
                0..65535).
        """
        if not 0 <= device <= _max_device(self.server):
            raise InvalidInput(f"device {device} is out of range")
        return Jid(self.user, self.server, device, self.agent, self.integrator)

    @property
    def signal_name(self) -> str:
        """The part of `signal_address` before the dot: the user with a mark for the domain.

        Never on the wire. Source: docs/protocol/signal.md, "Session address".
        """
        if self.agent:
            return f"{self.user}_{self.agent}"
        suffix = _SIGNAL_SUFFIX.get(self.server)
        if suffix is None:
            # Other networks count their users on their own: never share a PN's sessions.
            suffix = f"_{self.integrator}_{self.server}" if self.integrator else f"_{self.server}"
        return self.user + suffix

    @property
    def signal_address(self) -> str:
        """The key of this device's Signal session: "user.device", "user_1.device" for a LID."""
        return f"{self.signal_name}.{self.device}"

    @property
    def masked(self) -> str:
        """The text form for logs: a phone number keeps only its first and last two digits."""
        if self.server not in _PN_FAMILY and not (self.server == "g.us" and "-" in self.user):
            return str(self)
        phone, dash, rest = self.user.partition("-")
        if len(phone) <= 4:
            return str(self)
        hidden = f"{phone[:2]}***{phone[-2:]}{dash}{rest}"
        return str(Jid(hidden, self.server, self.device, self.agent, self.integrator))


def _max_device(server: str) -> int:
    return MAX_AD_DEVICE if server in DOMAINS else MAX_DEVICE


@lru_cache(maxsize=8192)
def _parse(text: str) -> Jid:
    """`Jid.parse` for a text of bounded length. Failures are not remembered."""
    user, at, server = text.partition("@")
    if not at:
        if text in KNOWN_SERVERS:
            return Jid("", text)
        raise InvalidInput("a JID needs an '@' and a server")
    if _SERVER.fullmatch(server) is None:
        raise InvalidInput("the server of the JID is no server name")
    if not user:
        return Jid("", server)

    user, colon, digits = user.partition(":")
    device = 0
    if colon:
        if _NUMBER.fullmatch(digits) is None:
            raise InvalidInput("the device of the JID is no number")
        device = int(digits)
        if device > _max_device(server):
            raise InvalidInput(f"the device of the JID is above {_max_device(server)}")

    agent = integrator = 0
    if server == PN_SERVER:
        user, agent = _split_agent(user, has_device=bool(colon))
    elif server == INTEROP_SERVER:
        number, dash, user = user.partition("-")
        if not dash or _NUMBER.fullmatch(number) is None or int(number) > MAX_DEVICE:
            raise InvalidInput("an interop JID reads integrator-user@interop")
        integrator = int(number)

    if not user or " " in user or not user.isprintable():
        raise InvalidInput("the user of the JID is empty or not printable")
    return Jid(user, server, device, agent, integrator)


def _split_agent(user: str, *, has_device: bool) -> tuple[str, int]:
    """Take the agent off a PN user: "user_A", "user_A:D" or "user.A:D", nothing else.

    "user.N" alone is refused: it has meant a device to some clients and an agent to others.
    """
    if user.isalnum():
        return user, 0
    if "_" in user:
        name, _, digits = user.partition("_")
        if not (name.isascii() and name.isdigit()):
            raise InvalidInput("an agent after '_' needs a number before it")
    elif "." in user:
        name, _, digits = user.rpartition(".")
        if not has_device:
            raise InvalidInput("an agent written with a dot needs a device: user.agent:device")
    else:
        return user, 0
    if _NUMBER.fullmatch(digits) is None:
        raise InvalidInput("the agent of the JID is no number")
    agent = int(digits)
    if agent and not is_agent(agent):
        raise InvalidInput("the agent of the JID is out of range")
    return name, agent


SERVER: Final = Jid("", PN_SERVER)
"""The service, the peer of most IQs."""

GROUP_SERVER: Final = Jid("", "g.us")
"""The address for questions about groups that name no group."""

STATUS: Final = Jid("status", "broadcast")
"""The status feed."""
