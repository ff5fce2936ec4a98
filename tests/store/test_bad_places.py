"""Databases that can't be written to, or that a disk has damaged."""

from __future__ import annotations

import errno
import os
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from support.database import open_database
from waport.errors import StoreError
from waport.model import Credentials, Message, MessageKey, MessageKind
from waport.store import Database, UnitOfWork, sqlite_url
from waport.store import backend as backend_module
from waport.wire import Jid

ANN = Jid.parse("15550001111@s.whatsapp.net")
BOB = Jid.parse("15550002222@s.whatsapp.net")
PAGE = 4096


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
async def test_a_folder_that_can_not_be_written_to_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    await (await open_database(tmp_path)).close()
    before = (tmp_path / "waport.db").read_bytes()
    opened = os.open

    def refuse(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(tmp_path)):
            raise OSError(code, os.strerror(code), path)
        return opened(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match=f"cannot be opened: {os.strerror(code)}"):
        await Database.open(sqlite_url(tmp_path / "waport.db"))
    monkeypatch.undo()
    assert (tmp_path / "waport.db").read_bytes() == before
    await (await Database.open(sqlite_url(tmp_path / "waport.db"))).close()


async def test_a_database_that_becomes_read_only_is_read_on_and_recovers(tmp_path: Path) -> None:
    database = await open_database(tmp_path)
    await database.write("s", lambda work: work.contacts.set_push_name(ANN, "Ann"))

    def forbid(work: UnitOfWork) -> None:
        work.devices._db.run("PRAGMA query_only=ON")
        try:
            work.contacts.set_push_name(BOB, "Bob")
        finally:
            work.devices._db.run("PRAGMA query_only=OFF")

    with pytest.raises(StoreError, match="readonly"):
        await database.write("s", forbid)
    assert len(await database.read("s", lambda work: work.contacts.all())) == 1
    assert await database.write("s", lambda work: work.contacts.set_push_name(BOB, "Bob"))
    await database.close()


async def test_a_damaged_page_costs_what_stood_on_it_and_no_more(
    tmp_path: Path, credentials: Credentials
) -> None:
    database = await open_database(tmp_path)
    await database.write("s", lambda work: work.devices.create(credentials))
    for number in range(40):
        address = f"1555000{number:04}.0"
        await database.write(
            "s", lambda work, to=address: work.signal.put_session(to, b"RATCHET!" * 200)
        )
    await database.write("s", lambda work: work.contacts.set_push_name(ANN, "Ann"))
    await database.close()

    path = tmp_path / "waport.db"
    data = bytearray(path.read_bytes())
    pages = [at for at in range(0, len(data), PAGE) if data[at : at + PAGE].count(b"RATCHET!") > 50]
    assert len(pages) > 10
    for at in pages[::2]:
        data[at : at + PAGE] = os.urandom(PAGE)
    path.write_bytes(data)

    database = await Database.open(sqlite_url(path))
    assert await database.read("s", lambda work: work.devices.get()) == credentials
    addresses = [f"1555000{number:04}.0" for number in range(40)]
    read, lost = 0, []
    for address in addresses:
        try:
            found = await database.read("s", lambda work, to=address: work.signal.session(to))
        except StoreError as exc:
            lost.append(str(exc))
        else:
            read += found == b"RATCHET!" * 200
    assert len(lost) > 5
    assert all("damaged data" in text for text in lost)
    assert read > 5
    # Others go on, also with writing.
    assert await database.write("s", lambda work: work.contacts.set_push_name(BOB, "Bob"))
    await database.ping()
    await database.close()


def _all_of(number: int) -> Any:
    """A job whose ratchet, message and event belong together."""

    def job(work: UnitOfWork) -> None:
        key = MessageKey(ANN, str(number), False, ANN)
        work.signal.put_session("15550001111.0", f"step {number} ".encode() * 300)
        work.messages.add(Message(key, number, bytes(500), MessageKind.TEXT))
        work.event_log.append("message", "lane", str(number), deliver=True)

    return job


async def _found(folder: Path) -> int:
    """How many of those jobs a database knows, each of them as a whole, without a gap."""
    database = await Database.open(sqlite_url(folder / "waport.db"))

    def read(work: UnitOfWork) -> tuple[list[str], bytes | None]:
        messages = work.messages.page(ANN, 1000)
        return [each.key.id for each in messages][::-1], work.signal.session("15550001111.0")

    names, record = await database.read("s", read)
    (due,) = await database.due_deliveries({"s": ()}, 0, lanes=10, rows=1000)
    assert names == [str(number) for number in range(len(names))]
    assert [each.data for lane in due.lanes for each in lane] == names
    assert record == (f"step {names[-1]} ".encode() * 300 if names else None)
    # And it goes on from there.
    await database.write("s", _all_of(len(names)))
    await database.close()
    return len(names)


@pytest.mark.parametrize("is_cut_off", [True, False])
async def test_a_record_that_is_written_in_half_was_never_written(
    tmp_path: Path, is_cut_off: bool
) -> None:
    (tmp_path / "whole").mkdir()
    database = await open_database(tmp_path / "whole")
    for number in range(20):
        await database.write("s", _all_of(number))
    file = (tmp_path / "whole" / "waport.db").read_bytes()
    wal = (tmp_path / "whole" / "waport.db-wal").read_bytes()
    await database.close()
    counts = []
    places = sorted(random.Random(1).sample(range(len(wal) // 3, len(wal)), 8))
    for place in places:
        folder = tmp_path / str(place)
        folder.mkdir()
        (folder / "waport.db").write_bytes(file)
        # A power cut, or a disk that has written something else.
        torn = wal[:place] if is_cut_off else wal[:place] + os.urandom(len(wal) - place)
        (folder / "waport.db-wal").write_bytes(torn)
        counts.append(await _found(folder))
    assert counts == sorted(counts)
    assert 0 < counts[-1] <= 20
    assert len(set(counts)) > 3


async def test_a_database_that_another_program_holds_at_the_start_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [each for each in backend_module._SQLITE_SETTINGS if "busy_timeout" not in each]
    settings = ("PRAGMA busy_timeout=1", *others)
    monkeypatch.setattr(backend_module, "_SQLITE_SETTINGS", settings)
    database = await open_database(tmp_path)
    await database.write("s", lambda work: work.contacts.set_push_name(ANN, "Ann"))
    await database.close()
    other = sqlite3.connect(tmp_path / "waport.db", isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("DELETE FROM calls")  # an exclusive writer of a WAL shuts out readers, too
    with pytest.raises(StoreError, match="locked"):
        await Database.open(sqlite_url(tmp_path / "waport.db"))
    other.execute("ROLLBACK")
    other.close()
    database = await Database.open(sqlite_url(tmp_path / "waport.db"))
    assert len(await database.read("s", lambda work: work.contacts.all())) == 1
    await database.close()
