from __future__ import annotations

import zlib

import pytest

from waport.errors import DecodeError
from waport.wire import (
    MAX_INFLATED,
    SERVER,
    Jid,
    Node,
    decode_node,
    decode_stanza,
    encode_node,
    encode_stanza,
)
from waport.wire import decoder as decoder_module

PN = "s.whatsapp.net"
ACTIVE = "f80a1908e311fa000316ec18045af801f801ec01"
ACTIVE_NODE = Node(
    "iq", {"id": "7", "to": SERVER, "xmlns": "passive", "type": "set"}, [Node("active")]
)


def _value(wire: str) -> str | Jid:
    """The value of attribute `to` from its bytes in hexadecimal."""
    return decode_node(bytes.fromhex("f803fc017811" + wire)).attrs["to"]


def _content(wire: str) -> bytes | list[Node] | None:
    return decode_node(bytes.fromhex("f802fc0178" + wire)).content


# --- what is read --------------------------------------------------------------------------------


def test_a_plain_stanza_is_read() -> None:
    assert decode_stanza(bytes.fromhex("00" + ACTIVE)) == ACTIVE_NODE


def test_a_deflated_stanza_is_read() -> None:
    deflated = "789cfbc125c9f158f01703b3d81b0996a81f8c3f18df3002004ca4076c"
    assert decode_stanza(bytes.fromhex("02" + deflated)) == ACTIVE_NODE


@pytest.mark.parametrize("flag", [0x01, 0x04, 0x80, 0xFD])
def test_other_flag_bits_are_ignored(flag: int) -> None:
    assert decode_stanza(bytes((flag,)) + bytes.fromhex(ACTIVE)) == ACTIVE_NODE


def test_a_lone_deflate_flag_ends_the_stream() -> None:
    assert decode_stanza(b"\x02") == Node("xmlstreamend")


def test_any_bytes_like_input_is_read() -> None:
    data = bytes.fromhex(ACTIVE)
    assert decode_node(bytearray(data)) == ACTIVE_NODE  # type: ignore[arg-type]
    assert decode_node(memoryview(data)) == ACTIVE_NODE  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wire", "jid"),
    [
        ("faff8615551234567f03", Jid("15551234567", PN)),
        ("f70003ff8615551234567f", Jid("15551234567", PN, 3)),
        ("f70000ff8615551234567f", Jid("15551234567", PN)),
        ("f70103ff8615551234567f", Jid("15551234567", "lid", 3)),
        ("f78063ff8615551234567f", Jid("15551234567", "hosted", 99)),
        ("f78163ff8615551234567f", Jid("15551234567", "hosted.lid", 99)),
        ("f78263ff8615551234567f", Jid("15551234567", "hosted", 99)),
        ("f7fe63ff8615551234567f", Jid("15551234567", "hosted", 99)),
        ("f70500ff8615551234567f", Jid("15551234567", PN, 0, agent=5)),
        ("f77f09ff8615551234567f", Jid("15551234567", PN, 9, agent=127)),
        ("f78309ff8615551234567f", Jid("15551234567", PN, 9, agent=131)),
        ("f7ff09ff8615551234567f", Jid("15551234567", PN, 9, agent=255)),
        ("f6ff030001230002fc046d736772", Jid("000123", "msgr", 2)),
        ("f6ff030001230102cc", Jid("000123", "msgr", 258)),
        ("f5ff02123400020007fc07696e7465726f70", Jid("1234", "interop", 2, integrator=7)),
        ("fafc06372d3132333403", Jid("7-1234", PN)),
        ("fafc06372d31323334fc07696e7465726f70", Jid("1234", "interop", integrator=7)),
        ("fa0003", SERVER),
        ("fafc0003", SERVER),
        ("fa00fc09656c73657768657265", Jid("", "elsewhere")),
        ("faff0112fc09656c73657768657265", Jid("12", "elsewhere")),
        ("fafc05616c69636503", Jid("alice", PN)),
        ("fa55fc03626f74", Jid("1", "bot")),
        ("fa5576", Jid("1", "lid")),
        ("f7000355", Jid("1", PN, 3)),
        ("f70003ed4c", Jid("900", PN, 3)),
        ("f70003fc0137", Jid("7", PN, 3)),
        ("f70003fb0112", Jid("12", PN, 3)),
    ],
)
def test_jid_forms_are_read(wire: str, jid: Jid) -> None:
    for _ in range(2):  # the second time from the memo
        value = _value(wire)
        assert value == jid
        assert isinstance(value, Jid)
        assert Jid.parse(str(value)) == value


def test_a_foreign_domain_is_written_again_as_it_came() -> None:
    wire = bytes.fromhex("f803fc017811f70500ff8615551234567f")
    node = decode_node(wire)
    assert node.attr("to") == "15551234567.5:0@s.whatsapp.net"
    assert encode_node(node) == wire
    assert encode_node(Node("x", {"to": node.attr("to")})) == wire


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        ("fafc0361406203", "a@b@s.whatsapp.net"),
        ("fafc03613a6203", "a:b@s.whatsapp.net"),
        ("fafc03312e3503", "1.5@s.whatsapp.net"),
        ("fafc02312003", "1 @s.whatsapp.net"),
        ("fa55fc03614062", "1@a@b"),
        ("fa55fc07696e7465726f70", "1@interop"),
        ("f70003fc03613a62", "a:b:3@s.whatsapp.net"),
        ("f6fc0361406200" + "00cc", "a@b@msgr"),
    ],
)
def test_a_jid_that_its_text_would_not_mean_is_text(wire: str, text: str) -> None:
    assert _value(wire) == text


