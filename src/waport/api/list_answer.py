"""Answers with long lists, made in pieces: between two of them others get their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Self, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..client.threads import in_thread
from ..events import People, find_people
from .envelope import JSON_CONTENT_TYPE, json_bytes
from .who import MAX_INLINE, WhoIsWho, told_addresses

T = TypeVar("T")

PIECE: Final = 25
"""Items that are made into JSON in one go: about a millisecond."""

_END: Final = b"]}"


class ListAnswer(Response):
    """The answer `{"success": true, "<name>": [...]}`, made when it is sent.

    One that is a page has `next`, too: the cursor of the next page, null behind the last.

    Args:
        name: of the list.
        items: in the order in which they are shown.
        shape: makes the JSON of one.
        end: what stands behind the list.
        who: knows the addresses of the people in it.
    """

    media_type = JSON_CONTENT_TYPE

    def __init__(
        self,
        name: str,
        items: Sequence[T],
        shape: Callable[[T], object],
        end: bytes = _END,
        who: WhoIsWho | None = None,
    ) -> None:
        super().__init__()
        self._end = end
        self._who = who
        self._name = name
        self._items: Sequence[Any] = items
        self._shape: Callable[[Any], Any] = shape

    def reshaped(self, change: Callable[[Any], object]) -> Self:
        """The same list with the JSON of every item changed."""
        shape = self._shape
        return type(self)(
            self._name, self._items, lambda item: change(shape(item)), self._end, self._who
        )

    def page(self, following: str | None) -> Self:
        """The same list as a page, with the cursor of the one that follows."""
        end = b'],"next":' + json_bytes(following) + b"}"
        return type(self)(self._name, self._items, self._shape, end, self._who)

    def naming(self, who: WhoIsWho) -> Self:
        """The same list with the addresses of the people in it."""
        return type(self)(self._name, self._items, self._shape, self._end, who)

    async def shapes(self) -> list[Any]:
        """The JSON of every item."""
        shapes = []
        for at in range(0, len(self._items), PIECE):
            if at:
                await asyncio.sleep(0)
            shapes += [self._shape(item) for item in self._items[at : at + PIECE]]
        return shapes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pieces = await self._pieces()
        headers = [
            (b"content-type", JSON_CONTENT_TYPE.encode("ascii")),
            (b"content-length", str(sum(map(len, pieces))).encode("ascii")),
        ]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        # Each waits until the one before it has left, so that a slow reader fills no buffer.
        for piece in pieces[:-1]:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": pieces[-1]})

    async def _pieces(self) -> list[bytes]:
        start = b'{"success":true,"%s":[' % self._name.encode()
        pieces: list[bytes] = []
        people: People = {}
        for at in range(0, len(self._items), PIECE):
            if at:
                await asyncio.sleep(0)
            shapes = [self._shape(item) for item in self._items[at : at + PIECE]]
            if self._who is not None:
                find_people(shapes, people)
            pieces.append((b"," if at else start) + json_bytes(shapes)[1:-1])
        addresses = await told_addresses(self._who, people)
        if not addresses:
            return [*(pieces or [start]), self._end]
        is_long = len(addresses) > MAX_INLINE
        more = await in_thread(json_bytes, addresses) if is_long else json_bytes(addresses)
        return [*(pieces or [start]), b'],"addresses":' + more + self._end[1:]]
