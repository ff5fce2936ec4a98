"""Deliveries: their lanes, and the order in which they are found."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from waport.store import Database, Delivery, UnitOfWork
from waport.store import deliveries as statements
from waport.store import schema as schema_module
from waport.store.backend import Backend
from waport.store.statements import Statement

from .conftest import Clock


async def append(database: Database, lane: str, *, session_id: str = "s") -> int:
    return await database.write(
        session_id, lambda work: work.event_log.append("message", lane, "{}", deliver=True)
    )


async def due_lanes(
    database: Database,
    now_ms: int = 0,
    *,
    session_id: str = "s",
    busy: Collection[str] = (),
    lanes: int = 100,
    rows: int = 100,
) -> tuple[list[list[int]], int | None]:
    """The events of each lane that is due, and when there may be more."""
    (due,) = await database.due_deliveries({session_id: busy}, now_ms, lanes=lanes, rows=rows)
    assert due.queue == session_id
    return [[delivery.event_id for delivery in lane] for lane in due.lanes], due.next_ms


async def heads(database: Database, now_ms: int = 0) -> list[Delivery]:
    (due,) = await database.due_deliveries({"s": ()}, now_ms, lanes=100, rows=1)
    return [lane[0] for lane in due.lanes]


async def test_a_delivery_tells_all_about_its_event(database: Database, clock: Clock) -> None:
    event_id = await database.write(
        "s", lambda work: work.event_log.append("qr", "session", '{"a":"ü"}', deliver=True)
    )
    await database.write(
        "s", lambda work: work.event_log.append("qr", "session", "{}", deliver=False)
    )
    (due,) = await database.due_deliveries({"s": ()}, 0, lanes=9, rows=9)
    assert due.lanes == [[Delivery(event_id, "s", "session", "qr", '{"a":"ü"}', clock.now_ms)]]
    assert due.next_ms is None


async def test_what_is_due_comes_lane_by_lane_until_it_is_finished(database: Database) -> None:
    a1, b1, a2, a3 = [await append(database, lane) for lane in ("a", "b", "a", "a")]
    assert await due_lanes(database) == ([[a1, a2, a3], [b1]], None)
    assert await due_lanes(database, rows=2) == ([[a1, a2], [b1]], None)
    await database.finish_deliveries([a1, b1, a2])
    assert await due_lanes(database) == ([[a3]], None)
    await database.finish_deliveries([a1, b1, a2, a3, 999_999])
    assert await due_lanes(database) == ([], None)
    assert await database.queues_with_deliveries() == []


async def test_more_lanes_than_asked_for_are_told_of(database: Database) -> None:
    events = [await append(database, lane) for lane in "abc"]
    assert await due_lanes(database, 5, lanes=2) == ([[events[0]], [events[1]]], 5)
    assert await due_lanes(database, 5, lanes=3) == ([[event] for event in events], None)


async def test_several_sessions_are_looked_at_together(database: Database) -> None:
    first, second = [await append(database, "a", session_id=name) for name in ("t", "s")]
    assert await database.queues_with_deliveries() == ["s", "t"]
    found = await database.due_deliveries({"t": (), "none": (), "s": ()}, 0, lanes=9, rows=9)
    assert [(due.queue, len(due.lanes)) for due in found] == [("t", 1), ("none", 0), ("s", 1)]
    assert [due.lanes[0][0].event_id for due in found if due.lanes] == [first, second]


async def test_a_head_that_waits_holds_back_its_lane_and_no_other(database: Database) -> None:
    a1, b1, _ = [await append(database, lane) for lane in ("a", "b", "a")]
    other = await append(database, "a", session_id="t")
    await database.postpone_delivery(a1, 5000, 1000, 503)
    await append(database, "a")  # not even one that comes later may pass
    assert await due_lanes(database, 4999) == ([[b1]], 5000)
    assert await due_lanes(database, 4999, session_id="t") == ([[other]], None)
    found, _ = await due_lanes(database, 5000)
    assert [lane[0] for lane in found] == [b1, a1]
    assert len(found[1]) == 3


async def test_only_a_head_can_be_postponed(database: Database) -> None:
    events = [await append(database, "a") for _ in range(3)]
    await database.postpone_delivery(events[1], 5000, 1000)
    await database.count_failed_try(events[1])
    await database.postpone_delivery(999_999, 5000, 1000)
    assert await due_lanes(database) == ([events], None)
    assert (await heads(database))[0].attempts == 0


async def test_failed_tries_are_counted_by_their_kind(database: Database) -> None:
    head, follower = [await append(database, "a") for _ in range(2)]
    await database.count_failed_try(head, 503)
    await database.count_failed_try(head)
    (found,) = await heads(database)
    assert (found.attempts, found.refusals, found.refused_ms) == (2, 0, 0)
    await database.postpone_delivery(head, 5000, 1000, 500)
    await database.postpone_delivery(head, 4000, 2000, 500)  # no earlier than it was set before
    assert await heads(database, 4999) == []
    (found,) = await heads(database, 5000)
    assert (found.event_id, found.attempts, found.refusals, found.refused_ms) == (head, 4, 2, 1000)
    (due,) = await database.due_deliveries({"s": ()}, 5000, lanes=1, rows=2)
    assert due.lanes[0][1] == Delivery(follower, "s", "a", "message", "{}", found.created_ms)
    await database.finish_deliveries([head])
    (found,) = await heads(database)
    assert (found.event_id, found.attempts, found.refusals, found.refused_ms) == (follower, 0, 0, 0)


async def test_busy_lanes_are_left_out_however_many(database: Database) -> None:
    events = [await append(database, f"lane{n:03}") for n in range(120)]
    busy = {f"lane{n:03}" for n in range(110)}
    found, next_ms = await due_lanes(database, busy=busy, lanes=9)
    assert found == [[event] for event in events[110:119]]
    assert next_ms == 0
    found, next_ms = await due_lanes(database, busy={*busy, "lane110"}, lanes=9)
    assert found == [[event] for event in events[111:]]
    assert next_ms is None


async def test_earlier_events_in_other_lanes_are_found(database: Database) -> None:
    chat = await append(database, "chat")
    await append(database, "")
    found = {delivery.lane: delivery for delivery in await heads(database)}

    async def has_earlier(lane: str, now_ms: int = 0) -> bool:
        return await database.has_earlier_deliveries(found[lane], now_ms, refusals=2)

    assert await has_earlier("")
    assert not await has_earlier("chat")
    await database.postpone_delivery(chat, 5000, 0)
    assert await has_earlier("")
    await database.postpone_delivery(chat, 6000, 0)
    assert not await has_earlier("")  # refused so often that it does not count while it waits
    assert await has_earlier("", 6000)
    await database.finish_deliveries([chat])
    assert not await has_earlier("", 6000)


async def test_old_deliveries_are_found_step_by_step(database: Database, clock: Clock) -> None:
    old = [await append(database, lane) for lane in ("", "a", "a", "a", "b", "c")]
    await append(database, "a", session_id="t")
    clock.now_ms += 1000
    young = [await append(database, lane) for lane in ("a", "d")]
    gone: list[int] = []
    start: str | None = ""
    while start is not None:
        ids, start = await database.old_deliveries("s", clock.now_ms, start, 2)
        assert len(ids) <= 3
        await database.finish_deliveries(ids)
        gone += ids
    assert sorted(gone) == old
    assert sorted(event for lane in (await due_lanes(database))[0] for event in lane) == young


# --- renamed lanes -------------------------------------------------------------------------------


async def rename(database: Database, old: str, new: str) -> None:
    await database.write("s", lambda work: work.event_log.rename_lane(old, new))


async def test_a_renamed_lane_keeps_its_events_in_front_of_new_ones(database: Database) -> None:
    lid = [await append(database, "lid") for _ in range(2)]
    await database.postpone_delivery(lid[0], 5000, 1000)
    await rename(database, "lid", "pn")
    number = await append(database, "pn")
    assert await due_lanes(database) == ([], 5000)
    assert await due_lanes(database, 5000) == ([[*lid, number]], None)
    (head,) = await heads(database, 5000)
    assert (head.lane, head.attempts, head.refusals) == ("pn", 1, 1)


async def test_lanes_that_become_one_are_in_the_order_of_their_events(database: Database) -> None:
    events = [await append(database, lane) for lane in ("pn", "lid", "pn", "lid")]
    other = await append(database, "lid", session_id="t")
    await database.postpone_delivery(events[1], 5000, 1000)
    await rename(database, "lid", "pn")
    assert await due_lanes(database) == ([events], None)  # the first one of all decides
    assert await due_lanes(database, session_id="t") == ([[other]], None)
    await database.finish_deliveries(events[:2])
    assert await due_lanes(database) == ([events[2:]], None)


async def test_the_first_event_of_both_lanes_brings_its_time_along(database: Database) -> None:
    events = [await append(database, lane) for lane in ("lid", "pn", "lid")]
    await database.postpone_delivery(events[0], 5000, 1000)
    await rename(database, "lid", "pn")
    assert await due_lanes(database) == ([], 5000)
    assert await due_lanes(database, 5000) == ([events], None)


async def test_a_delivery_is_found_under_its_lanes_new_name(database: Database) -> None:
    head, follower = [await append(database, "lid") for _ in range(2)]
    await rename(database, "lid", "pn")
    await database.postpone_delivery(head, 5000, 1000)
    assert await due_lanes(database) == ([], 5000)
    await database.finish_deliveries([head])
    assert await due_lanes(database) == ([[follower]], None)


async def test_renaming_to_itself_or_of_nothing_changes_nothing(database: Database) -> None:
    event = await append(database, "pn")
    await rename(database, "pn", "pn")
    await rename(database, "lid", "pn")
    assert await due_lanes(database) == ([[event]], None)


# --- cost ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [value for value in vars(statements).values() if isinstance(value, Statement)],
    ids=[name for name, value in vars(statements).items() if isinstance(value, Statement)],
)
async def test_every_statement_is_a_search_in_an_index(
    tmp_path: Path, statement: Statement
) -> None:
    path = tmp_path / "waport.db"
    await (await Database.open(f"sqlite:///{path}")).close()
    sql = statement.compile(sqlite.dialect()).sql
    with sqlite3.connect(path) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?")).fetchall()
    connection.close()
    steps = [step[3] for step in plan]
    assert [step for step in steps if not step.startswith("SEARCH ")] == []


async def test_a_failed_try_and_the_look_for_work_do_not_depend_on_the_backlog(
    tmp_path: Path,
) -> None:
    """Counted in SQLite's own steps, which no other process can disturb."""

    async def steps_with(backlog: int) -> list[int]:
        database = await Database.open(f"sqlite:///{tmp_path}/{backlog}.db")

        def fill(work: UnitOfWork) -> None:
            for _ in range(backlog):
                work.event_log.append("message", "chat", "{}", deliver=True)

        await database.write("s", fill)
        (head,) = await heads(database)
        count = 0

        def tick() -> None:
            nonlocal count
            count += 1

        def watched(work: UnitOfWork, statement: Any) -> int:
            nonlocal count
            count = 0
            driver = work.devices._db._driver
            driver.set_progress_handler(tick, 1)  # type: ignore[attr-defined]
            statement(statements.Deliveries(work.devices._db))
            driver.set_progress_handler(None, 1)  # type: ignore[attr-defined]
            return count

        found = [
            await database.write("s", lambda work, each=each: watched(work, each))
            for each in (
                lambda it: it.postpone(head.event_id, 5000, 1000, 500),
                lambda it: it.count_try(head.event_id, None),
                lambda it: it.due("s", 1, (), 8, 16),
                lambda it: it.due("s", 5000, (), 8, 16),
                lambda it: it.finish([head.event_id]),
                lambda it: it.queues(),
            )
        ]
        await database.close()
        return found

    assert await steps_with(3000) == await steps_with(300)


