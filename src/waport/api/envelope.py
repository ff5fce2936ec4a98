"""Answers in the envelope: `{"success": true, ...}` or `{"success": false, "error", "message"}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.responses import Response
from starlette.types import Message, Send

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


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, to be sent past the framework."""

    status: int
    body: bytes
    content_type: str = JSON_CONTENT_TYPE
    headers: RawHeaders = field(default_factory=list)

    @property
    def start(self) -> Message:
        """The message with the status and the headers; the body follows it."""
        headers: RawHeaders = [
            (b"content-type", self.content_type.encode("latin-1")),
            (b"content-length", str(len(self.body)).encode("ascii")),
            *self.headers,
        ]
        return {"type": "http.response.start", "status": self.status, "headers": headers}

    async def send(self, send: Send) -> None:
        """Send all of it."""
        await send(self.start)
        await send({"type": "http.response.body", "body": self.body})


def problem_answer(problem: Problem, headers: RawHeaders | None = None) -> Answer:
    """An error answer."""
    own = [(name.encode("ascii"), value.encode("ascii")) for name, value in problem.headers]
    return Answer(problem.status, json_bytes(problem.envelope()), headers=own + (headers or []))
