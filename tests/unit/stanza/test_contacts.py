"""Questions about people, and what the server tells of them."""

from __future__ import annotations

from typing import Any

import pytest

from waport.errors import QueryError, RateLimited, StanzaError
from waport.model import About, NumberState, Registration, TimerSetting
from waport.proto import pb
from waport.stanza.contacts import (
    MAX_CHANGES,
    FetchAbout,
    FetchDefaultTimer,
    FetchRegistrations,
    NumberMove,
    parse_number_moves,
    shown_mapping,
)
from waport.wire import Jid, Node

ANN = Jid("15550001111", "s.whatsapp.net")
ANN_LID = Jid("100000000000001", "lid")
BOB = Jid("15550002222", "s.whatsapp.net")
CERTIFICATE = pb.VerifiedNameCertificate(
    details=pb.VerifiedNameCertificate.Details(verifiedName="Ann Ltd").SerializeToString()
).SerializeToString()


def answer(*users: Node, result: Node | None = None) -> Node:
    parts = [Node("list", {}, list(users))]
    if result is not None:
        parts.insert(0, Node("result", {}, [result]))
    return Node("iq", {"type": "result"}, [Node("usync", {}, parts)])


def error(code: int, **attrs: str) -> Node:
    return Node("error", {"code": str(code), "text": "no", **attrs})


def user(kind: str, typed: str, *children: Node, **attrs: Any) -> Node:
    contact = Node("contact", {"type": kind}, typed.encode())
    return Node("user", attrs, [contact, *children])


def registrations(*users: Node, numbers: tuple[str, ...] = (ANN.user,)) -> list[Registration]:
    found = FetchRegistrations(numbers, "sid").parse(answer(*users))
    assert list(found) == list(numbers)
    return list(found.values())


# --- numbers -------------------------------------------------------------------------------------


def test_numbers_are_asked_for_with_a_plus_and_with_what_else_is_of_use() -> None:
    iq = FetchRegistrations(["15550001111", "15550002222"], "S1").request()
    assert (iq.get("xmlns"), iq.get("type"), iq.get("to")) == ("usync", "get", "s.whatsapp.net")
    usync = iq.child("usync")
    assert usync.attrs == {
        "sid": "S1",
        "mode": "query",
        "last": "true",
        "index": "0",
        "context": "interactive",
    }
    assert [p.tag for p in usync.child("query").children()] == ["contact", "lid", "business"]
    typed = [u.child("contact").content for u in usync.child("list").children("user")]
    assert typed == [b"+15550001111", b"+15550002222"]


def test_an_account_is_named_by_both_addresses_and_its_certified_name() -> None:
    verified = Node("verified_name", {"verified_level": "high"}, CERTIFICATE)
    found = registrations(
        user(
            "in",
            "+15550001111",
            Node("lid", {"val": ANN_LID.with_device(3)}),
            Node("business", {}, [verified]),
            jid=ANN.with_device(4),
        )
    )
    assert found == [Registration(ANN.user, NumberState.IN, ANN, ANN_LID, True, "Ann Ltd", "high")]


def test_the_account_may_have_other_digits_than_the_number_asked_for() -> None:
    (found,) = registrations(user("in", "+15550001111", jid=BOB))
    assert (found.query, found.jid, found.exists) == (ANN.user, BOB, True)


def test_an_answer_by_hidden_id_names_the_number_beside_it() -> None:
    (found,) = registrations(user("in", "+15550001111", jid=ANN_LID, pn_jid=ANN))
    assert (found.jid, found.lid) == (ANN, ANN_LID)


def test_an_answer_without_the_typed_number_is_known_by_its_address() -> None:
    (found,) = registrations(Node("user", {"jid": ANN}, [Node("contact", {"type": "out"})]))
    assert found == Registration(ANN.user, NumberState.OUT)


