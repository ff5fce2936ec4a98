"""Questions about many rows at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from waport.model import DeviceList
from waport.store import Database, UnitOfWork
from waport.store.addresses import _LISTS_BY_LID, _LISTS_OF, _PNS_OF
from waport.store.many import CHUNK, chunks
from waport.store.signal import _SESSIONS_OF
from waport.wire import Jid

COUNT = 2 * CHUNK + 3
PNS = [Jid(f"1555{place:07}", "s.whatsapp.net") for place in range(COUNT)]
LIDS = [Jid(f"{10**14 + place}", "lid") for place in range(COUNT)]
STRANGER = Jid("199999999999999", "lid")
GROUP = Jid.parse("120363000000000001@g.us")


def listed(user: Jid, *numbers: int, fetched_at: int = 7) -> DeviceList:
    return DeviceList(user, numbers, None, 0, fetched_at)


async def put(database: Database, session_id: str = "s") -> None:
    def job(work: UnitOfWork) -> None:
        for pn, lid in zip(PNS, LIDS, strict=True):
            work.addresses.learn(pn, lid)
            work.addresses.put_devices(listed(pn, 0, int(pn.user) % 9 + 1))

    await database.write(session_id, job)


def test_a_chunk_is_always_full_and_holds_every_value_once() -> None:
    found = list(chunks([*range(CHUNK + 1), 0, 1]))
    assert [len(chunk) for chunk in found] == [CHUNK, CHUNK]
    values = [value for chunk in found for value in chunk.values() if value is not None]
    assert values == list(range(CHUNK + 1))
    assert list(chunks([])) == []


async def test_mappings_of_many_are_found_both_ways_in_this_session_alone(
    database: Database,
) -> None:
    await put(database)

    def look(work: UnitOfWork) -> tuple[dict[Jid, Jid], dict[Jid, Jid]]:
        asked = [lid.with_device(4) for lid in LIDS]
        return work.addresses.lids_of([*PNS, PNS[0]]), work.addresses.pns_of([*asked, STRANGER])

    assert await database.read("s", look) == (
        dict(zip(PNS, LIDS, strict=True)),
        dict(zip(LIDS, PNS, strict=True)),
    )
    assert await database.read("else", look) == ({}, {})


async def test_devices_of_many_are_found_under_the_name_that_was_asked_for(
    database: Database,
) -> None:
    await put(database)
    unmapped, empty = Jid("200000000000001", "lid"), Jid("200000000000002", "lid")

    def job(work: UnitOfWork) -> dict[Jid, Any]:
        # A list of a LID counts only as long as the phone number is unknown.
        work.addresses.put_devices(listed(unmapped, 0, 2))
        work.addresses.put_devices(listed(empty, 0, 3))
        work.addresses.learn(Jid("1777", "s.whatsapp.net"), empty)
        work.addresses.put_devices(listed(LIDS[0], 0, 77))
        return work.addresses.device_numbers([*LIDS, PNS[1], unmapped, empty, STRANGER])

    found = await database.write("s", job)
    assert found.keys() == {*LIDS, PNS[1], unmapped}
    assert found[LIDS[0]] == ((0, int(PNS[0].user) % 9 + 1), 7)
    assert found[LIDS[-1]] == ((0, int(PNS[-1].user) % 9 + 1), 7)
    assert found[PNS[1]] == found[LIDS[1]]
    assert found[unmapped] == ((0, 2), 7)


async def test_records_of_many_devices_are_found_and_replaced(database: Database) -> None:
    addresses = [f"{pn.user}.{device}" for pn in PNS for device in (0, 3)]

    def job(work: UnitOfWork) -> tuple[dict[str, bytes], dict[str, bytes]]:
        signal = work.signal
        signal.put_session(addresses[0], b"before")
        signal.put_sessions({address: address.encode() for address in addresses})
        signal.put_session(f"{PNS[0].user}.9", b"another device")
        signal.put_sessions({})
        asked = [*addresses, "1999.0"]
        return signal.sessions(asked), signal.sessions([addresses[0], "1999.0"])

    many, few = await database.write("s", job)
    assert many == {address: address.encode() for address in addresses}
    assert few == {addresses[0]: addresses[0].encode()}
    assert await database.read("else", lambda work: work.signal.sessions(addresses)) == {}


async def test_the_memory_of_a_group_says_who_is_warm(database: Database) -> None:
    def job(work: UnitOfWork) -> dict[str, bool]:
        keys = work.sender_keys
        keys.mark_warm(GROUP, ["1_1.0", "2_1.12"])
        keys.mark_cold(GROUP, "2_1.12", "3.4")
        keys.mark_cold(GROUP)
        return {name: bool(is_warm) for name, is_warm in keys.memory(GROUP).items()}

    assert await database.write("s", job) == {"1_1.0": True, "2_1.12": False, "3.4": False}
    assert await database.read("else", lambda work: work.sender_keys.memory(GROUP)) == {}


async def test_no_question_about_many_reads_all_rows_of_a_session(url: str) -> None:
    if not url.startswith("sqlite"):
        return
    database = await Database.open(url)

    def steps(work: UnitOfWork) -> Sequence[str]:
        db = work.signal._db
        found = []
        for statement in (_LISTS_BY_LID, _LISTS_OF, _PNS_OF, _SESSIONS_OF):
            sql = db._compile(statement).sql
            values = ["x"] * sql.count("?")
            rows = db._driver.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
            found += [row[3] for row in rows if "asked" not in row[3] and "CONSTANT" not in row[3]]
        return found

    try:
        for step in await database.read("s", steps):
            assert "session_id=? AND" in step, step
    finally:
        await database.close()
