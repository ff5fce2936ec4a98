"""Undoing the compression of a body: bounded in what comes out and in the work that it takes."""

from __future__ import annotations

import zlib
from typing import Final

MAX_MEMBERS: Final = 1_000
"""Gzip files that may follow each other in one body. Programs that cut their output into pieces
make pieces of 64 KB and more."""

_STEP: Final = 65_536  # what a member is not interested in is copied, so it gets bites
_ZLIB, _RAW_DEFLATE, _GZIP = zlib.MAX_WBITS, -zlib.MAX_WBITS, zlib.MAX_WBITS | 16
_GZIP_START: Final = b"\x1f\x8b"


class TooMuchInflated(Exception):
    """More comes out than may."""


def inflate(data: bytes | bytearray, encoding: str, limit: int) -> bytes:
    """Undo gzip or deflate; never makes more than `limit` bytes and a little.

    Raises:
        TooMuchInflated: the inflated body is over the limit.
        zlib.error: the data is damaged or cut short, or of too many members.
    """
    if not data:
        return b""
    out = bytearray()
    if encoding != "gzip":
        _inflate_one(memoryview(data), _deflate_window(data), out, limit)
        return bytes(out)
    rest = memoryview(data)
    for _ in range(MAX_MEMBERS):
        rest = rest[_inflate_one(rest, _GZIP, out, limit) :]
        # What follows a member and is none itself is ignored.
        if bytes(rest[:2]) != _GZIP_START:
            break
    else:
        raise zlib.error("too many members")
    return bytes(out)


def _inflate_one(data: memoryview, window: int, out: bytearray, limit: int) -> int:
    """Inflate one stream to its end; gives the number of bytes that it had."""
    inflater = zlib.decompressobj(window)
    at = 0
    while not inflater.eof:
        bite = data[at : at + _STEP]
        if not bite:
            raise zlib.error("cut short")
        out += inflater.decompress(bite, limit - len(out) + 1)
        if len(out) > limit:
            raise TooMuchInflated
        at += len(bite)
    return at - len(inflater.unused_data)


def _deflate_window(data: bytes | bytearray) -> int:
    """The wbits of zlib. Some senders of "deflate" leave the zlib header out."""
    has_header = data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0
    return _ZLIB if has_header else _RAW_DEFLATE
