"""The time as a client's parts see it; a test puts a clock of its own in its place."""

from __future__ import annotations

import asyncio
import time


class Clock:
    """The machine's time."""

    def monotonic(self) -> float:
        """Seconds that never go back; the origin means nothing."""
        return time.monotonic()

    def unix(self) -> float:
        """Seconds of the calendar."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        await asyncio.sleep(seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait for an event; False when the time was over first."""
        tasks = [asyncio.create_task(event.wait()), asyncio.create_task(self.sleep(seconds))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return event.is_set()


SYSTEM_CLOCK = Clock()
"""What everything uses outside of tests."""
