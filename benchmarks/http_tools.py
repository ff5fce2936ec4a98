"""HTTP/1.1 in as few cycles as will do: the tools of a benchmark must not outweigh its subject."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from .baileys import BenchError

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")
_MARK = re.compile(rb"in-([0-9]+)\.")
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server: plain HTTP, or TLS when there is a context."""

    port: int
    tls: ssl.SSLContext | None = None


class Connection:
    """One kept-alive connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, endpoint: Endpoint) -> Connection:
        """Connect on loopback."""
        return cls(*await asyncio.open_connection("127.0.0.1", endpoint.port, ssl=endpoint.tls))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a whole request; status and body of the answer."""
        self._writer.write(request)
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = b"" if length is None else await self._reader.readexactly(int(length[1]))
        except asyncio.IncompleteReadError as exc:
            raise BenchError("a server closed the connection under a request") from exc
        return int(head[9:12]), body

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()


def request(method: str, path: str, value: Mapping[str, object] | str | None = None) -> bytes:
    """The bytes of a request; a mapping travels as JSON, text as it is."""
    body = value.encode() if isinstance(value, str) else json.dumps(value or {}).encode()
    kind = "text/plain" if isinstance(value, str) else "application/json"
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {kind}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def call(
    endpoint: Endpoint,
    method: str,
    path: str,
    value: Mapping[str, object] | str | None = None,
    *,
    accept: tuple[int, ...] = (200, 201),
) -> Any:
    """One request on a connection of its own; the JSON of the answer, None for an empty one.

    Raises:
        BenchError: a status that is not among those accepted.
    """
    connection = await Connection.open(endpoint)
    try:
        status, body = await connection.ask(request(method, path, value))
    finally:
        await connection.close()
    if status not in accept:
        raise BenchError(f"{method} {path}: {status} {body.decode(errors='replace')[:300]}")
    return json.loads(body) if body else None


async def load(
    endpoint: Endpoint, requests: Iterator[bytes], *, connections: int, seconds: float
) -> list[float]:
    """Keep so many connections busy for so long, or until there are no more requests.

    Returns:
        the time that each answer took, seconds.
    Raises:
        BenchError: an answer was no success, or the connection broke.
    """
    deadline = time.perf_counter() + seconds
    took: list[float] = []

    async def work(connection: Connection) -> None:
        while (began := time.perf_counter()) < deadline:
            asked = next(requests, None)
            if asked is None:
                return
            status, body = await connection.ask(asked)
            if not 200 <= status < 300:
                raise BenchError(f"{status} {body.decode(errors='replace')[:300]}")
            took.append(time.perf_counter() - began)

    opened = [await Connection.open(endpoint) for _ in range(connections)]
    try:
        async with asyncio.TaskGroup() as tasks:
            for connection in opened:
                tasks.create_task(work(connection))
    except ExceptionGroup as group:
        first = group.exceptions[0]
        raise BenchError(f"under load: {first or type(first).__name__}") from first
    finally:
        for connection in opened:
            await connection.close()
    return took


class Receiver:
    """A webhook receiver that notes when each numbered text came; use it as a context manager.

    Attributes:
        arrivals: number of the text -> when it came first, seconds of `time.perf_counter`.
        port: where it listens.
    """

    def __init__(self) -> None:
        self.arrivals: dict[int, float] = {}
        self.port = 0
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Incoming(self._took), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()

    @property
    def url(self) -> str:
        """Where to post to."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def wait_for(self, count: int, timeout_s: float) -> None:
        """Wait until so many texts are here.

        Raises:
            BenchError: they do not come.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while len(self.arrivals) < count:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            text = f"only {len(self.arrivals)} of {count} texts reached the webhook"
            raise BenchError(text) from None

    def _took(self, body: bytes) -> None:
        mark = _MARK.search(body)
        if mark is not None:
            self.arrivals.setdefault(int(mark[1]), time.perf_counter())
            self._changed.set()


class _Incoming(asyncio.Protocol):
    """One connection of a webhook sender."""

    def __init__(self, took: Any) -> None:
        self._took = took
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._data, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._data) < whole:
                return
            self._took(self._data[end + 4 : whole])
            self._data = self._data[whole:]
            assert self._transport is not None
            self._transport.write(_ANSWER)
