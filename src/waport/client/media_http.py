"""Single requests to media hosts. What to do after a failure is `media_transfer`'s affair."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx

from .config import ORIGIN, USER_AGENT
from .media_files import ReadableFile
from .media_hosts import DEFAULT_HOST, MediaTooLarge, is_direct_path
from .outbound import MAX_URL, public_tls
from .threads import in_thread

MAX_ANSWER = 64 * 1024
PIECE = 256 * 1024
MIN_RATE = 16 * 1024
"""Bytes per second below which a transfer is given up."""

_REFUSALS = frozenset((401, 403))
_GONE = frozenset((401, 403, 404, 410))
_TEMPORARY = frozenset((408, 425, 429))
_HEADERS = {"Origin": ORIGIN, "Referer": f"{ORIGIN}/", "User-Agent": USER_AGENT}


class HostFailed(Exception):
    """This host did not do it; another one, or the same later, may.

    Attributes:
        status: what it answered, None without an answer.
        is_lasting: the same request would be refused again.
    """

    def __init__(self, status: int | None, *, is_lasting: bool = False) -> None:
        super().__init__(status)
        self.status = status
        self.is_lasting = is_lasting


class HostRefused(Exception):
    """The token or the reference is no good on any host.

    Attributes:
        status: what the host answered.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """What a host gives for a cover photo, to be shown to WhatsApp; all three are texts."""

    id: str
    token: str
    timestamp: str


@dataclass(frozen=True, slots=True)
class UploadAnswer:
    """What a host says of a file that it has taken.

    Attributes:
        url: where it lies on that host.
        direct_path: the same on every host.
        handle: for newsletters.
        object_id: for newsletters.
        ticket: for cover photos.
    """

    url: str
    direct_path: str
    handle: str | None
    object_id: str | None
    ticket: UploadTicket | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that requests to media hosts may take.

    Attributes:
        connect_s: until the connection stands.
        idle_s: without a byte in or out.
        base_s: for a request as a whole, to which its size adds.
    """

    connect_s: float = 10.0
    idle_s: float = 30.0
    base_s: float = 60.0


class MediaHttp:
    """The HTTP client for media hosts; made when it is first used.

    Args:
        tls: how TLS is checked; None means the usual authorities.
        proxy: outbound proxy URL.
        timeouts: for one request.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._tls = tls
        self._proxy = proxy
        self._timeouts = timeouts or Timeouts()
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Close the connections that are kept."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def probe(self, url: str) -> UploadAnswer | int:
        """Ask how much of a file the host has.

        Returns:
            The answer of a finished upload, or the number of bytes held.

        Raises:
            HostRefused, HostFailed: see there.
        """
        answer = await self._post(f"{url}&resume=1", None, 0)
        if answer.get("resume") == "complete":
            return _upload_answer(answer)
        held = answer.get("resume")
        return held if isinstance(held, int) and not isinstance(held, bool) and held > 0 else 0

    async def upload(self, url: str, body: ReadableFile, size: int, offset: int) -> UploadAnswer:
        """Send a file, or what is missing of it.

        Args:
            size: bytes of the whole file.
            offset: where to start.

        Raises:
            HostRefused, HostFailed: see there.
        """
        await in_thread(body.seek, offset)
        if offset:
            url = f"{url}&file_offset={offset}"
        return _upload_answer(await self._post(url, body, size - offset))

    async def _post(self, url: str, body: ReadableFile | None, size: int) -> dict[str, object]:
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        content = b"" if body is None else _body(body, size)
        async with self._exchange("POST", url, self._seconds(size), headers, content) as response:
            if response.status_code in _REFUSALS:
                raise HostRefused(response.status_code)
            if response.status_code != 200:
                raise _failed(response.status_code)
            data = bytearray()
            async for piece in response.aiter_bytes():
                data += piece
                if len(data) > MAX_ANSWER:
                    raise HostFailed(200)
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError) as exc:
            raise HostFailed(200) from exc
        if not isinstance(answer, dict):
            raise HostFailed(200)
        return answer

    async def download(
        self, url: str, limit: int, keep: Callable[[bytes], Awaitable[None]]
    ) -> None:
        """Receive a file, in pieces of bounded size.

        Raises:
            HostRefused, HostFailed: see there.
            MediaTooLarge: it is larger than the limit.
        """
        headers = {"Accept-Encoding": "identity"}
        async with self._exchange("GET", url, None, headers, None) as response:
            if response.status_code in _GONE:
                raise HostRefused(response.status_code)
            if response.status_code not in (200, 206):
                raise _failed(response.status_code)
            size = limit
            announced = response.headers.get("content-length", "")
            if announced.isdecimal():
                size = int(announced[:20])
            if size > limit:
                raise MediaTooLarge(limit)
            received = 0
            async with asyncio.timeout(self._seconds(size)):
                async for piece in response.aiter_raw(PIECE):
                    received += len(piece)
                    if received > limit:
                        raise MediaTooLarge(limit)
                    await keep(piece)

    @contextlib.asynccontextmanager
    async def _exchange(
        self,
        method: str,
        url: str,
        seconds: float | None,
        headers: dict[str, str],
        content: bytes | AsyncIterator[bytes] | None,
    ) -> AsyncIterator[httpx.Response]:
        """One request and its answer; what the network does wrong becomes `HostFailed`."""
        tls = self._tls or await public_tls()
        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=tls,
                proxy=self._proxy,
                trust_env=False,
                follow_redirects=False,
                headers=_HEADERS,
                timeout=httpx.Timeout(self._timeouts.idle_s, connect=self._timeouts.connect_s),
            )
        stream = self._client.stream(method, url, headers=headers, content=content)
        try:
            async with asyncio.timeout(seconds), stream as response:
                yield response
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, TimeoutError) as exc:
            raise HostFailed(None) from exc

    def _seconds(self, size: int) -> float:
        return self._timeouts.base_s + size / MIN_RATE


async def _body(file: ReadableFile, size: int) -> AsyncIterator[bytes]:
    left = size
    while left:
        piece = await in_thread(file.read, min(left, PIECE))
        if not piece:
            return  # the file has shrunk; the request fails for its length
        left -= len(piece)
        yield piece


def _failed(status: int) -> HostFailed:
    return HostFailed(status, is_lasting=400 <= status < 500 and status not in _TEMPORARY)


def _upload_answer(answer: dict[str, object]) -> UploadAnswer:
    url, path = answer.get("url"), answer.get("direct_path")
    if not isinstance(path, str) or not is_direct_path(path):
        raise HostFailed(200)
    if not isinstance(url, str) or not url.startswith("https://") or len(url) > MAX_URL:
        url = f"https://{DEFAULT_HOST}{path}"
    return UploadAnswer(
        url, path, _text(answer, "handle"), _text(answer, "object_id"), _ticket(answer)
    )


def _ticket(answer: dict[str, object]) -> UploadTicket | None:
    """`fbid`, `meta_hmac` and `ts`; the numbers among them come as numbers or as texts."""
    photo_id, timestamp = (_number(answer, name) for name in ("fbid", "ts"))
    token = _text(answer, "meta_hmac")
    if photo_id is None or timestamp is None or token is None or len(token) > MAX_URL:
        return None
    return UploadTicket(photo_id, token, timestamp)


def _number(answer: dict[str, object], name: str) -> str | None:
    value = answer.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    is_number = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 32
    return str(value) if is_number else None


def _text(answer: dict[str, object], name: str) -> str | None:
    value = answer.get(name)
    return value if isinstance(value, str) and value else None
