from __future__ import annotations

from enum import StrEnum

import pytest

from waport.errors import InvalidInput
from waport.wire import SERVER, Jid, Node, decode_node, decode_stanza, encode_node, encode_stanza
from waport.wire import encoder as encoder_module

PN = "s.whatsapp.net"


def _value(value: object) -> str:
    """The bytes of one attribute value, as hexadecimal text."""
    written = encode_node(Node("x", {"to": value}))  # type: ignore[dict-item]
    prefix = bytes.fromhex("f803fc017811")
    assert written.startswith(prefix)
    return written[len(prefix) :].hex()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1234567", "ff841234567f"),
        ("12-4.678", "ff0412a4b678"),
        ("3EB0C0FFEE", "fb053eb0c0ffee"),
        ("3EB0C0FFEEA", "fb863eb0c0ffeeaf"),
        ("3eb0c0ff", "fc083365623063306666"),
        ("", "fc00"),
        ("active", "ec01"),
        ("0", "2d"),
        ("900", "ed4c"),
        ("Zoë", "fc045a6fc3ab"),
        ("1" * 127, "ffc0" + "11" * 63 + "1f"),
        ("1" * 128, "fc80" + "31" * 128),
        ("A" * 127, "fbc0" + "aa" * 63 + "af"),
        ("A" * 128, "fc80" + "41" * 128),
        ("\u0661\u0662", "fc04d9a1d9a2"),
        ("1 2", "fc03312032"),
        ("12\n", "fc0331320a"),
    ],
)
def test_a_string_takes_the_first_form_that_fits(text: str, expected: str) -> None:
    assert _value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15551234567@s.whatsapp.net", "faff8615551234567f03"),
        ("15551234567:0@s.whatsapp.net", "faff8615551234567f03"),
        ("15551234567:3@s.whatsapp.net", "f70003ff8615551234567f"),
        ("123456789012345@lid", "faff88123456789012345f76"),
        ("123456789012345:12@lid", "f7010cff88123456789012345f"),
        ("120363012345678901@g.us", "faff091203630123456789011c"),
        ("15551234567-1600000000@g.us", "faff0b15551234567a16000000001c"),
        ("status@broadcast", "fa0b0d"),
        ("120363012345678901@newsletter", "faff09120363012345678901fc0a6e6577736c6574746572"),
        ("15551234567:99@hosted", "f78063ff8615551234567f"),
        ("123456789012345:99@hosted.lid", "f78163ff88123456789012345f"),
        ("15551234567@hosted", "faff8615551234567ffc06686f73746564"),
        ("123456789012345@hosted.lid", "faff88123456789012345ffc0a686f737465642e6c6964"),
        ("867051314767696@bot", "faff88867051314767696ffc03626f74"),
        ("16505361212@c.us", "faff8616505361212ffc04632e7573"),
        ("77699D628316B222@call", "fafb0877699d628316b22264"),
        ("000123:2@msgr", "f6ff030001230002cc"),
        ("000123@msgr", "f6ff030001230000cc"),
        ("7-1234:2@interop", "f5ff02123400020007fc07696e7465726f70"),
        ("15551234567.5:0@s.whatsapp.net", "f70500ff8615551234567f"),
        ("15551234567.5:9@s.whatsapp.net", "f70509ff8615551234567f"),
        ("@s.whatsapp.net", "fa0003"),
        ("@g.us", "fa001c"),
        ("@lid", "fa0076"),
    ],
)
def test_a_jid_is_written_in_its_form_also_as_text(text: str, expected: str) -> None:
    assert _value(text) == expected
    assert _value(Jid.parse(text)) == expected


def test_a_jid_of_an_unknown_server_is_a_pair_only_as_an_object() -> None:
    assert _value(Jid("a", "elsewhere")) == "fafc0161" + "fc09656c73657768657265"
    assert _value("a@elsewhere") == "fc0b" + b"a@elsewhere".hex()


@pytest.mark.parametrize(
    "text",
    ["a@b", "a@b@s.whatsapp.net", "@", "1:x@s.whatsapp.net", "1:@lid", ":3@lid", "a-b@interop"],
)
def test_other_text_with_an_at_stays_text(text: str) -> None:
    raw = text.encode()
    assert _value(text) == f"fc{len(raw):02x}" + raw.hex()


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("alice@s.whatsapp.net", "alice"),
        ("1.5@s.whatsapp.net", "1.5"),
        ("a b@s.whatsapp.net", "a b"),
        ("1_1@s.whatsapp.net", "1_1"),
    ],
)
def test_the_user_part_of_jid_text_goes_out_as_it_stands(text: str, user: str) -> None:
    expected = "fa" + _value(user) + "03"
    assert _value(text) == expected
    assert decode_node(encode_node(Node("x", {"to": text}))).attr("to") == text


def test_server_names_without_an_at_are_tokens() -> None:
    assert _value("s.whatsapp.net") == "03"
    assert _value("g.us") == "1c"
    assert _value(SERVER) == "fa0003"


def test_numbers_and_truth_values_become_text() -> None:
    assert _value(515) == _value("515")
    assert _value(True) == _value("true")
    assert _value(False) == _value("false")


def test_enumerations_of_text_are_text() -> None:
    class Kind(StrEnum):
        ACTIVE = "active"
        ODD = "an odd one"

    assert _value(Kind.ACTIVE) == "ec01"
    assert _value(Kind.ODD) == _value("an odd one")


