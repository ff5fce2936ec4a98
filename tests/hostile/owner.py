"""A linked account without a connection, its events rendered and logged as the server does it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from support.account import OWN_LID, OWN_PN, PEER_LID, PEER_PN, SESSION, Account
from support.clock import FakeClock
from support.database import open_database
from waport.client.credentials import new_credentials
from waport.model import LinkState
from waport.store import UnitOfWork

from .scene import check_json, event_sink
from .watch import no_faults, others

MAX_PAUSES = 1000


@contextlib.asynccontextmanager
async def owner(folder: Path) -> AsyncIterator[Account]:
    """The account; at the end no fault was logged and no task is left."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    database = await open_database(folder)
    before = others()
    credentials = replace(
        new_credentials(),
        state=LinkState.LINKED,
        pn=OWN_PN,
        lid=OWN_LID,
        account=os.urandom(40),
        login_counter=1,
    )

    def job(store: UnitOfWork) -> None:
        store.devices.create(credentials)
        store.signal.put_signed_pre_key(credentials.signed_pre_key)
        store.addresses.learn(PEER_PN, PEER_LID)

    await database.write(SESSION, job)
    sink = event_sink(folder, lambda _, frames: check_json(frames))
    try:
        with no_faults():
            yield Account(database, sink, credentials, [])  # type: ignore[arg-type]
            await asyncio.sleep(0)
            assert others() - before == set()
    finally:
        await database.close()


async def pass_time(clock: FakeClock, work: Coroutine[Any, Any, None]) -> None:
    """Do something, and let time pass while it waits for it."""
    task = asyncio.create_task(work)
    for _ in range(MAX_PAUSES):
        await asyncio.wait((task,), timeout=0.02)
        if task.done():
            break
        clock.advance(300)
    task.cancel()
    await task
