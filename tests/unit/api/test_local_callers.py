"""Without a key only this machine's programs and pages may call, whatever a browser is told."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed

from waport.api.head import RequestHead
from waport.api.local import LocalCallers
from waport.events import EventHub

FORBIDDEN = (403, "Forbidden host or origin", "forbidden")
LOCAL = {"host": "localhost:3000"}
EVIL = "https://evil.example"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:3000",
        "127.0.0.1",
        "127.0.0.1:3000",
        "127.8.9.1:80",
        "[::1]",
        "[::1]:3000",
    ],
)
async def test_a_host_of_this_machine_is_let_in(make_call: Any, host: str) -> None:
    response = await make_call(API_KEY="")("GET", "/ping", key=None, headers={"host": host})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:3000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:127.0.0.1",
        "0.0.0.0:3000",
        "10.0.0.1",
        "[::2]:3000",
        "[::1].evil.example",
        "[::1",
        "::1",
        "localhost:port",
        "",
    ],
)
async def test_another_host_is_forbidden(make_call: Any, problem: Any, host: str) -> None:
    call = make_call(API_KEY="")
    for path in ("/ping", "/session/start/x", "/no/such/path"):
        assert problem(await call("GET", path, key=None, headers={"host": host})) == FORBIDDEN


def test_a_request_without_a_host_is_forbidden() -> None:
    assert not LocalCallers(()).admits(RequestHead.of([]), changes_state=False)


@pytest.mark.parametrize(
    ("origin", "is_admitted"),
    [
        ("http://localhost:8080", True),
        ("http://127.0.0.1", True),
        ("https://[::1]:3000", True),
        ("https://ours.example", True),
        ("https://ours.example:8443", False),
        (EVIL, False),
        ("http://localhost.evil.example", False),
        ("https://evil.example/http://localhost", False),
        ("chrome-extension://abcdef", False),
        ("localhost", False),
        ("null", False),
        ("", False),
    ],
)
async def test_a_page_may_call_only_from_here_or_from_an_allowed_origin(
    make_call: Any, sessions: Any, problem: Any, origin: str, is_admitted: bool
) -> None:
    call = make_call(API_KEY="", ALLOWED_ORIGINS="https://ours.example")
    headers = {**LOCAL, "origin": origin, "sec-fetch-site": "cross-site"}
    response = await call("GET", "/session/start/x", key=None, headers=headers)
    if is_admitted:
        assert response.status_code == 200
    else:
        assert problem(response) == FORBIDDEN
        assert sessions.calls == []


async def test_all_origins_are_not_allowed_ones(make_call: Any, problem: Any) -> None:
    call = make_call(API_KEY="", ALLOWED_ORIGINS="*")
    response = await call("GET", "/ping", key=None, headers={**LOCAL, "origin": EVIL})
    assert problem(response) == FORBIDDEN


@pytest.mark.parametrize(
    ("method", "path", "site", "is_admitted"),
    [
        ("GET", "/session/start/x", "cross-site", False),
        ("GET", "/session/logout/on", "cross-site", False),
        ("DELETE", "/session/terminate/on", "cross-site", False),
        ("POST", "/session/requestPairingCode/x", "cross-site", False),
        ("GET", "/session/start/x", "same-origin", True),
        ("GET", "/session/start/x", "none", True),
        ("GET", "/session/status/x", "cross-site", True),
    ],
)
async def test_a_picture_on_a_foreign_page_changes_nothing(
    make_call: Any,
    sessions: Any,
    problem: Any,
    method: str,
    path: str,
    site: str,
    is_admitted: bool,
) -> None:
    headers = {**LOCAL, "sec-fetch-site": site}
    response = await make_call(API_KEY="")(method, path, key=None, headers=headers)
    if is_admitted:
        assert response.status_code == 200
    else:
        assert problem(response) == FORBIDDEN
        assert sessions.calls == []


async def test_a_foreign_body_is_not_read(make_call: Any, problem: Any) -> None:
    headers = {**LOCAL, "origin": EVIL, "content-type": "application/json"}
    call = make_call(API_KEY="")
    path = "/client/sendMessage/on"
    assert problem(await call("POST", path, key=None, content="{", headers=headers)) == FORBIDDEN
    large = await call("POST", path, key=None, content=" " * 100_000, headers=headers)
    assert large.headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/livez", "/docs", "/openapi.json"])
async def test_open_doors_stay_open(make_call: Any, path: str) -> None:
    headers = {"host": "evil.example"}
    assert (await make_call(API_KEY="")("GET", path, key=None, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "environ", [{"API_KEY": "test_api_key"}, {"API_KEY": "", "ALLOW_UNAUTHENTICATED": "true"}]
)
async def test_a_key_or_the_operators_word_lifts_the_rule(
    make_call: Any, environ: dict[str, str]
) -> None:
    headers = {"host": "evil.example", "origin": EVIL, "sec-fetch-site": "cross-site"}
    response = await make_call(**environ)("GET", "/session/start/x", headers=headers)
    assert response.status_code == 200


# --- event sockets -------------------------------------------------------------------------------


async def closed_with(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        await socket.recv()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


async def test_a_foreign_page_gets_no_events(serve: Any, hub: EventHub) -> None:
    async with serve(hub, API_KEY="") as port:
        url = f"ws://127.0.0.1:{port}/ws"
        async with open_socket(url, additional_headers={"Origin": EVIL}) as socket:
            assert await closed_with(socket) == (1008, "Forbidden host or origin")


async def test_a_rebound_name_gets_no_events(serve: Any, hub: EventHub) -> None:
    async with (
        serve(hub, API_KEY="") as port,
        open_socket(
            f"ws://evil.example:{port}/ws", host="127.0.0.1", port=port, proxy=None
        ) as socket,
    ):
        assert await closed_with(socket) == (1008, "Forbidden host or origin")


async def test_a_page_of_this_machine_gets_events(serve: Any, hub: EventHub) -> None:
    async with serve(hub, API_KEY="") as port:
        headers = {"Origin": f"http://localhost:{port}"}
        url = f"ws://127.0.0.1:{port}/ws"
        async with open_socket(url, additional_headers=headers) as socket:
            assert "connected" in str(await socket.recv())
