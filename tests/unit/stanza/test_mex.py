from __future__ import annotations

import json
from typing import Any

import pytest

from waport.errors import MexError, NotAuthorized, NotFound, QueryError, RateLimited, StanzaError
from waport.stanza.json_values import MAX_DEPTH, MAX_JSON, JsonObject, read_json
from waport.stanza.mex import MexQuery, parse_mex_notification, read_answer
from waport.stanza.mex_table import MEX_QUERIES
from waport.wire import SERVER, Jid, Node

CHANNEL = Jid("120363000000000002", "newsletter")


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def problem(**extensions: Any) -> dict[str, Any]:
    return {"message": "no", "path": ["x"], "extensions": extensions}


def test_a_query_carries_its_id_and_its_variables() -> None:
    node = MexQuery("25399611239711790", {"newsletter_id": str(CHANNEL)}).request()
    assert (node.get("xmlns"), node.get("type"), node.jid("to")) == ("w:mex", "get", SERVER)
    query = node.child("query")
    assert query.get("query_id") == "25399611239711790"
    assert query.data == b'{"variables":{"newsletter_id":"120363000000000002@newsletter"}}'


def test_the_answer_is_the_text_of_the_result() -> None:
    reply = Node("iq", {"type": "result"}, [Node("result", {}, b'{"data":{}}')])
    assert MexQuery("1").parse(reply) == b'{"data":{}}'


def test_a_binary_answer_is_an_error_with_the_raw_text() -> None:
    reply = Node("iq", {"type": "result"}, [Node("result", {"format": "argo"}, b"\x00raw")])
    with pytest.raises(MexError) as caught:
        MexQuery("1").parse(reply)
    assert "raw" in caught.value.raw
    assert "argo" in str(caught.value)


def test_an_answer_without_a_result_is_an_error() -> None:
    with pytest.raises(StanzaError):
        MexQuery("1").parse(Node("iq", {"type": "result"}))


@pytest.mark.parametrize(
    ("code", "error"),
    [(401, NotAuthorized), (404, NotFound), (429, RateLimited), (500, QueryError)],
)
def test_an_error_code_is_a_refusal(code: int, error: type[QueryError]) -> None:
    answer = {"data": {"x": 1}, "errors": [problem(error_code=code)]}
    with pytest.raises(error) as caught:
        read_answer(body(answer))
    assert (caught.value.code, caught.value.text) == (code, "no")


@pytest.mark.parametrize(
    "answer",
    [
        {"data": None, "errors": [{"message": "no"}]},
        {"errors": [{"message": "no"}]},
        {"data": {"x": 1}, "errors": [problem(is_summary=True)]},
        {"data": None, "errors": [problem(error_code=10**30)]},
    ],
)
def test_an_error_without_a_code_is_fatal_where_nothing_else_can_be_relied_on(answer: Any) -> None:
    with pytest.raises(QueryError) as caught:
        read_answer(body(answer))
    assert (caught.value.code, caught.value.text) == (0, "no")


def test_partial_data_are_given_with_the_errors() -> None:
    answer = read_answer(body({"data": {"x": {"y": "z"}}, "errors": [problem(is_retryable=True)]}))
    assert answer.data.part("x").text("y") == "z"
    (found,) = answer.problems
    assert (found.text, found.is_retryable, found.is_fatal) == ("no", True, False)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'"text"',
        b'{"data":null}',
        b"{}",
        b"\xff\xfe",
        b'{"data":' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"data":' + b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH + b"}",
        b" " * (MAX_JSON + 1),
    ],
)
def test_what_is_no_answer_is_refused_with_its_beginning(raw: bytes) -> None:
    with pytest.raises(MexError) as caught:
        read_answer(raw)
    assert len(caught.value.raw) <= 2048


def test_members_of_another_kind_read_as_nothing() -> None:
    found = JsonObject({"a": 1, "b": "7", "c": [1, {"d": 2}, None], "e": True, "f": "\ud800"})
    assert (found.text("a"), found.number("b"), found.number("a")) == ("1", 7, 1)
    assert [part.number("d") for part in found.parts("c")] == [2]
    assert (found.flag("e"), found.flag("a"), found.number("e"), found.text("e")) == (
        True,
        False,
        0,
        "",
    )
    assert found.text("f").encode()
    assert found.part("a", "b").text("c") == ""
    assert found.jid("b") is None or found.jid("b") != CHANNEL
    assert JsonObject({"n": 2**70}).number("n") == 0
    assert JsonObject({"n": -1}).number("n") == 0


def test_a_json_text_of_the_deepest_kind_is_read() -> None:
    depth = MAX_DEPTH - 2
    read_json(b'{"data":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}")


# --- by itself -----------------------------------------------------------------------------------


def notification(*children: Node) -> Node:
    return Node("notification", {"from": SERVER, "type": "mex", "id": "1"}, list(children))


def test_an_update_is_read_below_its_root() -> None:
    data = {"data": {"xwa2_notify_newsletter_on_join": {"id": str(CHANNEL)}}}
    node = Node("update", {"op_name": "NotificationNewsletterJoin"}, body(data))
    (notice,) = parse_mex_notification(notification(node))
    assert notice.operation == "NotificationNewsletterJoin"
    assert notice.data.jid("id") == CHANNEL


def test_the_older_form_is_read_one_by_one() -> None:
    data = {"operation": "NotificationNewsletterUpdate", "updates": [{"jid": str(CHANNEL)}, 7]}
    (notice,) = parse_mex_notification(notification(Node("mex", {}, body(data))))
    assert (notice.operation, notice.data.jid("jid")) == ("NotificationNewsletterUpdate", CHANNEL)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{" * 50_000])
def test_an_update_that_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(MexError):
        parse_mex_notification(notification(Node("update", {"op_name": "x"}, raw)))


def test_a_notification_with_nothing_inside_is_refused() -> None:
    with pytest.raises(StanzaError):
        parse_mex_notification(notification(Node("other")))


def test_every_query_has_an_id_and_a_root() -> None:
    for name, query in MEX_QUERIES.items():
        assert query.id.isdigit(), name
        assert query.root.startswith("xwa2_"), name
