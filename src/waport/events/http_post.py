"""Posts over connections that are kept: h11 speaks HTTP, asyncio moves the bytes.

An answer counts as soon as its head is there. Its body is thrown away as it comes; if it is short
and complete soon, the connection is used again.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

import h11
import httpx

from ..errors import InvalidInput

MAX_BODY_BYTES: Final = 65_536
"""A longer answer is not read; its connection is closed instead."""
MAX_BODY_S: Final = 1.0
"""How long the rest of an answer may take before its connection is closed."""
MAX_IDLE_S: Final = 15.0
"""Unused connections are closed after this time."""
_EYEBALLS_S: Final = 0.25  # between tries of a host's several addresses (RFC 8305)
_PORTS: Final = {"http": 80, "https": 443}

Header = tuple[bytes, bytes]
Guard = Callable[[str, int], Awaitable[str]]
"""Host and port to the address to connect to; raises OSError for one that must not be reached."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to post to, taken apart.

    Attributes:
        url: the same as one value.
        scheme: "http" or "https".
        host: name or address, ASCII.
        port: of the server.
        target: path and query as they go out.
        headers: `host`, and `authorization` where the URL holds a name and a password.
    """

    url: httpx.URL
    scheme: str
    host: str
    port: int
    target: bytes
    headers: tuple[Header, ...]

    @classmethod
    def of(cls, url: str) -> Endpoint:
        """The endpoint that a URL names.

        Raises:
            InvalidInput: it names none that HTTP reaches.
        """
        return _endpoint(url)

    @property
    def origin(self) -> tuple[str, str, int]:
        """What connections are shared by."""
        return self.scheme, self.host, self.port

    def follow(self, location: bytes) -> Endpoint:
        """Where a redirect leads: on the same server, or on the same host from http to https.

        Raises:
            InvalidInput: it leads elsewhere or nowhere.
        """
        try:
            target = self.url.join(location.decode("latin-1"))
            following = Endpoint.of(str(target))
        except (httpx.InvalidURL, ValueError) as exc:
            raise InvalidInput("the redirect leads nowhere") from exc
        is_upgrade = (self.scheme, following.scheme) == ("http", "https")
        if following.origin != self.origin and not (is_upgrade and following.host == self.host):
            raise InvalidInput("redirects to another server are not followed")
        # The name and the password of the URL that was given; a redirect seldom repeats them.
        kept = [header for header in self.headers if header[0] == b"authorization"]
        own = [header for header in following.headers if header[0] != b"authorization"]
        return replace(following, headers=(*own, *kept))


@lru_cache(maxsize=256)
def _endpoint(text: str) -> Endpoint:
    try:
        url = httpx.URL(text)
        host = url.raw_host.decode("ascii").lower()
        port = url.port or _PORTS[url.scheme]
        named = [(b"host", url.netloc)]
        if url.userinfo:
            user = b":".join(unquote(part).encode() for part in (url.username, url.password))
            named.append((b"authorization", b"Basic " + base64.b64encode(user)))
        target = url.raw_path
    except (httpx.InvalidURL, ValueError, KeyError) as exc:
        raise InvalidInput("not a URL that can be posted to") from exc
    if not host or not 0 < port < 65536:
        raise InvalidInput("a URL without a host or with a strange port")
    return Endpoint(url, url.scheme, host, port, target, tuple(named))


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer: its status, and where it sends the caller, if it does."""

    status: int
    location: bytes | None
    retry_after: bytes | None = None


class Poster:
    """Posts, and keeps the connections for the next ones. Nothing is remembered but these.

    No proxy and no cookie is ever used, whatever the environment or the receiver says.

    Args:
        guard: finds the address for posts that are guarded; without it these go nowhere.
    """

    def __init__(self, guard: Guard | None = None) -> None:
        self._guard = guard
        self._idle: dict[tuple[bool, str, str, int], list[_Connection]] = {}
        self._open: set[_Connection] = set()
        self._tls: ssl.SSLContext | None = None

    async def close(self) -> None:
        """Close every connection, and wait until they are gone."""
        ended = [connection.ended for connection in self._open]
        for connection in tuple(self._open):
            connection.close()
        await asyncio.gather(*ended)

    async def post(
        self,
        endpoint: Endpoint,
        headers: Sequence[Header],
        body: bytes,
        *,
        is_guarded: bool = False,
    ) -> Answer:
        """Post once, and wait for the head of the answer; the caller sets a time limit.

        Args:
            is_guarded: the endpoint may only be where the guard lets it be.

        Raises:
            OSError: there is no way to the server, or the connection broke.
            h11.ProtocolError: what came is no HTTP.
        """
        request = h11.Request(
            method=b"POST",
            target=endpoint.target,
            headers=[*endpoint.headers, (b"content-length", b"%d" % len(body)), *headers],
        )
        while idle := self._idle.get((is_guarded, *endpoint.origin)):
            try:
                return await idle.pop().exchange(request, body)
            except _WentAway:
                continue  # closed by the other side while nobody used it
        connection = await self._connect(endpoint, is_guarded=is_guarded)
        try:
            return await connection.exchange(request, body)
        except _WentAway as exc:
            raise ConnectionResetError("closed without an answer") from exc

    async def _connect(self, endpoint: Endpoint, *, is_guarded: bool) -> _Connection:
        tls: ssl.SSLContext | None = None
        if endpoint.scheme == "https":
            tls = self._tls = self._tls or _tls_context()
        idle = self._idle.setdefault((is_guarded, *endpoint.origin), [])
        host = endpoint.host
        if is_guarded:
            if self._guard is None:
                raise OSError("nobody says where webhooks may lead to")
            # The very address that was judged is connected to.
            host = await self._guard(endpoint.host, endpoint.port)
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: _Connection(idle, self._open),
                host,
                endpoint.port,
                ssl=tls,
                server_hostname=endpoint.host if tls is not None else None,
                happy_eyeballs_delay=_EYEBALLS_S,
            )
        except ValueError as exc:
            if isinstance(exc, OSError):  # a certificate that does not fit is both
                raise
            raise OSError("the host's name cannot be looked up") from exc
        return connection


