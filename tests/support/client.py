"""A whole client over a real store, with WhatsApp's end and the time in the test's hands."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import Any

from waport.client import Client, Close
from waport.client.credentials import new_credentials
from waport.model import Credentials, LinkState, SessionState, StateChanged
from waport.pairing import ClientVersion
from waport.store import Database

from .account import OWN_LID, OWN_PN, SESSION, RecordingSink
from .clock import TIMEOUT_S, FakeClock
from .whatsapp import VERSION, WhatsApp, Wire

BACKOFF = (2.4, 3.6)
"""The first delay between two connections: 3 s, with a fifth of jitter."""


class Versions:
    """Which versions to claim: `now`, and after each refresh the next of `coming`."""

    def __init__(self) -> None:
        self.now = VERSION
        self.coming: list[ClientVersion] = []
        self.refreshes = 0

    async def current(self) -> ClientVersion:
        return self.now

    async def refresh(self) -> ClientVersion:
        self.refreshes += 1
        if self.coming:
            self.now = self.coming.pop(0)
        return self.now


class ClientWorld:
    """One client and its surroundings."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self.sink = RecordingSink()
        self.clock = FakeClock()
        self.whatsapp = WhatsApp()
        self.versions = Versions()
        self._moved = asyncio.Event()
        self.client = Client(
            database,
            SESSION,
            self.whatsapp.config(**settings),
            self.sink,
            self.versions,  # type: ignore[arg-type]
            on_state=lambda _: self._moved.set(),
            clock=self.clock,
            open_carrier=self.whatsapp.open,
        )
        self._running: asyncio.Task[Close] | None = None

    async def link(self, **changes: Any) -> Credentials:
        """Store the credentials of a linked account."""
        values = {
            "state": LinkState.LINKED,
            "pn": OWN_PN,
            "lid": OWN_LID,
            "account": os.urandom(40),
            "login_counter": 1,
            **changes,
        }
        credentials = replace(new_credentials(), **values)

        def job(store: Any) -> None:
            store.devices.create(credentials)
            store.signal.put_signed_pre_key(credentials.signed_pre_key)

        await self.database.write(SESSION, job)
        return credentials

    def start(self) -> None:
        self._running = asyncio.create_task(self.client.run())

    async def log_in(self) -> Wire:
        """Start, if need be, and log in."""
        if self._running is None:
            self.start()
        wire = await self.whatsapp.accept()
        await wire.log_in()
        await self.is_in(SessionState.CONNECTED)
        return wire

    async def is_in(self, state: SessionState) -> None:
        """Wait for a state."""
        async with asyncio.timeout(TIMEOUT_S):
            while self.client.state is not state:
                self._moved.clear()
                await self._moved.wait()
        await self.settled()

    async def ended(self) -> Close:
        """Wait until the client has ended by itself; how."""
        assert self._running is not None
        async with asyncio.timeout(TIMEOUT_S):
            return await asyncio.shield(self._running)

    async def stop(self) -> None:
        if self._running is None:
            return
        self.client.stop()
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.gather(self._running, return_exceptions=True)

    def words(self) -> list[str]:
        """The states that were told."""
        return [event.state for event in self.sink.of(StateChanged)]

    async def credentials(self) -> Credentials | None:
        return await self.database.read(SESSION, lambda store: store.devices.get())

    async def read(self, job: Any) -> Any:
        return await self.database.read(SESSION, job)

    async def pass_by(self, low: float, high: float | None = None, *, count: int = 1) -> float:
        """Wait until the client sleeps for that long and has told all; then let the time pass."""
        asked = await self.clock.sleeping(low, high, count=count)
        await self.settled()
        self.clock.advance(asked)
        return asked

    async def settled(self) -> None:
        """Wait until everything that was handed to the store is committed."""
        await self.database.write(SESSION, lambda _: None)
