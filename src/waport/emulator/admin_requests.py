"""Requests to the admin API: their bodies, and the one shape of its errors."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import InvalidInput, NotFound, QueryError, QueryTimeout, WhatsAppError

MAX_BODY = 1 << 20
"""Bytes; no call but those that carry a file needs more."""

MAX_DELAY_S = 3600
"""Seconds for which anything may be put off."""

_MAX_ID = 128

Handler = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """This request is answered by an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def guarded(handler: Handler) -> Handler:
    """Turn what a handler raises into the API's error shape."""

    async def run(request: Request) -> Response:
        try:
            return await handler(request)
        except Refused as exc:
            return _error(exc.status, exc.text)
        except InvalidInput as exc:
            return _error(400, str(exc))
        except NotFound as exc:
            return _error(404, exc.text or "not found")
        except QueryTimeout as exc:
            return _error(408, str(exc))
        except QueryError as exc:
            return _error(409, f"refused by the server: {exc}")
        except WhatsAppError as exc:
            return _error(409, str(exc))

    return run


async def refuse_path(request: Request, exc: Exception) -> Response:
    """Answer a request for a path or method that does not exist, in the API's error shape."""
    assert isinstance(exc, HTTPException)  # registered for nothing else
    text = f"there is no {request.method} {request.url.path}"
    return JSONResponse({"error": text}, exc.status_code, exc.headers)


def _error(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status_code=status)


async def read(request: Request, limit: int = MAX_BODY) -> bytes:
    """The whole body."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise Refused(413, "the body is too large")
    return bytes(data)


async def body_of(request: Request, limit: int = MAX_BODY) -> Mapping[str, object]:
    """The JSON object in the body; an empty body counts as an empty object."""
    data = await read(request, limit)
    if not data.strip():
        return {}
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise Refused(400, "the body is no JSON") from exc
    if not isinstance(body, dict):
        raise Refused(400, "the body is no JSON object")
    return body


def text_of(body: Mapping[str, object], name: str, limit: int = 512) -> str:
    """A text that must be there."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(400, f"{name} is missing or no text")
    if len(value) > limit:
        raise Refused(400, f"{name} is longer than {limit} characters")
    try:
        value.encode()
    except UnicodeEncodeError as exc:  # JSON can say half a surrogate pair
        raise Refused(400, f"{name} is no text") from exc
    return value


def optional_text(body: Mapping[str, object], name: str, limit: int = _MAX_ID) -> str | None:
    """A text, or None when it is missing or null."""
    return None if body.get(name) is None else text_of(body, name, limit)


def flag_of(body: Mapping[str, object], name: str) -> bool:
    """True or false; false when it is missing."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise Refused(400, f"{name} is neither true nor false")
    return value


def number_of(body: Mapping[str, object], name: str, *, default: int, least: int, most: int) -> int:
    """A whole number within bounds."""
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Refused(400, f"{name} is no whole number from {least} to {most}")
    return value


def delay_of(value: object) -> float:
    """The seconds of `delay_s`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refused(400, "delay_s is no number")
    if not 0 <= value <= MAX_DELAY_S:  # true of NaN too
        raise Refused(400, f"delay_s is not between 0 and {MAX_DELAY_S}")
    return float(value)
