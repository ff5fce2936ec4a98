from __future__ import annotations

from collections.abc import Callable

import pytest

from waport.errors import StanzaError
from waport.wire import SERVER, Jid, Node

USER = Jid("15551234567", "s.whatsapp.net", 3)

NODE = Node(
    "iq",
    {"from": SERVER, "id": "7", "jid": USER, "by": "1234@lid", "t": "-12", "bad": "a@b@c"},
    [Node("ref", {}, b"one"), Node("list"), Node("ref", {}, b"two")],
)


def test_a_new_node_shares_nothing() -> None:
    Node("a").attrs["x"] = "1"
    assert Node("a").attrs == {}
    assert Node("a").content is None


def test_child_and_find_give_the_first_of_that_tag() -> None:
    assert NODE.child("ref").data == b"one"
    assert NODE.find("list") == Node("list")
    assert NODE.find("other") is None
    assert Node("a", {}, b"ref").find("ref") is None


def test_children_are_all_or_those_of_one_tag() -> None:
    assert [child.tag for child in NODE.children()] == ["ref", "list", "ref"]
    assert [child.text for child in NODE.children("ref")] == ["one", "two"]
    assert NODE.children("other") == []
    assert Node("a").children() == []
    assert Node("a", {}, b"x").children() == []


def test_changing_the_list_of_children_does_not_change_the_node() -> None:
    NODE.children().clear()
    assert len(NODE.children()) == 3


def test_attributes_are_read_as_text() -> None:
    assert NODE.attr("from") == "s.whatsapp.net"
    assert NODE.attr("jid") == "15551234567:3@s.whatsapp.net"
    assert NODE.get("id") == "7"
    assert NODE.get("other") is None
    assert NODE.get("other", "x") == "x"


def test_attributes_are_read_as_jids() -> None:
    assert NODE.jid("jid") is USER
    assert NODE.jid("by") == Jid("1234", "lid")
    assert NODE.get_jid("jid") is USER
    assert NODE.get_jid("by") == Jid("1234", "lid")
    assert NODE.get_jid("other") is None
    assert NODE.get_jid("bad") is None


def test_attributes_are_read_as_numbers() -> None:
    assert NODE.int_attr("t") == -12
    assert NODE.get_int("t") == -12
    assert NODE.get_int("other") is None
    assert NODE.get_int("other", 5) == 5
    assert NODE.get_int("by", 5) == 5


@pytest.mark.parametrize("value", ["", "x", "1.5", "0x10", " 1", "1_000", "\u0663", "9" * 5000])
def test_only_plain_numbers_are_numbers(value: str) -> None:
    node = Node("a", {"n": value})
    assert node.get_int("n") is None
    with pytest.raises(StanzaError, match="attribute n is no number"):
        node.int_attr("n")


@pytest.mark.parametrize(
    ("read", "complaint"),
    [
        (lambda: NODE.child("other"), "<iq>: no <other> inside"),
        (lambda: NODE.attr("other"), "<iq>: no attribute other"),
        (lambda: NODE.jid("other"), "<iq>: no attribute other"),
        (lambda: NODE.jid("bad"), "<iq>: attribute bad is no JID"),
        (lambda: NODE.int_attr("other"), "<iq>: no attribute other"),
        (lambda: NODE.data, "<iq>: the content is not bytes"),
        (lambda: Node("a").data, "<a>: the content is not bytes"),
        (lambda: Node("a", {}, b"\xff").text, "<a>: the content is not UTF-8"),
    ],
)
def test_readers_name_what_is_missing(read: Callable[[], object], complaint: str) -> None:
    with pytest.raises(StanzaError) as caught:
        read()
    assert str(caught.value) == complaint
    assert caught.value.tag in ("iq", "a")


def test_xml_hides_bytes_and_phone_numbers() -> None:
    node = Node("a", {"to": USER, "by": "15551234567@c.us"}, [Node("b", {}, b"key"), Node("c")])
    assert node.to_xml() == (
        '<a to="15***67:3@s.whatsapp.net" by="15***67@c.us"><b>[3 bytes]</b><c/></a>'
    )


def test_xml_shows_everything_when_asked() -> None:
    node = Node("a", {"to": USER, "x": '<"&@'}, [Node("b", {}, b"key")])
    assert node.to_xml(secret=False) == (
        '<a to="15551234567:3@s.whatsapp.net" x="&lt;&quot;&amp;@"><b>6b6579</b></a>'
    )
    assert 'x="&lt;&quot;&amp;@"' in node.to_xml()
