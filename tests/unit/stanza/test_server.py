"""Small questions: what is asked, what is read, what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from waport.errors import InvalidInput, StanzaError
from waport.model.server import Bot, BotList, ServerProperties
from waport.stanza.server import (
    AcceptTerms,
    AnnouncementsBlocked,
    FetchBots,
    FetchProperties,
    ReportedMessage,
    ReportSpam,
)
from waport.wire import Jid, Node

ANN = Jid("15550001111", "s.whatsapp.net")
BOT = Jid("867051314767696", "bot")
GROUP = Jid("120363000000000001", "g.us")
KNOWN = ServerProperties("h1", {"1": "a", "2": "b"}, 60)


def props(*children: Node, **attrs: str) -> Node:
    return Node("iq", {}, [Node("props", dict(attrs), list(children))])


def prop(code: str, value: str) -> Node:
    return Node("prop", {"config_code": code, "config_value": value})


def test_properties_are_asked_for_by_what_is_known() -> None:
    assert FetchProperties().request().child("props").attrs == {"protocol": "1"}
    asked = FetchProperties(KNOWN).request()
    assert asked.get("xmlns") == "abt"
    assert asked.child("props").attrs == {"protocol": "1", "hash": "h1"}


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (props(prop("3", "c"), hash="h2", refresh="9"), ServerProperties("h2", {"3": "c"}, 9)),
        (
            props(prop("2", "x"), hash="h2", delta_update="true"),
            ServerProperties("h2", {"1": "a", "2": "x"}, 0),
        ),
        (props(hash="h1", refresh="60"), KNOWN),
        (props(hash="h2"), ServerProperties("h2", {}, 0)),
        (
            props(Node("prop", {"event_code": "7", "sampling_weight": "1"}), prop("", "x")),
            ServerProperties("", {}, 0),
        ),
        (props(prop("1", "x" * 5000), hash="h2", refresh="-1"), ServerProperties("h2", {}, 0)),
    ],
)
def test_properties_are_merged_replaced_or_the_same(reply: Node, found: Any) -> None:
    assert FetchProperties(KNOWN).parse(reply) == found


def test_bots_without_an_address_are_left_out() -> None:
    sections = [
        Node(
            "section",
            {"name": "Popular", "type": "featured"},
            [Node("bot", {"jid": BOT, "persona_id": "p1"}), Node("bot"), Node("bot", {"jid": "@"})],
        ),
        Node("default", {"jid": BOT, "persona_id": "p0"}),
    ]
    found = FetchBots().parse(Node("iq", {}, [Node("bot", {"v": "2"}, sections)]))
    assert found == BotList((Bot(BOT, "p1", "Popular"),), Bot(BOT, "p0"))


def test_terms_have_a_number() -> None:
    assert AcceptTerms("20601218", 5).request().child("notice").attrs == {
        "id": "20601218",
        "stage": "5",
    }
    for bad in ("", "x", "1" * 40):
        with pytest.raises(InvalidInput):
            AcceptTerms(bad, 5).request()


def test_the_chat_of_announcements_is_blocked_and_asked_about() -> None:
    assert AnnouncementsBlocked().request().child("query").find("blocking_status") is not None
    assert AnnouncementsBlocked(True).request().child("blocking").attrs == {"action": "block"}
    reply = Node("iq", {}, [Node("blocking", {"status": "blocked"})])
    assert AnnouncementsBlocked().parse(reply) is True
    for bad in (Node("iq"), Node("iq", {}, [Node("blocking", {"status": "perhaps"})])):
        with pytest.raises(StanzaError):
            AnnouncementsBlocked().parse(bad)


def test_a_report_shows_the_last_messages() -> None:
    message = ReportedMessage("M1", ANN, 7, b"\x0a\x02hi")
    node = ReportSpam("ContactInfo", [message], tokens=(Node("tctoken", {}, b"t"),)).request()
    spam = node.child("spam_list")
    assert spam.attrs == {"spam_flow": "ContactInfo"}
    shown = spam.child("message")
    assert shown.attrs == {"id": "M1", "t": "7", "from": ANN}
    assert (shown.child("raw").attrs, shown.child("raw").data) == ({"v": "3"}, b"\x0a\x02hi")
    assert node.find("tctoken") is not None
    group = ReportSpam(
        "GroupInfoReport", [ReportedMessage("M1", GROUP, 7, b"", ANN)], GROUP, "Name"
    ).request()
    assert group.child("spam_list").attrs == {
        "spam_flow": "GroupInfoReport",
        "jid": GROUP,
        "subject": "Name",
    }
    assert group.child("spam_list").child("message").jid("participant") == ANN
    assert group.child("spam_list").child("message").find("raw") is None
    with pytest.raises(InvalidInput):
        ReportSpam("ContactInfo", []).request()


@pytest.mark.parametrize(
    ("answer", "report_id"),
    [
        (Node("report_id", {}, b"R1"), "R1"),
        (Node("report", {"id": "R2"}), "R2"),
        (Node("report_id"), ""),
        (Node("other"), ""),
    ],
)
def test_the_id_of_a_report_is_read_in_both_forms(answer: Node, report_id: str) -> None:
    query = ReportSpam("ContactInfo", [ReportedMessage("M1", ANN, 7, b"")])
    assert query.parse(Node("iq", {}, [answer])) == report_id
