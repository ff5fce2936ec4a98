"""Connections that bring no request: bounded in time and number."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect as open_socket

from waport.api import http_server
from waport.api.http_server import BoundedProtocol, connection_limit
from waport.events import EventHub

PING = b"GET /ping HTTP/1.1\r\nhost: localhost\r\nx-api-key: test_api_key\r\n\r\n"
TIMEOUT_S = 0.4


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "head_timeout_s", TIMEOUT_S)


@contextlib.asynccontextmanager
async def connection(
    port: int,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to the server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """Everything until the server closes."""
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def answer(reader: asyncio.StreamReader) -> bytes:
    """One answer of `/ping`."""
    async with asyncio.timeout(10):
        return await reader.readuntil(b"}")


@pytest.mark.parametrize("start", [b"", b"G", PING[:-2]])
async def test_a_head_that_does_not_come_ends_the_connection(
    serve: Any, hub: EventHub, start: bytes
) -> None:
    async with serve(hub) as port, connection(port) as (reader, writer):
        writer.write(start)
        assert await read_all(reader) == b""


async def test_more_of_the_head_gives_no_more_time(serve: Any, hub: EventHub) -> None:
    async with serve(hub) as port, connection(port) as (reader, writer):
        ended = asyncio.create_task(read_all(reader))
        trickled = 0
        writer.write(PING[:-2])
        while not ended.done() and trickled < 100:
            writer.write(b"a: b\r\n")
            trickled += 1
            await asyncio.wait([ended], timeout=TIMEOUT_S / 4)
        assert await ended == b""
        assert trickled < 20


async def test_the_next_head_on_a_kept_connection_is_bounded_too(serve: Any, hub: EventHub) -> None:
    async with serve(hub) as port, connection(port) as (reader, writer):
        writer.write(PING)
        assert (await answer(reader)).startswith(b"HTTP/1.1 200 ")
        writer.write(PING[:10])
        assert await read_all(reader) == b""


async def test_the_rest_of_an_unwanted_body_is_bounded(serve: Any, hub: EventHub) -> None:
    head = b"POST /ping HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n"
    async with serve(hub) as port, connection(port) as (reader, writer):
        writer.write(head)
        assert (await answer(reader)).startswith(b"HTTP/1.1 401 ")
        writer.write(b"x")
        assert await read_all(reader) == b""


async def test_a_kept_connection_outlives_the_time_for_a_head(serve: Any, hub: EventHub) -> None:
    async with serve(hub) as port, connection(port) as (reader, writer):
        for _ in range(2):
            writer.write(PING)
            assert (await answer(reader)).startswith(b"HTTP/1.1 200 ")
            # Whether it stays open shows only when that time is over.
            ended = asyncio.create_task(reader.read(1))
            assert (await asyncio.wait([ended], timeout=TIMEOUT_S * 1.5))[0] == set()
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)


async def test_a_slow_body_has_its_own_time(serve: Any, hub: EventHub) -> None:
    head = (
        b"POST /client/sendMessage/on HTTP/1.1\r\nhost: localhost\r\nx-api-key: test_api_key\r\n"
        b"content-type: application/json\r\ncontent-length: 2\r\n\r\n"
    )
    async with serve(hub) as port, connection(port) as (reader, writer):
        writer.write(head + b"{")
        got = asyncio.create_task(answer(reader))
        assert (await asyncio.wait([got], timeout=TIMEOUT_S * 2))[0] == set()
        writer.write(b"}")
        assert (await got).startswith(b"HTTP/1.1 400 ")


async def test_an_event_socket_outlives_the_time_for_a_head(serve: Any, hub: EventHub) -> None:
    async with serve(hub) as port:
        url = f"ws://127.0.0.1:{port}/ws?apiKey=test_api_key"
        async with open_socket(url) as socket:
            await socket.recv()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(TIMEOUT_S * 2):
                    await socket.recv()
            await socket.send("ping")
            assert await socket.recv() == "pong"


async def test_connections_over_the_limit_are_closed_at_once(
    serve: Any, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "max_connections", 2)
    monkeypatch.setattr(BoundedProtocol, "head_timeout_s", 60)
    async with serve(hub) as port, connection(port) as (reader, writer):
        async with connection(port) as (other_reader, other_writer):
            for to, back in ((writer, reader), (other_writer, other_reader)):
                to.write(PING)
                assert (await answer(back)).startswith(b"HTTP/1.1 200 ")
            async with connection(port) as (third, _):
                assert await read_all(third) == b""
            # Those that are open are served on.
            writer.write(PING)
            assert (await answer(reader)).startswith(b"HTTP/1.1 200 ")
            other_writer.write(PING.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
            assert b" 200 " in await read_all(other_reader)
        # A place that becomes free is given away.
        async with connection(port) as (fourth, fourth_writer):
            fourth_writer.write(PING)
            assert (await answer(fourth)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("files", "limit"),
    [(1024, 768), (256, 192), (16, 12), (1_048_576, 10_000), (-1, 10_000)],
)
def test_files_are_left_for_the_rest_of_the_server(
    monkeypatch: pytest.MonkeyPatch, files: int, limit: int
) -> None:
    monkeypatch.setattr(http_server, "getrlimit", lambda _: (files, files))
    assert connection_limit() == limit


CHUNKED = (
    b"POST /session/requestPairingCode/on HTTP/1.1\r\nhost: localhost\r\n"
    b"x-api-key: test_api_key\r\ncontent-type: application/json\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"nonsense\r\n\r\n", b""),
        (CHUNKED + b"2\r\n{", b"?no length\r\n"),
        (CHUNKED + b"2\r\n{}", b"no end"),
    ],
)
async def test_what_is_no_http_is_refused_in_the_envelope_and_is_no_fault_of_ours(
    serve: Any, hub: EventHub, caplog: pytest.LogCaptureFixture, first: bytes, second: bytes
) -> None:
    async with serve(hub) as port, connection(port) as (reader, writer):
        writer.write(first)
        if second:
            async with connection(port) as (other_reader, other_writer):
                # By the time that this is answered, the first bytes were read.
                other_writer.write(PING)
                await answer(other_reader)
            writer.write(second)
        head, _, body = (await read_all(reader)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"connection: close" in head, body
        assert json.loads(body) == {
            "success": False,
            "error": "Invalid HTTP request",
            "message": "bad_request",
        }
    assert [record for record in caplog.records if record.exc_info] == []
