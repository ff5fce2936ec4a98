from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from waport.client import ClientConfig
from waport.client.transport import Transport, system_tls
from waport.client.version import VersionSource
from waport.emulator.certificates import TlsAuthority
from waport.errors import ConnectionClosed


@asynccontextmanager
async def listening(
    handler: Callable[[ServerConnection], Awaitable[None]], **options: Any
) -> AsyncIterator[ClientConfig]:
    """A WebSocket server, and the settings to reach it."""
    async with serve(handler, "127.0.0.1", 0, **options) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield ClientConfig(websocket_url=f"ws://127.0.0.1:{port}/ws/chat", connect_timeout_s=5)


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


async def test_binary_messages_go_both_ways_with_the_headers_of_a_browser() -> None:
    headers: dict[str, str | None] = {}

    async def handler(socket: ServerConnection) -> None:
        assert socket.request is not None
        for name in ("Origin", "User-Agent", "Sec-WebSocket-Extensions"):
            headers[name] = socket.request.headers.get(name)
        await echo(socket)

    async with listening(handler) as config:
        transport = await Transport.open(config)
        await transport.send(b"hello")
        async for data in transport:
            assert data == b"hello"
            break
        await transport.close()
    assert headers["Origin"] == "https://web.whatsapp.com"
    assert "Mozilla" in (headers["User-Agent"] or "")
    assert headers["Sec-WebSocket-Extensions"] is None


async def test_text_is_ignored_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.send("text")
        await socket.send(b"binary")

    async with listening(handler) as config:
        transport = await Transport.open(config)
        assert [data async for data in transport] == [b"binary"]
    assert "text message" in caplog.text


async def test_a_server_that_closes_ends_the_stream_and_refuses_what_follows() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.send(b"last")

    async with listening(handler) as config:
        transport = await Transport.open(config)
        assert [data async for data in transport] == [b"last"]
        with pytest.raises(ConnectionClosed):
            await transport.send(b"x")
        await transport.close()


async def test_an_oversized_message_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waport.client.transport.MAX_WEBSOCKET_MESSAGE", 1000)

    async def handler(socket: ServerConnection) -> None:
        await socket.send(bytes(1001))
        await socket.wait_closed()

    async with listening(handler) as config:
        transport = await Transport.open(config)
        assert [data async for data in transport] == []


@pytest.mark.parametrize(
    ("status", "will_retry"),
    [(400, False), (401, False), (403, False), (404, False)]
    + [(status, True) for status in (408, 429, 500, 501, 502, 503, 504)],
)
async def test_a_refused_upgrade_says_whether_trying_again_may_help(
    status: int, will_retry: bool
) -> None:
    def refuse(socket: ServerConnection, request: object) -> Any:
        return socket.respond(HTTPStatus(status), "no")

    async with listening(echo, process_request=refuse) as config:
        with pytest.raises(ConnectionClosed, match=str(status)) as caught:
            await Transport.open(config)
    assert caught.value.will_retry is will_retry


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:1/ws", "wss://127.0.0.1:1/ws", "http://127.0.0.1:1/", "nonsense"]
)
async def test_what_can_not_be_reached_is_tried_again(url: str) -> None:
    with pytest.raises(ConnectionClosed) as caught:
        await Transport.open(ClientConfig(websocket_url=url))
    assert caught.value.will_retry


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that reads a request and says this, whatever it was."""
    over = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            if not answer:
                await reader.read()
            writer.close()
            await writer.wait_closed()
        finally:
            over.set()

    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.wait_for(over.wait(), 5)


async def test_a_server_that_never_answers_the_upgrade_is_given_up() -> None:
    async with answering(b"") as url:
        with pytest.raises(ConnectionClosed) as caught:
            await Transport.open(ClientConfig(websocket_url=url, connect_timeout_s=0.05))
    assert caught.value.will_retry


async def test_a_server_that_is_no_websocket_is_an_error() -> None:
    async with answering(b"SSH-2.0\r\n\r\n") as url:
        with pytest.raises(ConnectionClosed):
            await Transport.open(ClientConfig(websocket_url=url))


async def test_tls_is_checked_against_the_systems_authorities_unless_told_otherwise(
    tmp_path: Path,
) -> None:
    authority = TlsAuthority(tmp_path)
    context = authority.server_context("127.0.0.1")
    async with listening(echo, ssl=context) as plain:
        url = plain.websocket_url.replace("ws:", "wss:")
        with pytest.raises(ConnectionClosed, match="SSLCertVerificationError"):
            await Transport.open(ClientConfig(websocket_url=url))
        known = ssl.create_default_context(cafile=str(authority.ca_file))
        transport = await Transport.open(ClientConfig(websocket_url=url, tls=known))
        await transport.close()


async def test_the_authorities_are_never_read_on_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create, threads = ssl.create_default_context, []

    def noted(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        threads.append(threading.current_thread())
        return create(*args, **kwargs)

    monkeypatch.setattr(ssl, "create_default_context", noted)
    system_tls.cache_clear()
    for _ in range(2):
        with pytest.raises(ConnectionClosed):
            await Transport.open(ClientConfig(websocket_url="wss://127.0.0.1:9/ws/chat"))
    assert len(threads) == 1
    await VersionSource("https://127.0.0.1:9").current()
    assert len(threads) == 2
    assert threading.main_thread() not in threads
