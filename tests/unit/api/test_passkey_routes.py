"""The passkey step of linking over REST."""

from __future__ import annotations

from typing import Any

import pytest

from waport.api.routes import NO_CACHE
from waport.errors import InvalidInput, query_error
from waport.model import PasskeyStage, PasskeyState

PATH = "/session/passkey/qr"
OPTIONS = {"challenge": "Y2hhbGxlbmdl", "rpId": "whatsapp.com"}
ASSERTION = {"id": "aQ", "rawId": "aQ", "type": "public-key", "response": {"signature": "cw"}}


async def test_without_a_request_there_is_nothing_to_get(call: Any, problem: Any) -> None:
    none = (404, "No passkey is asked for now", "passkey_not_requested")
    assert problem(await call("GET", PATH)) == none
    assert problem(await call("POST", PATH, json={"assertion": ASSERTION})) == none
    assert problem(await call("POST", f"{PATH}/confirm", json={})) == none
    expected = (404, "Session not found: nowhere", "session_not_found")
    assert problem(await call("GET", "/session/passkey/nowhere")) == expected


async def test_the_challenge_is_got_answered_and_confirmed(call: Any, sessions: Any) -> None:
    sessions.passkey_state = PasskeyState(PasskeyStage.CHALLENGE, OPTIONS)
    response = await call("GET", PATH)
    assert response.headers["cache-control"] == NO_CACHE["Cache-Control"]
    assert response.json() == {
        "success": True,
        "stage": "challenge",
        "publicKey": OPTIONS,
        "code": None,
    }
    response = await call("POST", PATH, json={"assertion": ASSERTION})
    assert response.json() == {"success": True, "message": "Passkey accepted"}
    assert sessions.assertions == [ASSERTION]
    sessions.passkey_state = PasskeyState(PasskeyStage.CONFIRM, OPTIONS, "ABCD-1234")
    assert (await call("GET", PATH)).json()["code"] == "ABCD-1234"
    response = await call("POST", f"{PATH}/confirm")
    assert response.json() == {"success": True, "message": "Passkey confirmed"}
    assert sessions.calls == [("answer_passkey", "qr"), ("confirm_passkey", "qr")]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "assertion is required"),
        ({"assertion": None}, "assertion is required"),
        ({"assertion": "text"}, "assertion must be an object"),
        ({"assertion": [1]}, "assertion must be an object"),
    ],
)
async def test_what_is_no_assertion_is_refused(
    call: Any, problem: Any, sessions: Any, body: Any, text: str
) -> None:
    sessions.passkey_state = PasskeyState(PasskeyStage.CHALLENGE, OPTIONS)
    assert problem(await call("POST", PATH, json=body)) == (400, text, "validation_error")
    assert sessions.assertions == []


async def test_a_useless_assertion_says_why(call: Any, problem: Any, sessions: Any) -> None:
    sessions.passkey_state = PasskeyState(PasskeyStage.CHALLENGE, OPTIONS)
    sessions.error = InvalidInput("the assertion answers another challenge")
    expected = (400, "assertion: the assertion answers another challenge", "validation_error")
    assert problem(await call("POST", PATH, json={"assertion": ASSERTION})) == expected
    sessions.error = query_error(403, "forbidden")
    assert problem(await call("POST", PATH, json={"assertion": ASSERTION}))[0] == 500
