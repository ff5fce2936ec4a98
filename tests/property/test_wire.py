"""Round trips of generated nodes, and bytes of any kind at the decoder."""

from __future__ import annotations

import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from waport.errors import DecodeError, InvalidInput
from waport.wire import KNOWN_SERVERS, Jid, Node, decode_node, decode_stanza, encode_stanza
from waport.wire.tokens import TOKEN_BYTES

TOKENS = st.sampled_from(sorted(TOKEN_BYTES))
DIGITS = st.text("0123456789", min_size=1, max_size=20)
PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PACKED = st.text("0123456789-.", max_size=140) | st.text("0123456789ABCDEF", max_size=140)
TEXT = st.one_of(TOKENS, PLAIN, PACKED)
NAME = TEXT.filter(bool)


@st.composite
def jids(draw: st.DrawFn) -> Jid:
    server = draw(st.sampled_from([*sorted(KNOWN_SERVERS), "elsewhere.example"]))
    user = draw(DIGITS | st.just(""))
    if not user:
        return Jid("", server)
    if server in ("msgr", "interop"):
        integrator = draw(st.integers(0, 0xFFFF)) if server == "interop" else 0
        return Jid(user, server, draw(st.integers(0, 0xFFFF)), 0, integrator)
    if server in ("s.whatsapp.net", "lid", "hosted", "hosted.lid"):
        foreign = st.sampled_from([0, 0, 2, 5, 127, 131, 255])
        agent = draw(foreign) if server == "s.whatsapp.net" else 0
        return Jid(user, server, draw(st.integers(0, 255)), agent)
    return Jid(user, server)


VALUES = jids() | TEXT.filter(lambda text: "@" not in text)
ATTRS = st.dictionaries(NAME, VALUES, max_size=4)
LEAVES = st.builds(Node, NAME, ATTRS, st.none() | st.binary(max_size=300))
NODES = st.recursive(
    LEAVES,
    lambda nodes: st.builds(Node, NAME, ATTRS, st.lists(nodes, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(NODES)
def test_a_node_comes_back_as_it_was(node: Node) -> None:
    frame = encode_stanza(node)
    decoded = decode_stanza(frame)
    assert decoded == node
    assert list(decoded.attrs) == list(node.attrs)
    assert encode_stanza(decoded) == frame
    assert decode_stanza(b"\x02" + zlib.compress(frame[1:])) == node


@settings(max_examples=300, deadline=None)
@given(jids())
def test_a_jid_comes_back_from_its_text(jid: Jid) -> None:
    text = str(jid)
    assert Jid.parse(text) == jid
    assert str(Jid.parse(text)) == text
    assert jid.bare.bare == jid.bare


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40), st.sampled_from(["", "@lid", "@s.whatsapp.net", "@interop", "@x"]))
def test_any_text_is_a_jid_with_one_meaning_or_refused(user: str, ending: str) -> None:
    try:
        jid = Jid.parse(user + ending)
    except InvalidInput:
        return
    assert Jid.parse(str(jid)) == jid


@settings(max_examples=300, deadline=None)
@given(PLAIN, st.sampled_from(["@lid", "@s.whatsapp.net", "@g.us", "@interop", "@x", ""]))
def test_any_attribute_text_is_read_back_the_same_once_read(user: str, ending: str) -> None:
    try:
        decoded = decode_stanza(encode_stanza(Node("x", {"a": user + ending})))
    except InvalidInput:  # a device that does not fit
        return
    again = decode_stanza(encode_stanza(decoded))
    assert again == decoded


def _decode(data: bytes) -> None:
    """Decode; a node that is accepted has text forms that can be read and written again."""
    try:
        node = decode_stanza(data)
    except DecodeError:
        return
    node.to_xml()
    for value in node.attrs.values():
        if isinstance(value, Jid):
            assert Jid.parse(str(value)) == value
    assert decode_stanza(encode_stanza(node)).tag == node.tag


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_a_node_or_a_decode_error(data: bytes) -> None:
    _decode(data)
    _decode(b"\x00" + data)
    _decode(b"\x00\xf8\x05\x13\x11" + data)
    _decode(b"\x02" + zlib.compress(data))


@settings(max_examples=300, deadline=None)
@given(NODES, st.data())
def test_mutated_frames_give_a_node_or_a_decode_error(node: Node, data: st.DataObject) -> None:
    frame = bytearray(encode_stanza(node))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(frame) - 1))
        match data.draw(st.sampled_from(["set", "insert", "delete", "cut"])):
            case "set":
                frame[at] = data.draw(st.integers(0, 255))
            case "insert":
                frame[at:at] = data.draw(st.binary(max_size=4))
            case "delete" if len(frame) > 1:
                del frame[at]
            case _:
                del frame[max(at, 1) :]
    _decode(bytes(frame))


@settings(max_examples=60, deadline=None)
@given(NODES)
def test_every_cut_is_refused(node: Node) -> None:
    frame = encode_stanza(node)[1:]
    for cut in range(len(frame)):
        try:
            decode_node(frame[:cut])
        except DecodeError:
            continue
        raise AssertionError(f"accepted {cut} of {len(frame)} bytes")
