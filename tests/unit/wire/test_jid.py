from __future__ import annotations

import dataclasses

import pytest

from waport.errors import InvalidInput
from waport.wire import GROUP_SERVER, KNOWN_SERVERS, SERVER, STATUS, Jid

PN = "s.whatsapp.net"


@pytest.mark.parametrize(
    ("text", "jid"),
    [
        ("15551234567@s.whatsapp.net", Jid("15551234567", PN)),
        ("15551234567:3@s.whatsapp.net", Jid("15551234567", PN, 3)),
        ("15551234567:255@s.whatsapp.net", Jid("15551234567", PN, 255)),
        ("alice@s.whatsapp.net", Jid("alice", PN)),
        ("16505361212@c.us", Jid("16505361212", "c.us")),
        ("server@c.us", Jid("server", "c.us")),
        ("123456789012345@lid", Jid("123456789012345", "lid")),
        ("123456789012345:12@lid", Jid("123456789012345", "lid", 12)),
        ("123.45:12@lid", Jid("123.45", "lid", 12)),
        ("15551234567:99@hosted", Jid("15551234567", "hosted", 99)),
        ("123456789012345:99@hosted.lid", Jid("123456789012345", "hosted.lid", 99)),
        ("120363012345678901@g.us", Jid("120363012345678901", "g.us")),
        ("15551234567-1600000000@g.us", Jid("15551234567-1600000000", "g.us")),
        ("status@broadcast", STATUS),
        ("120363012345678901@newsletter", Jid("120363012345678901", "newsletter")),
        ("867051314767696@bot", Jid("867051314767696", "bot")),
        ("000123:423@msgr", Jid("000123", "msgr", 423)),
        ("7-1234:2@interop", Jid("1234", "interop", 2, integrator=7)),
        ("7-12-34@interop", Jid("12-34", "interop", integrator=7)),
        ("15551234567.5:0@s.whatsapp.net", Jid("15551234567", PN, 0, agent=5)),
        ("15551234567.131:2@s.whatsapp.net", Jid("15551234567", PN, 2, agent=131)),
        ("alice.5:0@s.whatsapp.net", Jid("alice", PN, 0, agent=5)),
        ("s.whatsapp.net", SERVER),
        ("g.us", GROUP_SERVER),
        ("@lid", Jid("", "lid")),
        ("@elsewhere", Jid("", "elsewhere")),
        ("someone@elsewhere.example", Jid("someone", "elsewhere.example")),
    ],
)
def test_parse_and_text_agree(text: str, jid: Jid) -> None:
    assert Jid.parse(text) == jid
    assert Jid.parse(str(jid)) == jid


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("@s.whatsapp.net", "s.whatsapp.net"),
        ("15551234567:0@s.whatsapp.net", "15551234567@s.whatsapp.net"),
        ("15551234567.0:3@s.whatsapp.net", "15551234567:3@s.whatsapp.net"),
        ("15551234567_5:3@s.whatsapp.net", "15551234567.5:3@s.whatsapp.net"),
        ("15551234567_5@s.whatsapp.net", "15551234567.5:0@s.whatsapp.net"),
        ("15551234567:007@s.whatsapp.net", "15551234567:7@s.whatsapp.net"),
        ("1234:0@msgr", "1234@msgr"),
        ("7-1234:0@interop", "7-1234@interop"),
    ],
)
def test_other_spellings_become_the_canonical_one(text: str, canonical: str) -> None:
    assert str(Jid.parse(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "15551234567",
        "elsewhere",
        "15551234567@",
        "a@b@s.whatsapp.net",
        "a@s.whats app.net",
        "a b@s.whatsapp.net",
        "a\n@s.whatsapp.net",
        ":3@s.whatsapp.net",
        "15551234567:@s.whatsapp.net",
        "15551234567:x@s.whatsapp.net",
        "15551234567:-1@s.whatsapp.net",
        "15551234567:1:2@s.whatsapp.net",
        "15551234567:\u0663@s.whatsapp.net",
        "15551234567:256@s.whatsapp.net",
        "123456789012345:256@lid",
        "1234:65536@msgr",
        "1234:123456789@msgr",
        # A dot alone has meant a device to some clients and an agent to others.
        "15551234567.5@s.whatsapp.net",
        "15551234567.x:1@s.whatsapp.net",
        "alice_5:1@s.whatsapp.net",
        ".5:1@s.whatsapp.net",
        # Domains that name a server of ours are no agents.
        "15551234567.1:0@s.whatsapp.net",
        "15551234567.128:0@s.whatsapp.net",
        "15551234567.129:0@s.whatsapp.net",
        "15551234567.130:0@s.whatsapp.net",
        "15551234567.256:0@s.whatsapp.net",
        "1234@interop",
        "x-1234@interop",
        "7-@interop",
        "65536-1234@interop",
        "1" * 600 + "@s.whatsapp.net",
    ],
)
def test_parse_refuses_what_is_no_jid(text: str) -> None:
    with pytest.raises(InvalidInput):
        Jid.parse(text)


def test_parse_refuses_other_types() -> None:
    with pytest.raises(InvalidInput):
        Jid.parse(b"1@lid")  # type: ignore[arg-type]


