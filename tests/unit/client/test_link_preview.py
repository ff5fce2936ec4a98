"""Link previews: what pages say of themselves, and that no page can do any harm."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from PIL import Image
from starlette.responses import RedirectResponse, Response

from support.files import picture, png_that_claims
from support.web_host import Asked, WebHost, cut_off, endless, stalled, web_host
from waport.client import link_preview
from waport.client.addresses import AllowList
from waport.client.link_preview import describe, first_link, preview
from waport.client.outbound import OutboundClient
from waport.model.contents import LinkPreview, Text, check_content

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = """<!doctype html><html><head>
<meta charset="utf-8"><title>Plain &amp; simple</title>
<meta property="og:title" content="Cats &amp; dogs">
<meta name="description" content="about   them
 all">
<meta property="og:image" content="/pictures/cat.png">
</head><body>text</body></html>"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[WebHost]:
    async with web_host(None) as host:
        yield host


@pytest.fixture
def host(server: WebHost) -> WebHost:
    server.reset()
    serve(server, PAGE)
    return server


def serve(host: WebHost, page: str | bytes | Response, content_type: str = "text/html") -> None:
    """A page at every address but that of its picture."""

    def answer(asked: Asked) -> Response:
        if asked.path == "/pictures/cat.png":
            return Response(picture("PNG", (600, 300)), media_type="image/png")
        if isinstance(page, Response):
            return page
        return Response(page, headers={"content-type": content_type})

    host.answer = answer


def client(allow: str = "127.0.0.1") -> OutboundClient:
    return OutboundClient(max_bytes=10_000_000, allow=AllowList.parse([allow]))


async def shown(host: WebHost, timeout_s: float = 5.0) -> LinkPreview | None:
    return await preview(f"see {host.url}/page.", client(), timeout_s)


async def test_a_page_is_shown_by_title_description_and_picture(host: WebHost) -> None:
    found = await shown(host)
    assert found is not None
    assert (found.title, found.description) == ("Cats & dogs", "about them all")
    assert found.matched_text == f"{host.url}/page"
    with Image.open(io.BytesIO(found.thumbnail)) as small:
        assert (small.format, small.size) == ("JPEG", (192, 96))
    check_content(Text(f"see {host.url}/page.", found))


async def test_the_page_is_asked_for_as_a_page(host: WebHost) -> None:
    await shown(host)
    assert host.asked[0].path == "/page"
    assert "text/html" in host.asked[0].headers["accept"]
    assert "cookie" not in host.asked[0].headers


async def test_a_picture_is_looked_for_where_the_page_is_in_the_end(host: WebHost) -> None:
    moved = "/moved/here"

    def answer(asked: Asked) -> Response:
        if asked.path == "/page":
            return RedirectResponse(moved)
        if asked.path == moved:
            return Response(
                '<title>t</title><meta property="og:image" content="x.png">', media_type="text/html"
            )
        return Response(picture("PNG"))

    host.answer = answer
    found = await shown(host)
    assert host.asked[-1].path == "/moved/x.png"
    assert found is not None
    assert found.thumbnail


# --- the link ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("http://a.example", "http://a.example"),
        ("see https://a.example/x?y=1#z and http://b.example", "https://a.example/x?y=1#z"),
        ("(https://a.example/x)", "https://a.example/x"),
        ("https://a.example/x_(y)", "https://a.example/x_(y)"),
        ("look: HTTPS://A.example/X!", "HTTPS://A.example/X"),
        ('"https://a.example/"', "https://a.example/"),
        ("<https://a.example/b>", "https://a.example/b"),
        ("https://a.example/b...", "https://a.example/b"),
        ("*https://a.example/b*", "https://a.example/b"),
        ("https://ä.example/ö", "https://ä.example/ö"),
        ("https://a.example:8080/", "https://a.example:8080/"),
        ("https://a.example/[x]]", "https://a.example/[x]"),
    ],
)
async def test_the_first_link_is_taken_as_it_stands(text: str, link: str) -> None:
    assert first_link(text) == link
    assert link in text


