"""Events read from the log, from any point on: for whoever was away and wants to miss none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ..errors import InvalidInput
from ..store import LoggedEvent
from .frames import Frame
from .rawdata import compact_json
from .websocket import envelope, iso_ms

STEP: Final = 200
"""Events that are read together where none is wanted."""
READ: Final = 50
"""Events that are read together of those that are told: some are large."""
MAX_PAGE_SIZE: Final = 8 * 1024**2
"""Characters of a page beyond which it ends; people write what stands in an event."""
LOOK_AGAIN_S: Final = 30.0
"""How often the log is looked at without news of it, in case that any were missed."""
MAX_ID: Final = 2**63 - 1


Sees = Callable[[str, str], bool]
"""Whether a session's events of a kind are wanted."""


def _everything(session_id: str, kind: str) -> bool:
    del session_id, kind
    return True


class LogStore(Protocol):
    """The part of `Database` that reads the log."""

    async def events_after(
        self, after: int, limit: int, session_id: str | None = None
    ) -> list[LoggedEvent]: ...

    async def last_event_id(self) -> int: ...


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, and the id to go on from."""

    events: list[LoggedEvent]
    next: int


class EventFeed:
    """Reads the log for its followers. Lives on the event loop's thread.

    Every follower reads by itself, as fast as it can send; nothing is held in memory for one that
    is slow.
    """

    def __init__(self, store: LogStore) -> None:
        self._store = store
        self._news = asyncio.Event()
        self._closed = asyncio.Event()

    def on_events(self, session_id: str, frames: Sequence[Frame]) -> None:
        """Wake the followers; a listener of the bus."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def close(self) -> None:
        """End all followers."""
        self._closed.set()
        self._news.set()

    async def page(
        self, after: int, limit: int, session_id: str | None = None, sees: Sees = _everything
    ) -> EventPage:
        """The events behind an id; none only if there are no more.

        Args:
            sees: which events are wanted.

        Raises:
            StoreError: the database refused.
        """
        events: list[LoggedEvent] = []
        size, step = 0, min(limit, READ)
        while True:
            found = await self._store.events_after(after, step, session_id)
            known = len(events)
            for event in found:
                after = event.id
                if sees(event.session_id, event.kind):
                    events.append(event)
                    size += len(event.data)
                if len(events) == limit or size >= MAX_PAGE_SIZE:
                    return EventPage(events, after)
            has_unwanted = len(events) - known < len(found)
            if len(found) < step or (events and has_unwanted):
                return EventPage(events, after)
            # Wanted ones may be far apart.
            step = min(limit - len(events), READ) if events else STEP

    async def last_id(self) -> int:
        """The newest event's id, for who begins now.

        Raises:
            StoreError: the database refused.
        """
        return await self._store.last_event_id()

    async def follow(
        self, after: int, session_id: str | None = None, sees: Sees = _everything
    ) -> AsyncIterator[LoggedEvent]:
        """Every event behind an id, those to come included, each once and in order.

        Raises:
            StoreError: the database refused; go on from the last id.
        """
        while not self._closed.is_set():
            news = self._news  # before reading: what comes meanwhile sets this one
            page = await self.page(after, READ, session_id, sees)
            for event in page.events:
                yield event
                if self._closed.is_set():
                    return
            after = page.next
            if page.events:
                continue
            try:
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await news.wait()
            except TimeoutError:
                continue


def event_id(text: str) -> int:
    """An event's number from the outside: "41", or "evt_41" as in `webhook-id`.

    Raises:
        InvalidInput: it is none.
    """
    digits = text.removeprefix("evt_")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 19 or int(digits) > MAX_ID:
        raise InvalidInput("not the id of an event")
    return int(digits)


def stream_text(event: LoggedEvent) -> str:
    """An event as a server-sent event. Its data is the envelope, with the time of the event."""
    text = envelope(event.session_id, event.kind, event.data)
    moment = compact_json(iso_ms(event.created_ms / 1000))
    return f'id: {event.id}\ndata: {text[:-1]},"timestamp":{moment}}}\n\n'


def socket_text(event: LoggedEvent, now: float) -> str:
    """An event for a socket that follows the log: its id stands behind the time of sending."""
    text = envelope(event.session_id, event.kind, event.data)
    return f'{text[:-1]},"timestamp":"{iso_ms(now)}","id":"{event.id}"}}'


def event_json(event: LoggedEvent) -> str:
    """An event of a page."""
    text = envelope(event.session_id, event.kind, event.data)
    moment = iso_ms(event.created_ms / 1000)
    return f'{{"id":"{event.id}",{text[1:-1]},"timestamp":"{moment}"}}'
