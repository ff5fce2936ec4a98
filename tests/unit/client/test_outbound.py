"""URLs that people give: what is fetched, and what is never connected to."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from starlette.responses import RedirectResponse, Response

from support.web_host import Asked, WebHost, cut_off, endless, stalled, web_host
from waport.client.addresses import AllowList
from waport.client.outbound import OutboundClient
from waport.client.outbound_errors import BodyTooLarge, FetchFailed, FetchTimeout, UrlRefused
from waport.errors import InvalidInput

LIMIT = 100_000


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebHost]:
    folder = tmp_path_factory.mktemp("tls")
    async with web_host(folder, certified="files.example") as host:
        yield host


@pytest.fixture
def host(server: WebHost) -> WebHost:
    server.reset()
    return server


class Names:
    """A name server that counts and may change its mind."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def client_of(host: WebHost, *, names: Names | None = None, **settings: object) -> OutboundClient:
    options: dict[str, object] = {
        "max_bytes": LIMIT,
        "allow": AllowList.parse(["127.0.0.1"]),
        "tls": host.client_tls,
        **settings,
    }
    if names is not None:
        options["resolve"] = names
    return OutboundClient(**options)  # type: ignore[arg-type]


async def test_a_file_comes_with_its_type_and_name(host: WebHost) -> None:
    host.answer = lambda _: Response(b"pixels", headers={"content-type": "Image/PNG; x=y"})
    file, data = await client_of(host).fetch(f"{host.url}/a/cat%20one.png?size=2#top")
    assert data == b"pixels"
    assert (file.mimetype, file.filename, file.size) == ("image/png", "cat one.png", 6)
    assert (host.asked[0].path, host.asked[0].query) == ("/a/cat%20one.png", "size=2")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "file"),
        ("/picture", "file"),
        ("/a.b/c", "file"),
        ("/..", "file"),
        ("/x%2Fy.png", "xy.png"),
        ("/a%00b.txt", "ab.txt"),
        ("/photo.jpg?name=other.gif", "photo.jpg"),
    ],
)
async def test_the_name_is_the_last_part_of_the_path_if_it_has_a_dot(
    host: WebHost, path: str, name: str
) -> None:
    file, _ = await client_of(host).fetch(host.url + path)
    assert file.filename == name


async def test_a_page_tells_its_charset(host: WebHost) -> None:
    host.answer = lambda _: Response(
        b"<html>", headers={"content-type": 'text/html; charset="ISO-8859-1"'}
    )
    file, _ = await client_of(host).fetch(host.url)
    assert (file.mimetype, file.charset) == ("text/html", "iso-8859-1")


async def test_a_file_lands_on_disk(host: WebHost, tmp_path: Path) -> None:
    body = bytes(range(256)) * 300
    host.answer = lambda _: Response(body)
    target = tmp_path / "got"
    file = await client_of(host).fetch_to_file(f"{host.url}/x.bin", target)
    assert target.read_bytes() == body
    assert file.size == len(body)


async def test_a_failed_fetch_leaves_no_file(host: WebHost, tmp_path: Path) -> None:
    host.answer = lambda _: cut_off(b"half", 8)
    target = tmp_path / "got"
    with pytest.raises(FetchFailed):
        await client_of(host).fetch_to_file(host.url, target)
    assert not target.exists()


# --- where it may not go -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://localhost/",
        "http://0.0.0.0/",
        "http://10.1.2.3/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://100.100.100.200/latest/meta-data",
        "http://169.254.169.254/latest/meta-data",
        "http://168.63.129.16/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::10.0.0.1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1]/",
        "http://[fec0::1]/",
        "http://[fc00::1]/",
        "http://[fd00:ec2::254]/",
        "http://[ff02::1]/",
        "http://[2001:db8::1]/",
    ],
)
async def test_addresses_that_are_not_public_are_refused(url: str) -> None:
    with pytest.raises((UrlRefused, FetchFailed)) as refusal:
        await OutboundClient(max_bytes=LIMIT, timeout_s=5).fetch(url)
    # Where the machine itself does not know the spelling, there is nothing to connect to.
    assert isinstance(refusal.value, UrlRefused) or "cannot be found" in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://files.example/",
        "file:///etc/passwd",
        "gopher://files.example/",
        "data:text/plain,hello",
        "//files.example/x",
        "files.example/x",
        "https://",
        "https:///x",
        "https://[::1/",
        "https://a b/",
        "",
        "https://files.example/" + "x" * 9000,
    ],
)
async def test_only_urls_of_the_web_are_taken(url: str) -> None:
    with pytest.raises(UrlRefused):
        await OutboundClient(max_bytes=LIMIT).fetch(url)


async def test_a_refusal_is_the_callers_fault() -> None:
    with pytest.raises(InvalidInput):
        await OutboundClient(max_bytes=LIMIT).fetch("http://127.0.0.1/")