def test_a_jid_is_a_constant_key() -> None:
    jid = Jid.parse("15551234567:3@s.whatsapp.net")
    assert {jid: 1}[Jid("15551234567", PN, 3)] == 1
    assert jid != Jid("15551234567", "lid", 3)
    assert jid != str(jid)  # type: ignore[comparison-overlap]
    with pytest.raises(dataclasses.FrozenInstanceError):
        jid.device = 4  # type: ignore[misc]


PREDICATES = (
    "is_server",
    "is_pn",
    "is_lid",
    "is_hosted",
    "is_user",
    "is_group",
    "is_newsletter",
    "is_broadcast",
    "is_status",
    "is_bot",
)


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("15551234567:3@s.whatsapp.net", {"is_pn", "is_user"}),
        ("15551234567@c.us", {"is_pn", "is_user"}),
        ("1234@lid", {"is_lid", "is_user"}),
        ("1234:99@hosted", {"is_hosted", "is_user"}),
        ("1234:99@hosted.lid", {"is_hosted", "is_user"}),
        ("1234@g.us", {"is_group"}),
        ("1234@newsletter", {"is_newsletter"}),
        ("1234@broadcast", {"is_broadcast"}),
        ("status@broadcast", {"is_broadcast", "is_status"}),
        ("867051314767696@bot", {"is_bot"}),
        ("13135550002@s.whatsapp.net", {"is_bot", "is_pn", "is_user"}),
        ("13165550012@c.us", {"is_bot", "is_pn", "is_user"}),
        ("13135550002:1@s.whatsapp.net", {"is_pn", "is_user"}),
        ("131355500021@s.whatsapp.net", {"is_pn", "is_user"}),
        ("1234@msgr", set()),
        ("1234@call", set()),
        *((f"@{server}", {"is_server"}) for server in sorted(KNOWN_SERVERS)),
    ],
)
def test_predicates(text: str, claims: set[str]) -> None:
    jid = Jid.parse(text)
    assert {name for name in PREDICATES if getattr(jid, name)} == claims


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("15551234567@s.whatsapp.net", "15551234567@s.whatsapp.net"),
        ("15551234567:3@s.whatsapp.net", "15551234567@s.whatsapp.net"),
        ("15551234567.5:3@s.whatsapp.net", "15551234567@s.whatsapp.net"),
        ("15551234567@c.us", "15551234567@s.whatsapp.net"),
        ("15551234567:99@hosted", "15551234567@s.whatsapp.net"),
        ("1234:99@hosted.lid", "1234@lid"),
        ("1234:2@lid", "1234@lid"),
        ("1234@g.us", "1234@g.us"),
        ("7-1234:2@interop", "7-1234@interop"),
    ],
)
def test_bare_is_the_user_in_its_family(text: str, bare: str) -> None:
    assert str(Jid.parse(text).bare) == bare
    assert Jid.parse(text).bare.bare == Jid.parse(bare)


def test_bare_keeps_pn_and_lid_numbers_apart() -> None:
    assert Jid.parse("1234@lid").bare != Jid.parse("1234@s.whatsapp.net").bare


def test_with_device_changes_only_the_device() -> None:
    assert str(Jid.parse("1234:1@lid").with_device(7)) == "1234:7@lid"
    assert str(Jid.parse("7-1234:1@interop").with_device(65535)) == "7-1234:65535@interop"


@pytest.mark.parametrize(
    ("text", "device"), [("1234@lid", 256), ("1234@lid", -1), ("1234@msgr", 65536)]
)
def test_with_device_refuses_what_the_wire_cannot_carry(text: str, device: int) -> None:
    with pytest.raises(InvalidInput):
        Jid.parse(text).with_device(device)


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("4915112345678:3@s.whatsapp.net", "4915112345678", "4915112345678.3"),
        ("4915112345678@c.us", "4915112345678", "4915112345678.0"),
        ("100000000000001:3@lid", "100000000000001_1", "100000000000001_1.3"),
        ("4915112345678:99@hosted", "4915112345678_128", "4915112345678_128.99"),
        ("100000000000001:99@hosted.lid", "100000000000001_129", "100000000000001_129.99"),
        ("4915112345678.5:3@s.whatsapp.net", "4915112345678_5", "4915112345678_5.3"),
        ("1234:2@msgr", "1234_msgr", "1234_msgr.2"),
        ("7-1234:2@interop", "1234_7_interop", "1234_7_interop.2"),
    ],
)
def test_signal_address_marks_the_domain(text: str, name: str, address: str) -> None:
    jid = Jid.parse(text)
    assert jid.signal_name == name
    assert jid.signal_address == address


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("4915112345678:3@s.whatsapp.net", "49***78:3@s.whatsapp.net"),
        ("4915112345678-1600000000@g.us", "49***78-1600000000@g.us"),
        ("0@s.whatsapp.net", "0@s.whatsapp.net"),
        ("100000000000001:3@lid", "100000000000001:3@lid"),
        ("s.whatsapp.net", "s.whatsapp.net"),
    ],
)
def test_masked_hides_phone_numbers_only(text: str, masked: str) -> None:
    assert Jid.parse(text).masked == masked
