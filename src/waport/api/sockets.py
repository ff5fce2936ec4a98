"""The event socket: `/ws`, and `/ws/<session>` for one session's events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Final
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from ..config import Settings
from ..errors import InvalidInput, StoreError
from ..events import UNAUTHORIZED, Closing, EventHub, Subscriber
from ..events.feed import Sees, event_id, socket_text
from ..model import ApiKey
from .envelope import JSON_CONTENT_TYPE, json_bytes
from .errors import HttpError, Problem, route_not_found
from .head import RequestHead, decode_segment
from .keys import KeyRing
from .limits import RateLimit, check_rate
from .local import FORBIDDEN, local_callers
from .scopes import EVENTS_SCOPE, hears

BAD_AFTER: Final = Closing(1008, "after is not the id of an event")
NO_LOG: Final = Closing(1011, "The log of events cannot be read")

NOT_FOR_THIS: Final = Closing(1008, "Forbidden")
"""How an event socket is closed whose key is not for these events."""

CLOSE_TIMEOUT_S: Final = 10.0
"""A client that does not read gets no longer than this to see why it is closed."""


class EventSocket:
    """Serves event sockets.

    Args:
        settings: whether there are event sockets at all.
        hub: where the events come from.
        keys: who may listen.
        limit: of requests, if there is one.
    """

    def __init__(
        self, settings: Settings, hub: EventHub, keys: KeyRing, limit: RateLimit | None
    ) -> None:
        self._keys = keys
        self._limit = limit
        self._local = local_callers(settings)
        self._is_enabled = settings.enable_websocket
        self._hub = hub

    async def __call__(
        self, path: str | None, head: RequestHead, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer one upgrade and stay until the socket is closed."""
        await receive()  # websocket.connect
        if not self._is_enabled:
            await _reject(send, route_not_found("GET", path or "").problem)
            return
        query = _read_query(scope.get("query_string", b""))
        if path == "/ws":
            session_id = query.get("sessionId", [None])[-1]
        elif path is not None and path.startswith("/ws/") and _is_segment(path[4:]):
            # What can't be decoded is nobody's id: the filter then matches nothing.
            session_id = decode_segment(path[4:]) or path[4:]
        else:
            await _reject(send, Problem(400, "bad_request", "No event socket at this path"))
            return
        caller = self._caller(head, query.get("apiKey", []), session_id)
        if self._limit is not None:
            # Without a key of its own a caller is its address; guessing is counted, too.
            key = None if isinstance(caller, Closing) or self._keys.is_open else caller
            try:
                check_rate(self._limit, scope, key)
            except HttpError as exc:
                await _reject(send, exc.problem)
                return
        if isinstance(caller, Closing):
            await send({"type": "websocket.accept"})
            await _close(send, caller)
            return
        await send({"type": "websocket.accept"})
        try:
            after = await self._start_of(query)
        except InvalidInput:
            await _close(send, BAD_AFTER)
            return
        except StoreError:
            await _close(send, NO_LOG)
            return
        sees = partial(hears, caller)
        subscriber = self._hub.connect(session_id, sees=sees, is_live=after is None)
        forget = self._keys.on_revoked(caller, lambda: subscriber.close(UNAUTHORIZED))
        texts = self._live(subscriber)
        if after is not None:
            texts = self._logged(subscriber, session_id, after, sees)
        try:
            await self._serve(subscriber, session_id, texts, receive, send)
        finally:
            forget()
            self._hub.disconnect(subscriber)

    async def _start_of(self, query: dict[str, list[str]]) -> int | None:
        """The event after which the log is followed; None when live events alone are wanted.

        Raises:
            InvalidInput: that is no event's id.
            StoreError: the log can't be read.
        """
        after = query.get("after", [""])[-1]
        if after:
            return event_id(after)
        has_ids = query.get("ids", [""])[-1].lower() in ("true", "1")
        return await self._hub.feed.last_id() if has_ids else None

    def _caller(
        self, head: RequestHead, query_keys: list[str], session_id: str | None
    ) -> ApiKey | Closing:
        """Who wants to listen, or how one is sent away who may not."""
        given = head.keys or [key.encode("utf-8", "replace") for key in query_keys]
        caller = self._keys.holder(given)
        if caller is None:
            return UNAUTHORIZED
        if self._keys.is_open and self._local is not None:
            return caller if self._local.admits(head, changes_state=False) else FORBIDDEN
        if not caller.may(EVENTS_SCOPE) or not (session_id is None or caller.sees(session_id)):
            return NOT_FOR_THIS
        return caller

    async def _serve(
        self,
        subscriber: Subscriber,
        session_id: str | None,
        texts: AsyncIterator[str],
        receive: Receive,
        send: Send,
    ) -> None:
        lock = asyncio.Lock()  # a pong may not break into another text being sent
        tasks = [
            asyncio.create_task(self._send_events(texts, session_id, send, lock)),
            asyncio.create_task(_answer_pings(receive, send, lock)),
            asyncio.create_task(subscriber.wait_closing()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if subscriber.closing is not None:
            await _close(send, subscriber.closing)

    async def _send_events(
        self, texts: AsyncIterator[str], session_id: str | None, send: Send, lock: asyncio.Lock
    ) -> None:
        async with lock:
            await send({"type": "websocket.send", "text": self._hub.greeting(session_id)})
        async for text in texts:
            async with lock:
                await send({"type": "websocket.send", "text": text})

    async def _live(self, subscriber: Subscriber) -> AsyncIterator[str]:
        async for text in subscriber.texts():
            yield self._hub.stamped(text)

    async def _logged(
        self,
        subscriber: Subscriber,
        session_id: str | None,
        after: int,
        sees: Sees,
    ) -> AsyncIterator[str]:
        """The log from one event on. A client that is slow reads later, and misses nothing."""
        try:
            async for event in self._hub.feed.follow(after, session_id, sees):
                yield socket_text(event, self._hub.now)
        except StoreError:
            subscriber.close(NO_LOG)


def _read_query(query: bytes) -> dict[str, list[str]]:
    """The parameters that are not empty; none at all of a query with far too many."""
    try:
        return parse_qs(query.decode("latin-1"), max_num_fields=100)
    except ValueError:
        return {}


def _is_segment(rest: str) -> bool:
    return rest != "" and "/" not in rest


async def _answer_pings(receive: Receive, send: Send, lock: asyncio.Lock) -> None:
    """Read until the client goes; "ping" is answered, all else ignored."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") == "ping" or message.get("bytes") == b"ping":
            async with lock:
                await send({"type": "websocket.send", "text": "pong"})


async def _close(send: Send, closing: Closing) -> None:
    # A client that is gone, or never reads, can't be told.
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await send({"type": "websocket.close", "code": closing.code, "reason": closing.reason})


async def _reject(send: Send, problem: Problem) -> None:
    """Refuse the upgrade with an HTTP answer."""
    body = json_bytes(problem.envelope())
    await send(
        {
            "type": "websocket.http.response.start",
            "status": problem.status,
            "headers": [
                (b"content-type", JSON_CONTENT_TYPE.encode("ascii")),
                (b"content-length", str(len(body)).encode("ascii")),
                (b"connection", b"close"),
                *((name.encode("ascii"), value.encode("ascii")) for name, value in problem.headers),
            ],
        }
    )
    await send({"type": "websocket.http.response.body", "body": body})
