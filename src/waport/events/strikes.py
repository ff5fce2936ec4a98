"""Events that were told, on their way out of the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ..crashpoints import crash_point
from ..errors import StoreError

MOST: Final = 16
"""So many are struck out together at once."""
WITHIN_S: Final = 0.05
"""None waits longer than this: what was told but still stands is told again after a crash."""
STORE_PAUSE_S: Final = 1.0

log = logging.getLogger(__name__)


class Strikes:
    """Gathers events that were told and strikes them out together.

    Args:
        finish: strikes out events in the database.
    """

    def __init__(self, finish: Callable[[Sequence[int]], Awaitable[None]]) -> None:
        self._finish = finish
        self._ids: list[int] = []
        self._lock = asyncio.Lock()
        self._news = asyncio.Event()
        self._is_enough = asyncio.Event()

    def add(self, number: int) -> None:
        """The event was told, or is given up."""
        self._ids.append(number)
        self._news.set()
        if len(self._ids) >= MOST:
            self._is_enough.set()

    async def run(self) -> None:
        """Strike out what was added, shortly after it was; until cancelled."""
        while True:
            await self._news.wait()
            try:
                async with asyncio.timeout(WITHIN_S):
                    await self._is_enough.wait()
            except TimeoutError:
                pass
            await self.flush()

    async def flush(self) -> None:
        """Return once all that was added is struck out, however long the database refuses."""
        while True:
            if await self.flush_once():
                return
            await asyncio.sleep(STORE_PAUSE_S)

    async def flush_once(self) -> bool:
        """The same, but give up if the database refuses; returns whether it did not."""
        # One at a time, so that whoever waits for the lock knows that its own were in time, too.
        async with self._lock:
            self._news.clear()
            self._is_enough.clear()
            while self._ids:
                ids = tuple(self._ids)
                try:
                    await self._finish(ids)
                except StoreError:
                    log.exception("webhooks: the database refused to strike out events")
                    return False
                crash_point("webhook.struck")
                # Not before: whoever is cancelled above leaves them for the next one.
                del self._ids[: len(ids)]
        return True