@pytest.mark.parametrize(
    "text", ["", "no link", "a.example", "ftp://a.example", "https://", "http:// x", "https://..."]
)
async def test_a_text_without_a_link_has_none(text: str) -> None:
    assert first_link(text) is None
    assert await preview(text, client()) is None


async def test_a_very_long_text_is_looked_through_at_once() -> None:
    started = time.process_time()
    for text in ("https:" * 10_000, "https://" + ")" * 65_000, "http" * 16_000):
        first_link(text)
    assert time.process_time() - started < 1.0


# --- pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<title>only this</title>", "only this"),
        ("<TITLE\n lang=en>\n a\n b </TITLE>", "a b"),
        ("<title>a &lt; b</title>", "a < b"),
        ('<meta content="turned" property="og:title">', "turned"),
        ("<meta property='og:title' content='single'/>", "single"),
        ("<meta property=og:title content=bare>", "bare"),
        ('<meta property="og:title" content="a > b">', "a > b"),
        ('<meta name="twitter:title" content="bird">', "bird"),
        ('<meta property="og:title" content=""><title>then this</title>', "then this"),
        ('<meta property="og:title" content="1"><meta property="og:title" content="2">', "1"),
        ("<!-- <title>no</title> --><title>yes</title>", "yes"),
        ("<script>'<title>no</title>'</script><title>yes</title>", "yes"),
        ("<style><title>no</title></style><title>yes</title>", "yes"),
        ("<title>head</title></head><body><meta property='og:title' content='body'>", "head"),
        ("<title>" + "x" * 5000 + "</title>", "x" * 300),
    ],
)
async def test_the_title_is_found_wherever_pages_have_it(page: str, title: str) -> None:
    assert describe(page).title == title


@pytest.mark.parametrize(
    "page",
    [
        "",
        "plain words",
        "<title>never ends",
        "<meta property='og:title' content='never ends",
        "<!-- <title>commented</title>",
        "<body><title>too late</title>",
        "<title></title>",
        '<meta property="og:description" content="no title">',
        "<metadata><titles>",
    ],
)
async def test_a_page_without_a_title_gives_nothing(host: WebHost, page: str) -> None:
    serve(host, page)
    assert await shown(host) is None


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<title>grüße</title>".encode("latin-1"), "text/html; charset=iso-8859-1"),
        ("<title>grüße</title>".encode(), "text/html; charset=utf-8"),
        ("<title>grüße</title>".encode(), "application/xhtml+xml"),
        (b'<meta charset="windows-1252">' + "<title>grüße</title>".encode("cp1252"), "text/html"),
        ("<title>grüße</title>".encode("utf-16"), "text/html; charset=utf-16"),
        ("<title>grüße</title>".encode(), "text/html; charset=unicode_escape"),
        ("<title>grüße</title>".encode(), "text/html; charset=no-such-thing"),
    ],
)
async def test_pages_are_read_in_their_coding(
    host: WebHost, body: bytes, content_type: str
) -> None:
    serve(host, body, content_type)
    found = await shown(host)
    assert found is not None
    assert found.title == "grüße"


async def test_only_the_beginning_of_an_endless_page_is_read(host: WebHost) -> None:
    serve(host, endless(b"<title>big</title>" + b" " * 10_000))
    host_answer = host.answer
    host.answer = lambda asked: _as_html(host_answer(asked))
    found = await shown(host)
    assert found is not None
    assert found.title == "big"


def _as_html(response: object) -> Response:
    assert isinstance(response, Response)
    response.headers["content-type"] = "text/html"
    return response


