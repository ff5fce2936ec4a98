"""What the devices of an account share, as its phone reads it; one can wait for what they write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from waport.emulator.phone import Phone
from waport.proto import pb

TIMEOUT_S = 20.0


class SharedState:
    """The collections of a phone."""

    def __init__(self, phone: Phone) -> None:
        self._state = phone.app_state
        self._news = asyncio.Event()
        announce = self._state.server.announce

        async def tell(collection: str, version: int, device: int) -> None:
            await announce(collection, version, device)
            self._news.set()

        self._state.server.announce = tell

    async def until(
        self,
        collection: str,
        *index: str,
        matches: Callable[[pb.SyncActionValue], bool] = lambda _: True,
    ) -> pb.SyncActionValue:
        """The record of an index, as soon as it is there and matches; every MAC is checked."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                value = self._state.read(collection).get(index)
                if value is not None and matches(value):
                    return value
                self._news.clear()
                await self._news.wait()