def test_an_attribute_of_none_is_dropped() -> None:
    attrs = {"a": None, "to": "1", "b": None}
    node = Node("x", attrs, [Node("ping")])  # type: ignore[arg-type]
    assert encode_node(node) == encode_node(Node("x", {"to": "1"}, [Node("ping")]))
    assert list(node.attrs) == ["a", "to", "b"]


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (0, "fc00"),
        (255, "fcff"),
        (256, "fd000100"),
        (1048575, "fd0fffff"),
        (1048576, "fe00100000"),
    ],
)
def test_bytes_take_the_shortest_length_form(length: int, header: str) -> None:
    written = encode_node(Node("x", {}, bytes(length)))
    assert written == bytes.fromhex("f802fc0178" + header) + bytes(length)


@pytest.mark.parametrize(("count", "header"), [(0, "f800"), (255, "f8ff"), (256, "f90100")])
def test_children_take_the_shortest_list_form(count: int, header: str) -> None:
    written = encode_node(Node("x", {}, [Node("ping")] * count))
    assert written == bytes.fromhex("f802fc0178" + header + "f80156" * count)


@pytest.mark.parametrize(("count", "header"), [(127, "f8ff"), (128, "f90101")])
def test_attributes_count_twice_in_the_list_of_a_node(count: int, header: str) -> None:
    written = encode_node(Node("x", {f"key {n}": "1" for n in range(count)}))
    assert written.startswith(bytes.fromhex(header + "fc0178"))


def test_attributes_keep_their_order() -> None:
    assert encode_node(Node("x", {"to": "1", "id": "1"})) != encode_node(
        Node("x", {"id": "1", "to": "1"})
    )


def test_a_stanza_is_a_zero_flag_and_the_node() -> None:
    node = Node("xmlstreamend")
    assert encode_stanza(node).hex() == "00f80102"
    assert encode_node(node).hex() == "f80102"


def test_content_that_looks_like_a_jid_stays_bytes() -> None:
    written = encode_node(Node("x", {}, b"1@s.whatsapp.net"))
    assert written == bytes.fromhex("f802fc0178fc10") + b"1@s.whatsapp.net"


class _HugeBytes(bytes):
    def __len__(self) -> int:
        return 1 << 32


def _nested(depth: int) -> Node:
    node = Node("x")
    for _ in range(depth - 1):
        node = Node("x", {}, [node])
    return node


def test_sixty_four_levels_are_written_and_read_back() -> None:
    node = _nested(64)
    assert decode_stanza(encode_stanza(node)) == node


@pytest.mark.parametrize(
    "node",
    [
        Node(""),
        Node(None),  # type: ignore[arg-type]
        Node("x", {"": "1"}),
        Node("x", {1: "1"}),  # type: ignore[dict-item]
        Node("x", {"a": 1.5}),  # type: ignore[dict-item]
        Node("x", {"a": b"1"}),  # type: ignore[dict-item]
        Node("x", {"a": ["1"]}),  # type: ignore[dict-item]
        Node("x", {"a": "\ud800"}),
        Node("x", {"a": "\ud800@lid"}),
        Node("\ud800"),
        Node("x", {}, "text"),  # type: ignore[arg-type]
        Node("x", {}, (Node("y"),)),  # type: ignore[arg-type]
        Node("x", {}, [Node("y"), Node("")]),
        Node("x", {}, [Node("ping")] * 65536),
        Node("x", {f"a{n}": "1" for n in range(32768)}),
        Node("x", {}, _HugeBytes()),
        Node("x", {"a": Jid("1", PN, 256)}),
        Node("x", {"a": Jid("1", "lid", -1)}),
        Node("x", {"a": Jid("1", "hosted", 256)}),
        Node("x", {"a": "1:256@s.whatsapp.net"}),
        Node("x", {"a": "1:99999999999999999999@lid"}),
        Node("x", {"a": Jid("1", "msgr", 65536)}),
        Node("x", {"a": Jid("1", "interop", 65536)}),
        Node("x", {"a": Jid("1", "interop", 0, 0, 65536)}),
        Node("x", {"a": Jid("1", "")}),
        Node("x", {"a": Jid("", PN, 3)}),
        Node("x", {"a": Jid("1", PN, 0, 1)}),
        Node("x", {"a": Jid("1", PN, 0, 130)}),
        Node("x", {"a": Jid("1", PN, 0, 256)}),
        Node("x", {"a": Jid("1", "lid", 0, 5)}),
        _nested(65),
    ],
    ids=lambda node: repr(node)[:60],
)
def test_what_cannot_be_written_is_refused(node: Node) -> None:
    for _ in range(2):  # a memo must not remember a refusal as something else
        with pytest.raises(InvalidInput):
            encode_stanza(node)


def test_the_largest_list_is_written() -> None:
    node = Node("x", {}, [Node("ping")] * 65535)
    assert len(decode_stanza(encode_stanza(node)).children()) == 65535


def test_the_memo_of_jids_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    memo: dict[object, bytes] = {}
    monkeypatch.setattr(encoder_module, "_jid_memo", memo)
    monkeypatch.setattr(encoder_module, "_MEMO_LIMIT", 10)
    for number in range(95):
        jid = Jid(str(10**10 + number), PN, 1)
        assert decode_node(encode_node(Node("x", {"a": jid}))).jid("a") == jid
        assert len(memo) <= 10
    encode_node(Node("x", {"a": Jid("u" * 1000, PN)}))
    assert max(map(len, memo.values())) <= 128