async def test_a_name_that_leads_inside_is_refused(host: WebHost) -> None:
    client = client_of(host, names=Names(["127.0.0.1"]), allow=AllowList())
    with pytest.raises(UrlRefused):
        await client.fetch(f"https://files.example:{host.port}/")
    assert host.asked == []


async def test_the_address_that_was_judged_is_the_one_connected_to(host: WebHost) -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    client = client_of(host, names=names)
    await client.fetch(f"https://files.example:{host.port}/")
    assert names.asked == ["files.example"]
    # The name still stands in Host, and the certificate was checked against it.
    assert host.asked[0].headers["host"] == f"files.example:{host.port}"


async def test_a_certificate_for_another_name_is_refused(host: WebHost) -> None:
    client = client_of(host, names=Names(["127.0.0.1"]))
    with pytest.raises(FetchFailed):
        await client.fetch(f"https://other.example:{host.port}/")
    assert host.asked == []


async def test_private_answers_among_public_ones_are_passed_over(host: WebHost) -> None:
    names = Names(["10.0.0.1", "127.0.0.1", "169.254.169.254"])
    await client_of(host, names=names).fetch(f"https://files.example:{host.port}/")
    assert len(host.asked) == 1


async def test_another_address_is_tried_when_one_does_not_answer(host: WebHost) -> None:
    # Nobody listens on the second one.
    names = Names(["127.0.0.2", "127.0.0.1"])
    client = client_of(host, names=names, allow=AllowList.parse(["127.0.0.0/8"]))
    _, data = await client.fetch(f"https://files.example:{host.port}/")
    assert data == b"hello"


@pytest.mark.parametrize(
    "entries",
    [["*"], ["127.0.0.0/8"], ["127.0.0.1:{port}"], ["files.example"], ["FILES.example.:{port}"]],
)
async def test_what_is_allowed_may_be_reached(host: WebHost, entries: list[str]) -> None:
    allow = AllowList.parse([entry.format(port=host.port) for entry in entries])
    client = client_of(host, names=Names(["127.0.0.1"]), allow=allow)
    _, data = await client.fetch(f"https://files.example:{host.port}/")
    assert data == b"hello"


@pytest.mark.parametrize("entries", [["127.0.0.1:1"], ["files.example:1"], ["10.0.0.0/8"], ["a.b"]])
async def test_nothing_else_is_allowed_with_it(host: WebHost, entries: list[str]) -> None:
    client = client_of(host, names=Names(["127.0.0.1"]), allow=AllowList.parse(entries))
    with pytest.raises(UrlRefused):
        await client.fetch(f"https://files.example:{host.port}/")


async def test_a_host_that_does_not_exist_is_a_failure(host: WebHost) -> None:
    async def nowhere(name: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    with pytest.raises(FetchFailed):
        await client_of(host, resolve=nowhere).fetch("https://files.example/")


# --- redirects -----------------------------------------------------------------------------------


async def test_redirects_are_followed(host: WebHost) -> None:
    def answer(asked: Asked) -> Response:
        step = int(asked.path.strip("/") or "0")
        return RedirectResponse(f"/{step + 1}") if step < 5 else Response(b"there")

    host.answer = answer
    file, data = await client_of(host).fetch(f"{host.url}/0")
    assert data == b"there"
    assert file.url == f"{host.url}/5"


async def test_the_sixth_redirect_is_one_too_many(host: WebHost) -> None:
    host.answer = lambda _: RedirectResponse("/again")
    with pytest.raises(FetchFailed):
        await client_of(host).fetch(host.url)
    assert len(host.asked) == 6


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.2/",
        "http://[::1]/",
        "//10.0.0.1/x",
        "file:///etc/passwd",
        "ftp://files.example/",
        "http://[broken/",
    ],
)
async def test_a_redirect_inside_is_refused(host: WebHost, target: str) -> None:
    host.answer = lambda _: Response(status_code=302, headers={"location": target})
    with pytest.raises(UrlRefused):
        await client_of(host).fetch(host.url)
    assert len(host.asked) == 1


async def test_each_redirect_asks_for_its_own_name(host: WebHost) -> None:
    host.answer = lambda asked: (
        RedirectResponse(f"https://files.example:{host.port}/b")
        if asked.path == "/a"
        else Response()
    )
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    with pytest.raises(UrlRefused):
        await client_of(host, names=names).fetch(f"https://files.example:{host.port}/a")
    assert names.asked == ["files.example", "files.example"]


async def test_a_redirect_to_nowhere_is_a_failure(host: WebHost) -> None:
    host.answer = lambda _: Response(status_code=302)
    with pytest.raises(FetchFailed):
        await client_of(host).fetch(host.url)


async def test_headers_do_not_follow_to_another_server(host: WebHost) -> None:
    host.answer = lambda asked: (
        RedirectResponse(f"https://files.example:{host.port}/b")
        if asked.path == "/a"
        else Response()
    )
    client = client_of(host, names=Names(["127.0.0.1"]))
    await client.fetch(f"https://127.0.0.1:{host.port}/a", headers={"X-Token": "secret"})
    assert "x-token" in host.asked[0].headers
    assert "x-token" not in host.asked[1].headers


