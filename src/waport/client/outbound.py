"""The one HTTP client for URLs that people give: media to send, pages to preview.

Such a URL must not open the server's own network to whoever may send messages. So the name is
resolved here, the address is judged, and that very address is connected to: a second answer of the
name server changes nothing. The same holds for every redirect.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import httpx

from ..errors import InvalidInput
from .addresses import AllowList
from .outbound_body import Sink, read_body
from .outbound_errors import FetchFailed, FetchTimeout, UrlRefused
from .threads import in_thread

TIMEOUT_S = 60.0
"""For a whole fetch: names, redirects and the body."""

MAX_REDIRECTS = 5
MAX_URL = 8192
MAX_ADDRESSES = 4
"""Addresses of one name that are tried."""

CONNECT_TIMEOUT_S = 10.0
_USER_AGENT = "Mozilla/5.0 (compatible; waport)"
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_OWN_HEADERS = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "te",
        "transfer-encoding",
        "upgrade",
    )
)
"""Request headers that a caller cannot set."""

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]{0,4096}")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|\[?[0-9A-Fa-f:.]{2,45}\]?")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})")
_MIMETYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}")
_UNSAFE_IN_NAMES = re.compile(r"[\x00-\x1f\x7f/\\]")

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the numeric addresses of a host name, best first."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """What a URL gave.

    Attributes:
        url: where it was in the end, after redirects.
        mimetype: from `Content-Type`, lower case, without parameters; empty when there is none.
        charset: the parameter of that name.
        filename: the last part of the path if it has a dot, else `file`.
        size: bytes.
    """

    url: str
    mimetype: str
    charset: str | None
    filename: str
    size: int


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as the machine resolves names.

    Raises:
        OSError: there are none.
    """
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


@functools.cache
def default_tls() -> ssl.SSLContext:
    """The context for public servers; one for all, since each holds every authority."""
    return httpx.create_ssl_context(trust_env=False)


async def public_tls() -> ssl.SSLContext:
    """As `default_tls`; in a thread, since reading the authorities takes a while the first time."""
    tls: ssl.SSLContext = await in_thread(default_tls)
    return tls


