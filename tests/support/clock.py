"""A clock that moves only when a test says so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from waport.client.clock import Clock

TIMEOUT_S = 10.0
"""Real seconds after which a test that waits for something has failed."""


@dataclass(eq=False)
class _Sleeper:
    asked: float
    until: float
    future: asyncio.Future[None]


class FakeClock(Clock):
    """Sleepers wake when `advance` has brought enough time."""

    def __init__(self, unix: float = 1_800_000_000.0) -> None:
        self._now = 1000.0
        self._unix = unix - self._now
        self._sleepers: list[_Sleeper] = []
        self._news = asyncio.Event()

    def monotonic(self) -> float:
        return self._now

    def unix(self) -> float:
        return self._unix + self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sleeper = _Sleeper(seconds, self._now + seconds, future)
        self._sleepers.append(sleeper)
        self._news.set()
        try:
            await future
        finally:
            self._sleepers.remove(sleeper)

    def asked(self) -> list[float]:
        """How long those who sleep now wanted to."""
        return [sleeper.asked for sleeper in self._sleepers]

    async def sleeping(self, low: float, high: float | None = None, *, count: int = 1) -> float:
        """Wait until somebody sleeps for that long, or for a time within these bounds.

        Args:
            count: how many sleepers there must be.
        """
        high = low if high is None else high
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                self._news.clear()
                awake = [s for s in self._sleepers if not s.future.done()]
                found = [s.asked for s in awake if low <= s.asked <= high]
                if len(found) >= count:
                    return found[0]
                await self._news.wait()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        for sleeper in list(self._sleepers):
            if sleeper.until <= self._now and not sleeper.future.done():
                sleeper.future.set_result(None)

    def set_calendar(self, seconds: float) -> None:
        """Somebody sets the date forward by so much, or back; no time passes."""
        self._unix += seconds

    async def pass_by(self, low: float, high: float | None = None) -> float:
        """Wait until somebody sleeps for that long, then let that time pass."""
        asked = await self.sleeping(low, high)
        self.advance(asked)
        return asked
