"""Answers in the envelope: `{"success": true, ...}` or `{"success": false, "error", "message"}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response
from starlette.types import Send

from ..events import compact_json
from .errors import Problem

JSON_CONTENT_TYPE: Final = "application/json; charset=utf-8"
RawHeaders = list[tuple[bytes, bytes]]


def json_bytes(value: object) -> bytes:
    """JSON in UTF-8; characters that UTF-8 can't hold become question marks."""
    return compact_json(value).encode("utf-8", "replace")


class JsonAnswer(Response):
    """A JSON response."""

    media_type = JSON_CONTENT_TYPE

    def __init__(
        self, value: object, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(json_bytes(value), status, headers)


async def send_answer(
    send: Send,
    status: int,
    body: bytes,
    content_type: str = JSON_CONTENT_TYPE,
    headers: RawHeaders | None = None,
) -> None:
    """Send a whole answer, past the framework."""
    await send_start(send, status, body, content_type, headers)
    await send({"type": "http.response.body", "body": body})


async def send_start(
    send: Send,
    status: int,
    body: bytes,
    content_type: str = JSON_CONTENT_TYPE,
    headers: RawHeaders | None = None,
) -> None:
    """Send the status and headers of an answer whose body follows."""
    start: RawHeaders = [
        (b"content-type", content_type.encode("latin-1")),
        (b"content-length", str(len(body)).encode("ascii")),
    ]
    start += headers or []
    await send({"type": "http.response.start", "status": status, "headers": start})


async def send_problem(send: Send, problem: Problem, headers: RawHeaders | None = None) -> None:
    """Send an error answer."""
    body = json_bytes(problem.envelope())
    own = [(name.encode("ascii"), value.encode("ascii")) for name, value in problem.headers]
    await send_answer(send, problem.status, body, headers=own + (headers or []))
