"""Reading a request's body: size, encoding, charset, then JSON or a form.

Only `application/json` and `application/x-www-form-urlencoded` are read; with any other media
type, or none, the body is left alone and counts as an empty object. Small bodies are parsed at
once, others on threads, so that one of them holds nobody else up.
"""

from __future__ import annotations

import asyncio
import codecs
import zlib
from collections.abc import AsyncIterator, Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive

from .errors import HttpError
from .forms import parse_form
from .head import RequestHead
from .inflate import TooMuchInflated, inflate
from .json_body import JsonTop, invalid_json, parse_json

MAX_BODY: Final = 52_428_800
"""Bytes that a body may have, after inflating."""
MAX_INLINE: Final = 65_536
"""Bytes of an uncompressed body that is parsed at once: a few milliseconds at most."""
READ_TIMEOUT_S: Final = 300.0
"""A body that has not arrived by then is given up."""
DISCARD_TIMEOUT_S: Final = 2.0
"""How long the rest of a refused body is read and dropped, so that the client sees the answer."""

MAX_PAUSE_S: Final = 60.0
"""A body that is streamed must go on at least this often."""

JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "application/x-www-form-urlencoded"
MULTIPART_TYPE: Final = "multipart/form-data"

_JSON_CHARSETS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "utf-32": "utf-32",
    "utf-32le": "utf-32-le",
    "utf-32be": "utf-32-be",
}
_FORM_CHARSETS: Final = {"utf-8": "utf-8", "utf8": "utf-8"}

# Threads of its own: large bodies wait for each other, and nothing else waits for them.
_PARSERS: Final = ThreadPoolExecutor(2, thread_name_prefix="waport-body")


class Disconnected(Exception):
    """The client went away while its body was read."""


class BodyTooLarge(HttpError):
    """The body is over the limit.

    Attributes:
        has_rest: some of it was not read; the gateway drops that.
    """

    def __init__(self, *, has_rest: bool) -> None:
        super().__init__(413, "payload_too_large", "request entity too large")
        self.has_rest = has_rest


async def read_body(head: RequestHead, receive: Receive, limit: int = MAX_BODY) -> JsonTop:
    """Read and parse the body, if it is of a kind that is read.

    Args:
        head: the request's headers.
        receive: gives the body; not called when nothing is to be read.
        limit: bytes that the body may have, before and after inflating.
    Raises:
        HttpError: 413, 415 or 400, as the rules for bodies say.
        Disconnected: there is nobody to answer any more.
    """
    kind, charset = media_type(head.text(b"content-type"))
    if kind not in (JSON_TYPE, FORM_TYPE) or not head.has_body:
        return {}
    if (head.content_length or 0) > limit:
        raise BodyTooLarge(has_rest=True)
    codec = _codec(charset, _JSON_CHARSETS if kind == JSON_TYPE else _FORM_CHARSETS)
    encoding = encoding_of(head, ("identity", "gzip", "deflate"))
    reader = _Reader(kind == JSON_TYPE, codec, encoding, limit)
    data = await _collect(receive, limit)
    if encoding == "identity" and len(data) <= MAX_INLINE:
        return reader.read(data)
    return await asyncio.get_running_loop().run_in_executor(_PARSERS, reader.read, data)


def is_small(head: RequestHead) -> bool:
    """Whether a body is announced to be as short as one that is parsed at once."""
    length = head.content_length if head.has_body else 0
    return length is not None and length <= MAX_INLINE and not head.text(b"content-encoding")


def encoding_of(head: RequestHead, known: Container[str]) -> str:
    """The content encoding of a body.

    Raises:
        HttpError: it is not one of these.
    """
    encoding = head.text(b"content-encoding").lower() or "identity"
    if encoding not in known:
        raise HttpError(415, "unsupported_media_type", f'unsupported content encoding "{encoding}"')
    return encoding


@dataclass(frozen=True, slots=True)
class _Reader:
    """How the bytes of one body are read, once they are all there."""

    is_json: bool
    codec: str
    encoding: str
    limit: int

    def read(self, data: bytes | bytearray) -> JsonTop:
        """Inflate, decode and parse.

        Raises:
            HttpError: 413 or 400.
        """
        try:
            if self.encoding != "identity":
                data = inflate(data, self.encoding, self.limit)
            text = data.decode(self.codec).removeprefix("\ufeff")
        except (zlib.error, UnicodeDecodeError):
            raise (invalid_json() if self.is_json else malformed_form()) from None
        except TooMuchInflated:
            raise BodyTooLarge(has_rest=False) from None
        return parse_json(text) if self.is_json else parse_form(text)


def fields_of(body: JsonTop) -> Mapping[str, object]:
    """The fields of a body; a top-level array has none."""
    return body if isinstance(body, dict) else {}


def media_type(content_type: str) -> tuple[str, str]:
    """The media type and the charset of a Content-Type header, both in lower case."""
    kind, *parameters = content_type.split(";")
    charset = ""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    return kind.strip().lower(), charset


def _codec(charset: str, known: Mapping[str, str]) -> str:
    codec = known.get(charset or "utf-8")
    if codec is None:
        raise HttpError(415, "unsupported_media_type", f'unsupported charset "{charset.upper()}"')
    return codec


def malformed_form() -> HttpError:
    """The one answer to every form that can't be read."""
    return HttpError(400, "bad_request", "Invalid form body")


async def _collect(receive: Receive, limit: int) -> bytes | bytearray:
    data = bytearray()
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                chunk = message.get("body", b"")
                has_more = message.get("more_body", False)
                if len(data) + len(chunk) > limit:
                    raise BodyTooLarge(has_rest=has_more)
                if not has_more and not data:
                    return bytes(chunk)
                data += chunk
                if not has_more:
                    return data
    except TimeoutError:
        raise _too_slow() from None


async def stream_body(receive: Receive) -> AsyncIterator[bytes]:
    """A body in the pieces in which it arrives, of any size.

    Raises:
        HttpError: nothing came for too long.
        Disconnected: there is nobody to answer any more.
    """
    has_more = True
    while has_more:
        try:
            async with asyncio.timeout(MAX_PAUSE_S):
                message = await receive()
        except TimeoutError:
            raise _too_slow() from None
        if message["type"] == "http.disconnect":
            raise Disconnected
        has_more = message.get("more_body", False)
        if message.get("body"):
            yield message["body"]


def _too_slow() -> HttpError:
    return HttpError(408, "request_timeout", "The request body did not arrive in time")


async def discard_rest(receive: Receive) -> None:
    """Drop what still comes of a refused body, for a short time."""
    try:
        async with asyncio.timeout(DISCARD_TIMEOUT_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


for _name in {*_JSON_CHARSETS.values(), *_FORM_CHARSETS.values()}:
    codecs.lookup(_name)  # a typing error in the tables shows at import, not at a request
