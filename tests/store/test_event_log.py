"""Events, and the order in which they are delivered."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waport.store import Database, Delivery

from .conftest import Clock


async def append(
    database: Database, lane: str, *, session_id: str = "s", deliver: bool = True
) -> int:
    return await database.write(
        session_id, lambda work: work.event_log.append("message", lane, "{}", deliver=deliver)
    )


async def due(database: Database, now_ms: int = 0, limit: int = 100, **kwargs: object) -> list[int]:
    found = await database.due_deliveries(now_ms, limit, **kwargs)  # type: ignore[arg-type]
    return [delivery.event_id for delivery in found]


async def test_a_delivery_tells_all_about_its_event(database: Database, clock: Clock) -> None:
    event_id = await database.write(
        "s", lambda work: work.event_log.append("qr", "session", '{"a":"ü"}', deliver=True)
    )
    await append(database, "session", deliver=False)
    assert await database.due_deliveries(0, 10) == [
        Delivery(event_id, "s", "session", "qr", '{"a":"ü"}', clock.now_ms, 0)
    ]


async def test_event_numbers_rise_and_are_never_used_again(database: Database) -> None:
    first = await append(database, "a", deliver=False)
    second = await append(database, "a", session_id="t", deliver=False)
    assert second > first
    assert await database.prune(2**60) == 2
    assert await append(database, "a", deliver=False) > second


async def test_what_is_due_comes_in_order_until_it_is_finished(database: Database) -> None:
    events = [await append(database, lane) for lane in ("a", "b", "a", "a")]
    assert await due(database) == events
    assert await due(database, limit=2) == events[:2]
    await database.finish_deliveries(events[:3])
    assert await due(database) == events[3:]
    await database.finish_deliveries([*events, 999_999])
    assert await due(database) == []
    assert await database.next_delivery_due() is None


async def test_a_row_that_waits_holds_back_its_lane_and_no_other(database: Database) -> None:
    a1 = await append(database, "a")
    b1 = await append(database, "b")
    a2 = await append(database, "a")
    other = await append(database, "a", session_id="t")
    await database.postpone_delivery(a1, 5000, 503)
    a3 = await append(database, "a")  # not even one that comes later may pass
    assert await due(database, 4999) == [b1, other]
    assert await database.next_delivery_due() == 0
    await database.finish_deliveries([b1, other])
    assert await database.next_delivery_due() == 5000
    assert await due(database, 5000) == [a1, a2, a3]


async def test_a_row_in_the_middle_holds_back_what_is_behind_it(database: Database) -> None:
    events = [await append(database, "a") for _ in range(4)]
    await database.postpone_delivery(events[1], 5000)
    assert await due(database, 4999) == events[:1]
    assert await due(database, 5000) == events


async def test_failed_tries_are_counted_and_an_earlier_time_changes_nothing(
    database: Database,
) -> None:
    head, follower = [await append(database, "a") for _ in range(2)]
    await database.postpone_delivery(head, 5000, 500)
    await database.postpone_delivery(head, 4000)
    await database.postpone_delivery(999_999, 4000)
    assert await due(database, 4999) == []
    found = await database.due_deliveries(5000, 10)
    assert [(d.event_id, d.attempts) for d in found] == [(head, 2), (follower, 0)]


async def test_busy_lanes_are_left_out(database: Database) -> None:
    a = await append(database, "a")
    b = await append(database, "b")
    other = await append(database, "a", session_id="t")
    await database.postpone_delivery(b, 7000)
    assert await due(database, 0, busy_lanes=[("s", "a")]) == [other]
    assert await due(database, 0, busy_lanes=[("s", "a"), ("t", "a")]) == []
    assert await database.next_delivery_due([("s", "a"), ("t", "a")]) == 7000
    assert await database.next_delivery_due() == 0
    assert await due(database, 0) == [a, other]


async def test_pruning_spares_the_young_and_the_undelivered(
    database: Database, clock: Clock
) -> None:
    old = [await append(database, "a", deliver=n == 1) for n in range(3)]
    clock.now_ms += 1000
    young = await append(database, "b")
    assert await database.prune(clock.now_ms) == 2
    assert await due(database) == [old[1], young]
    await database.finish_deliveries([old[1]])
    assert await database.prune(clock.now_ms) == 1
    assert await database.prune(clock.now_ms) == 0
    assert await due(database) == [young]


async def test_pruning_goes_on_beyond_one_step(database: Database) -> None:
    def many(work: object) -> None:
        for _ in range(2500):
            work.event_log.append("x", "a", "{}", deliver=False)  # type: ignore[attr-defined]

    await database.write("s", many)
    assert await database.prune(2**60) == 2500


async def test_a_long_blocked_lane_costs_nothing_to_look_past(tmp_path: Path) -> None:
    path = tmp_path / "waport.db"
    database = await Database.open(f"sqlite:///{path}")
    await append(database, "a")
    await database.due_deliveries(0, 1)
    await database.close()
    with sqlite3.connect(path) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT deliveries.event_id, event_log.data FROM deliveries"
            " JOIN event_log ON event_log.id = deliveries.event_id WHERE deliveries.due_ms <= 0"
            " ORDER BY deliveries.due_ms, deliveries.event_id LIMIT 10"
        ).fetchall()
    connection.close()
    steps = [step[3] for step in plan]
    assert steps == [
        "SEARCH deliveries USING COVERING INDEX ix_deliveries_due_ms_event_id (due_ms<?)",
        "SEARCH event_log USING INTEGER PRIMARY KEY (rowid=?)",
    ]


Step = tuple[str, str, int]

steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from("ab"), st.just(0)),
        st.tuples(st.just("postpone"), st.sampled_from("ab"), st.integers(1, 30)),
        st.tuples(st.just("finish"), st.sampled_from("ab"), st.just(0)),
    ),
    max_size=25,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps, now_ms=st.integers(0, 30))
def test_lanes_keep_their_order_whatever_happens(
    tmp_path_factory: object, steps: list[Step], now_ms: int
) -> None:
    """Against a plain model: a time to wait for is the whole lane's."""
    folder = tmp_path_factory.mktemp("lanes")  # type: ignore[attr-defined]
    model: dict[str, list[tuple[int, int]]] = {"a": [], "b": []}  # event id, due

    async def play() -> None:
        database = await Database.open(f"sqlite:///{folder}/waport.db")
        for kind, lane, due_ms in steps:
            rows = model[lane]
            if kind == "append":
                rows.append(
                    (await append(database, lane), max((due for _, due in rows), default=0))
                )
            elif rows and kind == "postpone":
                await database.postpone_delivery(rows[0][0], due_ms)
                rows[:] = [(event_id, max(due, due_ms)) for event_id, due in rows]
            elif rows:
                await database.finish_deliveries([rows.pop(0)[0]])
        found = await database.due_deliveries(now_ms, 1000)
        for lane, rows in model.items():
            wanted = [event_id for event_id, due in rows if due <= now_ms]
            assert wanted == [event_id for event_id, _ in rows][: len(wanted)]
            assert [d.event_id for d in found if d.lane == lane] == wanted
        await database.close()

    asyncio.run(play())
