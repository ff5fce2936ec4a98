"""What counts as a public address, and what an allow-list lets through."""

from __future__ import annotations

import pytest

from waport.client.addresses import AllowList, is_public
from waport.errors import InvalidInput


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ],
)
def test_ordinary_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:0a00:0001::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1111%1",
        "fec0::1",
        "ff02::1",
        "files.example",
        "",
        "127.1",
    ],
)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("entry", "host", "port", "address"),
    [
        ("*", "files.example", 80, "10.0.0.1"),
        ("10.0.0.0/8", "files.example", 80, "10.0.0.1"),
        ("10.0.0.0/8", "files.example", 80, "::ffff:10.0.0.1"),
        ("10.0.0.1", "files.example", 80, "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1", 80, "10.0.0.1"),
        ("10.0.0.1:80", "files.example", 80, "10.0.0.1"),
        ("files.example", "FILES.example.", 80, "10.0.0.1"),
        ("files.example:80", "files.example", 80, "10.0.0.1"),
        ("::1", "localhost", 80, "::1"),
        ("[::1]:80", "localhost", 80, "::1"),
        ("fd00::/8", "files.example", 80, "fd00::1"),
    ],
)
def test_an_entry_allows_what_it_names(entry: str, host: str, port: int, address: str) -> None:
    assert AllowList.parse([entry]).allows(host, port, address)
    assert not AllowList().allows(host, port, address)


@pytest.mark.parametrize(
    ("entry", "host", "port", "address"),
    [
        ("10.0.0.0/8", "files.example", 80, "192.168.0.1"),
        ("10.0.0.1:80", "files.example", 81, "10.0.0.1"),
        ("10.0.0.1", "files.example", 80, "10.0.0.2"),
        ("files.example", "evil.files.example", 80, "10.0.0.1"),
        ("files.example:80", "files.example", 443, "10.0.0.1"),
        ("[::1]:80", "localhost", 443, "::1"),
        ("files.example", "other.example", 80, "not an address"),
    ],
)
def test_an_entry_allows_nothing_else(entry: str, host: str, port: int, address: str) -> None:
    assert not AllowList.parse([entry]).allows(host, port, address)


def test_public_addresses_need_no_entry() -> None:
    assert AllowList().allows("files.example", 443, "8.8.8.8")


@pytest.mark.parametrize(
    "entry", ["10.0.0.0/33", "10.0.0.1/8", "a/b", "user@host", "host:99999", "http://x", "", ":80"]
)
def test_an_entry_that_means_nothing_is_an_error(entry: str) -> None:
    with pytest.raises(InvalidInput):
        AllowList.parse([entry])