def test_a_colon_in_the_user_of_a_pair_cannot_hide_a_device() -> None:
    assert _value("fafc04313a313203") == Jid("1", PN, 12)


def test_no_value_is_the_empty_text() -> None:
    assert _value("00") == ""
    assert _value("fc00") == ""
    assert _value("ff00") == ""


def test_values_that_are_not_utf8_are_repaired() -> None:
    assert _value("fc03" + "61ff62") == "a\ufffdb"


def test_the_last_of_two_equal_attributes_wins() -> None:
    assert decode_node(bytes.fromhex("f80519085508ec01")).attrs == {"id": "active"}


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        ("ff0412a4b678", "12-4.678"),
        ("ff841234567f", "1234567"),
        ("ff8112", "1"),  # whatever stands in the dropped place
        ("ff81" + "1a", "1"),
        ("fb863eb0c0ffeeaf", "3EB0C0FFEEA"),
        ("fb02ffff", "FFFF"),
        ("ff7f" + "12" * 127, "12" * 127),
        ("fdf00001" + "61", "a"),  # only the low four bits of the first byte count
        ("fe00000001" + "61", "a"),
    ],
)
def test_strings_are_read_in_every_form(wire: str, text: str) -> None:
    assert _value(wire) == text


@pytest.mark.parametrize(
    ("wire", "content"),
    [
        ("00", []),
        ("f800", []),
        ("f90000", []),
        ("f801f80156", [Node("ping")]),
        ("f90001f80156", [Node("ping")]),
        ("fc0161", b"a"),
        ("fd00000161", b"a"),
        ("fe0000000161", b"a"),
        ("fcff" + "ff" * 255, b"\xff" * 255),
        ("88", b"available"),
        ("ec01", b"active"),
        ("ff841234567f", b"1234567"),
        ("fb02abcd", b"ABCD"),
        ("faff8615551234567f03", b"15551234567@s.whatsapp.net"),
        ("f70003ff8615551234567f", b"15551234567:3@s.whatsapp.net"),
        ("fa0003", b"s.whatsapp.net"),
    ],
)
def test_content_is_bytes_or_children(wire: str, content: bytes | list[Node]) -> None:
    assert _content(wire) == content


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "complaint"),
    [
        ("", "unexpected end"),
        ("f801" + "56" + "00", "bytes after the top node"),
        ("f800", "size 0"),
        ("f90000", "size 0"),
        ("00", "cannot begin"),
        ("56", "cannot begin"),
        ("fc0156", "cannot begin"),
        ("fa", "cannot begin"),
        ("f80100", "the tag is empty"),
        ("f801fc00", "the tag is empty"),
        ("f801ff00", "the tag is empty"),
        ("f801fa5503", "where a text must be"),
        ("f801f801", "where a text must be"),
        ("f801fc01ff", "not UTF-8"),
        ("f803560055", "the attribute name is empty"),
        ("f80356fc0055", "the attribute name is empty"),
        ("f80356fa550355", "where a text must be"),
        ("f80356f7000355" + "55", "where a text must be"),
        ("f80356fc01ff55", "not UTF-8"),
        ("f80356f80055", "where a text must be"),
    ],
)
def test_broken_nodes_are_refused(wire: str, complaint: str) -> None:
    with pytest.raises(DecodeError, match=complaint):
        decode_node(bytes.fromhex(wire))


@pytest.mark.parametrize(
    ("wire", "complaint"),
    [
        *((f"{byte:02x}", f"byte {byte} where a text") for byte in range(240, 245)),
        ("f800", "where a text must be"),
        ("f90000", "where a text must be"),
        ("ff01c0", "12 to 15"),
        ("ff010d", "12 to 15"),
        ("ff01e1", "12 to 15"),
        ("ff02123f", "12 to 15"),
        ("ff82f11f", "12 to 15"),
        ("ff811c", "12 to 14"),
        ("ff80", "minus one"),
        ("fb80", "minus one"),
        ("ff0512", "unexpected end"),
        ("fc0561", "unexpected end"),
        ("fd0fffff61", "unexpected end"),
        ("fe7fffffff61", "unexpected end"),
        ("fe8000000161", "bit 31"),
        ("feffffffff", "bit 31"),
        ("fa5500", "without server"),
        ("fa55fc00", "without server"),
        ("fa0000", "without server"),
        ("fa55f800", "where a text must be"),
        ("fafa550303", "where a text must be"),
        ("f7000300", "without user"),
        ("f70003fc00", "without user"),
        ("f6000002cc", "without user"),
        ("f50000020007fc07696e7465726f70", "without user"),
        ("f655000203", "Messenger JID of another server"),
        ("f655000200", "Messenger JID of another server"),
        ("f5550002000703", "interop JID of another server"),
        ("f5550002000700", "interop JID of another server"),
    ],
)
def test_broken_values_are_refused(wire: str, complaint: str) -> None:
    with pytest.raises(DecodeError, match=complaint):
        _value(wire)
    with pytest.raises(DecodeError):
        _content(wire if not wire.startswith(("f8", "f9")) else wire[:2])


