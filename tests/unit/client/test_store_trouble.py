"""A database that takes nothing for a while: what comes meanwhile is not acked, and comes again."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.linked import SESSION, Linked, ServerAddress, linked_client
from waport.client import dispatch
from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.phone import Phone
from waport.errors import StoreError
from waport.store import UnitOfWork
from waport.store import backend as backend_module

QUICK = "PRAGMA busy_timeout=1"


@dataclass
class Talk:
    """A linked client, its database file, and the phone of a friend."""

    linked: Linked
    file: Path
    phone: Phone

    async def write(self, *texts: str) -> None:
        """The friend writes."""
        for text in texts:
            await self.phone.send_text(self.linked.jid, text)


@pytest.fixture
async def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Talk]:
    others = [each for each in backend_module._SQLITE_SETTINGS if "busy_timeout" not in each]
    monkeypatch.setattr(backend_module, "_SQLITE_SETTINGS", (QUICK, *others))
    async with Emulator(EmulatorOptions()) as emulator:
        own = await emulator.create_account(None, "Own")
        friend = await emulator.create_account(None, "Friend")
        address = ServerAddress(emulator.ws_url, emulator.root_key.hex(), emulator.ca_file)
        scan = emulator.phone_of(own).pair_by_qr
        async with linked_client(tmp_path, address, scan) as linked:
            talk = Talk(linked, tmp_path / "waport.db", emulator.phone_of(friend))
            await talk.write("before")
            await linked.wait_text("before")
            yield talk


@contextlib.contextmanager
def held_by_another_program(file: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextlib.contextmanager
def full(file: Path, linked: Linked) -> Iterator[None]:
    """No page may be added any more; the pages that are there are all in use."""

    def limit(pages: int) -> Callable[[UnitOfWork], object]:
        return lambda store: store.devices._db._driver.execute(f"PRAGMA max_page_count={pages}")

    database = linked._database
    submit = database.submit

    def on_a_full_disk(session_id: str, job: Callable[[UnitOfWork], object]) -> object:
        def run(store: UnitOfWork) -> object:
            limit(1)(store)
            store.signal.put_session("1.0", bytes(10**5))
            return job(store)

        return submit(session_id, run)

    database.submit = on_a_full_disk  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        database.submit = submit  # type: ignore[method-assign]
        submit(SESSION, limit(10**6))


@pytest.fixture
def complained(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set once a message could not be stored."""
    event = asyncio.Event()

    def note(text: str, *args: object) -> None:
        if text.startswith("could not store"):
            event.set()

    monkeypatch.setattr(dispatch.log, "error", note)
    return event


@pytest.mark.parametrize("trouble", ["locked", "full"])
async def test_nothing_is_lost_while_the_database_takes_nothing(
    talk: Talk, trouble: str, complained: asyncio.Event
) -> None:
    linked = talk.linked
    texts = [f"meanwhile {number}" for number in range(5)]
    holding = held_by_another_program(talk.file) if trouble == "locked" else full(talk.file, linked)
    with holding:
        await talk.write(*texts)
        async with asyncio.timeout(20):
            await complained.wait()
        with pytest.raises(StoreError, match=trouble):
            await linked.client.messages.send_text(talk.phone.owner.own.pn.bare, "lost?")
        assert linked.texts() == ["before"]
    await linked.wait_text(texts[-1])
    await talk.write("after")
    await linked.wait_text("after")
    assert linked.texts() == ["before", *texts, "after"]
    assert await linked.read(lambda store: store.send_queue.pending()) == []
    await linked.client.messages.send_text(talk.phone.owner.own.pn.bare, "answer")
    assert [message.text for message in talk.phone.messages()] == ["answer"]
