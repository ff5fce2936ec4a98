"""Privacy settings and the block list on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from waport.errors import InvalidInput, QueryError, StanzaError
from waport.model import BlockedUser
from waport.model.privacy import PRIVACY_VALUES, Exclusions, PrivacySettings
from waport.stanza.blocklist import BlockAnswer, BlockedUsers, ChangeBlockList, FetchBlockList
from waport.stanza.privacy import (
    MAX_EXCLUDED,
    ChangeExclusions,
    FetchExclusions,
    FetchPrivacy,
    SetPrivacy,
)
from waport.wire import Jid, Node

ANN = Jid("15550001111", "s.whatsapp.net")
ANN_LID = Jid("100000000000001", "lid")
BOB = Jid("15550002222", "s.whatsapp.net")


def result(*children: Node) -> Node:
    return Node("iq", {"type": "result"}, list(children))


def category(**attrs: Any) -> Node:
    return Node("category", attrs)


# --- settings ------------------------------------------------------------------------------------


def test_settings_that_we_do_not_know_are_shown_as_they_are() -> None:
    reply = result(
        Node(
            "privacy",
            {},
            [
                category(name="last", value="none"),
                category(name="mood", value="grey"),
                category(name="online", value="error"),
                category(name="profile"),
                category(value="all"),
                Node("other"),
            ],
        )
    )
    settings = FetchPrivacy().parse(reply)
    assert settings == PrivacySettings({"last": "none", "mood": "grey"})
    assert FetchPrivacy().request().children() == [Node("privacy")]
    with pytest.raises(StanzaError):
        FetchPrivacy().parse(result())


@pytest.mark.parametrize(
    ("values", "sends"),
    [({}, True), ({"readreceipts": "all"}, True), ({"readreceipts": "none"}, False)],
)
def test_read_receipts_are_sent_unless_they_are_switched_off(
    values: dict[str, str], sends: bool
) -> None:
    assert PrivacySettings(values).sends_read_receipts is sends


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, values in PRIVACY_VALUES.items() for v in sorted(values)]
)
def test_every_value_of_every_setting_can_be_asked_for(name: str, value: str) -> None:
    iq = SetPrivacy(name, value).request()
    assert (iq.get("xmlns"), iq.get("type")) == ("privacy", "set")
    assert iq.child("privacy").children() == [category(name=name, value=value)]
    assert SetPrivacy(name, value).parse(result(iq.child("privacy"))) == value


@pytest.mark.parametrize(
    ("name", "value"), [("mood", "all"), ("last", "known"), ("readreceipts", "contacts"), ("", "")]
)
def test_what_the_server_would_refuse_is_not_asked_for(name: str, value: str) -> None:
    with pytest.raises(InvalidInput):
        SetPrivacy(name, value).request()


@pytest.mark.parametrize(
    ("children", "error"),
    [
        ([category(name="last", value="error")], QueryError),
        ([category(name="last")], StanzaError),
        ([category(name="online", value="all")], StanzaError),
        ([], StanzaError),
    ],
)
def test_a_change_counts_only_if_the_server_says_so(
    children: list[Node], error: type[Exception]
) -> None:
    with pytest.raises(error):
        SetPrivacy("last", "all").parse(result(Node("privacy", {}, children)))


# --- exclusions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_a_list_of_exclusions_is_read_in_either_addressing(is_wrapped: bool) -> None:
    listing = Node(
        "list",
        {"name": "last", "dhash": "h1"},
        [
            Node("user", {"jid": ANN_LID, "pn_jid": ANN}),
            Node("user", {"jid": BOB}),
            Node("user", {"jid": "nobody"}),
            Node("user"),
        ],
    )
    reply = result(Node("privacy", {}, [listing]) if is_wrapped else listing)
    expected = Exclusions("h1", ((ANN, ANN_LID), (BOB, None)))
    assert FetchExclusions("last").parse(reply) == expected
    asked = FetchExclusions("last").request().child("privacy")
    assert asked.get("addressing_mode") == "lid"
    assert asked.child("list").attrs == {"name": "last", "value": "contact_blacklist"}


def test_exclusions_change_by_what_is_added_and_removed() -> None:
    query = ChangeExclusions("last", "h1", [(ANN, ANN_LID)], [(BOB, None)])
    changed = query.request().child("privacy").child("category")
    assert changed.attrs == {"name": "last", "value": "contact_blacklist", "dhash": "h1"}
    assert [user.attrs for user in changed.children()] == [
        {"action": "add", "jid": ANN_LID, "pn_jid": ANN},
        {"action": "remove", "jid": BOB},
    ]
    first = ChangeExclusions("last", "").request().child("privacy").child("category")
    assert (first.get("dhash"), first.content) == ("none", None)
    told = category(name="last", value="contact_blacklist")
    assert query.parse(result(Node("privacy", {}, [told]))) == "contact_blacklist"


@pytest.mark.parametrize(
    "query",
    [
        FetchExclusions("readreceipts"),
        ChangeExclusions("online", ""),
        ChangeExclusions("last", "", [(None, None)]),
        ChangeExclusions("last", "", [(ANN, None)] * (MAX_EXCLUDED + 1)),
    ],
)
def test_exclusions_need_a_setting_that_has_them_and_people(query: Any) -> None:
    with pytest.raises(InvalidInput):
        query.request()


# --- the block list ------------------------------------------------------------------------------


def listed(*items: dict[str, Any], **attrs: Any) -> Node:
    return result(Node("list", attrs, [Node("item", item) for item in items]))


def test_a_block_list_is_asked_for_by_the_hash_of_what_is_held() -> None:
    assert FetchBlockList().request().content is None
    assert FetchBlockList("h1").request().children() == [Node("item", {"dhash": "h1"})]
    assert FetchBlockList("h1").parse(result()) is None
    with pytest.raises(StanzaError):
        FetchBlockList().parse(result())


def test_a_block_list_is_read_in_either_addressing() -> None:
    reply = listed(
        {"jid": ANN_LID, "pn_jid": ANN},
        {"jid": BOB, "lid": ANN_LID},
        {"jid": ANN_LID},
        {"jid": "nobody"},
        {},
        dhash="h1",
    )
    for query in (FetchBlockList(), FetchBlockList("h0")):
        assert query.parse(reply) == BlockedUsers(
            "h1",
            (BlockedUser(ANN, ANN_LID), BlockedUser(BOB, ANN_LID), BlockedUser(None, ANN_LID)),
        )
    assert FetchBlockList().parse(listed()) == BlockedUsers("")


@pytest.mark.parametrize(
    ("query", "attrs"),
    [
        (
            ChangeBlockList(True, ANN, ANN_LID, "h1"),
            {"action": "block", "jid": ANN_LID, "pn_jid": ANN, "dhash": "h1"},
        ),
        (ChangeBlockList(True, ANN, None), {"action": "block", "jid": ANN}),
        (ChangeBlockList(True, None, ANN_LID), {"action": "block", "jid": ANN_LID}),
        (ChangeBlockList(False, ANN, ANN_LID), {"action": "unblock", "jid": ANN_LID}),
    ],
)
def test_a_change_names_the_hidden_id_first(query: ChangeBlockList, attrs: dict[str, Any]) -> None:
    iq = query.request()
    assert (iq.get("xmlns"), iq.get("type")) == ("blocklist", "set")
    assert iq.child("item").attrs == attrs


def test_nobody_can_not_be_blocked() -> None:
    with pytest.raises(InvalidInput):
        ChangeBlockList(True, None, None).request()


def test_the_answer_to_a_change_is_a_new_hash_or_the_whole_list() -> None:
    query = ChangeBlockList(True, ANN, ANN_LID, "h0")
    assert query.parse(listed(dhash="h1", matched="true")) == BlockAnswer("h1")
    whole = BlockedUsers("h1", (BlockedUser(BOB, None),))
    reply = listed({"jid": BOB}, dhash="h1", matched="false")
    assert query.parse(reply) == BlockAnswer("h1", whole)
    assert query.parse(result()) == BlockAnswer("")
