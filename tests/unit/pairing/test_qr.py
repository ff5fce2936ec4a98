from __future__ import annotations

from base64 import b64encode

import pytest

from waport.errors import InvalidInput
from waport.pairing import QrParts, client_type, parse_qr, parse_refs, qr_text, wants_new_secret
from waport.pairing.qr import QR_PREFIX
from waport.proto import pb
from waport.wire import Node

NOISE, IDENTITY, SECRET = bytes([1]) * 32, bytes([2]) * 32, bytes([0xFB]) * 32
FIELDS = ",".join(b64encode(value).decode() for value in (NOISE, IDENTITY, SECRET))


def test_text_has_the_prefix_and_five_fields() -> None:
    text = qr_text("2@REF", NOISE, IDENTITY, SECRET)
    assert text == f"https://wa.me/settings/linked_devices#2@REF,{FIELDS},1"


@pytest.mark.parametrize("prefix", [QR_PREFIX, ""])
@pytest.mark.parametrize("client", ["1", "c", None])
@pytest.mark.parametrize("ref", ["2@REF", "2@with,comma,", ",", "1,2"])
def test_every_form_is_read(prefix: str, client: str | None, ref: str) -> None:
    text = f"{prefix}{ref},{FIELDS}" + ("" if client is None else f",{client}")
    assert parse_qr(text) == QrParts(ref, NOISE, IDENTITY, SECRET, client)


@pytest.mark.parametrize(
    "text",
    [
        "",
        QR_PREFIX,
        "https://example.org/",
        FIELDS,  # no ref
        f",{FIELDS},1",  # an empty ref
        f"2@REF,{FIELDS},",
        f"2@REF,{FIELDS},chrome",
        f"2@REF,{FIELDS},1,1",
        f"2@REF,{FIELDS[:-1]},1",  # base64 without its padding
        "2@REF,AAAA,AAAA,AAAA,1",
        f"2@REF,{FIELDS.replace('+', '-')},1",
        f"2@REF,{FIELDS.replace('A', 'ä', 1)},1",
        "x" * 5000 + f",{FIELDS},1",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_qr(text)


def test_parts_do_not_show_the_secret() -> None:
    assert repr(SECRET) not in repr(parse_qr(f"2@REF,{FIELDS},1"))


@pytest.mark.parametrize(
    ("ref", "secret", "client"),
    [("", SECRET, "1"), ("2@REF", SECRET[:31], "1"), ("2@REF", SECRET, ""), ("2@REF", SECRET, "A")],
)
def test_unfit_parts_make_no_text(ref: str, secret: bytes, client: str) -> None:
    with pytest.raises(InvalidInput):
        qr_text(ref, NOISE, IDENTITY, secret, client)


def test_client_type_follows_the_platform() -> None:
    platform = pb.DeviceProps.PlatformType
    expected = {
        platform.CHROME: "1",
        platform.ANDROID_PHONE: "1",
        platform.EDGE: "2",
        platform.FIREFOX: "3",
        platform.IE: "4",
        platform.OPERA: "5",
        platform.SAFARI: "6",
        platform.DESKTOP: "7",
        platform.UWP: "8",
        platform.UNKNOWN: "9",
        platform.VR: "9",
        999: "9",
    }
    assert {number: client_type(number) for number in expected} == expected
    assert client_type(platform.DESKTOP, "Windows") == "8"
    assert client_type(platform.DESKTOP, "Mac OS") == "7"


def test_refs_that_are_no_text_are_passed_over() -> None:
    pair_device = Node(
        "pair-device",
        {},
        [
            Node("ref", {}, b"2@one"),
            Node("other", {}, b"2@other"),
            Node("ref"),
            Node("ref", {}, b""),
            Node("ref", {}, b"\xff\xfe"),
            Node("ref", {}, [Node("ref")]),
            Node("ref", {}, b"x" * 2000),
            Node("ref", {}, b"2@two"),
        ],
    )
    assert parse_refs(pair_device) == ["2@one", "2@two"]


@pytest.mark.parametrize("content", [None, b"bytes", [], [Node("ref")]])
def test_no_usable_ref_leaves_an_empty_list(content: bytes | list[Node] | None) -> None:
    assert parse_refs(Node("pair-device", {}, content)) == []


@pytest.mark.parametrize(
    ("child", "expected"),
    [("companion_reg_refresh", True), ("pair-device-rotate-qr", True), ("other", False)],
)
def test_refresh_needs_a_known_child(child: str, expected: bool) -> None:
    notification = Node("notification", {"type": "companion_reg_refresh"}, [Node(child)])
    assert wants_new_secret(notification) is expected
    assert not wants_new_secret(Node("notification"))