def test_every_cut_of_a_stanza_is_an_unexpected_end_with_its_place() -> None:
    node = Node(
        "message",
        {"to": Jid("15551234567", PN, 3), "id": "3EB0C0FFEE", "notify": "Zoë", "a": "active"},
        [Node("enc", {"v": "2"}, b"x" * 300), Node("b", {"to": Jid("12", "msgr", 1)}, [])],
    )
    whole = encode_stanza(node)
    assert decode_stanza(whole) == node
    for cut in range(1, len(whole)):
        with pytest.raises(DecodeError, match="unexpected end") as caught:
            decode_stanza(whole[:cut])
        assert 0 < caught.value.offset <= cut + 1
        assert f"at byte {caught.value.offset}" in str(caught.value)


def test_an_empty_stanza_is_refused() -> None:
    with pytest.raises(DecodeError, match="empty stanza"):
        decode_stanza(b"")


@pytest.mark.parametrize("wire", ["f9ffff56", "f80456", "f80256f9ffff", "f80256f802f80156"])
def test_lists_longer_than_what_is_left_are_refused_at_once(wire: str) -> None:
    with pytest.raises(DecodeError, match="longer than what is left"):
        decode_node(bytes.fromhex(wire))


def _nested(depth: int) -> bytes:
    return bytes.fromhex("f80256f801") * (depth - 1) + bytes.fromhex("f80156")


def test_sixty_four_levels_are_read_and_no_more() -> None:
    node = decode_node(_nested(64))
    for _ in range(63):
        node = node.child("ping")
    assert node.content is None
    for depth in (65, 66, 30_000):
        with pytest.raises(DecodeError, match="deeper than 64"):
            decode_node(_nested(depth))


def test_depth_counts_levels_and_not_siblings() -> None:
    node = Node("a", {}, [Node("b", {}, [Node("c")]) for _ in range(200)])
    assert decode_node(encode_node(node)) == node


def test_the_number_of_nodes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_module, "MAX_NODES", 10)
    decode_node(encode_node(Node("a", {}, [Node("b")] * 9)))
    with pytest.raises(DecodeError, match="more than 10 nodes"):
        decode_node(encode_node(Node("a", {}, [Node("b")] * 10)))


DEFLATED = b"\x02" + zlib.compress(bytes.fromhex(ACTIVE))


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (b"\x02garbage", "broken zlib"),
        (DEFLATED[:-1], "cut"),
        (DEFLATED[:8], "cut"),
        (DEFLATED[:-1] + bytes((DEFLATED[-1] ^ 1,)), "broken zlib"),
        (DEFLATED + b"\x00", "bytes after the zlib stream"),
        (b"\x02" + zlib.compress(b""), "unexpected end"),
        (b"\x02" + zlib.compress(bytes.fromhex(ACTIVE) + b"\x00"), "after the top node"),
    ],
)
def test_broken_deflated_stanzas_are_refused(frame: bytes, complaint: str) -> None:
    with pytest.raises(DecodeError, match=complaint):
        decode_stanza(frame)


def test_inflating_stops_at_the_limit() -> None:
    header = bytes.fromhex("f80256fe")
    room = MAX_INFLATED - len(header) - 4
    fits = header + room.to_bytes(4, "big") + bytes(room)
    assert decode_stanza(b"\x02" + zlib.compress(fits, 1)) == Node("ping", {}, bytes(room))
    with pytest.raises(DecodeError, match="above 16777216 bytes"):
        decode_stanza(b"\x02" + zlib.compress(fits + b"\x00", 1))


# --- the memo ------------------------------------------------------------------------------------


def test_equal_jids_share_one_object() -> None:
    node = encode_node(Node("x", {"to": Jid("15557654321", PN, 7)}))
    assert decode_node(node).jid("to") is decode_node(node).jid("to")


def test_the_memo_of_jids_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    memo: dict[bytes, Jid] = {}
    monkeypatch.setattr(decoder_module, "_jid_memo", memo)
    monkeypatch.setattr(decoder_module, "_MEMO_LIMIT", 10)
    for number in range(100):
        jid = Jid(str(10**10 + number), PN, 1)
        assert decode_node(encode_node(Node("x", {"a": jid}))).jid("a") == jid
        assert len(memo) <= 10
    assert memo


def test_a_cut_jid_is_not_taken_from_the_memo() -> None:
    whole = encode_node(Node("x", {"to": Jid("15551112222", PN, 7)}))
    decode_node(whole)
    for cut in range(1, len(whole)):
        with pytest.raises(DecodeError):
            decode_node(whole[:cut])
