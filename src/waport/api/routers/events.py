"""The log of events: a page of it, or a stream that goes on from any event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Final

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from ...errors import InvalidInput, StoreError
from ...events.feed import event_id, event_json, stream_text
from ...model import ApiKey
from ...store import LoggedEvent
from ..deps import Caller, Feed, Keys
from ..envelope import JSON_CONTENT_TYPE
from ..errors import HttpError, InvalidRequest
from ..routes import Routes
from ..schemas.events import EventsAnswer
from ..scopes import hears

routes = Routes("Events")

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
HEARTBEAT_S: Final = 15.0
"""A stream without events shows so often that it is there."""

OnRevoked = Callable[[Callable[[], None]], Callable[[], None]]

_STREAM_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_SESSION: Final = ("sessionId", "Only this session's events.")
_AFTER: Final = ("after", "The id of the last event that is known; the next ones follow.")


@routes.get(
    "/events",
    answer=EventsAnswer,
    query=(_SESSION, _AFTER, ("limit", f"So many at most: 1 to {MAX_LIMIT}.")),
)
async def get_events(request: Request, feed: Feed, caller: Caller) -> Response:
    """List events of the log, oldest first; `next` is the `after` of the next call."""
    query = request.query_params
    after = _id(query.get("after") or "0", "after")
    limit = _limit(query.get("limit") or str(DEFAULT_LIMIT))
    page = await feed.page(after, limit, _session(query, caller), partial(hears, caller))
    events = ",".join(map(event_json, page.events))
    text = f'{{"success":true,"events":[{events}],"next":"{page.next}"}}'
    return Response(text.encode("utf-8", "replace"), media_type=JSON_CONTENT_TYPE)


@routes.get(
    "/events/stream",
    changes_state=True,  # an answer to HEAD would never end
    media_type="text/event-stream",
    query=(_SESSION, _AFTER),
)
async def stream_events(request: Request, feed: Feed, caller: Caller, keys: Keys) -> Response:
    """Receive events as server-sent events; `Last-Event-ID` or `after` says where to go on."""
    query = request.query_params
    given = request.headers.get("last-event-id") or query.get("after")
    after = _id(given, "Last-Event-ID") if given else await feed.last_id()
    events = feed.follow(after, _session(query, caller), partial(hears, caller))
    return StreamingResponse(
        _stream(events, partial(keys.on_revoked, caller)),
        media_type="text/event-stream",
        headers=_STREAM_HEADERS,
    )


async def _stream(
    events: AsyncIterator[LoggedEvent], on_revoked: OnRevoked
) -> AsyncIterator[bytes]:
    """The stream's bytes; it ends when the key is revoked."""
    yield b": events\n\n"  # the client sees at once that it is connected
    revoked = asyncio.Event()
    forget = on_revoked(revoked.set)
    ending = asyncio.create_task(revoked.wait())
    following: asyncio.Task[str | None] | None = None
    try:
        while True:
            following = following or asyncio.create_task(_next(events))
            waiting = (following, ending)
            await asyncio.wait(waiting, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
            if revoked.is_set():
                return
            if not following.done():
                yield b": nothing new\n\n"
                continue
            text = following.result()
            following = None
            if text is None:
                return
            yield text.encode("utf-8", "replace")
    finally:
        forget()
        tasks = [task for task in (ending, following) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _next(events: AsyncIterator[LoggedEvent]) -> str | None:
    """The next event's text; None at the end, or when the client has to ask again later."""
    try:
        return stream_text(await anext(events))
    except (StopAsyncIteration, StoreError):
        return None


def _session(query: Mapping[str, str], caller: ApiKey) -> str | None:
    session_id = query.get("sessionId") or None
    if session_id is not None and not caller.sees(session_id):
        raise HttpError(403, "forbidden", "This API key may not do that")
    return session_id


def _id(text: str, name: str) -> int:
    try:
        return event_id(text)
    except InvalidInput as exc:
        raise InvalidRequest(f"{name} must be the id of an event") from exc


def _limit(text: str) -> int:
    is_short = text.isascii() and text.isdigit() and len(text) < 20
    if not is_short or not 1 <= int(text) <= MAX_LIMIT:
        raise InvalidRequest(f"limit must be a number from 1 to {MAX_LIMIT}")
    return int(text)
