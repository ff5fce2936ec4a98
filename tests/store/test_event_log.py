"""The log of events: numbers, and what pruning spares."""

from __future__ import annotations

import asyncio

import pytest

from waport.store import Database, LoggedEvent, UnitOfWork

from .conftest import Clock


async def append(
    database: Database, lane: str, *, session_id: str = "s", deliver: bool = False
) -> int:
    return await database.write(
        session_id, lambda work: work.event_log.append("message", lane, "{}", deliver=deliver)
    )


async def waiting(database: Database, session_id: str = "s") -> list[int]:
    (due,) = await database.due_deliveries({session_id: ()}, 2**60, lanes=100, rows=100)
    return sorted(delivery.event_id for lane in due.lanes for delivery in lane)


async def test_event_numbers_rise_and_are_never_used_again(database: Database) -> None:
    first = await append(database, "a")
    second = await append(database, "a", session_id="t")
    assert second > first
    assert await database.prune(2**60) == 2
    assert await append(database, "a") > second


async def test_pruning_spares_the_young_and_the_undelivered(
    database: Database, clock: Clock
) -> None:
    old = [await append(database, "a", deliver=n == 1) for n in range(3)]
    clock.now_ms += 1000
    young = await append(database, "b", deliver=True)
    assert await database.prune(clock.now_ms) == 2
    assert await waiting(database) == [old[1], young]
    await database.finish_deliveries([old[1]])
    assert await database.prune(clock.now_ms) == 1
    assert await database.prune(clock.now_ms) == 0
    assert await waiting(database) == [young]


async def test_pruning_goes_on_beyond_one_step(database: Database) -> None:
    def many(work: UnitOfWork) -> None:
        for _ in range(2500):
            work.event_log.append("x", "a", "{}", deliver=False)

    await database.write("s", many)
    assert await database.prune(2**60) == 2500


async def test_events_are_read_on_from_any_number(database: Database, clock: Clock) -> None:
    ids = [
        await database.write(
            session_id,
            lambda work: work.event_log.append("qr", "", '{"a":"ü"}', deliver=False),
        )
        for session_id in ("one", "two", "one")
    ]
    events = await database.events_after(0, 10)
    assert [event.id for event in events] == ids
    assert events[0] == LoggedEvent(ids[0], "one", "qr", '{"a":"ü"}', clock.now_ms)
    assert [event.id for event in await database.events_after(ids[0], 1)] == [ids[1]]
    assert [event.id for event in await database.events_after(0, 10, "one")] == [ids[0], ids[2]]
    assert await database.events_after(ids[2], 10) == []
    assert await database.last_event_id() == ids[2]


async def test_an_empty_log_has_no_last_event(database: Database) -> None:
    assert await database.last_event_id() == 0
    assert await database.events_after(0, 10) == []


async def test_only_so_many_events_are_kept_but_for_those_that_are_still_to_be_told(
    database: Database,
) -> None:
    ids = [
        await database.write(
            "s",
            lambda work, number=number: work.event_log.append(
                "message", "lane", "{}", deliver=number == 2
            ),
        )
        for number in range(10)
    ]
    assert await database.prune(0, max_events=4) == 5
    assert [event.id for event in await database.events_after(0, 99)] == [ids[2], *ids[6:]]


async def test_only_so_many_bytes_are_kept_but_for_events_that_are_still_to_be_told(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def many(work: UnitOfWork) -> None:
        for number in range(1000):
            # Two bytes a letter.
            work.event_log.append("m", "a", "\u00fc" * 500, deliver=number == 3)

    async def kept() -> list[int]:
        return [event.id for event in await database.events_after(0, 9999)]

    await database.write("s", many)
    ids = await kept()
    assert await database.prune(0, max_bytes=1_000_000) == 0
    assert await database.prune(0, max_bytes=700_000) == 499
    assert await kept() == [ids[3], *ids[500:]]
    assert "1 events are beyond the limits" in caplog.text
    # What came since counts, what went does not; the same is not told again.
    caplog.clear()
    await database.write("s", many)
    assert await database.prune(0, max_bytes=1_600_000) == 0
    assert await database.prune(0, max_bytes=1_000_000) == 500
    assert "1 events" not in caplog.text
    await database.write("s", lambda work: work.event_log.append("m", "a", "x", deliver=False))
    assert (await kept())[-1] == await database.last_event_id()


async def test_the_size_of_a_log_is_known_after_a_restart(url: str) -> None:
    for turn in range(2):
        database = await Database.open(url)

        def many(work: UnitOfWork) -> None:
            for _ in range(600):
                work.event_log.append("m", "a", "x" * 100, deliver=False)

        await database.write("s", many)
        # The first time there are 60 kB, the second time 120.
        assert await database.prune(0, max_bytes=70_000) == (0, 500)[turn]
        await database.close()


async def test_dead_letters_that_go_with_their_events_are_told(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        await append(database, "a", deliver=True)
    (due,) = await database.due_deliveries({"s": ()}, 2**60, lanes=9, rows=9)
    await database.bury_deliveries([each.number for lane in due.lanes for each in lane], 5)
    assert len(await database.dead_letters(0, 0, 9)) == 3
    assert await database.prune(2**60) == 3
    assert "3 dead letters went with events that are too old" in caplog.text
    assert await database.dead_letters(0, 0, 9) == []


async def test_events_of_two_writers_are_numbered_as_they_become_visible(url: str) -> None:
    if url.startswith("sqlite"):
        return  # a file has one owner
    databases = [await Database.open(url) for _ in range(2)]
    seen: list[int] = []
    is_over = asyncio.Event()

    async def write(database: Database) -> None:
        for _ in range(150):
            await database.write(
                "s", lambda work: work.event_log.append("m", "", "{}", deliver=False)
            )

    async def follow() -> None:
        after = 0
        while True:
            has_ended = is_over.is_set()
            events = await databases[0].events_after(after, 1000)
            seen.extend(event.id for event in events)
            after = seen[-1] if seen else 0
            if has_ended and not events:
                return

    following = asyncio.create_task(follow())
    await asyncio.gather(*map(write, (*databases, *databases)))
    is_over.set()
    await following
    assert len(seen) == 600
    assert seen == [event.id for event in await databases[1].events_after(0, 1000)]
    for database in databases:
        await database.close()