class OutboundClient:
    """Fetches files by URL.

    Args:
        max_bytes: the largest body, unless a call says less or more.
        allow: what may be reached besides public addresses.
        timeout_s: for one whole fetch.
        tls: how TLS is checked; None means the usual authorities.
        resolve: turns names into addresses.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        allow: AllowList | None = None,
        timeout_s: float = TIMEOUT_S,
        tls: ssl.SSLContext | None = None,
        resolve: Resolver = resolve_host,
    ) -> None:
        self._max_bytes = max_bytes
        self._allow = allow or AllowList()
        self._timeout_s = timeout_s
        self._tls = tls
        self._resolve = resolve

    async def fetch(
        self,
        url: str,
        *,
        max_bytes: int | None = None,
        truncate: bool = False,
        timeout_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[RemoteFile, bytes]:
        """Fetch a file into memory.

        Args:
            max_bytes: the largest body.
            truncate: take the first `max_bytes` of a larger one.
            timeout_s: for the whole fetch.
            headers: more request headers; a redirect to another server does not get them.

        Raises:
            InvalidInput: a header is unusable.
            UrlRefused: the URL or a redirect is malformed, or leads to an address that is not
                public.
            BodyTooLarge: the body is larger than that.
            FetchTimeout: not there in time.
            FetchFailed: no connection, a status other than 2xx, or a damaged body.
        """
        data = bytearray()

        async def keep(piece: bytes) -> None:
            data.extend(piece)

        file = await self._fetch(url, keep, max_bytes, truncate, timeout_s, headers)
        return file, bytes(data)

    async def fetch_to_file(
        self,
        url: str,
        path: Path,
        *,
        max_bytes: int | None = None,
        timeout_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> RemoteFile:
        """Fetch into a file, which is removed again on failure.

        Raises:
            UrlRefused, BodyTooLarge, FetchTimeout, FetchFailed: as `fetch`.
        """
        file = await in_thread(path.open, "wb")

        async def write(piece: bytes) -> None:
            await in_thread(file.write, piece)

        try:
            with file:
                return await self._fetch(url, write, max_bytes, False, timeout_s, headers)
        except BaseException:
            await in_thread(path.unlink, missing_ok=True)
            raise

    async def _fetch(
        self,
        url: str,
        sink: Sink,
        max_bytes: int | None,
        truncate: bool,
        timeout_s: float | None,
        headers: Mapping[str, str] | None,
    ) -> RemoteFile:
        limit = self._max_bytes if max_bytes is None else max_bytes
        seconds = timeout_s or self._timeout_s
        first = _parse(url)
        extra = _usable_headers(headers or {})
        try:
            async with asyncio.timeout(seconds), self._open(first, extra) as (final, response):
                size = await read_body(response, sink, limit, truncate)
        except (TimeoutError, httpx.TimeoutException) as exc:
            raise FetchTimeout(f"the URL did not answer within {seconds:g} s") from exc
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as exc:
            raise FetchFailed(f"the URL cannot be fetched: {type(exc).__name__}") from exc
        content_type = response.headers.get("content-type", "")
        mimetype = content_type.partition(";")[0].strip().lower()
        charset = _CHARSET.search(content_type)
        return RemoteFile(
            str(final),
            mimetype if _MIMETYPE.fullmatch(mimetype) else "",
            None if charset is None else charset[1].lower(),
            _filename(first),
            size,
        )

    @contextlib.asynccontextmanager
    async def _open(
        self, url: httpx.URL, headers: Mapping[str, str]
    ) -> AsyncIterator[tuple[httpx.URL, httpx.Response]]:
        """The successful answer to a URL, redirects followed, its body not read yet."""
        async with httpx.AsyncClient(
            verify=self._tls or await public_tls(),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(self._timeout_s, connect=CONNECT_TIMEOUT_S),
            # A kept connection is known by its address alone and could serve another name.
            limits=httpx.Limits(max_keepalive_connections=0),
        ) as client:
            for _ in range(MAX_REDIRECTS + 1):
                response = await self._send(client, url, headers)
                try:
                    if response.status_code not in _REDIRECTS:
                        if not response.is_success:
                            status = response.status_code
                            raise FetchFailed(f"the URL answered {status}", status)
                        yield url, response
                        return
                    target = _redirect_target(url, response)
                finally:
                    await response.aclose()
                if (target.scheme, target.netloc) != (url.scheme, url.netloc):
                    headers = {}
                url = target
            raise FetchFailed(f"the URL redirects more than {MAX_REDIRECTS} times")

    async def _send(
        self, client: httpx.AsyncClient, url: httpx.URL, headers: Mapping[str, str]
    ) -> httpx.Response:
        failure: httpx.TransportError | None = None
        for address in await self._addresses(url):
            client.cookies.clear()  # they are filed under an address, which serves other names too
            request = client.build_request(
                "GET",
                url.copy_with(host=address, fragment=None),
                headers={
                    "User-Agent": _USER_AGENT,
                    "Accept": "*/*",
                    **headers,
                    "Accept-Encoding": "identity",
                    "Host": url.netloc.decode("ascii"),
                },
                extensions={"sni_hostname": url.raw_host.decode("ascii").strip("[]").rstrip(".")},
            )
            try:
                return await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
                failure = exc
        if failure is None:
            raise FetchFailed("the URL's host has no address")
        raise failure

    async def _addresses(self, url: httpx.URL) -> Sequence[str]:
        """Where the URL's host may be reached.

        Raises:
            UrlRefused: every address of it is out of bounds.
            FetchFailed: the name does not resolve.
        """
        host = url.raw_host.decode("ascii").strip("[]")
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as exc:
            raise FetchFailed("the URL's host cannot be found") from exc
        usable = [address for address in found if self._allow.allows(host, port, address)]
        if found and not usable:
            raise UrlRefused("the URL leads to an address that is not public")
        return usable[:MAX_ADDRESSES]


def _parse(text: str) -> httpx.URL:
    if len(text) > MAX_URL:
        raise UrlRefused(f"the URL is longer than {MAX_URL} characters")
    try:
        url = httpx.URL(text.strip())
    except (httpx.InvalidURL, UnicodeError, ValueError) as exc:
        raise UrlRefused("not a URL") from exc
    return _checked(url)


def _checked(url: httpx.URL) -> httpx.URL:
    if url.scheme not in ("http", "https"):
        raise UrlRefused("only http and https URLs can be fetched")
    if not _HOST.fullmatch(url.raw_host.decode("ascii")):
        raise UrlRefused("the URL names no host")
    return url


def _redirect_target(url: httpx.URL, response: httpx.Response) -> httpx.URL:
    location = response.headers.get("location", "")
    if not location or len(location) > MAX_URL:
        raise FetchFailed("the URL redirects to nowhere", response.status_code)
    try:
        return _checked(url.join(location))
    except (httpx.InvalidURL, UnicodeError, ValueError) as exc:
        raise UrlRefused("the URL redirects to something that is no URL") from exc


def _usable_headers(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidInput(f"{name[:128]!r} is no usable request header")
    return {name: value for name, value in headers.items() if name.lower() not in _OWN_HEADERS}


def _filename(url: httpx.URL) -> str:
    last = url.raw_path.partition(b"?")[0].rpartition(b"/")[2].decode("ascii")
    name = _UNSAFE_IN_NAMES.sub("", unquote(last))[:255]
    return name if "." in name.strip(".") else "file"
