"""The SQLite file: settings, modes, lock, damage. And the schema on every database."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from waport.errors import CorruptRecord, StoreError
from waport.store import Database, UnitOfWork
from waport.store import backend as backend_module
from waport.store import schema as schema_module
from waport.store.backend import Backend
from waport.store.schema import REVISION, metadata
from waport.wire import Jid

from .conftest import Gate

ANN = Jid.parse("15550001111@s.whatsapp.net")
BOB = Jid.parse("15550002222@s.whatsapp.net")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "waport.db"


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def read(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)


def setting(work: UnitOfWork, name: str) -> object:
    return work.devices._db._driver.execute(f"PRAGMA {name}").fetchone()[0]


async def test_a_commit_waits_for_the_disk(path: Path) -> None:
    database = await Database.open(sqlite_url(path))
    wanted = {
        "synchronous": 2,
        "journal_mode": "wal",
        "foreign_keys": 1,
        "temp_store": 2,
        "busy_timeout": 5000,
    }
    found = await database.write("s", lambda work: {n: setting(work, n) for n in wanted})
    assert found == wanted
    # What is set once stays for later transactions of the writer.
    assert await database.write("s", lambda work: setting(work, "synchronous")) == 2
    await database.close()


async def test_folder_and_files_are_private(path: Path) -> None:
    database = await Database.open(sqlite_url(path))
    await database.write("s", lambda work: work.contacts.set_push_name(ANN, "Ann"))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(
        ["waport.db", "waport.db.lock", "waport.db-wal", "waport.db-shm"], 0o600
    )
    await database.close()


async def test_a_second_opener_is_told_who_has_the_file(path: Path) -> None:
    database = await Database.open(sqlite_url(path))
    await database.write("s", lambda work: work.contacts.set_push_name(ANN, "Ann"))
    with pytest.raises(StoreError, match=f"in use by another process \\(pid {os.getpid()}\\)"):
        await Database.open(sqlite_url(path))
    link = path.parent.parent / "link"
    link.symlink_to(path.parent)
    with pytest.raises(StoreError, match="in use"):
        await Database.open(sqlite_url(link / path.name))
    # The refused ones have broken nothing.
    assert len(await database.read("s", lambda work: work.contacts.all())) == 1
    await database.close()
    again = await Database.open(sqlite_url(path))
    await again.close()


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "sqlite:////x.db?mode=ro", "mysql://h/d", "nonsense", ""],
)
async def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(StoreError):
        await Database.open(url)


async def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be opened"):
        await Database.open(sqlite_url(tmp_path / "file" / "waport.db"))


async def test_a_file_that_is_no_database_stays_as_it_is(path: Path) -> None:
    garbage = b"not a database at all " * 100
    write(path, garbage)
    with pytest.raises(StoreError, match="not a database"):
        await Database.open(sqlite_url(path))
    assert read(path) == garbage
    # The lock is free again.
    with pytest.raises(StoreError, match="not a database"):
        await Database.open(sqlite_url(path))


async def test_a_full_disk_refuses_jobs_and_keeps_what_was_stored(path: Path) -> None:
    database = await Database.open(sqlite_url(path))
    await database.write("s", lambda work: work.contacts.set_push_name(ANN, "Ann"))

    def fill(work: UnitOfWork) -> None:
        work.devices._db.run("PRAGMA max_page_count=1")  # no page may be added
        work.signal.put_session("15550001111.0", bytes(10**6))

    def fill_and_go_on(work: UnitOfWork) -> None:
        with suppress(StoreError):
            fill(work)
        work.contacts.set_push_name(BOB, "Bob")  # SQLite has rolled back: this must not last

    with pytest.raises(StoreError, match="full"):
        await database.write("s", fill)
    with pytest.raises(StoreError):
        await database.write("s", fill_and_go_on)
    gate = await Gate.shut(database)
    jobs = [
        database.submit("s", lambda work: work.contacts.set_push_name(BOB, "Bob")),
        database.submit("s", fill),
        database.submit("s", lambda work: work.contacts.set_push_name(BOB, "Bob")),
    ]
    await gate.open()
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert ["full" in str(result) for result in results] == [True] * 3
    await database.write("s", lambda work: work.signal.put_session("15550001111.0", bytes(10**6)))
    assert len(await database.read("s", lambda work: work.contacts.all())) == 1
    await database.close()


async def test_a_database_that_another_program_holds_for_long_fails_the_write(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        backend_module,
        "_SQLITE_SETTINGS",
        (*backend_module._SQLITE_SETTINGS, "PRAGMA busy_timeout=1"),
    )
    database = await Database.open(sqlite_url(path))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        await database.write("s", lambda work: work.contacts.set_push_name(ANN, "Ann"))
    other.execute("ROLLBACK")
    other.close()
    assert await database.write("s", lambda work: work.contacts.set_push_name(ANN, "Ann"))
    await database.close()


async def test_a_folder_that_goes_away_for_a_while_fails_only_what_came_meanwhile(
    path: Path,
) -> None:
    database = await Database.open(sqlite_url(path))
    await database.write("s", lambda work: work.contacts.set_push_name(ANN, "Ann"))
    for operation in (database.write, database.read):
        with pytest.raises(StoreError):
            await operation("s", lambda work: break_off(work))
    away = path.parent.rename(path.parent.with_name("away"))
    for operation in (database.write, database.read):
        with pytest.raises(StoreError, match="cannot be reached"):
            await operation("s", lambda work: work.contacts.all())
    away.rename(path.parent)
    assert await database.write("s", lambda work: work.contacts.set_push_name(BOB, "Bob"))
    assert len(await database.read("s", lambda work: work.contacts.all())) == 2
    await database.close()


def break_off(work: UnitOfWork) -> None:
    work.devices._db._driver.close()
    work.contacts.all()


async def test_text_that_is_damaged_on_disk_is_a_corrupt_record(path: Path) -> None:
    database = await Database.open(sqlite_url(path))
    await database.write("s", lambda work: work.contacts.set_push_name(ANN, "Annabella"))
    await database.close()
    data = read(path)
    assert data.count(b"Annabella") == 1
    write(path, data.replace(b"Annabella", b"Anna\xffella"))
    database = await Database.open(sqlite_url(path))
    with pytest.raises(CorruptRecord):
        await database.read("s", lambda work: work.contacts.get(ANN))
    await database.close()


def test_the_migrations_build_what_the_statements_expect(url: str) -> None:
    backend = Backend(url)
    backend.prepare()
    engine: Engine = backend._engine
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "target_metadata": metadata}
        )
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == REVISION
        made = set(inspect(connection).get_table_names())
    assert made == set(metadata.tables) | {"alembic_version"}
    backend.release()


def test_the_last_migration_is_the_one_that_the_schema_names() -> None:
    folder = Path(schema_module.__file__).with_name("migrations")
    assert ScriptDirectory(str(folder)).get_heads() == [REVISION]


async def test_a_database_of_a_newer_version_is_left_alone(url: str) -> None:
    backend = Backend(url)
    backend.prepare()
    with backend._engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    backend.release()
    with pytest.raises(StoreError, match="newer version"):
        await Database.open(url)
    backend = Backend(url)
    with backend._engine.connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    assert found == "9999"
    backend.release()


async def test_opening_again_needs_no_migration_and_keeps_the_rows(url: str) -> None:
    database = await Database.open(url)
    await database.write("s", lambda work: work.contacts.set_push_name(ANN, "Ann"))
    await database.close()
    database = await Database.open(url)
    assert len(await database.read("s", lambda work: work.contacts.all())) == 1
    await database.close()
