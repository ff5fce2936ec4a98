"""One case for every rule about bodies, on every guarded route: the contract's own answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .rules import IDS, RULES, WRONG, Rule

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
INVALID_JSON = (400, "Invalid JSON body", "invalid_json")
LONG = "x" * 100_000

each_route = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.path)
with_required = pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.missing], ids=lambda rule: rule.path
)


def refusal(rule: Rule, text: str | None = None) -> tuple[int, str, str]:
    return 400, text or rule.missing, "validation_error"


def missing(rule: Rule) -> Iterator[dict[str, object]]:
    """Bodies that lack something."""
    for name in (*rule.needed, *rule.defined):
        yield rule.without(name)
    for name in rule.needed:
        for nothing in (None, False, 0, ""):
            yield {**rule.body, name: nothing}
    for name in rule.lists:
        for other in ({"a": 1}, True, 1.5):
            yield {**rule.body, name: other}


def wrong(rule: Rule) -> Iterator[tuple[dict[str, object], str]]:
    """Bodies with one value of a wrong type, and what is said of it."""
    for name, kind in rule.types.items():
        for value in WRONG[kind]:
            yield {**rule.body, name: value}, f"{name} must be {kind}"
    for name in rule.lists:
        yield {**rule.body, name: [True]}, f"{name}.0 must be a string"


@each_route
async def test_a_good_body_is_answered_with_the_keys_of_the_contract(call: Any, rule: Rule) -> None:
    response = await call("POST", f"{rule.path}/on", json=rule.body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    answer = response.json()
    assert answer["success"] is True
    assert "data" not in answer
    assert set(rule.keys) <= set(answer), answer


@each_route
async def test_a_path_matches_in_any_case_with_one_slash_more(call: Any, rule: Rule) -> None:
    answer = await call("POST", f"{rule.path}/on", json=rule.body)
    for path in (f"{rule.path.upper()}/on", f"{rule.path}/on/", f"{rule.path.lower()}/on/"):
        response = await call("POST", path, json=rule.body)
        assert response.status_code == 200
        assert set(response.json()) == set(answer.json())


@with_required
async def test_a_body_without_fields_lacks_them_all(call: Any, problem: Any, rule: Rule) -> None:
    path = f"{rule.path}/on"
    for options in (
        {},
        {"json": {}},
        {"json": []},
        {"json": [rule.body]},
        {"content": b"", "headers": JSON},
        {"content": b"\xef\xbb\xbf{}", "headers": JSON},
        {"content": b"", "headers": FORM},
        {"content": b"a=1&b[c]=2", "headers": FORM},
        {"content": json.dumps(rule.body), "headers": {"content-type": "text/plain"}},
        {"content": json.dumps(rule.body), "headers": {"content-type": "application/vnd.x+json"}},
    ):
        assert problem(await call("POST", path, **options)) == refusal(rule), options


@with_required
async def test_whatever_is_missing_the_whole_text_is_given(
    call: Any, problem: Any, rule: Rule
) -> None:
    for body in missing(rule):
        assert problem(await call("POST", f"{rule.path}/on", json=body)) == refusal(rule), body


@each_route
async def test_a_wrong_type_is_named_and_changes_nothing(
    call: Any, problem: Any, sessions: Any, rule: Rule
) -> None:
    for body, text in wrong(rule):
        response = await call("POST", f"{rule.path}/on", json=body)
        assert problem(response) == refusal(rule, text), body
    assert sessions.account.calls == []
    assert sessions.account.sent == []


@each_route
async def test_what_is_no_json_is_refused_before_the_session_is_looked_at(
    call: Any, problem: Any, rule: Rule
) -> None:
    for content in (b"{", b'{"a":', b"nonsense", b"null", b"5", b'"x"', b"NaN", b"\xff{}"):
        for session in ("on", "nowhere"):
            path = f"{rule.path}/{session}"
            response = await call("POST", path, content=content, headers=JSON)
            assert problem(response) == INVALID_JSON, content


@each_route
async def test_the_session_is_looked_at_before_the_fields(
    call: Any, problem: Any, sessions: Any, rule: Rule
) -> None:
    for body in ({}, rule.body, {"chatId": True}):
        response = await call("POST", f"{rule.path}/nowhere", json=body)
        text = "Session not found: nowhere"
        assert problem(response) == (404, text, "session_not_found")
        response = await call("POST", f"{rule.path}/qr", json=body)
        assert problem(response) == (400, "Session not connected: qr", "session_not_connected")
    assert sessions.account.calls == []


@each_route
async def test_a_session_id_that_may_not_be_one_is_refused(
    call: Any, problem: Any, rule: Rule
) -> None:
    text = "Session should be alphanumerical or -"
    for name in ("%2e%2e", "a%20b", "a%2Fb", "x" * 248, "%C3%A9", "a%0A"):
        response = await call("POST", f"{rule.path}/{name}", json=rule.body)
        assert problem(response) == (422, text, "validation_error")
    for name in ("%", "%E0%A4%A", "%FF"):
        response = await call("POST", f"{rule.path}/{name}", json=rule.body)
        assert problem(response) == (400, f"Failed to decode param '{name}'", "bad_request")


@each_route
async def test_another_method_is_no_route(call: Any, problem: Any, rule: Rule) -> None:
    path = f"{rule.path}/on"
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        response = await call(method, path)
        if response.status_code == 404:
            text = f"Route not found: {method} {path}"
            assert problem(response) == (404, text, "not_found")
        else:
            # Paths that the older server answers by this method, too.
            assert (method, rule.path) in {
                ("GET", "/client/getChats"),
                ("GET", "/client/getContacts"),
            }
    allowed = (await call("OPTIONS", path)).headers["allow"].split(",")
    assert "POST" in allowed


@each_route
async def test_the_key_comes_first(call: Any, problem: Any, rule: Rule) -> None:
    path = f"{rule.path}/nowhere"
    response = await call("POST", path, key=None, content=b"{", headers=JSON)
    assert problem(response) == (401, "API key is required", "unauthorized")
    response = await call("POST", path, key="other", content=b"{", headers=JSON)
    assert problem(response) == (401, "Invalid API key", "unauthorized")


@each_route
async def test_endless_texts_are_answered(call: Any, rule: Rule) -> None:
    for name, kind in rule.types.items():
        value: object = [LONG] if kind == IDS else LONG
        response = await call("POST", f"{rule.path}/on", json={**rule.body, name: value})
        assert response.status_code in (200, 400, 404), response.text
        assert len(response.content) < 1_000_000


@each_route
async def test_unknown_fields_and_nulls_in_optional_ones_count_for_nothing(
    call: Any, rule: Rule
) -> None:
    nulls = {name: None for name in rule.types if name not in (*rule.needed, *rule.defined)}
    body = {**nulls, **rule.body, "unheardOf": {"deep": [1]}, "": 5}
    assert (await call("POST", f"{rule.path}/on", json=body)).status_code == 200


@each_route
async def test_a_form_says_the_same_as_json(call: Any, rule: Rule) -> None:
    fields: list[tuple[str, str]] = []
    for name, value in rule.body.items():
        if isinstance(value, list):
            fields += [(f"{name}[]", str(item)) for item in value]
        elif isinstance(value, bool):
            fields.append((name, str(value).lower()))
        else:
            fields.append((name, str(value)))
    answer = await call("POST", f"{rule.path}/on", json=rule.body)
    response = await call("POST", f"{rule.path}/on", data=dict(fields))
    assert response.status_code == 200, response.text
    assert set(response.json()) == set(answer.json())
