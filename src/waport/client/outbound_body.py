"""Reading the body of an answer from a server that is not trusted."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx

from .outbound_errors import BodyTooLarge, FetchFailed

PIECE = 128 * 1024
"""The largest piece that is unpacked at once."""

Sink = Callable[[bytes], Awaitable[None]]


async def read_body(response: httpx.Response, sink: Sink, limit: int, truncate: bool) -> int:
    """Hand the body on in pieces; returns its size.

    Raises:
        BodyTooLarge: it is larger than the limit, and may not be cut.
        FetchFailed: its coding is unknown or damaged.
    """
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit and not truncate:
        raise BodyTooLarge(limit)
    size = 0
    async for piece in _pieces(response):
        room = limit - size
        if len(piece) > room:
            if not truncate:
                raise BodyTooLarge(limit)
            await sink(piece[:room])
            return limit
        await sink(piece)
        size += len(piece)
    return size


async def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body without its content coding, in pieces of bounded size."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding in ("identity", ""):
        async for piece in response.aiter_raw():
            yield piece
        return
    # We asked for none, but some stores know a file only in its compressed form.
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise FetchFailed("the URL answers in a content coding that was not asked for")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        async for packed in response.aiter_raw():
            rest = packed
            while rest and not inflater.eof:
                # In bounded steps: a few bytes may stand for gigabytes.
                piece = inflater.decompress(rest, PIECE)
                rest = inflater.unconsumed_tail
                if piece:
                    yield piece
    except zlib.error as exc:
        raise FetchFailed("the URL's answer is damaged") from exc
    if not inflater.eof:
        raise FetchFailed("the URL's answer is cut off")
