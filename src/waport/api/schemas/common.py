"""Answers and parts that several subjects share."""

from __future__ import annotations

from typing import Final, Literal, NotRequired

from typing_extensions import TypedDict

CURSOR_NOTE: Final = "Empty for the first page, then `next` of the answer before."


class SuccessEnvelope(TypedDict):
    """The request was carried out; the fields of the answer stand beside `success`."""

    success: Literal[True]


class PageEnvelope(SuccessEnvelope):
    """A list; where pages were asked for, `next` is the cursor of the next, null at the end."""

    next: NotRequired[str | None]


class ErrorResponse(TypedDict):
    """The request was refused: `error` is for people, `message` a word for programs."""

    success: Literal[False]
    error: str
    message: str


class MessageAnswer(SuccessEnvelope):
    """Done; `message` says so in words."""

    message: str


def done(message: str) -> MessageAnswer:
    """The answer of a route that only says that it is done."""
    return {"success": True, "message": message}
