from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.clock import FakeClock
from waport.client.version import MAX_AGE_S, RETRY_AFTER_S, VersionSource
from waport.pairing import DEFAULT_VERSION, ClientVersion

NEWER = ClientVersion(2, 3000, DEFAULT_VERSION.tertiary + 1000)


class WebPage:
    """A web server with one page."""

    def __init__(self) -> None:
        self.body = b""
        self.status = "200 OK"
        self.requests: list[bytes] = []
        self.url = ""

    def names(self, version: ClientVersion) -> None:
        self.body = f'x=\\"client_revision\\":{version.tertiary},y'.encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.body)}\r\n"
        writer.write(head.encode() + b"Connection: close\r\n\r\n" + self.body)
        await writer.drain()
        writer.close()


@pytest.fixture
async def page() -> AsyncIterator[WebPage]:
    page = WebPage()
    server = await asyncio.start_server(page.serve, "127.0.0.1", 0)
    page.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield page


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "version.json"


def save(cache: Path, text: str) -> None:
    cache.parent.mkdir()
    cache.write_text(text)


def saved_version(cache: Path) -> str:
    version: str = json.loads(cache.read_text())["version"]
    return version


async def test_the_page_names_the_version_and_is_read_once_a_day(
    page: WebPage, cache: Path
) -> None:
    page.names(NEWER)
    clock = FakeClock()
    source = VersionSource(page.url + "/", cache=cache, clock=clock)
    assert await source.current() == NEWER
    assert await source.current() == NEWER
    assert len(page.requests) == 1
    assert page.requests[0].startswith(b"GET /sw.js ")
    assert b"sec-fetch-site: none" in page.requests[0].lower()
    clock.advance(MAX_AGE_S + 1)
    await source.current()
    assert len(page.requests) == 2


async def test_a_restart_uses_the_last_good_version(page: WebPage, cache: Path) -> None:
    page.names(NEWER)
    clock = FakeClock()
    await VersionSource(page.url, cache=cache, clock=clock).current()
    page.body = b""
    assert await VersionSource(page.url, cache=cache, clock=clock).current() == NEWER
    assert len(page.requests) == 1
    # Older than a day, and not to be read anew: still the best that is known.
    clock.advance(MAX_AGE_S + 1)
    assert await VersionSource(page.url, cache=cache, clock=clock).current() == NEWER


async def test_a_pinned_version_is_never_looked_up(page: WebPage) -> None:
    source = VersionSource(page.url, pinned=NEWER)
    assert await source.current() == await source.refresh() == NEWER
    assert page.requests == []


@pytest.mark.parametrize(
    "saved",
    [
        "",
        "{",
        "[]",
        "7",
        "null",
        "{}",
        '{"version": 7, "read_at": 1}',
        '{"version": "2.3000.x", "read_at": 1}',
        '{"version": "2.3000.1045649999"}',
        '{"version": "2.3000.1045649999", "read_at": "soon"}',
        '{"version": "2.3000.1045649999", "read_at": ' + "9" * 400 + "}",
    ],
)
async def test_a_corrupt_cache_is_as_good_as_none(page: WebPage, cache: Path, saved: str) -> None:
    save(cache, saved)
    page.names(NEWER)
    assert await VersionSource(page.url, cache=cache).current() == NEWER
    assert saved_version(cache) == str(NEWER)


@pytest.mark.parametrize("read_at", ["NaN", "Infinity", "99999999999"])
async def test_a_cache_from_the_future_is_read_anew(
    page: WebPage, cache: Path, read_at: str
) -> None:
    save(cache, f'{{"version": "{DEFAULT_VERSION}", "read_at": {read_at}}}')
    page.names(NEWER)
    assert await VersionSource(page.url, cache=cache, clock=FakeClock()).current() == NEWER


async def test_a_cache_older_than_this_release_gives_way_to_it(page: WebPage, cache: Path) -> None:
    clock = FakeClock()
    save(cache, json.dumps({"version": "2.3000.1000000000", "read_at": clock.unix()}))
    source = VersionSource(page.url, cache=cache, clock=clock)
    assert await source.current() == DEFAULT_VERSION


@pytest.mark.parametrize("body", [b"", b"client_revision", b'"client_revision":0', b"\xff" * 100])
async def test_a_page_without_a_revision_is_left_alone_for_a_while(
    page: WebPage, body: bytes
) -> None:
    page.body = body
    clock = FakeClock()
    source = VersionSource(page.url, clock=clock)
    assert await source.current() == DEFAULT_VERSION
    assert await source.current() == DEFAULT_VERSION
    assert len(page.requests) == 1
    page.names(NEWER)
    clock.advance(RETRY_AFTER_S + 1)
    assert await source.current() == NEWER


async def test_an_error_page_names_nothing(page: WebPage) -> None:
    page.names(NEWER)
    page.status = "503 Service Unavailable"
    assert await VersionSource(page.url).current() == DEFAULT_VERSION


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[", "nonsense", "http://\x00"])
async def test_a_page_that_can_not_be_reached_harms_nothing(url: str) -> None:
    source = VersionSource(url)
    assert await source.current() == DEFAULT_VERSION
    assert await source.refresh() == DEFAULT_VERSION


async def test_a_refused_version_is_looked_up_even_after_a_failure(page: WebPage) -> None:
    source = VersionSource(page.url, clock=FakeClock())
    await source.current()
    page.names(NEWER)
    assert await source.refresh() == NEWER
    assert len(page.requests) == 2


async def test_many_sessions_at_once_read_the_page_once(page: WebPage) -> None:
    page.names(NEWER)
    source = VersionSource(page.url, clock=FakeClock())
    assert set(await asyncio.gather(*(source.current() for _ in range(20)))) == {NEWER}
    assert len(page.requests) == 1
    await asyncio.gather(*(source.refresh() for _ in range(20)))
    assert len(page.requests) == 2


async def test_a_cache_that_can_not_be_written_harms_nothing(page: WebPage, tmp_path: Path) -> None:
    page.names(NEWER)
    (tmp_path / "file").touch()
    source = VersionSource(page.url, cache=tmp_path / "file" / "version.json")
    assert await source.current() == NEWER
