"""Clients that never read what they asked for."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from support.fake_server import KEY
from waport.api import sockets
from waport.api.http_server import BoundedProtocol
from waport.api.socket_protocol import BoundedSocket
from waport.events import EventFeed, EventHub, Frame
from waport.store import LoggedEvent

UPGRADE = (
    b"GET /ws?apiKey=%b HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\n"
    b"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % KEY.encode()
)
STREAM = (
    b"GET /events/stream?after=0 HTTP/1.1\r\nhost: localhost\r\nx-api-key: %b\r\n\r\n"
    % KEY.encode()
)
PAGE = b"GET /events HTTP/1.1\r\nhost: localhost\r\nx-api-key: %b\r\n\r\n" % KEY.encode()
SLOW_SIZE = 8 * 1024**2
TIMEOUT_S = 10.0


async def test_a_client_that_never_reads_is_dropped_with_all_that_waited_for_it(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "CLOSE_TIMEOUT_S", 0.1)
    monkeypatch.setattr(BoundedSocket, "abort_after_s", 0.1)
    lost = asyncio.Event()
    tell = BoundedSocket.connection_lost

    def connection_lost(self: Any, exc: Exception | None) -> None:
        tell(self, exc)
        lost.set()

    monkeypatch.setattr(BoundedSocket, "connection_lost", connection_lost)
    hub = EventHub(max_queued=50)
    async with serve(hub) as port:
        loop = asyncio.get_running_loop()
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.setblocking(False)
            await loop.sock_sendall(client, UPGRADE)
            await loop.sock_recv(client, 10)
            text = "x" * 50_000
            async with asyncio.timeout(TIMEOUT_S):
                # Until the buffers on the way are full, and what may be queued is there.
                while hub._subscribers:
                    hub.publish("a", [Frame.of("qr", {"qr": text})])
                    await asyncio.sleep(0)
                await lost.wait()


async def test_a_stream_that_nobody_reads_ends(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "stall_timeout_s", 0.2)
    lost = asyncio.Event()
    tell = BoundedProtocol.connection_lost

    def connection_lost(self: Any, exc: Exception | None) -> None:
        tell(self, exc)
        lost.set()

    monkeypatch.setattr(BoundedProtocol, "connection_lost", connection_lost)

    class Endless:
        """A log that has always more."""

        async def last_event_id(self) -> int:
            return 2**40

        async def events_after(self, after: int, *_: Any) -> list[LoggedEvent]:
            return [LoggedEvent(after + 1, "a", "qr", f'{{"qr":"{"x" * 100_000}"}}', 0)]

    hub = EventHub(feed=EventFeed(Endless()))
    async with serve(hub) as port:
        loop = asyncio.get_running_loop()
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.setblocking(False)
            await loop.sock_sendall(client, STREAM)
            async with asyncio.timeout(TIMEOUT_S):
                await loop.sock_recv(client, 10)
                await lost.wait()


async def test_a_long_answer_that_is_read_slowly_is_read_to_its_end(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "stall_timeout_s", 0.4)
    make = BoundedProtocol.connection_made

    def connection_made(self: Any, transport: asyncio.Transport) -> None:
        # Else megabytes of it are out of sight on the way.
        own = transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        make(self, transport)

    monkeypatch.setattr(BoundedProtocol, "connection_made", connection_made)
    event = LoggedEvent(1, "a", "qr", f'{{"qr":"{"x" * SLOW_SIZE}"}}', 0)

    class OneLarge:
        """A log of a single event."""

        async def events_after(self, after: int, *_: Any) -> list[LoggedEvent]:
            return [event] if after == 0 else []

    hub = EventHub(feed=EventFeed(OneLarge()))
    async with serve(hub) as port:
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", port))
            async with asyncio.timeout(TIMEOUT_S):
                await loop.sock_sendall(client, PAGE)
                begun, read = loop.time(), 0
                while read < SLOW_SIZE:
                    part = await loop.sock_recv(client, SLOW_SIZE // 64)
                    assert part, f"cut after {read} bytes"
                    read += len(part)
                    await asyncio.sleep(0.025)  # a slow line
                assert loop.time() - begun > 2 * BoundedProtocol.stall_timeout_s
