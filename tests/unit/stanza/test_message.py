from __future__ import annotations

from typing import Any

import pytest

from waport.errors import StanzaError
from waport.stanza.message import (
    MAX_ENCS,
    OwnAddresses,
    parse_message,
    parse_message_ack,
)
from waport.stanza.notification import parse_device_change, remaining_pre_keys
from waport.wire import STATUS, Jid, Node

OWN = OwnAddresses(Jid("15550001111", "s.whatsapp.net", 1), Jid("100000000000001", "lid", 1))
PN = Jid("15550002222", "s.whatsapp.net", 3)
LID = Jid("100000000000002", "lid", 3)
GROUP = Jid("120363000000000000", "g.us")
OTHER = Jid("100000000000009", "lid")


def message(*children: Node, **attrs: Any) -> Node:
    return Node("message", {"id": "A1", "from": LID, "t": "1750000000", **attrs}, list(children))


@pytest.mark.parametrize(
    ("attrs", "chat", "sender", "from_me"),
    [
        ({}, LID.bare, LID, False),
        ({"from": PN}, PN.bare, PN, False),
        ({"from": OWN.lid, "recipient": LID}, LID.bare, OWN.lid, True),
        ({"from": OWN.pn}, OWN.pn.bare, OWN.pn, True),
        ({"from": GROUP, "participant": LID}, GROUP, LID, False),
        ({"from": STATUS, "participant": PN}, STATUS, PN, False),
        ({"from": GROUP, "participant": OWN.pn}, GROUP, OWN.pn, True),
    ],
)
def test_chat_and_author_follow_from_the_addresses(
    attrs: dict[str, Any], chat: Jid, sender: Jid, from_me: bool
) -> None:
    parsed = parse_message(message(**attrs), OWN)
    assert (parsed.chat, parsed.sender, parsed.from_me) == (chat, sender, from_me)


@pytest.mark.parametrize(
    "attrs", [{"id": None}, {"from": None}, {"from": "nonsense"}, {"from": GROUP}]
)
def test_a_message_that_can_not_be_attributed_is_refused(attrs: dict[str, Any]) -> None:
    node = message(**attrs)
    node.attrs = {name: value for name, value in node.attrs.items() if value is not None}
    with pytest.raises(StanzaError):
        parse_message(node, OWN)


@pytest.mark.parametrize(
    ("attrs", "pairs"),
    [
        ({"sender_pn": PN}, {(PN.bare, LID.bare)}),
        ({"from": PN, "sender_lid": LID}, {(PN.bare, LID.bare)}),
        ({"from": GROUP, "participant": LID, "participant_pn": PN}, {(PN.bare, LID.bare)}),
        ({"from": OWN.lid, "recipient": LID, "recipient_pn": PN}, {(PN.bare, LID.bare)}),
        ({"from": OWN.pn, "recipient": PN, "peer_recipient_lid": LID}, {(PN.bare, LID.bare)}),
        ({"sender_pn": LID}, set()),
        ({"sender_lid": PN}, set()),
        ({"sender_pn": "nonsense"}, set()),
        ({"sender_pn": GROUP}, set()),
        ({"participant_pn": PN}, set()),
    ],
)
def test_pairs_of_addresses_are_learned_from_a_stanza(
    attrs: dict[str, Any], pairs: set[tuple[Jid, Jid]]
) -> None:
    assert set(parse_message(message(**attrs), OWN).mappings) == pairs


def test_only_our_own_devices_send_machinery() -> None:
    assert not parse_message(message(category="peer"), OWN).is_peer
    assert parse_message(message(category="peer", **{"from": OWN.pn}), OWN).is_peer


@pytest.mark.parametrize("count", ["", "x", "-3", "9" * 19])
def test_nonsense_numbers_are_bounded(count: str) -> None:
    enc = Node("enc", {"v": "2", "type": "msg", "count": count}, b"x")
    parsed = parse_message(message(enc, t=count, **{"from": LID}), OWN)
    assert 0 <= parsed.encs[0].retry_count <= 255
    assert parsed.timestamp >= 0


def test_a_flood_of_parts_is_cut_off_and_empty_ones_have_no_bytes() -> None:
    parts = [Node("enc", {"type": "msg"}, [Node("x")]) for _ in range(1000)]
    parsed = parse_message(message(*parts), OWN)
    assert len(parsed.encs) == MAX_ENCS
    assert (parsed.encs[0].body, parsed.encs[0].version) == (b"", "")


def test_an_identity_without_bytes_is_refused() -> None:
    with pytest.raises(StanzaError):
        parse_message(message(Node("device-identity")), OWN)


# --- acks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        ({"t": "7"}, (7, 0, None)),
        ({"error": "479"}, (0, 479, None)),
        ({"t": "x", "error": "x", "phash": "2:AAAAAAAA"}, (0, 0, "2:AAAAAAAA")),
    ],
)
def test_an_ack_of_the_server_says_when_and_whether(
    attrs: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    answer = parse_message_ack(Node("ack", {"class": "message", "id": "A1", **attrs}))
    assert (answer.timestamp, answer.error, answer.phash) == expected


# --- notifications -------------------------------------------------------------------------------


def test_a_change_of_devices_names_those_that_are_gone() -> None:
    devices = [Node("device", {"jid": PN}), Node("device", {"jid": "?"}), Node("device")]
    node = Node(
        "notification",
        {"from": PN.bare, "lid": OTHER},
        [Node("remove", {}, devices), Node("add"), Node("brand-new")],
    )
    change = parse_device_change(node)
    assert (change.user, change.lid, change.removed) == (PN.bare, OTHER, (3,))
    assert (change.added, change.stale) == (True, False)
    with pytest.raises(StanzaError):
        parse_device_change(Node("notification"))


def test_a_lid_that_is_none_is_left_out() -> None:
    node = Node("notification", {"from": PN, "lid": GROUP}, [Node("update")])
    change = parse_device_change(node)
    assert (change.lid, change.stale) == (None, True)


@pytest.mark.parametrize(("value", "count"), [("3", 3), ("x", 0), (None, 0)])
def test_a_word_on_keys_has_a_number_or_none(value: str | None, count: int) -> None:
    node = Node("count", {} if value is None else {"value": value})
    assert remaining_pre_keys(Node("notification", {}, [node])) == count
    assert remaining_pre_keys(Node("notification", {}, [Node("identity")])) is None


def test_a_post_of_our_own_in_a_channel_is_ours() -> None:
    channel = Jid("120363000000000000", "newsletter")
    parsed = parse_message(message(**{"from": channel, "is_sender": "true"}), OWN)
    assert (parsed.chat, parsed.from_me) == (channel, True)
    assert not parse_message(message(**{"from": channel}), OWN).from_me
