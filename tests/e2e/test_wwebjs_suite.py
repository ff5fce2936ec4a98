"""What wwebjs-api's own tests check, checked here: rewritten from their description.

With `LEGACY_STRICT` its answers are given as they are there; without it the statuses and texts of
the server that this one replaces take their place, row by row.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from support.waport_server import WaportServer
from waport.emulator.server import Emulator, EmulatorOptions

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

KEY = "test_api_key"
GUARDED = (
    ("GET", "/client/getContacts"),
    ("POST", "/client/sendMessage"),
    ("POST", "/chat/getClassInfo"),
    ("POST", "/chat/fetchMessages"),
    ("POST", "/groupChat/getClassInfo"),
    ("POST", "/groupChat/leave"),
    ("POST", "/message/getClassInfo"),
    ("POST", "/message/react"),
    ("POST", "/contact/getClassInfo"),
    ("POST", "/contact/getAbout"),
    ("POST", "/channel/getClassInfo"),
    ("POST", "/channel/sendMessage"),
)
ONE_OF_EACH_GROUP = tuple(
    (method, path)
    for method, path in GUARDED
    if path == "/client/getContacts" or path.endswith("/getClassInfo")
)


@dataclass
class Suite:
    """A running server, called below `/legacy`."""

    server: WaportServer
    is_strict: bool
    http: httpx.AsyncClient

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = KEY
    ) -> httpx.Response:
        headers = {} if key is None else {"x-api-key": key}
        return await self.http.request(method, f"/legacy{path}", json=body, headers=headers)

    async def json(
        self, method: str, path: str, body: Any = None, *, key: str | None = KEY
    ) -> tuple[int, Any]:
        response = await self.call(method, path, body, key=key)
        return response.status_code, response.json()

    def folder(self, session_id: str) -> Path:
        return self.server.sessions / f"session-{session_id}"

    @property
    def log(self) -> Path:
        """What the callback example writes."""
        return self.server.sessions / "message_log.txt"

    async def logged(self, session_id: str) -> list[Any]:
        """The events of a session in the log, as soon as there is one.

        Those of sessions before it may still be on their way.
        """
        async with asyncio.timeout(60):
            while not (found := self._of(session_id)):  # noqa: ASYNC110 - a file tells of no news
                await asyncio.sleep(0.02)
        return found

    def _of(self, session_id: str) -> list[Any]:
        if not self.log.exists():
            return []
        *lines, _ = self.log.read_bytes().split(b"\r\n")  # the last one may be half written
        return [each for each in map(json.loads, lines) if each["sessionId"] == session_id]


@contextlib.asynccontextmanager
async def open_suite(folder: Path, *, strict: bool, **settings: str) -> AsyncIterator[Suite]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with Emulator(EmulatorOptions()) as emulator:
        url = f"http://127.0.0.1:{port}"
        server = WaportServer(
            folder,
            {
                "PORT": str(port),
                "API_KEY": KEY,
                "WEBHOOK_API_KEY": KEY,
                "BASE_WEBHOOK_URL": f"{url}/localCallbackExample",
                "ENABLE_LOCAL_CALLBACK_EXAMPLE": "true",
                # The older server tells states later, and never before the QR code.
                "DISABLED_CALLBACKS": "change_state",
                "LEGACY_STRICT": str(strict).lower(),
                "WA_WEBSOCKET_URL": emulator.ws_url,
                "WA_NOISE_ROOT_KEY": emulator.root_key.hex(),
                "WA_CA_FILE": str(emulator.ca_file),
                **settings,
            },
        )
        await server.start()
        try:
            async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
                yield Suite(server, strict, http)
        finally:
            await server.kill()


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=[True, False], ids=["strict", "adapted"]
)
async def suite(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Suite]:
    folder = tmp_path_factory.mktemp("suite")
    async with open_suite(folder, strict=request.param) as suite:
        yield suite


# --- health --------------------------------------------------------------------------------------


async def test_ping_pongs(suite: Suite) -> None:
    if suite.is_strict:
        assert await suite.json("GET", "/ping", key=None) == (
            200,
            {"success": True, "message": "pong"},
        )
        return
    status, answer = await suite.json("GET", "/ping")
    assert (status, answer["success"], answer["message"]) == (200, True, "pong")
    assert set(answer) == {"success", "message", "timestamp"}


async def test_the_callback_example_writes_what_it_gets(suite: Suite) -> None:
    body = {"sessionId": "1", "dataType": "testDataType", "data": "testData"}
    status, answer = await suite.json("POST", "/localCallbackExample", body)
    assert (status, answer["success"]) == (200, True)
    assert not suite.is_strict or answer == {"success": True}
    line = b'{"sessionId":"1","dataType":"testDataType","data":"testData"}\r\n'
    assert suite.log.read_bytes() == line
    suite.log.unlink()


# --- sessions ------------------------------------------------------------------------------------


async def test_a_session_is_not_started_without_a_key(suite: Suite) -> None:
    found = await suite.json("GET", "/session/start/1", key=None)
    assert found == without_key(suite)


def without_key(suite: Suite, text: str = "API key is required") -> tuple[int, Any]:
    if suite.is_strict:
        return 403, {"success": False, "error": "Invalid API key"}
    return 401, {"success": False, "error": text, "message": "unauthorized"}


async def test_a_session_has_a_plain_name(suite: Suite) -> None:
    status, answer = await suite.json("GET", "/session/start/ABCD1@")
    error = "Session should be alphanumerical or -"
    code = {} if suite.is_strict else {"message": "validation_error"}
    assert (status, answer) == (422, {"success": False, "error": error, **code})


def texts(suite: Suite, strict: str, adapted: str, **more: Any) -> tuple[int, Any]:
    if suite.is_strict:
        return 200, {"success": True, "message": strict}
    return 200, {"success": True, "message": adapted, **more}


STARTED = ("Session initiated successfully", "Session started")
TERMINATED = ("Logged out successfully", "Session terminated")


async def test_a_session_is_set_up_and_terminated(suite: Suite) -> None:
    assert await suite.json("GET", "/session/start/1") == texts(suite, *STARTED)
    assert suite.folder("1").is_dir()
    status, answer = await suite.json("GET", "/session/terminate/1")
    assert (status, answer["success"]) == (200, True)
    assert answer["message"] == TERMINATED[0 if suite.is_strict else 1]
    assert not suite.folder("1").exists()


async def test_idle_sessions_are_flushed(suite: Suite) -> None:
    for session_id in ("2", "3"):
        assert await suite.json("GET", f"/session/start/{session_id}") == texts(suite, *STARTED)
        assert suite.folder(session_id).is_dir()
    gone = {"terminatedCount": 2, "sessionIds": ["2", "3"]}
    words = ("Flush completed successfully", "Inactive sessions terminated")
    assert await suite.json("GET", "/session/terminateInactive") == texts(suite, *words, **gone)
    assert not suite.folder("2").exists()
    assert not suite.folder("3").exists()


async def test_a_qr_code_is_the_first_event_of_a_session(suite: Suite) -> None:
    suite.log.unlink(missing_ok=True)
    await suite.json("GET", "/session/start/4")
    (event,) = await suite.logged("4")
    assert event == {
        "dataType": "qr",
        "data": {"qr": event["data"]["qr"]},
        "sessionId": "4",
    }
    assert isinstance(event["data"]["qr"], str)
    assert event["data"]["qr"]
    await suite.json("GET", "/session/terminate/4")
    assert not suite.folder("4").exists()


# --- no session ----------------------------------------------------------------------------------


def unknown(suite: Suite, **strict: Any) -> tuple[int, Any]:
    if suite.is_strict:
        return 200, {"success": False, "message": "session_not_found", **strict}
    error = "Session not found: 1"
    return 404, {"success": False, "error": error, "message": "session_not_found"}


async def test_there_are_no_sessions(suite: Suite) -> None:
    more = {} if suite.is_strict else {"sessions": []}
    assert await suite.json("GET", "/session/getSessions") == (
        200,
        {"success": True, "result": [], **more},
    )


async def test_the_status_of_no_session(suite: Suite) -> None:
    wanted = (200, {"success": True, "state": "STOPPED", "message": "session_not_found"})
    found = await suite.json("GET", "/session/status/1")
    assert found == (unknown(suite, state=None) if suite.is_strict else wanted)


async def test_no_session_is_stopped(suite: Suite) -> None:
    found = await suite.json("GET", "/session/stop/1")
    if suite.is_strict:
        assert found == (200, {"success": True, "message": "Session stopped successfully"})
    else:
        assert found == unknown(suite)


@pytest.mark.parametrize("path", ["/session/qr/1", "/session/qr/1/image"])
async def test_no_session_has_a_qr_code(suite: Suite, path: str) -> None:
    assert await suite.json("GET", path) == unknown(suite)


async def test_no_session_is_restarted(suite: Suite) -> None:
    found = await suite.json("GET", "/session/restart/1")
    if suite.is_strict:
        assert found == unknown(suite, state=None)
    else:
        # The other server starts it.
        assert found == (200, {"success": True, "message": "Session restarted"})
        await suite.json("GET", "/session/terminate/1")


async def test_all_of_no_sessions_are_terminated(suite: Suite) -> None:
    words = ("Flush completed successfully", "All active sessions terminated")
    none = {"terminatedCount": 0, "sessionIds": []}
    assert await suite.json("GET", "/session/terminateAll") == texts(suite, *words, **none)


async def test_no_session_gives_a_pairing_code(suite: Suite) -> None:
    path, body = "/session/requestPairingCode/1", {"phoneNumber": "12025550108"}
    status, answer = await suite.json("POST", path, body)
    if suite.is_strict:
        assert (status, answer) == unknown(suite)
    else:
        # The other server starts it; the number has no account here.
        assert (status, answer["success"]) == (500, False)
        await suite.json("GET", "/session/terminate/1")


async def test_no_session_has_a_page(suite: Suite) -> None:
    status, answer = await suite.json("GET", "/session/getPageScreenshot/1")
    if suite.is_strict:
        assert (status, answer) == unknown(suite)
    else:
        assert (status, answer["message"]) == (501, "legacy_endpoint_not_implemented")


# --- guards --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_an_unknown_session_is_not_found(suite: Suite, method: str, path: str) -> None:
    error = {"error": "Session not found: 1", "message": "session_not_found"}
    wanted = {"error": "session_not_found"} if suite.is_strict else error
    found = await suite.json(method, f"{path}/1", None if method == "GET" else {})
    assert found == (404, {"success": False, **wanted})


@pytest.mark.parametrize(("method", "path"), ONE_OF_EACH_GROUP)
async def test_each_group_of_routes_wants_the_key(suite: Suite, method: str, path: str) -> None:
    found = await suite.json(method, f"{path}/1", None if method == "GET" else {}, key=None)
    assert found == without_key(suite)


async def test_a_wrong_key_is_none(suite: Suite) -> None:
    found = await suite.json("GET", "/client/getContacts/1", key="wrong")
    assert found == without_key(suite, "Invalid API key")


# --- dashboard -----------------------------------------------------------------------------------


async def test_there_is_a_dashboard_where_it_is_wanted(tmp_path: Path) -> None:
    async with open_suite(tmp_path, strict=True, ENABLE_WEB_UI="true") as suite:
        for path, kind, words in (
            ("/dashboard/", "text/html", "<title>waport dashboard</title>"),
            # Answered as it is: no path of this server is redirected.
            ("/dashboard", "text/html", 'src="/dashboard/app.js"'),
            ("/dashboard/app.js", "text/javascript", "/session/getSessions"),
            ("/dashboard/style.css", "text/css", "table"),
        ):
            response = await suite.http.get(path)
            assert response.status_code == 200
            assert response.headers["content-type"].startswith(kind)
            assert words in response.text
        assert (await suite.http.get("/dashboard/other.js")).status_code == 404


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/", "/dashboard/app.js"])
async def test_there_is_no_dashboard_unless_wanted(suite: Suite, path: str) -> None:
    response = await suite.http.get(path, headers={"x-api-key": KEY})
    assert response.status_code == 404
