"""How long to wait: as long as anything goes on. A busy machine is slow, what hangs is still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

QUIET_S = 180.0
"""So long without any news, and what is waited for will not come."""


class Patience:
    """Waits of several places that share what is news.

    Args:
        quiet_s: how long there may be none.
    """

    def __init__(self, quiet_s: float = QUIET_S) -> None:
        self._quiet_s = quiet_s
        self._heard_at = time.monotonic()

    def news(self) -> None:
        """Something went on."""
        self._heard_at = time.monotonic()

    async def wait(self, changed: asyncio.Condition, is_so: Callable[[], bool]) -> None:
        """Wait until something is so; it is looked at whenever the condition is notified.

        Args:
            changed: held by the caller.

        Raises:
            TimeoutError: there is no news any more.
        """
        self.news()
        while not is_so():
            left_s = self._heard_at + self._quiet_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            try:
                async with asyncio.timeout(left_s):
                    await changed.wait()
            except TimeoutError:
                continue
