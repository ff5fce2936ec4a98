"""Answers with many messages, made in pieces: between two of them others get their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Sequence
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..events import message_json
from ..model import Message, MessageKey
from ..wire import Jid
from .envelope import JSON_CONTENT_TYPE, json_bytes

PIECE: Final = 25
"""Messages that are made into JSON in one go: about a millisecond."""

_START, _END = b'{"success":true,"messages":[', b"]}"


async def messages_answer(
    messages: Sequence[Message], own: Jid, reacted: Container[MessageKey]
) -> Response:
    """The answer `{"success": true, "messages": [...]}`.

    Args:
        messages: in the order in which they are shown.
        own: the account's address.
        reacted: those with a reaction.
    """
    pieces: list[bytes] = []
    for at in range(0, len(messages), PIECE):
        if at:
            await asyncio.sleep(0)
        shapes = [
            message_json(message, own, has_reaction=message.key in reacted)
            for message in messages[at : at + PIECE]
        ]
        pieces.append((b"," if at else _START) + json_bytes(shapes)[1:-1])
    return _Pieces([*(pieces or [_START]), _END])


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
