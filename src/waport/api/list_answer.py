"""Answers with long lists, made in pieces: between two of them others get their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .envelope import JSON_CONTENT_TYPE, json_bytes

T = TypeVar("T")

PIECE: Final = 25
"""Items that are made into JSON in one go: about a millisecond."""

_END: Final = b"]}"


async def list_answer(name: str, items: Sequence[T], shape: Callable[[T], object]) -> Response:
    """The answer `{"success": true, "<name>": [...]}`.

    Args:
        name: of the list.
        items: in the order in which they are shown.
        shape: makes the JSON of one.
    """
    start = b'{"success":true,"%s":[' % name.encode()
    pieces: list[bytes] = []
    for at in range(0, len(items), PIECE):
        if at:
            await asyncio.sleep(0)
        shapes = [shape(item) for item in items[at : at + PIECE]]
        pieces.append((b"," if at else start) + json_bytes(shapes)[1:-1])
    return _Pieces([*(pieces or [start]), _END])


class _Pieces(Response):
    """A JSON response whose pieces are sent one after the other."""

    media_type = JSON_CONTENT_TYPE

    def __init__(self, pieces: list[bytes]) -> None:
        super().__init__(headers={"content-length": str(sum(map(len, pieces)))})
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        # Each waits until the one before it has left, so that a slow reader fills no buffer.
        for piece in self._pieces[:-1]:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": self._pieces[-1]})