async def test_a_caller_cannot_choose_the_host_header(host: WebHost) -> None:
    await client_of(host).fetch(host.url, headers={"Host": "admin.internal", "X-Mine": "1"})
    assert host.asked[0].headers["host"] == host.name
    assert host.asked[0].headers["x-mine"] == "1"


@pytest.mark.parametrize("headers", [{"X": "a\r\nHost: b"}, {"a b": "c"}, {"X": "ü"}])
async def test_headers_that_are_none_are_refused(host: WebHost, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        await client_of(host).fetch(host.url, headers=headers)


async def test_cookies_are_forgotten_between_steps(host: WebHost) -> None:
    host.answer = lambda asked: Response(
        status_code=302 if asked.path == "/a" else 200,
        headers={"location": "/b", "set-cookie": "id=1"},
    )
    await client_of(host).fetch(f"{host.url}/a")
    assert "cookie" not in host.asked[1].headers


# --- bounds --------------------------------------------------------------------------------------


async def test_a_body_of_exactly_the_limit_is_taken(host: WebHost) -> None:
    host.answer = lambda _: Response(bytes(LIMIT))
    _, data = await client_of(host).fetch(host.url)
    assert len(data) == LIMIT


@pytest.mark.parametrize(
    "answer",
    [
        lambda: Response(bytes(LIMIT + 1)),
        lambda: cut_off(b"", 5_000_000_000),
        lambda: endless(bytes(10_000)),
    ],
)
async def test_a_larger_body_is_refused(host: WebHost, answer: Callable[[], Response]) -> None:
    host.answer = lambda _: answer()
    with pytest.raises(BodyTooLarge) as refusal:
        await client_of(host).fetch(host.url)
    assert refusal.value.limit == LIMIT


async def test_the_beginning_of_a_larger_body_can_be_had(host: WebHost) -> None:
    host.answer = lambda _: endless(b"0123456789")
    _, data = await client_of(host).fetch(host.url, max_bytes=25, truncate=True)
    assert data == b"0123456789012345678901234"[:25]


async def test_a_compressed_bomb_is_refused_in_bounded_memory(host: WebHost) -> None:
    bomb = gzip.compress(bytes(30_000_000), 1)
    host.answer = lambda _: Response(bomb, headers={"content-encoding": "gzip"})
    with pytest.raises(BodyTooLarge):
        await client_of(host).fetch(host.url)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b"hello" * 1000, mtime=0)),
        ("deflate", zlib.compress(b"hello" * 1000)),
    ],
)
async def test_a_body_that_is_compressed_unasked_is_unpacked(
    host: WebHost, coding: str, body: bytes
) -> None:
    host.answer = lambda _: Response(body, headers={"content-encoding": coding})
    _, data = await client_of(host).fetch(host.url)
    assert data == b"hello" * 1000
    assert host.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"no gzip at all"),
        ("gzip", gzip.compress(b"hello", mtime=0)[:-9]),
        ("br", b"hello"),
    ],
)
async def test_a_body_that_cannot_be_unpacked_is_a_failure(
    host: WebHost, coding: str, body: bytes
) -> None:
    host.answer = lambda _: Response(body, headers={"content-encoding": coding})
    with pytest.raises(FetchFailed):
        await client_of(host).fetch(host.url)


@pytest.mark.parametrize("status", [204, 206])
async def test_any_success_is_taken(host: WebHost, status: int) -> None:
    host.answer = lambda _: Response(status_code=status)
    await client_of(host).fetch(host.url)


@pytest.mark.parametrize("status", [304, 400, 401, 404, 500, 503])
async def test_another_status_is_a_failure_that_names_it(host: WebHost, status: int) -> None:
    host.answer = lambda _: Response(status_code=status)
    with pytest.raises(FetchFailed) as failure:
        await client_of(host).fetch(host.url)
    assert failure.value.status == status


async def test_a_cut_off_body_is_a_failure(host: WebHost) -> None:
    host.answer = lambda _: cut_off(b"half", 8)
    with pytest.raises(FetchFailed):
        await client_of(host).fetch(host.url)


async def test_the_time_bounds_the_whole_fetch(host: WebHost) -> None:
    host.answer = lambda _: stalled(b"half", 8)
    with pytest.raises(FetchTimeout):
        await client_of(host, timeout_s=0.2).fetch(host.url)


async def test_a_name_server_that_does_not_answer_is_bounded_too(host: WebHost) -> None:
    async def never(name: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(FetchTimeout):
        await client_of(host, timeout_s=0.05, resolve=never).fetch("https://files.example/")


async def test_a_server_that_is_not_there_is_a_failure(host: WebHost) -> None:
    with pytest.raises(FetchFailed):
        await client_of(host).fetch("https://127.0.0.1:1/")


async def test_the_environments_proxy_is_not_used(
    host: WebHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    _, data = await client_of(host).fetch(host.url)
    assert data == b"hello"
