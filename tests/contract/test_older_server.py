"""Every operation of the older server, called as its programs call it."""

from __future__ import annotations

from typing import Any

import pytest

from waport.model import SessionState

from .older import CALLS, Call

GUARDED = [call for call in CALLS if call.path.split("/")[1] not in ("session", "ping")]
UNGUARDED = ("/client/getState/{sessionId}",)

each_call = pytest.mark.parametrize("wanted", CALLS, ids=lambda call: call.name)
each_guarded = pytest.mark.parametrize("wanted", GUARDED, ids=lambda call: call.name)


def session_for(wanted: Call) -> str:
    is_linking = "/qr" in wanted.path or "requestPairingCode" in wanted.path
    return "qr" if is_linking else "on"


@pytest.mark.parametrize("prefix", ["/legacy", ""])
@each_call
async def test_it_is_answered_with_the_keys_that_are_looked_for(
    call: Any, wanted: Call, prefix: str
) -> None:
    options = {} if wanted.method == "GET" else {"json": wanted.body}
    response = await call(wanted.method, prefix + wanted.at(session_for(wanted)), **options)
    status = wanted.status if prefix else wanted.root_status or wanted.status
    assert response.status_code == status, response.text
    if response.headers["content-type"].startswith("application/json"):
        answer = response.json()
        assert answer["success"] is (status == 200)
        assert status != 200 or set(wanted.keys.split()) <= set(answer)
    else:
        assert response.content == b"file"


@pytest.mark.parametrize("prefix", ["/legacy", ""])
@each_guarded
async def test_an_unknown_session_is_not_found(
    call: Any, problem: Any, sessions: Any, wanted: Call, prefix: str
) -> None:
    for session, expected in (
        ("nowhere", (404, "Session not found: nowhere", "session_not_found")),
        ("qr", (400, "Session not connected: qr", "session_not_connected")),
    ):
        options = {} if wanted.method == "GET" else {"json": {}}
        response = await call(wanted.method, prefix + wanted.at(session), **options)
        if wanted.path in UNGUARDED:
            assert response.status_code == 200
        else:
            assert problem(response) == expected
    assert sessions.account.calls == []


@each_guarded
async def test_its_own_answers_are_given_where_that_is_wanted(make_call: Any, wanted: Call) -> None:
    call = make_call(LEGACY_STRICT="true")
    path = f"/legacy{wanted.path}"
    options = {} if wanted.method == "GET" else {"json": wanted.body}
    response = await call(wanted.method, path.replace("{sessionId}", "on"), **options)
    assert response.status_code == wanted.status, response.text
    response = await call(wanted.method, path.replace("{sessionId}", "nowhere"), **options)
    if wanted.path not in UNGUARDED:
        assert response.status_code == 404
        assert response.json() == {"success": False, "error": "session_not_found"}
    response = await call(wanted.method, path.replace("{sessionId}", "on"), key=None, **options)
    assert response.status_code == 403
    assert response.json() == {"success": False, "error": "Invalid API key"}


@each_guarded
async def test_a_body_without_fields_never_fails_inside(
    call: Any, sessions: Any, wanted: Call
) -> None:
    if wanted.method == "GET":
        return
    for body in ({}, [], dict.fromkeys(wanted.body)):
        sessions.states["on"] = SessionState.CONNECTED  # one route opens the connection anew
        response = await call(wanted.method, wanted.at("on"), json=body)
        assert response.status_code in (200, 400, 404), response.text
        if response.status_code == 400:
            assert response.json()["message"] == "validation_error"
