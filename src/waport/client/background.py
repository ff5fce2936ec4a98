"""Network work that nobody waits for, owned by the connection that it belongs to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

from ..errors import WhatsAppError

log = logging.getLogger(__name__)

MAX_TASKS = 256
"""Pieces of background work at once; more is refused and left to a later occasion."""


class Background:
    """Runs follow-ups while a connection lasts; they are cancelled with it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Awaitable[None], name: str) -> None:
        """Begin something; what it raises is logged and harms nothing else."""
        if len(self._tasks) >= MAX_TASKS:
            log.warning("too much background work; left out: %s", name)
            if asyncio.iscoroutine(work):
                work.close()
            return
        task = asyncio.create_task(self._guard(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _guard(work: Awaitable[None], name: str) -> None:
        try:
            await work
        except WhatsAppError as exc:
            log.warning("%s: %s", name, exc)
        except Exception:  # one bad follow-up must not end the session
            log.exception("%s failed", name)

    async def cancel(self) -> None:
        """Cancel everything and wait until it is gone."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
