"""The older server's own statuses and texts, for `LEGACY_STRICT=true`. A table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..errors import Problem

_BY_GROUP: Final[Mapping[tuple[str, str], tuple[int, str]]] = {
    ("chat", "chat_not_found"): (404, "Chat not Found"),
    ("channel", "chat_not_found"): (404, "Channel not Found"),
    ("localCallbackExample", "rate_limited"): (
        429,
        "You can't make any more requests at the moment. Try again later",
    ),
}
_BY_CODE: Final[Mapping[str, tuple[int, str]]] = {
    "unauthorized": (403, "Invalid API key"),
    "session_not_found": (404, "session_not_found"),
    "session_not_connected": (404, "session_not_connected"),
    "message_not_found": (500, "Message not found"),
    "chat_not_found": (500, "Chat not found"),
    "contact_not_found": (500, "Contact not found"),
    "group_not_found": (500, "The chat is not a group"),
}
_BY_TEXT: Final[Mapping[str, tuple[int, str]]] = {
    "Message does not contain downloadable media": (500, "Message media not found"),
    "The chat is not a channel": (400, "The chat is not a channel"),
}
_QR: Final = "qr code not ready or already scanned"
_INVALID_STATUS: Final = 500
"""It looks at no fields: what is wrong with them shows when they are used."""
_TYPES: Final = ("Unsupported content type", "invalid contentType")
_REPLY_TYPES: Final = (
    "contentType invalid, must be string, MessageMedia, MessageMediaFromURL, Location, Contact or "
    "Poll"
)


def strict_problem(path: str, problem: Problem) -> Problem:
    """An error as the older server answers it.

    Args:
        path: the template of the route, without a prefix.
        problem: as the routes answer it.
    """
    group = path.split("/")[1]
    code = problem.code or ""
    if group == "session" and code in ("session_not_found", "qr_not_available"):
        text = _QR if code == "qr_not_available" else code
        return _shaped(200, {"success": False, "message": text})
    status, text = problem.status, problem.text
    if (group, code) in _BY_GROUP:
        status, text = _BY_GROUP[group, code]
    elif text in _BY_TEXT:
        status, text = _BY_TEXT[text]
    elif code in _BY_CODE:
        status, text = _BY_CODE[code]
    elif text.startswith(_TYPES[0]):
        text = _REPLY_TYPES if path.startswith("/message/reply") else _TYPES[1]
    elif code == "validation_error" and status == 400 and not text.startswith("invalid"):
        status = _INVALID_STATUS
    shape = {"success": False, "error": text}
    return Problem(status, problem.code, text, problem.headers, shape)


def _shaped(status: int, shape: Mapping[str, object]) -> Problem:
    return Problem(status, None, "", shape=shape)