# --- from older databases ------------------------------------------------------------------------


async def test_deliveries_of_the_schema_before_come_along(url: str) -> None:
    backend = Backend(url)
    backend._claim(Path(url.removeprefix("sqlite:///"))) if url.startswith("sqlite") else None
    folder = Path(schema_module.__file__).with_name("migrations")
    with backend._engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "os")
        command.upgrade(config, "0002")
        for number, lane in ((1, "a"), (2, "b"), (3, "a")):
            connection.execute(
                text(
                    "INSERT INTO event_log (id, session_id, kind, lane, data, created_ms)"
                    f" VALUES ({number}, 's', 'message', '{lane}', '{{}}', 7)"
                )
            )
            connection.execute(
                text(
                    "INSERT INTO deliveries"
                    " (event_id, session_id, lane, attempts, due_ms, status)"
                    f" VALUES ({number}, 's', '{lane}', 3, 9999, 503)"
                )
            )
    backend.release()
    database = await Database.open(url)
    assert await due_lanes(database) == ([[1, 3], [2]], None)
    (delivery, _) = await heads(database)
    assert delivery == Delivery(1, "s", "a", "message", "{}", 7)
    await database.close()


# --- against a model -----------------------------------------------------------------------------

Step = tuple[str, str, int]

steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from("abc"), st.just(0)),
        st.tuples(st.just("postpone"), st.sampled_from("abc"), st.integers(1, 30)),
        st.tuples(st.just("finish"), st.sampled_from("abc"), st.integers(1, 3)),
        st.tuples(st.just("rename to a"), st.sampled_from("bc"), st.just(0)),
    ),
    max_size=25,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps, now_ms=st.integers(0, 30))
def test_lanes_keep_their_order_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step], now_ms: int
) -> None:
    """Against a plain model: the time of a lane's first event is the whole lane's."""
    folder = tmp_path_factory.mktemp("lanes")
    model: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    waits: dict[int, int] = {}

    async def play() -> None:
        database = await Database.open(f"sqlite:///{folder}/waport.db")
        for kind, lane, number in steps:
            events = model[lane]
            if kind == "append":
                events.append(await append(database, lane))
            elif events and kind == "postpone":
                await database.postpone_delivery(events[0], number, 0)
                waits[events[0]] = max(waits.get(events[0], 0), number)
            elif kind == "finish":
                await database.finish_deliveries(events[:number])
                del events[:number]
            elif kind == "rename to a":
                await rename(database, lane, "a")
                model["a"] = sorted(model["a"] + events)
                model[lane] = []
        found, next_ms = await due_lanes(database, now_ms)
        first = {events[0]: events for events in model.values() if events}
        due = {head: events for head, events in first.items() if waits.get(head, 0) <= now_ms}
        assert sorted(found) == sorted(due.values())
        assert next_ms == min((waits[head] for head in first if head not in due), default=None)
        await database.close()

    asyncio.run(play())
