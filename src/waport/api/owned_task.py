"""A task that the server cannot do without."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

RESTART_PAUSE_S: Final = 5.0

log = logging.getLogger(__name__)


class OwnedTask:
    """Runs for as long as the server: if it ends by itself it is started again, and told of.

    Args:
        name: for the log.
        work: runs until cancelled, or until it was asked to end by its own means.
        pause_s: before it is started again.
    """

    def __init__(
        self, name: str, work: Callable[[], Awaitable[None]], *, pause_s: float = RESTART_PAUSE_S
    ) -> None:
        self._name = name
        self._work = work
        self._pause_s = pause_s
        self._may_end = False
        self.is_running = False
        """Whether it does its work now."""

    def let_end(self) -> None:
        """It is not started again: the server stops."""
        self._may_end = True

    async def run(self) -> None:
        """Run the work, again and again if need be, until it may end or this is cancelled."""
        while True:
            self.is_running = True
            try:
                await self._work()
            except Exception:
                # Whatever it was, the server goes on, and so must this.
                log.exception("%s ended by an error; it is started again", self._name)
            else:
                if not self._may_end:
                    log.error("%s ended by itself; it is started again", self._name)
            finally:
                self.is_running = False
            if self._may_end:
                return
            await asyncio.sleep(self._pause_s)
