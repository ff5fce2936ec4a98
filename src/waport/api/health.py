"""Whether the database takes writes: asked now and then, so that `/readyz` costs nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ..errors import StoreError

log = logging.getLogger(__name__)

PROBE_INTERVAL_S: Final = 5.0
PROBE_TIMEOUT_S: Final = 10.0


class StoreHealth:
    """Asks the store again and again.

    Args:
        ping: proves that the store works; raises StoreError.
        interval_s: between two questions.
        timeout_s: no answer by then is a bad one.
    """

    def __init__(
        self,
        ping: Callable[[], Awaitable[None]],
        *,
        interval_s: float = PROBE_INTERVAL_S,
        timeout_s: float = PROBE_TIMEOUT_S,
    ) -> None:
        self._ping = ping
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self.is_well = True
        """What the last answer was."""

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.probe()
            await asyncio.sleep(self._interval_s)

    async def probe(self) -> None:
        """Ask once; a change is told in the log."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._ping()
        except (StoreError, TimeoutError) as exc:
            if self.is_well:
                log.error("the database does not take writes: %s", str(exc) or "no answer in time")
            self.is_well = False
        else:
            if not self.is_well:
                log.warning("the database takes writes again")
            self.is_well = True
