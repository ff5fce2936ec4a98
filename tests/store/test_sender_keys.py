"""Sender keys of groups, and who was told ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text

from waport.errors import InvalidInput
from waport.store import Database, UnitOfWork
from waport.store import schema as schema_module
from waport.store.backend import Backend
from waport.wire import Jid

PHONE = "15550001111"
LID = "100000000000001_1"
GROUP = Jid.parse("120363000000000001@g.us")
OTHER = Jid.parse("120363000000000002@g.us")
STATUS = Jid.parse("status@broadcast")


async def test_the_last_record_counts(database: Database) -> None:
    def job(work: UnitOfWork) -> list[bytes | None]:
        seen = [work.sender_keys.get(GROUP, f"{LID}.2")]
        work.sender_keys.put(GROUP, f"{LID}.2", b"one")
        work.sender_keys.put(GROUP, f"{LID}.2", b"\x00\xfftwo")
        seen.append(work.sender_keys.get(GROUP, f"{LID}.2"))
        work.sender_keys.delete(GROUP, f"{LID}.2")
        work.sender_keys.delete(GROUP, f"{LID}.2")
        seen.append(work.sender_keys.get(GROUP, f"{LID}.2"))
        return seen

    assert await database.write("s", job) == [None, b"\x00\xfftwo", None]


async def test_a_record_is_of_one_device_in_one_group_of_one_session(database: Database) -> None:
    places = [(GROUP, f"{LID}.0"), (GROUP, f"{LID}.1"), (OTHER, f"{LID}.0"), (STATUS, f"{LID}.0")]

    def fill(work: UnitOfWork) -> None:
        for number, (group, address) in enumerate(places):
            work.sender_keys.put(group, address, b"%d" % number)

    def state(work: UnitOfWork) -> list[bytes | None]:
        return [work.sender_keys.get(group, address) for group, address in places]

    await database.write("s", fill)
    assert await database.read("s", state) == [b"0", b"1", b"2", b"3"]
    assert await database.read("else", state) == [None] * 4


async def test_the_records_of_a_user_are_found_by_the_exact_name(database: Database) -> None:
    def fill(work: UnitOfWork) -> None:
        for address in (f"{PHONE}.12", f"{PHONE}.0", f"{PHONE}1.0", f"{PHONE}_1.0"):
            work.sender_keys.put(GROUP, address, address.encode())
        work.sender_keys.put(OTHER, f"{PHONE}.3", b"another group")

    await database.write("s", fill)
    found = await database.read("s", lambda work: work.sender_keys.of_user(GROUP, PHONE))
    assert found == [(f"{PHONE}.0", b"15550001111.0"), (f"{PHONE}.12", b"15550001111.12")]
    assert await database.read("s", lambda work: work.sender_keys.of_user(GROUP, LID)) == []


@pytest.mark.parametrize("address", ["", PHONE, f"{PHONE}.", "1.x", "1.-1", "1.123456"])
async def test_an_address_without_a_device_is_refused(database: Database, address: str) -> None:
    with pytest.raises(InvalidInput):
        await database.read("s", lambda work: work.sender_keys.get(GROUP, address))
    with pytest.raises(InvalidInput):
        await database.write("s", lambda work: work.sender_keys.mark_warm(GROUP, ["1.0", address]))
    with pytest.raises(InvalidInput):
        await database.write("s", lambda work: work.sender_keys.forget_device(address))
    assert await database.read("s", lambda work: work.sender_keys.warm_devices(GROUP)) == set()


async def test_an_unreadable_record_is_taken_out_of_use_and_kept(database: Database) -> None:
    def job(work: UnitOfWork) -> tuple[bool, bool, bytes | None, bytes | None]:
        keys = work.sender_keys
        keys.put(GROUP, f"{LID}.4", b"broken")
        keys.put(OTHER, f"{LID}.4", b"sound")
        return (
            keys.put_aside(GROUP, f"{LID}.4"),
            keys.put_aside(GROUP, f"{LID}.4"),
            keys.get(GROUP, f"{LID}.4"),
            keys.get(OTHER, f"{LID}.4"),
        )

    assert await database.write("s", job) == (True, False, None, b"sound")
    kept = await database.read(
        "s",
        lambda work: work.sender_keys._db._driver.execute(
            "SELECT name, device, record, created_ms FROM signal_quarantine"
        ).fetchall(),
    )
    assert kept == [(LID, 4, b"broken", 1_700_000_000_000)]


async def test_a_device_is_warm_until_it_asks_again(database: Database) -> None:
    def job(work: UnitOfWork) -> list[set[str]]:
        keys = work.sender_keys
        seen = [keys.warm_devices(GROUP)]
        keys.mark_warm(GROUP, [f"{LID}.0", f"{LID}.1", f"{PHONE}.0"])
        keys.mark_warm(GROUP, [f"{LID}.0"])
        keys.mark_warm(GROUP, [])
        seen.append(keys.warm_devices(GROUP))
        keys.mark_cold(GROUP, f"{LID}.0")
        seen.append(keys.warm_devices(GROUP))
        keys.mark_warm(GROUP, {f"{LID}.0"})
        seen.append(keys.warm_devices(GROUP))
        return seen

    everyone = {f"{LID}.0", f"{LID}.1", f"{PHONE}.0"}
    assert await database.write("s", job) == [
        set(),
        everyone,
        {f"{LID}.1", f"{PHONE}.0"},
        everyone,
    ]
    assert await database.read("s", lambda work: work.sender_keys.warm_devices(OTHER)) == set()
    assert await database.read("else", lambda work: work.sender_keys.warm_devices(GROUP)) == set()


async def test_a_cold_device_may_still_have_the_key(database: Database) -> None:
    def job(work: UnitOfWork) -> tuple[set[str], set[str]]:
        keys = work.sender_keys
        keys.mark_warm(GROUP, [f"{LID}.0", f"{LID}.1"])
        keys.mark_cold(GROUP, f"{LID}.1")
        # One that was told, but whose acknowledgement never came.
        keys.mark_cold(GROUP, f"{LID}.2")
        keys.mark_warm(OTHER, [f"{LID}.3"])
        return keys.warm_devices(GROUP), keys.told_devices(GROUP)

    warm, told = await database.write("s", job)
    assert warm == {f"{LID}.0"}
    assert told == {f"{LID}.0", f"{LID}.1", f"{LID}.2"}


async def test_clearing_the_memory_of_a_group_leaves_keys_and_other_groups(
    database: Database,
) -> None:
    def job(work: UnitOfWork) -> tuple[set[str], set[str], bytes | None]:
        keys = work.sender_keys
        keys.put(GROUP, f"{LID}.0", b"record")
        keys.mark_warm(GROUP, [f"{LID}.0"])
        keys.mark_cold(GROUP, f"{LID}.1")
        keys.mark_warm(OTHER, [f"{LID}.0"])
        keys.clear_memory(GROUP)
        return keys.told_devices(GROUP), keys.warm_devices(OTHER), keys.get(GROUP, f"{LID}.0")

    assert await database.write("s", job) == (set(), {f"{LID}.0"}, b"record")


async def test_deleting_a_group_leaves_the_others(database: Database) -> None:
    def fill(work: UnitOfWork) -> None:
        for group in (GROUP, OTHER):
            for device in range(3):
                work.sender_keys.put(group, f"{LID}.{device}", b"record")
            work.sender_keys.mark_warm(group, [f"{PHONE}.0"])
            work.sender_keys.mark_cold(group, f"{PHONE}.1")

    def state(work: UnitOfWork) -> list[tuple[int, int]]:
        keys = work.sender_keys
        return [
            (len(keys.of_user(group, LID)), len(keys.told_devices(group)))
            for group in (GROUP, OTHER)
        ]

    for session_id in ("s", "else"):
        await database.write(session_id, fill)
    await database.write("s", lambda work: work.sender_keys.delete_group(GROUP))
    assert await database.read("s", state) == [(0, 0), (3, 2)]
    assert await database.read("else", state) == [(3, 2), (3, 2)]


async def test_a_forgotten_device_is_gone_from_every_group(database: Database) -> None:
    def fill(work: UnitOfWork) -> None:
        keys = work.sender_keys
        for group in (GROUP, OTHER, STATUS):
            for device in (0, 1):
                keys.put(group, f"{LID}.{device}", b"record")
        keys.mark_warm(OTHER, [f"{LID}.0", f"{LID}.1"])
        keys.mark_cold(GROUP, f"{LID}.1")

    def state(work: UnitOfWork) -> list[tuple[list[str], set[str]]]:
        keys = work.sender_keys
        return [
            ([address for address, _ in keys.of_user(group, LID)], keys.told_devices(group))
            for group in (GROUP, OTHER, STATUS)
        ]

    for session_id in ("s", "else"):
        await database.write(session_id, fill)
    untouched = await database.read("else", state)
    told = await database.write("s", lambda work: work.sender_keys.forget_device(f"{LID}.1"))
    assert told == [GROUP, OTHER]
    assert await database.read("s", state) == [
        ([f"{LID}.0"], set()),
        ([f"{LID}.0"], {f"{LID}.0"}),
        ([f"{LID}.0"], set()),
    ]
    assert await database.read("else", state) == untouched
    assert await database.write("s", lambda work: work.sender_keys.forget_device(f"{LID}.1")) == []


async def test_migration_moves_what_is_free_and_keeps_what_stands(database: Database) -> None:
    def fill(work: UnitOfWork) -> None:
        keys = work.sender_keys
        for device in (0, 1):
            keys.put(GROUP, f"{PHONE}.{device}", b"pn %d" % device)
        keys.put(GROUP, f"{LID}.1", b"lid 1")
        keys.put(OTHER, f"{PHONE}.1", b"pn 1 in the other")
        keys.put(GROUP, "15559999999.0", b"somebody else's")
        keys.mark_warm(GROUP, [f"{PHONE}.0", f"{PHONE}.1", "15559999999.0"])
        keys.mark_cold(GROUP, f"{LID}.1")

    def state(work: UnitOfWork) -> tuple[object, ...]:
        keys = work.sender_keys
        return (
            keys.of_user(GROUP, LID),
            keys.of_user(OTHER, LID),
            [keys.of_user(group, PHONE) for group in (GROUP, OTHER)],
            keys.warm_devices(GROUP),
            keys.told_devices(GROUP),
            keys.get(GROUP, "15559999999.0"),
        )

    for session_id in ("s", "else"):
        await database.write(session_id, fill)
    untouched = await database.read("else", state)
    assert await database.write("s", lambda work: work.sender_keys.migrate_user(PHONE, LID)) == 2
    after = (
        [(f"{LID}.0", b"pn 0"), (f"{LID}.1", b"lid 1")],
        [(f"{LID}.1", b"pn 1 in the other")],
        [[], []],
        {f"{LID}.0", "15559999999.0"},
        {f"{LID}.0", f"{LID}.1", "15559999999.0"},
        b"somebody else's",
    )
    assert await database.read("s", state) == after
    assert await database.read("else", state) == untouched
    for names in ((PHONE, LID), (LID, LID)):
        moved = await database.write("s", lambda work, n=names: work.sender_keys.migrate_user(*n))
        assert moved == 0
    assert await database.read("s", state) == after


async def test_a_database_of_the_first_schema_gets_the_tables_and_keeps_its_rows(url: str) -> None:
    backend = Backend(url)
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(mode=0o700, parents=True)
    with backend._engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option(
            "script_location", str(Path(schema_module.__file__).with_name("migrations"))
        )
        config.set_main_option("path_separator", "os")
        command.upgrade(config, "0001")
        assert not inspect(connection).has_table("sender_keys")
        connection.execute(
            text(
                "INSERT INTO signal_sessions (session_id, name, device, record)"
                " VALUES ('s', '15550001111', 0, :record)"
            ),
            {"record": b"old"},
        )
    backend.release()

    database = await Database.open(url)
    assert await database.read("s", lambda work: work.signal.session(f"{PHONE}.0")) == b"old"
    await database.write("s", lambda work: work.sender_keys.put(GROUP, f"{LID}.0", b"new"))
    found = await database.read("s", lambda work: work.sender_keys.get(GROUP, f"{LID}.0"))
    assert found == b"new"
    await database.close()


async def test_what_is_asked_across_groups_uses_an_index(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/waport.db")

    def plan(work: UnitOfWork) -> list[str]:
        return [
            row[3]
            for table in ("sender_keys", "sender_key_memory")
            for row in work.sender_keys._db._driver.execute(
                f"EXPLAIN QUERY PLAN DELETE FROM {table} WHERE session_id = 's' AND name = 'n'"
            ).fetchall()
        ]

    steps = await database.read("s", plan)
    assert all("INDEX" in step and "name=?" in step for step in steps), steps
    await database.close()
