"""System and session routes: every literal of the contract."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from PIL import Image

from waport.api import create_app
from waport.errors import (
    ConnectionClosed,
    InvalidInput,
    PairingError,
    QueryTimeout,
    RateLimited,
    SessionNotFound,
    StoreError,
    WhatsAppError,
    query_error,
)
from waport.model import Evidence, SessionState

UNKNOWN = (404, "Session not found: none", "session_not_found")


async def test_ping_answers_with_milliseconds(call: Any) -> None:
    response = await call("GET", "/ping")
    body = response.json()
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert body == {"success": True, "message": "pong", "timestamp": body["timestamp"]}
    assert isinstance(body["timestamp"], int)
    assert body["timestamp"] > 1_700_000_000_000


@pytest.mark.parametrize(
    ("method", "verb", "text"),
    [
        ("GET", "start", "Session started"),
        ("GET", "stop", "Session stopped"),
        ("DELETE", "terminate", "Session terminated"),
        ("GET", "logout", "Logged out successfully"),
        ("GET", "restart", "Session restarted"),
    ],
)
async def test_each_operation_answers_with_its_text(
    call: Any, sessions: Any, method: str, verb: str, text: str
) -> None:
    response = await call(method, f"/session/{verb}/on")
    assert response.status_code == 200
    assert response.json() == {"success": True, "message": text}
    assert sessions.calls == [(verb, "on")]


@pytest.mark.parametrize("verb", ["stop", "logout"])
async def test_stop_and_logout_know_the_session_once(call: Any, problem: Any, verb: str) -> None:
    assert (await call("GET", f"/session/{verb}/on")).status_code == 200
    text = "Session not found: on"
    assert problem(await call("GET", f"/session/{verb}/on")) == (404, text, "session_not_found")


async def test_terminate_and_restart_take_unknown_sessions(call: Any) -> None:
    assert (await call("DELETE", "/session/terminate/none")).json()["success"] is True
    assert (await call("GET", "/session/restart/none")).json()["success"] is True


async def test_status_tells_what_proves_the_connection(call: Any, sessions: Any) -> None:
    sessions.proofs["on"] = Evidence(1_700_000_002.5, 1_700_000_001.0, None)
    assert (await call("GET", "/session/status/on")).json() == {
        "success": True,
        "state": "CONNECTED",
        "message": "session_connected",
        "evidence": {
            "connectedAt": 1_700_000_001_000,
            "lastReceivedAt": 1_700_000_002_500,
            "lastPongAt": None,
        },
    }
    assert "evidence" not in (await call("GET", "/session/status/qr")).json()


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (None, "STOPPED"),
        (SessionState.CONNECTING, "INITIALIZING"),
        (SessionState.QR, "QR_RECEIVED"),
        (SessionState.PAIRING, "PAIRING"),
        (SessionState.CONNECTED, "CONNECTED"),
        (SessionState.DISCONNECTED, "DISCONNECTED"),
    ],
)
async def test_status_has_a_word_for_every_state(
    call: Any, sessions: Any, state: SessionState | None, word: str
) -> None:
    sessions.states = {} if state is None else {"s": state}
    told = "session_connected" if word == "CONNECTED" else "session_not_connected"
    assert (await call("GET", "/session/status/s")).json() == {
        "success": True,
        "state": word,
        "message": "session_not_found" if state is None else told,
    }


async def test_sessions_are_listed_in_start_order_with_lower_case_states(
    call: Any, sessions: Any
) -> None:
    sessions.states = {"b": SessionState.CONNECTED, "a": SessionState.QR}
    assert (await call("GET", "/session/getSessions")).json() == {
        "success": True,
        "sessions": [
            {"sessionId": "b", "status": "connected"},
            {"sessionId": "a", "status": "qr"},
        ],
        "result": ["b", "a"],
    }


async def test_the_qr_text_is_given_and_not_cached(call: Any) -> None:
    response = await call("GET", "/session/qr/qr")
    assert response.json() == {"success": True, "qr": "2@ref,bm9pc2U=,aWRlbnRpdHk=,c2VjcmV0"}
    assert response.headers["cache-control"] == "no-cache, no-store, must-revalidate"
    assert response.headers["expires"] == "0"


@pytest.mark.parametrize("suffix", ["", "/image"])
async def test_without_a_qr_both_routes_say_so(call: Any, problem: Any, suffix: str) -> None:
    assert problem(await call("GET", f"/session/qr/none{suffix}")) == UNKNOWN
    expected = (404, "QR code not available", "qr_not_available")
    assert problem(await call("GET", f"/session/qr/on{suffix}")) == expected


async def test_the_qr_picture_is_300_pixels_rgba_with_a_quiet_zone(call: Any) -> None:
    response = await call("GET", "/session/qr/qr/image")
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-length"] == str(len(response.content))
    assert response.headers["cache-control"] == "no-cache, no-store, must-revalidate"
    picture = Image.open(io.BytesIO(response.content))
    assert picture.size == (300, 300)
    assert picture.mode == "RGBA"
    colours = picture.getcolors()
    assert colours is not None
    assert {colour for _, colour in colours} == {(0, 0, 0, 255), (255, 255, 255, 255)}
    # The corner pattern is 7 modules wide and begins after the quiet zone of 2.
    row = [picture.getpixel((at, 22)) == (0, 0, 0, 255) for at in range(300)]
    start = row.index(True)
    width = row.index(False, start) - start
    assert 7 * start == pytest.approx(2 * width, abs=7)
    assert row[::-1].index(True) == pytest.approx(start, abs=1)


# --- pairing code --------------------------------------------------------------------------------

CODE = "/session/requestPairingCode/"


@pytest.mark.parametrize("number", ["12025550108", "+1 (202) 555-0108", 12025550108])
async def test_a_pairing_code_is_asked_for_with_digits_only(
    call: Any, sessions: Any, number: object
) -> None:
    response = await call("POST", f"{CODE}new", json={"phoneNumber": number})
    assert response.json() == {"success": True, "pairingCode": "ABCD1234", "result": "ABCD1234"}
    assert sessions.calls == [("code", "new", "12025550108")]


@pytest.mark.parametrize(
    "body", [{}, [], {"phoneNumber": ""}, {"phoneNumber": None}, {"phoneNumber": 0}]
)
async def test_a_pairing_code_needs_a_number(
    call: Any, problem: Any, sessions: Any, body: object
) -> None:
    response = await call("POST", f"{CODE}none", json=body)
    assert problem(response) == (400, "Phone number is required", "validation_error")
    assert sessions.calls == []


@pytest.mark.parametrize("number", [True, 1.5, ["1"], {"a": 1}, 123456, 10**15])
async def test_a_number_of_a_wrong_type_is_refused(
    call: Any, problem: Any, sessions: Any, number: object
) -> None:
    response = await call("POST", f"{CODE}new", json={"phoneNumber": number})
    assert problem(response) == (400, "phoneNumber must be a string", "validation_error")
    assert sessions.calls == []


@pytest.mark.parametrize(
    "number", ["none", "123456", "1" * 16, "012025550108", "0049 30 123456", "+", "١٢٣٤٥٦٧٨"]
)
async def test_what_is_no_phone_number_starts_nothing(
    call: Any, problem: Any, sessions: Any, number: str
) -> None:
    response = await call("POST", f"{CODE}new", json={"phoneNumber": number})
    assert problem(response) == (400, "phoneNumber must be a phone number", "validation_error")
    assert sessions.calls == []


async def test_a_linked_session_gets_no_pairing_code(call: Any, problem: Any) -> None:
    response = await call("POST", f"{CODE}on", json={"phoneNumber": "12025550108"})
    expected = (400, "Session already connected: on", "session_already_connected")
    assert problem(response) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (query_error(404, "item-not-found"), (500, "item-not-found", "item-not-found")),
        (query_error(403, "forbidden"), (500, "forbidden", "forbidden")),
        (RateLimited(429, "rate-overlimit"), (500, "rate-overlimit", "rate-overlimit")),
        (query_error(463, ""), (500, "463", "463")),
        (QueryTimeout("id 5"), (500, "Timed Out", "Timed Out")),
        (ConnectionClosed("reset"), (500, "Connection Closed", "Connection Closed")),
        (
            PairingError(401, "not-authorized", "bad hmac"),
            (500, "Failed to request pairing code", "Failed to request pairing code"),
        ),
        (InvalidInput("inner words"), (400, "Invalid input", "validation_error")),
        (SessionNotFound("s"), (404, "Session not found: s", "session_not_found")),
        (StoreError("disk I/O"), (500, "Internal server error", "internal_error")),
        (WhatsAppError("inner"), (500, "Internal server error", "internal_error")),
    ],
)
async def test_each_error_has_its_answer(
    call: Any, problem: Any, sessions: Any, error: Exception, expected: tuple[int, str, str]
) -> None:
    sessions.error = error
    response = await call("POST", f"{CODE}s", json={"phoneNumber": "12025550108"})
    assert problem(response) == expected


# --- probes --------------------------------------------------------------------------------------


async def test_probes_say_up_or_down_and_nothing_else(
    make_settings: Any, sessions: Any, hub: Any, problem: Any
) -> None:
    up = False
    app = create_app(make_settings(), sessions, hub, is_ready=lambda: up)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as client:
        assert (await client.get("/livez")).json() == {"success": True, "status": "up"}
        assert problem(await client.get("/readyz")) == (503, "Not ready", "not_ready")
        up = True
        assert (await client.get("/readyz")).json() == {"success": True, "status": "up"}


async def test_terminate_tells_whether_the_phone_knows(call: Any, sessions: Any) -> None:
    for unlinked in (True, False):
        sessions.unlinked = unlinked
        assert (await call("DELETE", "/session/terminate/on")).json() == {
            "success": True,
            "message": "Session terminated",
            "unlinked": unlinked,
        }
    sessions.unlinked = None
    assert "unlinked" not in (await call("DELETE", "/session/terminate/on")).json()
