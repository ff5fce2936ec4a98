"""What only shows over a real connection: event sockets, refused bodies, the end of the server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from waport.api.http_server import MaskKeys
from waport.events import EventHub, Frame

Serve = Callable[..., "contextlib.AbstractAsyncContextManager[int]"]


@contextlib.asynccontextmanager
async def listening(
    port: int, path: str, key: str | None = None
) -> AsyncIterator[ClientConnection]:
    headers = {} if key is None else {"x-api-key": key}
    url = f"ws://127.0.0.1:{port}{path}"
    async with websockets.connect(url, additional_headers=headers) as socket:
        yield socket


async def _read_on(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


async def greeting(socket: ClientConnection) -> dict[str, Any]:
    shape: dict[str, Any] = json.loads(await socket.recv())
    return shape


KEY = "test_api_key"


# --- event sockets -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "session_id"),
    [
        ("/ws", None),
        ("/ws?sessionId=", None),
        ("/ws?sessionId=abc", "abc"),
        ("/ws?sessionId=a.b", "a.b"),
        ("/ws/abc", "abc"),
        ("/ws/abc?sessionId=other", "abc"),
    ],
)
async def test_the_first_text_is_a_greeting(
    serve: Serve, hub: EventHub, path: str, session_id: str | None
) -> None:
    async with serve(hub) as port, listening(port, path, KEY) as socket:
        assert await greeting(socket) == {
            "type": "connected",
            "sessionId": session_id,
            "timestamp": "2026-02-12T10:20:30.000Z",
        }


async def test_events_arrive_with_their_four_keys_in_order(serve: Serve, hub: EventHub) -> None:
    async with serve(hub) as port, listening(port, "/ws", KEY) as socket:
        await greeting(socket)
        hub.publish("abc", [Frame.of("ready", {"id": "1@c.us", "pushname": "Bö"})])
        assert await socket.recv() == (
            '{"sessionId":"abc","dataType":"ready","data":{"id":"1@c.us","pushname":"Bö"},'
            '"timestamp":"2026-02-12T10:20:30.000Z"}'
        )


async def test_the_filter_lets_one_session_through(serve: Serve, hub: EventHub) -> None:
    async with (
        serve(hub) as port,
        listening(port, "/ws?sessionId=b", KEY) as by_query,
        listening(port, "/ws/b", KEY) as by_path,
    ):
        for socket in (by_query, by_path):
            await greeting(socket)
        hub.publish("a", [Frame.of("qr", {"qr": "1"})])
        hub.publish("b", [Frame.of("qr", {"qr": "2"})])
        for socket in (by_query, by_path):
            assert json.loads(await socket.recv())["data"] == {"qr": "2"}


async def test_the_text_ping_is_answered_and_all_else_ignored(serve: Serve, hub: EventHub) -> None:
    async with serve(hub) as port, listening(port, "/ws", KEY) as socket:
        await greeting(socket)
        for ignored in ("PING", "hello", b"\x00", "", '{"a":1}'):
            await socket.send(ignored)
        await socket.send("ping")
        assert await socket.recv() == "pong"
        await socket.send(b"ping")
        assert await socket.recv() == "pong"


async def test_the_key_may_stand_in_the_query(serve: Serve, hub: EventHub) -> None:
    async with serve(hub) as port, listening(port, f"/ws?apiKey={KEY}") as socket:
        assert (await greeting(socket))["type"] == "connected"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/ws", None),
        ("/ws", "wrong"),
        ("/ws?apiKey=wrong", None),
        ("/ws/abc", None),
        # A wrong header is not made good by the query.
        (f"/ws?apiKey={KEY}", "wrong"),
        (f"/ws?apiKey={KEY}&apiKey={KEY}", None),
    ],
)
async def test_without_the_key_the_socket_is_opened_and_closed_with_1008(
    serve: Serve, hub: EventHub, path: str, key: str | None
) -> None:
    async with serve(hub) as port, listening(port, path, key) as socket:
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1008, "Unauthorized")


async def test_without_a_configured_key_the_socket_is_open_to_all(
    serve: Serve, hub: EventHub
) -> None:
    async with serve(hub, API_KEY="") as port, listening(port, "/ws") as socket:
        assert (await greeting(socket))["type"] == "connected"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/ws/", 400), ("/ping", 400), ("/ws/a/b", 400), ("/", 400), ("/WS", 400)],
)
async def test_any_other_path_refuses_the_upgrade(
    serve: Serve, hub: EventHub, path: str, status: int
) -> None:
    async with serve(hub) as port:
        with pytest.raises(InvalidStatus) as caught:
            async with listening(port, path, KEY):
                pass
    assert caught.value.response.status_code == status


async def test_switched_off_there_is_no_socket(serve: Serve, hub: EventHub) -> None:
    async with serve(hub, ENABLE_WEBSOCKET="false") as port:
        with pytest.raises(InvalidStatus) as caught:
            async with listening(port, "/ws", KEY):
                pass
    assert caught.value.response.status_code == 404


async def test_a_base_path_stands_before_the_socket(serve: Serve, hub: EventHub) -> None:
    async with serve(hub, BASE_PATH="/wa") as port:
        async with listening(port, "/wa/ws", KEY) as socket:
            assert (await greeting(socket))["type"] == "connected"
        with pytest.raises(InvalidStatus):
            async with listening(port, "/ws", KEY):
                pass


async def test_a_client_that_lags_too_far_behind_is_closed_with_1013(serve: Serve) -> None:
    hub = EventHub(max_queued=5)
    async with serve(hub) as port, listening(port, "/ws", KEY) as socket:
        await greeting(socket)
        # Published at one go: the sender gets no turn in between.
        hub.publish("a", [Frame.of("qr", {"qr": str(n)}) for n in range(6)])
        with pytest.raises(ConnectionClosed) as caught:
            await _read_on(socket)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1013


async def test_the_end_of_the_server_is_told_with_1001(serve: Serve, hub: EventHub) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with serve(hub) as port:
            socket = await stack.enter_async_context(listening(port, "/ws", KEY))
            await greeting(socket)
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1001, "Server shutting down")


# --- plain HTTP over a socket --------------------------------------------------------------------


async def exchange(port: int, *parts: bytes) -> bytes:
    """Send bytes, then read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


