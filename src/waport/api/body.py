"""Reading a request's body: size, encoding, charset, then JSON or a form.

Only `application/json` and `application/x-www-form-urlencoded` are read; with any other media
type, or none, the body is left alone and counts as an empty object.
"""

from __future__ import annotations

import asyncio
import codecs
import zlib
from collections.abc import Mapping
from typing import Final

from starlette.types import Receive

from .errors import HttpError
from .forms import parse_form
from .head import RequestHead
from .json_body import JsonTop, invalid_json, parse_json

MAX_BODY: Final = 52_428_800
"""Bytes that a body may have, after inflating."""
READ_TIMEOUT_S: Final = 300.0
"""A body that has not arrived by then is given up."""
DISCARD_TIMEOUT_S: Final = 2.0
"""How long the rest of a refused body is read and dropped, so that the client sees the answer."""

JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "application/x-www-form-urlencoded"

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
_ZLIB, _RAW_DEFLATE, _GZIP = zlib.MAX_WBITS, -zlib.MAX_WBITS, zlib.MAX_WBITS | 16


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
    encoding = head.text(b"content-encoding").lower() or "identity"
    if encoding not in ("identity", "gzip", "deflate"):
        raise HttpError(415, "unsupported_media_type", f'unsupported content encoding "{encoding}"')
    data = await _collect(receive, limit)
    malformed = invalid_json if kind == JSON_TYPE else _malformed_form
    if encoding != "identity":
        try:
            data = inflate(data, encoding, limit)
        except zlib.error:
            raise malformed() from None
    try:
        text = data.decode(codec).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise malformed() from None
    return parse_json(text) if kind == JSON_TYPE else parse_form(text)


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


def _malformed_form() -> HttpError:
    return HttpError(400, "bad_request", "Invalid form body")


async def _collect(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                chunk = message.get("body", b"")
                has_more = message.get("more_body", False)
                size += len(chunk)
                if size > limit:
                    raise BodyTooLarge(has_rest=has_more)
                chunks.append(chunk)
                if not has_more:
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    except TimeoutError:
        raise HttpError(408, "request_timeout", "The request body did not arrive in time") from None


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


def inflate(data: bytes, encoding: str, limit: int) -> bytes:
    """Undo gzip or deflate; never makes more than `limit` bytes and a little.

    Raises:
        BodyTooLarge: the inflated body is over the limit.
        zlib.error: the data is damaged or cut short.
    """
    out: list[bytes] = []
    size = 0
    while data:
        inflater = zlib.decompressobj(_window(data, encoding))
        piece = inflater.decompress(data, limit - size + 1)
        size += len(piece)
        if size > limit:
            raise BodyTooLarge(has_rest=False)
        out.append(piece)
        if not inflater.eof:
            raise zlib.error("cut short")
        # A gzip file may be several, one after the other; what else follows is ignored.
        data = inflater.unused_data if encoding == "gzip" else b""
        if not data.startswith(b"\x1f\x8b"):
            break
    return b"".join(out)


def _window(data: bytes, encoding: str) -> int:
    """The wbits of zlib. Some senders of "deflate" leave the zlib header out."""
    if encoding == "gzip":
        return _GZIP
    has_header = data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0
    return _ZLIB if has_header else _RAW_DEFLATE


for _name in {*_JSON_CHARSETS.values(), *_FORM_CHARSETS.values()}:
    codecs.lookup(_name)  # a typing error in the tables shows at import, not at a request
