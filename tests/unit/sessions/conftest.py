from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.account import OWN_PN, RecordingSink
from support.client import Versions
from support.clock import TIMEOUT_S, FakeClock
from support.database import open_database
from support.whatsapp import WhatsApp, Wire
from waport.client import Client
from waport.client.credentials import new_credentials
from waport.model import LinkState, SessionState
from waport.sessions import Session, SessionFolders, SessionManager, manager
from waport.store import Database


class Sessions:
    """A manager, and WhatsApp's end in the test's hands."""

    def __init__(self, database: Database, root: Path) -> None:
        self.database = database
        self.root = root
        self.sink = RecordingSink()
        self.clock = FakeClock()
        self.whatsapp = WhatsApp()
        self.folders = SessionFolders(root)
        self.manager = SessionManager(
            database,
            self.whatsapp.config(),
            self.sink,
            Versions(),  # type: ignore[arg-type]
            self.folders,
        )

    async def link(self, session_id: str = "main") -> None:
        """Store the credentials of a linked account."""
        credentials = replace(
            new_credentials(),
            state=LinkState.LINKED,
            pn=OWN_PN,
            account=b"account",
            login_counter=1,
        )

        def job(store: Any) -> None:
            store.devices.create(credentials)
            store.signal.put_signed_pre_key(credentials.signed_pre_key)

        await self.database.write(session_id, job)

    async def connect(self, session_id: str = "main") -> Wire:
        """Start a linked session and log it in."""
        await self.link(session_id)
        await self.manager.start(session_id)
        return await self.log_in(session_id)

    async def log_in(self, session_id: str = "main") -> Wire:
        wire = await self.whatsapp.accept()
        await wire.log_in()
        await self.reaches(session_id, SessionState.CONNECTED)
        return wire

    async def reaches(self, session_id: str, state: SessionState | None) -> None:
        """Wait for a state; each turn of the loop lets the sessions go on."""
        async with asyncio.timeout(TIMEOUT_S):
            while self.manager.state(session_id) is not state:
                await self.database.write(session_id, lambda _: None)

    async def ended(self, session: Session) -> None:
        """Wait until a session has ended by itself."""
        async with asyncio.timeout(TIMEOUT_S):
            while not session.has_ended:
                await self.database.write(session.id, lambda _: None)

    async def credentials(self, session_id: str = "main") -> Any:
        return await self.database.read(session_id, lambda store: store.devices.get())

    def folder(self, session_id: str = "main") -> Path:
        return self.root / f"session-{session_id}"


@pytest.fixture
async def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sessions]:
    database = await open_database(tmp_path)
    sessions = Sessions(database, tmp_path / "sessions")
    made = partial(Client, clock=sessions.clock, open_carrier=sessions.whatsapp.open)
    monkeypatch.setattr(manager, "Client", made)
    yield sessions
    await sessions.manager.close()
    await database.close()
