"""The routes without a guard: the server, sessions, documents."""

from __future__ import annotations

from typing import Any

import pytest

NOT_FOUND = (404, "Session not found: nowhere", "session_not_found")
NO_QR = "QR code not available"

DONE = {
    ("GET", "/session/start"): "Session started",
    ("GET", "/session/stop"): "Session stopped",
    ("DELETE", "/session/terminate"): "Session terminated",
    ("GET", "/session/logout"): "Logged out successfully",
    ("GET", "/session/restart"): "Session restarted",
}
FOR_ANYBODY = ("/session/start", "/session/restart", "/session/terminate")
"""Routes that do not mind an unknown session."""


@pytest.mark.parametrize(("method", "path"), DONE)
async def test_sessions_are_changed(call: Any, problem: Any, method: str, path: str) -> None:
    response = await call(method, f"{path}/on")
    assert response.status_code == 200
    assert response.json() == {"success": True, "message": DONE[method, path]}
    response = await call(method, f"{path}/nowhere")
    if path in FOR_ANYBODY:
        assert response.json() == {"success": True, "message": DONE[method, path]}
    else:
        assert problem(response) == NOT_FOUND


@pytest.mark.parametrize("path", [path for method, path in DONE if method == "GET"])
async def test_a_link_checker_changes_nothing(call: Any, sessions: Any, path: str) -> None:
    assert (await call("HEAD", f"{path}/on")).status_code == 404
    assert sessions.calls == []
    assert "HEAD" not in (await call("OPTIONS", f"{path}/on")).headers["allow"]


async def test_where_sessions_stand(call: Any, problem: Any) -> None:
    for session, state in (("on", "CONNECTED"), ("qr", "QR_RECEIVED"), ("nowhere", "STOPPED")):
        answer = (await call("GET", f"/session/status/{session}")).json()
        assert (answer["success"], answer["state"]) == (True, state)
        assert (await call("HEAD", f"/session/status/{session}")).status_code == 200
    answer = (await call("GET", "/session/getSessions")).json()
    assert answer["sessions"] == [
        {"sessionId": "on", "status": "connected"},
        {"sessionId": "qr", "status": "qr"},
    ]
    for path in ("/session/qr/{}", "/session/qr/{}/image"):
        response = await call("GET", path.format("qr"))
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-cache, no-store, must-revalidate"
        assert response.headers["expires"] == "0"
        assert problem(await call("GET", path.format("nowhere"))) == NOT_FOUND
        unready = problem(await call("GET", path.format("on")))
        assert unready == (404, NO_QR, "qr_not_available")


async def test_a_pairing_code_wants_a_number_before_a_session(call: Any, problem: Any) -> None:
    path = "/session/requestPairingCode/nowhere"
    for body in ({}, [], {"phoneNumber": ""}, {"phoneNumber": None}, {"phoneNumber": 0}):
        refusal = problem(await call("POST", path, json=body))
        assert refusal == (400, "Phone number is required", "validation_error")
    for number in (True, ["1"], {"a": 1}, 1.5):
        refusal = problem(await call("POST", path, json={"phoneNumber": number}))
        assert refusal == (400, "phoneNumber must be a string", "validation_error")
    for number in ("12025550108", 12025550108, "+1 (202) 555-0108"):
        response = await call("POST", path, json={"phoneNumber": number})
        assert response.status_code == 200
        assert response.json()["pairingCode"] == "ABCD1234"
    connected = await call(
        "POST", "/session/requestPairingCode/on", json={"phoneNumber": "12025550108"}
    )
    text = "Session already connected: on"
    assert problem(connected) == (400, text, "session_already_connected")


async def test_the_server_itself(call: Any, problem: Any) -> None:
    answer = (await call("GET", "/ping")).json()
    assert answer.pop("timestamp") > 1_600_000_000_000
    assert answer == {"success": True, "message": "pong"}
    assert problem(await call("GET", "/ping", key=None))[0] == 401
    for path in ("/docs", "/docs/", "/openapi.json", "/api-docs"):
        assert (await call("GET", path, key=None)).status_code == 200
    for path in ("/ws", "/ws/", "/ws/on", "/session/start/", "/session/start", "/", "//ping"):
        assert problem(await call("GET", path)) == (
            404,
            f"Route not found: GET {path}",
            "not_found",
        )
