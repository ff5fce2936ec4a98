"""Answers and parts that several subjects share."""

from __future__ import annotations

from typing import Final, Literal, NotRequired

from typing_extensions import TypedDict

from ...events import AddressJson

CURSOR_NOTE: Final = "Empty for the first page, then `next` of the answer before."


class SuccessEnvelope(TypedDict):
    """The request was carried out; the fields of the answer stand beside `success`.

    `addresses` leads from the ids of people in the answer to both their addresses, where both are
    known and do not stand beside the id.
    """

    success: Literal[True]
    addresses: NotRequired[dict[str, AddressJson]]


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
