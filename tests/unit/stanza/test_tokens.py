from __future__ import annotations

from typing import Any

import pytest

from waport.errors import InvalidInput, StanzaError
from waport.model import PrivacyToken
from waport.stanza.tokens import (
    BUCKET_S,
    CLOCK_SKEW_S,
    MAX_GIVEN,
    MAX_NOTIFIED,
    MAX_TOKEN,
    GivenToken,
    IssueTokens,
    bears_tokens,
    cstoken_node,
    is_fresh,
    is_giving_due,
    parse_privacy_token,
    tctoken_node,
)
from waport.wire import SERVER, Jid, Node

NOW = 2900 * BUCKET_S + 1000
PEER = Jid("15550002222", "s.whatsapp.net")
LID = Jid("100000000000001", "lid")


def notification(*tokens: Node, source: Any = PEER, **attrs: Any) -> Node:
    return Node(
        "notification",
        {"from": source, "id": "N1", "type": "privacy_token", **attrs},
        [Node("tokens", {}, list(tokens))],
    )


def token(content: Any = b"token", t: Any = NOW, kind: str = "trusted_contact") -> Node:
    return Node("token", {"t": str(t), "type": kind}, content)


# --- how long they hold --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timestamp", "fresh"),
    [
        (NOW, True),
        (2897 * BUCKET_S, True),
        (2897 * BUCKET_S - 1, False),
        (0, False),
    ],
)
def test_a_token_holds_in_its_bucket_and_three_more(timestamp: int, fresh: bool) -> None:
    assert is_fresh(timestamp, NOW) is fresh
    node = tctoken_node(PrivacyToken(LID, b"token", timestamp), NOW)
    assert node == (Node("tctoken", {}, b"token") if fresh else None)


def test_who_gave_no_token_gets_none() -> None:
    assert tctoken_node(PrivacyToken(LID, b"", NOW), NOW) is None


@pytest.mark.parametrize(
    ("given_at", "due"),
    [(0, True), (2900 * BUCKET_S - 1, True), (2900 * BUCKET_S, False), (NOW, False)],
)
def test_ours_is_given_once_in_each_bucket(given_at: int, due: bool) -> None:
    assert is_giving_due(given_at, NOW) is due


# --- what messages carry -------------------------------------------------------------------------


def test_the_stand_in_for_a_token_is_an_hmac_of_the_lid() -> None:
    expected = "b91d75952d416a1d29611f980a1c5c324d4cf17891902974a50fa51f684db3f4"
    for address in (LID, LID.with_device(3)):
        assert cstoken_node(b"\x01" * 32, address) == Node("cstoken", {}, bytes.fromhex(expected))


def test_there_is_no_stand_in_for_a_number() -> None:
    with pytest.raises(InvalidInput):
        cstoken_node(b"\x01" * 32, PEER)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("15550002222@s.whatsapp.net", True),
        ("100000000000001:4@lid", True),
        ("0@s.whatsapp.net", False),
        ("13135550002@s.whatsapp.net", False),
        ("13135550002:1@s.whatsapp.net", False),
        ("867051314767696@bot", False),
        ("120363000000000001@g.us", False),
        ("status@broadcast", False),
        ("120363000000000001@newsletter", False),
        ("15550002222:99@hosted", False),
    ],
)
def test_only_people_have_tokens(address: str, expected: bool) -> None:
    assert bears_tokens(Jid.parse(address)) is expected


# --- giving and taking ---------------------------------------------------------------------------


def test_a_token_is_given_by_name_and_time() -> None:
    assert IssueTokens([LID.with_device(2)], NOW).request() == Node(
        "iq",
        {"to": SERVER, "type": "set", "xmlns": "privacy"},
        [
            Node(
                "tokens",
                {},
                [Node("token", {"jid": LID, "t": str(NOW), "type": "trusted_contact"})],
            )
        ],
    )


@pytest.mark.parametrize("count", [0, MAX_GIVEN + 1])
def test_tokens_are_given_to_1_to_256_people(count: int) -> None:
    with pytest.raises(InvalidInput):
        IssueTokens([LID] * count, NOW).request()


def test_a_notification_says_who_gave_which_token() -> None:
    node = notification(token(), sender_lid=LID.with_device(1))
    assert parse_privacy_token(node, NOW) == GivenToken(PEER, LID, b"token", NOW)


def test_a_notification_from_a_lid_needs_no_other_name() -> None:
    node = notification(token(), source=LID.with_device(1), sender_lid=Jid("9", "lid"))
    assert parse_privacy_token(node, NOW) == GivenToken(LID, LID, b"token", NOW)


def test_of_several_tokens_the_newest_counts() -> None:
    node = notification(token(b"old", NOW - 5), token(b"new", NOW - 1), token(b"older", NOW - 9))
    assert parse_privacy_token(node, NOW).token == b"new"


@pytest.mark.parametrize(
    "child",
    [
        token(b""),
        token(None),
        token([Node("x")]),
        token(bytes(MAX_TOKEN + 1)),
        token(kind="other"),
        token(t=0),
        token(t=-5),
        token(t="soon"),
        token(t=NOW + CLOCK_SKEW_S + 1),
        Node("token", {"type": "trusted_contact"}, b"token"),
        Node("other", {"t": str(NOW), "type": "trusted_contact"}, b"token"),
    ],
)
def test_a_token_that_makes_no_sense_is_left_out(child: Node) -> None:
    assert parse_privacy_token(notification(child), NOW).token == b""
    good = token(b"good", NOW - 100)
    assert parse_privacy_token(notification(child, good), NOW).token == b"good"


def test_a_notification_is_read_so_far_and_no_further() -> None:
    many = [token(b"", NOW)] * MAX_NOTIFIED
    assert parse_privacy_token(notification(*many, token()), NOW).token == b""


def test_a_sender_lid_that_is_none_is_not_taken() -> None:
    node = notification(token(), sender_lid=PEER)
    assert parse_privacy_token(node, NOW).lid is None


def test_a_notification_without_tokens_brings_none() -> None:
    node = Node("notification", {"from": PEER, "id": "N1", "type": "privacy_token"})
    assert parse_privacy_token(node, NOW) == GivenToken(PEER, None, b"", 0)


def test_a_notification_from_nobody_is_refused() -> None:
    with pytest.raises(StanzaError):
        parse_privacy_token(Node("notification", {"id": "N1"}), NOW)