@pytest.mark.parametrize(
    ("children", "is_business", "name"),
    [
        ([], None, ""),
        ([Node("business", {}, [error(500)])], None, ""),
        ([Node("business")], False, ""),
        ([Node("business", {}, [Node("verified_name", {}, b"\xff\xff")])], True, ""),
        ([Node("business", {}, [Node("verified_name")])], True, ""),
    ],
)
def test_what_is_not_told_of_a_business_is_not_made_up(
    children: list[Node], is_business: bool | None, name: str
) -> None:
    (found,) = registrations(user("in", "+15550001111", *children, jid=ANN))
    assert (found.is_business, found.verified_name, found.verified_level) == (is_business, name, "")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (user("out", "+15550001111"), Registration(ANN.user, NumberState.OUT)),
        (user("invalid", "+15550001111"), Registration(ANN.user, NumberState.INVALID)),
        (user("unknown", "+15550001111", jid=ANN), Registration(ANN.user, NumberState.UNKNOWN)),
        (user("perhaps", "+15550001111", jid=ANN), Registration(ANN.user, NumberState.UNKNOWN)),
        (user("in", "+15550001111"), Registration(ANN.user, NumberState.UNKNOWN)),
        (user("in", "+15550001111", jid=ANN_LID), Registration(ANN.user, NumberState.UNKNOWN)),
        (user("in", "+1555000", jid=ANN), Registration(ANN.user, NumberState.UNKNOWN)),
        (Node("user", {"jid": ANN}), Registration(ANN.user, NumberState.UNKNOWN)),
        (Node("user"), Registration(ANN.user, NumberState.UNKNOWN)),
        (
            Node("user", {"jid": ANN}, [Node("contact", {}, [error(429)])]),
            Registration(ANN.user, NumberState.UNKNOWN, error=429),
        ),
    ],
)
def test_an_answer_counts_only_as_what_it_says(entry: Node, expected: Registration) -> None:
    assert registrations(entry) == [expected]


def test_every_number_is_answered_whatever_else_the_server_speaks_of() -> None:
    found = registrations(
        user("in", "+15550009999", jid=Jid("15550009999", "s.whatsapp.net")),
        user("out", "+15550002222"),
        user("in", "+15550002222", jid=BOB),
        numbers=("15550001111", "15550002222"),
    )
    assert [each.state for each in found] == [NumberState.UNKNOWN, NumberState.OUT]


def test_a_refusal_of_the_whole_question_is_raised_with_the_time_to_wait() -> None:
    refused = answer(result=Node("contact", {}, [error(429, backoff="30")]))
    with pytest.raises(RateLimited) as caught:
        FetchRegistrations([ANN.user], "s").parse(refused)
    assert caught.value.backoff_s == 30


def test_trouble_with_another_protocol_leaves_the_answer_alone() -> None:
    reply = answer(user("in", "+15550001111", jid=ANN), result=Node("lid", {}, [error(500)]))
    assert FetchRegistrations([ANN.user], "s").parse(reply)[ANN.user].exists


@pytest.mark.parametrize("reply", [Node("iq"), Node("iq", {}, [Node("usync")])])
def test_an_answer_without_a_list_is_refused(reply: Node) -> None:
    for query in (FetchRegistrations([ANN.user], "s"), FetchAbout(ANN, "s")):
        with pytest.raises(StanzaError):
            query.parse(reply)


# --- one person ----------------------------------------------------------------------------------


def about(status: Node, asked: Jid = ANN, **attrs: Any) -> About | None:
    entry = Node("user", {"jid": ANN, **attrs}, [status])
    return FetchAbout(asked, "s").parse(answer(entry))


def test_a_token_stands_beside_the_person_asked_about() -> None:
    token = Node("tctoken", {}, b"token")
    usync = FetchAbout(ANN_LID, "s", (token,)).request().child("usync")
    assert usync.child("query").children() == [Node("status")]
    assert usync.child("list").children() == [Node("user", {"jid": ANN_LID}, [token])]
    assert FetchAbout(ANN, "s").request().child("usync").child("list").children() == [
        Node("user", {"jid": ANN})
    ]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Node("status", {"t": "1700000000"}, "hé".encode()), About("hé", 1_700_000_000)),
        (Node("status", {"t": "soon"}, b"x"), About("x", 0)),
        (Node("status", {"t": "-5"}, b"x"), About("x", 0)),
        (Node("status", {}, b"x" * 10_000), About("x" * 4096)),
        (Node("status", {"t": "1"}), None),
        (Node("status", {"t": "1"}, b""), None),
        (Node("status", {"code": "401"}, b"x"), None),
        (Node("status", {"code": "401"}), None),
        (Node("status", {}, [error(401)]), None),
        (Node("status", {}, [error(403)]), None),
        (Node("status", {}, [error(404)]), None),
    ],
)
def test_an_about_text_that_is_hidden_or_empty_is_none(
    status: Node, expected: About | None
) -> None:
    assert about(status) == expected