def _tls_context() -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.set_alpn_protocols(["http/1.1"])
    return context


class _WentAway(Exception):
    """The connection ended before the answer's first byte."""


class _Connection(asyncio.Protocol):
    """One connection. It puts itself among the idle ones when an answer is complete."""

    def __init__(self, idle: list[_Connection], everything: set[_Connection]) -> None:
        loop = asyncio.get_running_loop()
        self._idle = idle
        self._open = everything
        self._call_later: Callable[..., asyncio.TimerHandle] = loop.call_later
        self._http = h11.Connection(h11.CLIENT)
        self._transport: asyncio.Transport | None = None
        self._head: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._has_bytes = False
        self._body_bytes = 0
        self.ended: asyncio.Future[None] = loop.create_future()
        """Resolves once the transport is gone."""

    async def exchange(self, request: h11.Request, body: bytes) -> Answer:
        """Send a request, and wait for the head of its answer.

        Raises:
            _WentAway: the connection ended before the answer began.
            OSError: it ended after that.
            h11.ProtocolError: the answer is no HTTP.
        """
        self._stop_timer()
        if self._transport is None or self._transport.is_closing():
            raise _WentAway
        self._has_bytes = False
        self._body_bytes = 0
        self._head = asyncio.get_running_loop().create_future()
        parts = (request, h11.Data(data=body), h11.EndOfMessage())
        self._transport.write(b"".join(self._http.send(part) or b"" for part in parts))
        try:
            return await self._head
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(self)

    def data_received(self, data: bytes) -> None:
        if self._http.our_state is h11.IDLE:
            self.close()  # nobody asked: what it means could only be guessed
            return
        self._has_bytes = True
        self._receive(data)

    def eof_received(self) -> None:
        if self._http.our_state is not h11.IDLE:
            self._receive(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._open.discard(self)
        if self in self._idle:
            self._idle.remove(self)
        if not self._has_bytes:
            self._fail(_WentAway())
        else:
            self._fail(exc if isinstance(exc, OSError) else ConnectionResetError("cut off"))
        if not self.ended.done():
            self.ended.set_result(None)

    def _receive(self, data: bytes) -> None:
        try:
            self._http.receive_data(data)
            self._read_events()
        except h11.RemoteProtocolError as exc:
            if self._has_bytes:
                self._fail(exc)
            self.close()

    def _read_events(self) -> None:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Response):
                found = dict(event.headers)
                self._succeed(
                    Answer(event.status_code, found.get(b"location"), found.get(b"retry-after"))
                )
            elif isinstance(event, h11.Data):
                self._body_bytes += len(event.data)
                if self._body_bytes > MAX_BODY_BYTES:
                    self.close()
                    return
            elif isinstance(event, h11.EndOfMessage):
                self._rest()
                return
            elif not isinstance(event, h11.InformationalResponse):
                if isinstance(event, h11.ConnectionClosed):
                    self.close()
                elif self._timer is None and self._head is not None and self._head.done():
                    self._timer = self._call_later(MAX_BODY_S, self.close)
                return

    def _rest(self) -> None:
        """The answer is complete: wait for the next request, if that is possible."""
        self._stop_timer()
        is_whole = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        has_more = bool(self._http.trailing_data[0])  # an answer that nobody asked for
        # An early answer leaves a request that is still being sent.
        is_sending = self._transport is None or self._transport.get_write_buffer_size() > 0
        if not is_whole or has_more or is_sending:
            self.close()
            return
        self._http.start_next_cycle()
        self._idle.append(self)
        self._timer = self._call_later(MAX_IDLE_S, self.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _succeed(self, answer: Answer) -> None:
        if self._head is not None and not self._head.done():
            self._head.set_result(answer)

    def _fail(self, exc: Exception) -> None:
        if self._head is not None and not self._head.done():
            self._head.set_exception(exc)
