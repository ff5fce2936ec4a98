"""The preview of the first link in a text.

An ornament: whatever goes wrong with it, the text is sent without. Pages come from anywhere, so
every step is bounded in size and time.

Source: docs/protocol/messages.md, "Link previews".
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urljoin

from ..errors import WhatsAppError
from ..model.contents import LinkPreview
from .outbound import OutboundClient, RemoteFile
from .probing import probe_image
from .threads import stoppable

log = logging.getLogger(__name__)

TIMEOUT_S = 5.0
"""For all of it."""

MAX_PAGE = 1024 * 1024
"""Bytes of a page that are read; what describes it stands at its beginning."""

MAX_PICTURE = 5 * 1024 * 1024
THUMBNAIL_SIDE = 192
"""The longer side of the picture, in pixels."""

MAX_THUMBNAIL = 64 * 1024
MAX_TITLE = 300
MAX_DESCRIPTION = 1000
"""Characters that are kept."""

_FAILURES = (
    WhatsAppError,
    TimeoutError,
    OSError,
    # What the parsers of pages and addresses raise on odd ones.
    AssertionError,
    LookupError,
    RecursionError,
    ValueError,
)
"""An ornament must never keep a text from being sent."""

_MAX_TAG = 4096
"""Characters of one tag that is looked at."""

_MAX_TAGS = 300
_PAGES = ("text/html", "application/xhtml+xml")
_HEADERS = {"Accept": "text/html,application/xhtml+xml", "Accept-Language": "en;q=0.8,*;q=0.5"}

_LINK = re.compile(r"\bhttps?://[^\s<>\"'`\x00-\x1f]{1,2048}", re.IGNORECASE)
_PAIRS = {")": "(", "]": "[", "}": "{"}
_SPACE = re.compile(r"\s+")
_CHARSETS = re.compile(
    r"utf-?8|utf-16(?:le|be)?|us-ascii|ascii|latin-?1|iso-?8859-\d{1,2}|windows-125\d|cp125\d"
    r"|koi8-[ru]|shift[_-]jis|euc-(?:jp|kr)|gb2312|gbk|gb18030|big5"
)
"""Those of pages. Python knows more, some of which take ages to decode."""

_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,8}=\s{0,8}[\"']?([A-Za-z0-9_.:-]{1,40})")
_MARK = re.compile(r"<(?:!--|/head\b|(?:meta|title|script|style|body)\b)", re.IGNORECASE)
_ENDS = {
    "<!--": re.compile(r"-->"),
    "<script": re.compile(r"</script", re.IGNORECASE),
    "<style": re.compile(r"</style", re.IGNORECASE),
    "<title": re.compile(r"</title", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Described:
    """What a page says of itself; empty where it says nothing."""

    title: str = ""
    description: str = ""
    image: str = ""


async def preview(
    text: str, outbound: OutboundClient, timeout_s: float = TIMEOUT_S
) -> LinkPreview | None:
    """The preview of the first http(s) link in a text.

    Args:
        outbound: fetches the page, under its own rules of where it may go.
        timeout_s: for all of it; a picture that comes later is left out.

    Returns:
        None when there is no link, or its page can't be had or does not tell what it is. Nothing
        is raised.
    """
    link = first_link(text)
    if link is None:
        return None
    deadline = asyncio.get_running_loop().time() + timeout_s
    try:
        async with asyncio.timeout_at(deadline):
            page, described = await _describe(link, outbound, timeout_s)
    except _FAILURES as exc:
        log.info("no preview of a link: %s", type(exc).__name__)
        return None
    if not described.title:
        return None
    thumbnail = b""
    if described.image:
        thumbnail = await _picture(page, described.image, outbound, deadline)
    return LinkPreview(link, described.title, described.description, thumbnail)


def first_link(text: str) -> str | None:
    """The first http(s) link, exactly as it stands in the text."""
    match = _LINK.search(text)
    if match is None:
        return None
    link = match[0]
    while link:
        last = link[-1]
        closes_nothing = last in _PAIRS and link.count(last) > link.count(_PAIRS[last])
        if last not in ".,;:!?*_~" and not closes_nothing:
            break
        link = link[:-1]
    return link if link.partition("://")[2] else None


async def _describe(link: str, outbound: OutboundClient, timeout_s: float) -> tuple[str, Described]:
    """The address of the page in the end, and what it says of itself."""
    file, data = await outbound.fetch(
        link, max_bytes=MAX_PAGE, truncate=True, timeout_s=timeout_s, headers=_HEADERS
    )
    if file.mimetype not in _PAGES:
        return file.url, Described()
    return file.url, await stoppable(lambda check: describe(_decoded(file, data), check))


async def _picture(page: str, image: str, outbound: OutboundClient, deadline: float) -> bytes:
    """A small JPEG of the picture that a page names; empty when there is none in time."""
    try:
        async with asyncio.timeout_at(deadline):
            _, data = await outbound.fetch(urljoin(page, image), max_bytes=MAX_PICTURE)
            thumbnail = (await probe_image(data, side=THUMBNAIL_SIDE)).thumbnail or b""
    except _FAILURES as exc:
        log.info("no picture for the preview of a link: %s", type(exc).__name__)
        return b""
    return thumbnail if len(thumbnail) <= MAX_THUMBNAIL else b""


def _decoded(file: RemoteFile, data: bytes) -> str:
    charset = file.charset
    if charset is None:
        found = _META_CHARSET.search(data[:2048].lower())
        charset = None if found is None else found[1].decode("ascii")
    if charset is None or _CHARSETS.fullmatch(charset) is None:
        charset = "utf-8"
    return data.decode(charset, "replace")


def describe(page: str, check: Callable[[], None] = lambda: None) -> Described:
    """What the head of a page says of it.

    Args:
        check: called now and then; raises when the work should end.
    """
    found: dict[str, str] = {}
    for tag, content in _tags(page):
        check()
        if tag == "title":
            found.setdefault("title", unescape(content))
            continue
        name, value = _read_meta(content)
        if name and value:
            found.setdefault(name, value)

    def first(*names: str) -> str:
        texts = (_SPACE.sub(" ", found.get(name, "")).strip() for name in names)
        return next((text for text in texts if text), "")

    return Described(
        first("og:title", "twitter:title", "title")[:MAX_TITLE],
        first("og:description", "twitter:description", "description")[:MAX_DESCRIPTION],
        first("og:image:secure_url", "og:image", "og:image:url", "twitter:image"),
    )


def _tags(page: str) -> Iterator[tuple[str, str]]:
    """The `meta` tags and the text of the title in a page's head, in one pass.

    Tags are cut out before the library sees them: its time for a whole page of a hostile author
    grows with the square of the page's length.
    """
    at = 0
    for _ in range(_MAX_TAGS):
        mark = _MARK.search(page, at)
        if mark is None:
            return
        name = mark[0].lower()
        if name in ("</head", "<body"):
            return
        at = mark.end()
        if name == "<meta":
            yield "meta", page[mark.start() : mark.start() + _MAX_TAG]
            continue
        end = _ENDS[name].search(page, at)
        if end is None:
            return
        if name == "<title":
            start = page.find(">", at, end.start()) + 1
            if start:
                yield "title", page[start : min(end.start(), start + _MAX_TAG)]
        at = end.end()


class _Found(Exception):
    """A tag was read; ends the parser, and never leaves `_read_meta`.

    Attributes:
        attrs: its attributes; of a repeated one the first.
    """

    def __init__(self, attrs: Mapping[str, str]) -> None:
        super().__init__()
        self.attrs = attrs


class _FirstTag(HTMLParser):
    """Reads one tag."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """The tag is whole."""
        raise _Found({name: value or "" for name, value in reversed(attrs)})


def _read_meta(tag: str) -> tuple[str, str]:
    """Name and content of the `meta` tag at the beginning of a text; empty if it is not whole."""
    try:
        _FirstTag().feed(tag)
    except _Found as found:
        name = found.attrs.get("property") or found.attrs.get("name") or ""
        return name.strip().lower(), found.attrs.get("content", "")
    return "", ""
