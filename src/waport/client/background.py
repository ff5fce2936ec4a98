"""Network work that nobody waits for, owned by the connection that it belongs to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from ..errors import WhatsAppError

log = logging.getLogger(__name__)

MAX_TASKS = 256
"""Pieces of background work at once; more is refused and left to a later occasion."""


class Background:
    """Runs follow-ups while a connection lasts; they are cancelled with it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(
        self, work: Coroutine[Any, Any, None], name: str, *, essential: bool = False
    ) -> asyncio.Task[None] | None:
        """Begin something; what it raises is logged and harms nothing else.

        Args:
            essential: the connection can't do without it, so it is begun however much runs.

        Returns:
            the task, for whoever wants to cancel it early; None when there is too much to do.
        """
        if not essential and len(self._tasks) >= MAX_TASKS:
            log.warning("too much background work; left out: %s", name)
            work.close()
            return None
        task = asyncio.create_task(self._guard(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # One that is cancelled before its first step would else count as forgotten.
        task.add_done_callback(lambda _: work.close())
        return task

    @staticmethod
    async def _guard(work: Coroutine[Any, Any, None], name: str) -> None:
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