# --- what gives no preview -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        lambda: Response(PAGE, status_code=404, media_type="text/html"),
        lambda: Response(PAGE, media_type="text/plain"),
        lambda: Response(PAGE, media_type="application/json"),
        lambda: Response(picture("PNG"), media_type="image/png"),
        lambda: Response(PAGE),
        lambda: cut_off(PAGE.encode(), 100_000),
        lambda: RedirectResponse("http://169.254.169.254/latest/meta-data"),
        lambda: RedirectResponse("http://[broken/"),
        lambda: Response(b"junk", headers={"content-encoding": "gzip"}),
        lambda: Response(b"\xff\xfe\x00" * 1000, media_type="text/html; charset=utf-8"),
    ],
)
async def test_whatever_goes_wrong_there_is_just_no_preview(
    host: WebHost, answer: Callable[[], Response]
) -> None:
    host.answer = lambda _: answer()
    assert await shown(host) is None


async def test_a_private_address_is_not_even_connected_to(host: WebHost) -> None:
    assert await preview(f"{host.url}/page", client("10.0.0.1")) is None
    assert host.asked == []


@pytest.mark.parametrize(
    "image",
    [
        "http://169.254.169.254/x.png",
        "http://[broken/",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "/nothing",
        "/bomb",
        "/text",
        "/huge",
        "x" * 4000,
    ],
)
async def test_a_picture_that_cannot_be_had_is_left_out(host: WebHost, image: str) -> None:
    bodies = {
        "/page": f'<title>t</title><meta property="og:image" content="{image}">'.encode(),
        "/bomb": png_that_claims(100_000, 100_000),
        "/text": b"no picture",
        "/huge": bytes(link_preview.MAX_PICTURE + 1),
    }

    def answer(asked: Asked) -> Response:
        body = bodies.get(asked.path)
        return Response(body, 404 if body is None else 200, media_type="text/html")

    host.answer = answer
    found = await shown(host)
    assert found is not None
    assert (found.title, found.thumbnail) == ("t", b"")


async def test_a_page_that_does_not_come_in_time_gives_none(host: WebHost) -> None:
    serve(host, stalled(b"<title>half", 1000))
    started = time.monotonic()
    assert await shown(host, 0.3) is None
    assert time.monotonic() - started < 3


async def test_a_picture_that_does_not_come_in_time_is_left_out(host: WebHost) -> None:
    def answer(asked: Asked) -> Response:
        if asked.path == "/page":
            return Response(PAGE, media_type="text/html")
        return stalled(b"half", 1000)

    host.answer = answer
    started = time.monotonic()
    found = await shown(host, 0.5)
    assert found is not None
    assert (found.title, found.thumbnail) == ("Cats & dogs", b"")
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("error", [AssertionError, LookupError, RecursionError, ValueError])
async def test_what_a_parser_raises_keeps_no_text_from_being_sent(
    host: WebHost, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> object:
        raise error

    monkeypatch.setattr(link_preview, "describe", fail)
    assert await shown(host) is None
    monkeypatch.undo()
    monkeypatch.setattr(link_preview, "probe_image", fail)
    found = await shown(host)
    assert found is not None
    assert found.thumbnail == b""


async def test_who_gives_up_waiting_is_heard(host: WebHost) -> None:
    came = asyncio.Event()

    def answer(_: Asked) -> Response:
        came.set()
        return stalled(b"half", 1000)

    host.answer = answer
    task = asyncio.create_task(shown(host))
    await came.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


MIB = link_preview.MAX_PAGE


@pytest.mark.parametrize(
    "page",
    [
        "<meta " * (MIB // 6),
        '<meta x="' * (MIB // 9),
        "<meta a=b " * (MIB // 10),
        "<meta" + " a=" * (MIB // 3),
        "<meta " + " " * MIB,
        "<meta <![" * (MIB // 9),
        "<!--" * (MIB // 4),
        "<!-- -->" * (MIB // 8),
        "<title>" * (MIB // 7),
        "<title" * (MIB // 6),
        "<script>" * (MIB // 8),
        "<" * MIB,
        "<meta content='" + "&" * MIB,
        "&#" * (MIB // 2),
    ],
    ids=lambda page: page[:12],
)
async def test_no_page_takes_long_to_read(page: str) -> None:
    started = time.process_time()
    describe(page)
    assert time.process_time() - started < 2.0