def test_an_about_text_is_found_under_either_address() -> None:
    status = Node("status", {}, b"x")
    assert about(status, ANN_LID, jid=ANN_LID) == About("x")
    assert about(status, ANN, jid=ANN_LID, pn_jid=ANN) == About("x")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer(), StanzaError),
        (answer(Node("user", {"jid": BOB}, [Node("status", {}, b"x")])), StanzaError),
        (answer(Node("user", {"jid": ANN})), StanzaError),
        (answer(Node("user", {"jid": ANN}, [Node("status", {}, b"\xff")])), StanzaError),
        (answer(Node("user", {"jid": ANN}, [Node("status", {}, [error(429)])])), RateLimited),
        (answer(result=Node("status", {}, [error(500)])), QueryError),
    ],
)
def test_no_answer_about_the_person_is_no_empty_text(
    reply: Node, expected: type[Exception]
) -> None:
    with pytest.raises(expected):
        FetchAbout(ANN, "s").parse(reply)


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        ({"duration": "86400", "t": "5"}, TimerSetting(86_400, 5)),
        ({"duration": "0", "t": "5"}, TimerSetting(0, 5)),
        ({}, TimerSetting()),
        ({"duration": "-1", "t": "x"}, TimerSetting()),
    ],
)
def test_the_timer_of_new_chats_is_off_unless_told(
    attrs: dict[str, Any], expected: TimerSetting
) -> None:
    query = FetchDefaultTimer(ANN, "s")
    assert query.request().child("usync").child("query").children() == [Node("disappearing_mode")]
    entry = Node("user", {"jid": ANN}, [Node("disappearing_mode", attrs)])
    assert query.parse(answer(entry)) == expected


# --- what the server tells -----------------------------------------------------------------------


def contacts(*children: Node) -> Node:
    return Node("notification", {"type": "contacts", "id": "1", "from": ANN}, list(children))


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        ({"old": ANN.with_device(2), "new": BOB}, NumberMove(ANN, BOB, None)),
        ({"old": ANN, "new": BOB, "new_lid": ANN_LID}, NumberMove(ANN, BOB, ANN_LID)),
        ({"old": ANN, "new": ANN_LID}, NumberMove(ANN, ANN_LID, ANN_LID)),
        ({"old": ANN, "new": BOB, "new_lid": "nobody"}, NumberMove(ANN, BOB, None)),
        ({"old": ANN}, None),
        ({"new": BOB}, None),
        ({"old": "x", "new": BOB}, None),
        ({"old": ANN, "new": Jid("1-2", "g.us")}, None),
        ({"old": Jid("", "s.whatsapp.net"), "new": BOB}, None),
    ],
)
def test_a_number_change_needs_two_people(
    attrs: dict[str, Any], expected: NumberMove | None
) -> None:
    found = parse_number_moves(contacts(Node("update"), Node("modify", attrs)))
    assert found == (() if expected is None else (expected,))


def test_number_changes_are_looked_at_in_a_bounded_number() -> None:
    modify = Node("modify", {"old": ANN, "new": BOB})
    assert len(parse_number_moves(contacts(*[modify] * (MAX_CHANGES + 1)))) == MAX_CHANGES


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        ({"from": ANN, "lid": ANN_LID}, (ANN, ANN_LID)),
        ({"from": ANN_LID, "lid": ANN}, (ANN, ANN_LID)),
        ({"from": ANN}, None),
        ({"from": ANN, "lid": BOB}, None),
        ({"from": ANN, "lid": "x"}, None),
        ({}, None),
    ],
)
def test_a_pair_of_addresses_is_taken_from_either_side(
    attrs: dict[str, Any], expected: tuple[Jid, Jid] | None
) -> None:
    assert shown_mapping(Node("notification", attrs)) == expected
