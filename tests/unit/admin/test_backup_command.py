"""`waport backup` and `waport restore`."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest

from support.database import open_database
from waport.cli import main
from waport.sessions import SessionFolders
from waport.store import Database, sqlite_url
from waport.wire import Jid

ANN = Jid.parse("15550001111@s.whatsapp.net")


class Place:
    """Two places for data, each with its settings file."""

    def __init__(self, root: Path) -> None:
        self.old, self.new = root / "old", root / "new"
        self.backup = root / "copies" / "monday"
        for folder in (self.old, self.new):
            (root / f"{folder.name}.env").write_text(f"SESSIONS_PATH={folder}\n")
        self._root = root

    def run(self, command: str, path: Path, where: Path) -> int:
        return main([command, str(path), "--env-file", str(self._root / f"{where.name}.env")])

    def database(self, folder: Path) -> Path:
        return folder / "waport.db"


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in ("API_KEY", "DATABASE_URL", "HOST", "SESSIONS_PATH"):
        monkeypatch.delenv(name, raising=False)
    place = Place(tmp_path)
    place.old.mkdir()
    SessionFolders(place.old).make("main")
    (place.old / "session-main" / "note").write_text("mine")
    (place.old / "session-foreign").mkdir()
    await (await open_database(place.old)).close()
    return place


async def put(database: Database, number: int) -> None:
    await database.write("main", lambda work: work.contacts.set_push_name(ANN, f"name {number}"))


async def name_in(folder: Path) -> str:
    database = await Database.open(sqlite_url(folder / "waport.db"))
    try:
        contact = await database.read("main", lambda work: work.contacts.get(ANN))
    finally:
        await database.close()
    assert contact is not None
    return contact.push_name


async def test_a_copy_is_made_while_the_server_writes(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    database = await Database.open(sqlite_url(place.database(place.old)))
    await put(database, 0)
    copying = asyncio.create_task(asyncio.to_thread(place.run, "backup", place.backup, place.old))
    number = 0
    while not copying.done():
        number += 1
        await put(database, number)
    assert await copying == 0
    await put(database, 1_000_000)
    await database.close()
    assert capsys.readouterr().out.split() == ["waport.db", "session-main"]
    assert stat.S_IMODE(place.backup.stat().st_mode) == 0o700
    assert stat.S_IMODE(place.database(place.backup).stat().st_mode) == 0o600

    assert place.run("restore", place.backup, place.new) == 0
    assert (place.new / "session-main" / "note").read_text() == "mine"
    assert not (place.new / "session-foreign").exists()
    restored = int((await name_in(place.new)).split()[1])
    assert 0 <= restored <= number
    assert await name_in(place.old) == "name 1000000"


async def test_a_used_place_is_never_restored_over(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("backup", place.backup, place.old) == 0
    before = place.database(place.old).read_bytes()
    assert place.run("restore", place.backup, place.old) == 2
    assert "exists already" in capsys.readouterr().err
    assert place.database(place.old).read_bytes() == before
    place.new.mkdir()
    (place.new / "session-other").mkdir()
    assert place.run("restore", place.backup, place.new) == 2
    assert not place.database(place.new).exists()


async def test_a_place_whose_server_runs_is_left_alone(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("backup", place.backup, place.old) == 0
    database = await Database.open(sqlite_url(place.database(place.new)))
    try:
        assert await asyncio.to_thread(place.run, "restore", place.backup, place.new) == 1
    finally:
        await database.close()
    assert "in use by another process" in capsys.readouterr().err


async def test_a_backup_is_not_written_over(place: Place) -> None:
    place.backup.mkdir(parents=True)
    assert place.run("backup", place.backup, place.old) == 2
    assert list(place.backup.iterdir()) == []


@pytest.mark.parametrize("damage", ["middle", "end", "text", "empty"])
async def test_a_damaged_backup_is_refused_and_nothing_restored(
    place: Place, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("backup", place.backup, place.old) == 0
    copy = place.database(place.backup)
    data = bytearray(copy.read_bytes())
    match damage:
        case "middle":
            data[4096 : len(data) // 2] = bytes(len(data) // 2 - 4096)
        case "end":
            del data[len(data) // 2 :]
        case "text":
            data[:] = b"this is no database " * 1000
        case "empty":
            data.clear()
    copy.write_bytes(data)
    assert place.run("restore", place.backup, place.new) == 1
    assert "damaged" in capsys.readouterr().err
    assert not place.database(place.new).exists()


async def test_a_backup_of_a_newer_version_is_refused(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("backup", place.backup, place.old) == 0
    with sqlite3.connect(place.database(place.backup)) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.close()
    assert place.run("restore", place.backup, place.new) == 1
    assert "newer version" in capsys.readouterr().err


async def test_without_a_database_there_is_nothing_to_copy(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("backup", place.backup, place.new) == 1
    assert "does not exist" in capsys.readouterr().err
    assert not place.backup.exists()
    assert list(place.backup.parent.iterdir()) == []
    assert place.run("restore", place.backup, place.new) == 2
