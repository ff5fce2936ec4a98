"""Which addresses the server may be sent to by people who only give it a URL."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from ..errors import InvalidInput

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's metadata service, in the middle of public space
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
"""Everything that is not plain public unicast (IANA's special-purpose registry)."""

_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
"""Special-purpose parts of the one global block, tunnels among them."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an address is ordinary public unicast: no private network, no loopback, no link.

    An IPv4 address inside an IPv6 one (mapped, NAT64) is judged as what it is.

    Args:
        address: in its numeric form; anything else is not public.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return _is_public(ip)


def _is_public(ip: IpAddress) -> bool:
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _REFUSED_V4)
    if ip.scope_id is not None:
        return False
    if ip.ipv4_mapped is not None:
        return _is_public(ip.ipv4_mapped)
    if ip in _NAT64:
        return _is_public(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF))
    return ip in _GLOBAL_V6 and not any(ip in network for network in _REFUSED_V6)


@dataclass(frozen=True, slots=True)
class AllowList:
    """Hosts that may be reached although they are not public.

    Attributes:
        everything: no address is refused.
        networks: address blocks, every port.
        hosts: host names in lower case or numeric addresses, with a port or None for every port.
    """

    everything: bool = False
    networks: tuple[IpNetwork, ...] = ()
    hosts: frozenset[tuple[str, int | None]] = frozenset()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Self:
        """Read entries such as `10.1.0.0/16`, `files.local`, `127.0.0.1:9000`, `[::1]:80` or `*`.

        Raises:
            InvalidInput: an entry is none of these.
        """
        everything = False
        networks: list[IpNetwork] = []
        hosts: set[tuple[str, int | None]] = set()
        for entry in entries:
            if entry == "*":
                everything = True
                continue
            try:
                if "/" in entry:
                    networks.append(ipaddress.ip_network(entry))
                else:
                    hosts.add(_host_and_port(entry))
            except ValueError as exc:
                raise InvalidInput(f"{entry} is no address, network or host name") from exc
        return cls(everything, tuple(networks), frozenset(hosts))

    def allows(self, host: str, port: int, address: str) -> bool:
        """Whether a connection may be made.

        Args:
            host: as the URL names it.
            port: of the connection.
            address: what the name resolved to; this is what gets connected.
        """
        if self.everything or is_public(address):
            return True
        try:
            ip = _plain(ipaddress.ip_address(address))
        except ValueError:
            return False
        names = (_normal(host), str(ip))
        if any((name, some) in self.hosts for name in names for some in (port, None)):
            return True
        return any(ip in network for network in self.networks)


def _plain(ip: IpAddress) -> IpAddress:
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip


def _normal(host: str) -> str:
    name = host.strip("[]").rstrip(".").lower()
    try:
        return str(_plain(ipaddress.ip_address(name)))
    except ValueError:
        return name


def _host_and_port(entry: str) -> tuple[str, int | None]:
    bare = f"[{entry}]" if entry.count(":") > 1 and not entry.startswith("[") else entry
    parts = urlsplit(f"//{bare}")
    if not parts.hostname or parts.netloc != bare or parts.username is not None:
        raise ValueError(entry)
    return _normal(parts.hostname), parts.port
