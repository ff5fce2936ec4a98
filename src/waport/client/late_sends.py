"""Messages that go out once more after a pause: one task waits for all of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ..errors import WhatsAppError
from .clock import Clock

log = logging.getLogger(__name__)

AGAIN_S: Final = 5.0
"""The pause after a try that failed on our side."""

SendWaiting = Callable[[str], Awaitable[None]]
"""Sends a message that still waits for the server once more, by its id."""


class LateSends:
    """What waits for its pause to end. A new login sends everything at once, so it ends with the
    connection.

    Args:
        send: called for each message in its time.
    """

    def __init__(self, send: SendWaiting, clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self._due: dict[str, float] = {}
        self._news = asyncio.Event()
        self._is_running = False

    async def add(self, message_id: str, pause_s: float) -> None:
        """Have a message sent after a pause; returns at once if somebody waits here already."""
        self._due[message_id] = self._clock.monotonic() + pause_s
        self._news.set()
        if self._is_running:
            return
        self._is_running = True
        try:
            while self._due:
                self._news.clear()
                wait_s = min(self._due.values()) - self._clock.monotonic()
                if wait_s <= 0 or not await self._clock.wait(self._news, wait_s):
                    await self._send_due()
        finally:
            self._is_running = False

    @property
    def waiting(self) -> list[str]:
        """The messages that wait for their pause to end."""
        return list(self._due)

    def clear(self) -> None:
        """The connection is gone."""
        self._due.clear()

    async def _send_due(self) -> None:
        now = self._clock.monotonic()
        for message_id in [name for name, due in self._due.items() if due <= now]:
            self._due.pop(message_id, None)
            try:
                await self._send(message_id)
            except WhatsAppError as exc:
                # It goes on waiting, and so do those behind it.
                log.warning("a message could not be sent once more: %s", exc)
                self._due[message_id] = now + AGAIN_S
