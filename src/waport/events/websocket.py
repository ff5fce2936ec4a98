"""Live events for WebSocket clients: each has a bounded queue and a filter."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from .rawdata import compact_json
from .render import Frame

if TYPE_CHECKING:
    from .feed import EventFeed

MAX_QUEUED_FRAMES: Final = 1000
"""Frames that a client may lag behind before it is sent away."""

MAX_QUEUED_SIZE: Final = 64 * 1024**2
"""Characters of all of them, since one with a file is large."""


@dataclass(frozen=True, slots=True)
class Closing:
    """How a socket is to be closed."""

    code: int
    reason: str


UNAUTHORIZED: Final = Closing(1008, "Unauthorized")
TOO_SLOW: Final = Closing(1013, "Too slow")
SHUTTING_DOWN: Final = Closing(1001, "Server shutting down")


def iso_ms(unix_s: float) -> str:
    """A time as ISO 8601 in UTC with milliseconds and a Z."""
    whole_ms = int(unix_s * 1000)
    moment = datetime.fromtimestamp(whole_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{whole_ms % 1000:03d}Z"


class Subscriber:
    """One WebSocket client; made by `EventHub.connect`."""

    def __init__(
        self,
        session_id: str | None,
        limit: int,
        sees: Callable[[str, str], bool] = lambda _, __: True,
        *,
        is_live: bool = True,
    ) -> None:
        self._session_id = session_id
        self._sees = sees
        self._is_live = is_live
        self._limit = limit
        self._queue: deque[str] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self._closed = asyncio.Event()
        self.closing: Closing | None = None
        """Why the socket must be closed; None while it may stay open."""

    def wants(self, session_id: str, kind: str) -> bool:
        """Whether events of this session and kind pass the filter."""
        is_asked_for = self._is_live and self._session_id in (None, session_id)
        return is_asked_for and self._sees(session_id, kind)

    def offer(self, text: str) -> None:
        """Queue an event; a client whose queue is full is told to go."""
        if self.closing is not None:
            return
        self._size += len(text)
        # A single text always has room.
        if len(self._queue) >= self._limit or (self._queue and self._size > MAX_QUEUED_SIZE):
            # What it missed is lost to it, so the connection must not look whole.
            self.close(TOO_SLOW)
            return
        self._queue.append(text)
        self._wake.set()

    def close(self, closing: Closing) -> None:
        """Ask for the socket to be closed; what is still queued is dropped."""
        if self.closing is None:
            self.closing = closing
            self._queue.clear()
            self._wake.set()
            self._closed.set()

    async def wait_closing(self) -> Closing:
        """Wait until the socket must be closed."""
        await self._closed.wait()
        assert self.closing is not None
        return self.closing

    async def texts(self) -> AsyncIterator[str]:
        """The queued events, each without its time; ends when the socket must be closed."""
        while self.closing is None:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            text = self._queue.popleft()
            self._size -= len(text)
            yield text


class EventHub:
    """Hands live events to the connected WebSocket clients.

    Lives on the event loop's thread.

    Args:
        clock: Unix time in seconds.
        max_queued: frames that a client may lag behind.
        feed: reads the log, for clients that go on from an event; it is closed with the hub.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        max_queued: int = MAX_QUEUED_FRAMES,
        feed: EventFeed | None = None,
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._max_queued = max_queued
        self._subscribers: set[Subscriber] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._is_closed = False

    @property
    def feed(self) -> EventFeed:
        """Reads the log."""
        assert self._feed is not None, "this hub was made without a log"
        return self._feed

    @property
    def now(self) -> float:
        """Unix time in seconds."""
        return self._clock()

    def connect(
        self,
        session_id: str | None,
        *,
        sees: Callable[[str, str], bool] = lambda _, __: True,
        is_live: bool = True,
    ) -> Subscriber:
        """Add a client that gets the events of one session, or of all with None.

        Args:
            sees: which events it may have, by session and kind.
            is_live: events are queued for it; else it reads them from the log by itself.
        """
        subscriber = Subscriber(session_id, self._max_queued, sees, is_live=is_live)
        if self._is_closed:
            subscriber.close(SHUTTING_DOWN)
        self._subscribers.add(subscriber)
        self._empty.clear()
        return subscriber

    def disconnect(self, subscriber: Subscriber) -> None:
        """Forget a client."""
        self._subscribers.discard(subscriber)
        if not self._subscribers:
            self._empty.set()

    def publish(self, session_id: str, frames: Sequence[Frame]) -> None:
        """Queue frames for everybody who wants them; a listener of the bus."""
        for frame in frames:
            wanting = [each for each in self._subscribers if each.wants(session_id, frame.kind)]
            if not wanting:
                continue
            text = envelope(session_id, frame.kind, frame.text)
            for subscriber in wanting:
                subscriber.offer(text)

    def greeting(self, session_id: str | None) -> str:
        """The first text that a client gets."""
        shape = {"type": "connected", "sessionId": session_id, "timestamp": iso_ms(self._clock())}
        return compact_json(shape)

    def stamped(self, text: str) -> str:
        """An event with the time of sending, which is now."""
        return f'{text[:-1]},"timestamp":"{iso_ms(self._clock())}"}}'

    async def close(self, grace_s: float = 2.0) -> None:
        """Send every client away, and wait a little until they are gone."""
        self._is_closed = True
        if self._feed is not None:
            self._feed.close()
        for subscriber in tuple(self._subscribers):
            subscriber.close(SHUTTING_DOWN)
        try:
            async with asyncio.timeout(grace_s):
                await self._empty.wait()
        except TimeoutError:
            return


def envelope(session_id: str, kind: str, data: str) -> str:
    """The keys of an event, in their order.

    Args:
        data: JSON already; empty for an event that has none.
    """
    head = f'{{"sessionId":{compact_json(session_id)},"dataType":{compact_json(kind)}'
    return f'{head},"data":{data}}}' if data else f"{head}}}"
