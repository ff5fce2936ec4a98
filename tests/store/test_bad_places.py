"""Databases that can't be written to, or that a disk has damaged."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from support.database import open_database
from waport.errors import StoreError
from waport.model import Credentials
from waport.store import Database, UnitOfWork, sqlite_url
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