def head(line: str, **headers: str) -> bytes:
    lines = [line, "host: test", *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def test_a_caller_without_the_key_gets_no_100_continue(serve: Serve, hub: EventHub) -> None:
    request = head(
        "POST /client/sendMessage/on HTTP/1.1",
        content_type="application/json",
        content_length="1000000",
        expect="100-continue",
    )
    async with serve(hub) as port:
        answer = await exchange(port, request)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"100 Continue" not in answer


async def test_a_caller_with_the_key_is_told_to_continue(serve: Serve, hub: EventHub) -> None:
    request = head(
        "POST /client/sendMessage/on HTTP/1.1",
        x_api_key=KEY,
        content_type="application/json",
        content_length="2",
        expect="100-continue",
        connection="close",
    )
    async with serve(hub) as port:
        answer = await exchange(port, request, b"{}")
    assert answer.startswith(b"HTTP/1.1 100 ")
    assert b"HTTP/1.1 400 " in answer


async def test_a_body_too_large_is_answered_while_it_is_being_sent(
    serve: Serve, hub: EventHub
) -> None:
    size = 52_428_801
    request = head(
        "POST /client/sendMessage/on HTTP/1.1",
        x_api_key=KEY,
        content_type="application/json",
        content_length=str(size),
    )
    async with serve(hub) as port:
        # Only a part of it is sent: the answer must not wait for the rest, and the server closes.
        answer = await exchange(port, request, b" " * 1_000_000)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b'"message":"payload_too_large"}')


async def test_the_kept_connection_takes_the_next_request(serve: Serve, hub: EventHub) -> None:
    wrong = head("POST /ping HTTP/1.1", content_type="application/json", content_length="2")
    right = head("GET /ping HTTP/1.1", x_api_key=KEY, connection="close")
    async with serve(hub) as port:
        answer = await exchange(port, wrong + b"{}" + right)
    assert answer.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 200 " in answer


async def test_head_sends_no_body_over_the_wire(serve: Serve, hub: EventHub) -> None:
    async with serve(hub) as port:
        answer = await exchange(
            port, head("HEAD /ping HTTP/1.1", x_api_key=KEY, connection="close")
        )
    assert answer.endswith(b"\r\n\r\n")
    assert b"content-length: 59" in answer
    assert b"server:" not in answer.lower()


def test_keys_in_queries_are_masked_in_the_log() -> None:
    record = logging.LogRecord(
        "uvicorn.error",
        logging.INFO,
        "f",
        1,
        '%s - "WebSocket %s" [accepted]',
        ("127.0.0.1:1", "/ws?apiKey=topsecret&sessionId=a"),
        None,
    )
    assert MaskKeys().filter(record)
    text = record.getMessage()
    assert "topsecret" not in text
    assert 'apiKey=***&sessionId=a" [accepted]' in text
