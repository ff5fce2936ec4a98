"""The log of events: numbers, and what pruning spares."""

from __future__ import annotations

from waport.store import Database, UnitOfWork

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
