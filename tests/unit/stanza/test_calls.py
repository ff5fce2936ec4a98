"""`<call>`: what is read, how it is answered, and what we ask."""

from __future__ import annotations

from typing import Any

import pytest

from waport.errors import InvalidInput, StanzaError
from waport.model import CallLink, CallStatus
from waport.stanza.calls import (
    CALLS,
    CreateCallLink,
    QueryCallLink,
    RejectCall,
    call_answer,
    parse_call,
)
from waport.wire import Jid, Node

ANN = Jid("15550001111", "s.whatsapp.net", 2)
ANN_LID = Jid("100000000000001", "lid", 2)
OWN = Jid("15550009999", "s.whatsapp.net", 7)
GROUP = Jid("120363000000000001", "g.us")


def call(tag: str, *content: Node, source: Any = ANN, **attrs: Any) -> Node:
    named = {name.replace("_", "-"): value for name, value in attrs.items()}
    child = Node(tag, {"call-id": "C1", "call-creator": ANN, **named}, list(content) or None)
    return Node("call", {"from": source, "id": "S1", "t": "1700000000"}, [child])


@pytest.mark.parametrize(
    ("tag", "attrs", "status"),
    [
        ("offer", {}, CallStatus.OFFER),
        ("offer_notice", {"media": "audio"}, CallStatus.OFFER),
        ("preaccept", {}, CallStatus.RINGING),
        ("transport", {}, CallStatus.RINGING),
        ("accept", {}, CallStatus.ACCEPT),
        ("reject", {}, CallStatus.REJECT),
        ("terminate", {"reason": "timeout"}, CallStatus.TIMEOUT),
        ("terminate", {"reason": "busy"}, CallStatus.TERMINATE),
        ("something_new", {}, CallStatus.RINGING),
    ],
)
def test_each_child_is_a_status(tag: str, attrs: dict[str, str], status: CallStatus) -> None:
    news = parse_call(call(tag, **attrs))
    assert news is not None
    assert (news.id, news.creator, news.status, news.timestamp) == ("C1", ANN, status, 1700000000)


def test_an_offer_says_what_kind_of_call_it_is() -> None:
    info = Node("group_info", {}, [Node("participant", {"jid": jid}) for jid in (ANN, "@@", OWN)])
    news = parse_call(call("offer", Node("audio"), Node("video"), info, group_jid=GROUP))
    assert news is not None
    assert (news.is_offer, news.is_video, news.is_group, news.group) == (True, True, True, GROUP)
    assert news.participants == (ANN.bare, OWN.bare)
    plain = parse_call(call("offer", Node("audio")))
    assert plain is not None
    assert (plain.is_video, plain.is_group, plain.group) == (False, False, None)
    notice = parse_call(call("offer_notice", media="video", type="group"))
    assert notice is not None
    assert (notice.is_video, notice.is_group) == (True, True)


def test_the_number_behind_a_hidden_caller_is_read() -> None:
    node = call("offer", source=ANN_LID, call_creator=ANN_LID)
    assert parse_call(node).caller_pn is None  # type: ignore[union-attr]
    node.attrs["sender_pn"] = ANN
    assert parse_call(node).caller_pn == ANN.bare  # type: ignore[union-attr]


def test_a_number_inside_the_offer_is_the_callers_own_word() -> None:
    node = call("offer", source=ANN_LID, call_creator=ANN_LID)
    node.children()[0].attrs["caller_pn"] = ANN
    news = parse_call(node)
    assert news is not None
    assert (news.caller_pn, news.claimed_pn) == (None, ANN.bare)
    # What the server says of whoever sends a stanza is not about another creator.
    other = call("offer", source=ANN_LID, call_creator=Jid("100000000000099", "lid"))
    other.attrs["sender_pn"] = ANN
    assert parse_call(other).caller_pn is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"bytes",
        [Node("offer")],
        [Node("offer", {"call-id": ""})],
        [Node("offer", {"call-id": "x" * 200})],
        [Node("offer", {"call-id": "a\nb"})],
    ],
)
def test_nonsense_names_no_call_and_is_acked_without_a_type(content: Any) -> None:
    node = Node("call", {"from": ANN, "id": "S1"}, content)
    assert parse_call(node) is None
    answer = call_answer(node, OWN)
    assert (answer.tag, answer.attrs) == ("ack", {"class": "call", "id": "S1", "to": ANN})


def test_who_called_must_be_a_person() -> None:
    news = parse_call(call("offer", call_creator=GROUP))
    assert news is not None
    assert news.creator == ANN
    assert parse_call(call("offer", source=GROUP, call_creator="nobody")) is None
    with pytest.raises(StanzaError):
        parse_call(Node("call", {"id": "1"}, [Node("offer", {"call-id": "C"})]))


@pytest.mark.parametrize("tag", ["offer", "accept", "reject", "enc_rekey"])
def test_these_are_answered_by_a_receipt(tag: str) -> None:
    answer = call_answer(call(tag), OWN)
    assert (answer.tag, answer.attrs) == ("receipt", {"id": "S1", "to": ANN, "from": OWN})
    (child,) = answer.children()
    assert (child.tag, child.attrs) == (tag, {"call-id": "C1", "call-creator": ANN})


@pytest.mark.parametrize("tag", ["terminate", "transport", "offer_notice", "new"])
def test_all_others_are_acked_by_their_name(tag: str) -> None:
    answer = call_answer(call(tag), OWN)
    assert answer.attrs == {"class": "call", "id": "S1", "to": ANN, "type": tag}


def test_a_call_is_declined() -> None:
    node = RejectCall("C1", ANN, OWN).request()
    assert (node.tag, node.attrs) == ("call", {"to": ANN, "from": OWN})
    (child,) = node.children()
    assert child.attrs == {"call-id": "C1", "call-creator": ANN, "count": "0"}
    with pytest.raises(InvalidInput):
        RejectCall("", ANN, OWN).request()


def test_links_are_made_and_asked_about() -> None:
    node = CreateCallLink(True, 1_800_000_000).request()
    assert node.jid("to") == CALLS
    (link,) = node.children()
    assert (link.tag, link.attrs) == ("link_create", {"media": "video"})
    assert link.child("event").attrs == {"start_time": "1800000000"}
    reply = Node("ack", {}, [Node("link_create", {"token": "aB-_9"})])
    made = CreateCallLink(True).parse(reply)
    assert made == CallLink("aB-_9", True)
    assert made.url == "https://call.whatsapp.com/video/aB-_9"
    (asked,) = QueryCallLink("aB-_9", False).request().children()
    assert asked.attrs == {"token": "aB-_9", "media": "audio", "action": "preview"}
    found = Node("link_query", {"media": "audio", "link-creator": ANN_LID}, [Node("waiting_room")])
    known = QueryCallLink("aB-_9", False).parse(Node("ack", {}, [found]))
    assert known == CallLink("aB-_9", False, ANN_LID.bare, True)
    for token in ("", "a/../b", "x" * 200):
        with pytest.raises(InvalidInput):
            QueryCallLink(token, False).request()
        with pytest.raises(StanzaError):
            CreateCallLink(False).parse(Node("ack", {}, [Node("link_create", {"token": token})]))
    with pytest.raises(InvalidInput):
        CreateCallLink(False, -1).request()
