"""Group commit, order, failures and the life of a database, on every kind of database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from waport.errors import StoreError
from waport.model import Contact
from waport.store import Database, UnitOfWork
from waport.wire import Jid

from .conftest import Gate

ANN = Jid.parse("15550001111@s.whatsapp.net")
BOB = Jid.parse("15550002222@s.whatsapp.net")


def set_name(jid: Jid, name: str) -> Callable[[UnitOfWork], bool]:
    return lambda work: work.contacts.set_push_name(jid, name)


async def names(database: Database, session_id: str = "s") -> list[str]:
    contacts = await database.read(session_id, lambda work: work.contacts.all())
    return [contact.push_name for contact in contacts]


async def test_a_write_is_there_when_it_returns(database: Database) -> None:
    assert await database.write("s", set_name(ANN, "Ann")) is True
    contact = await database.read("s", lambda work: work.contacts.get(ANN))
    assert contact == Contact(ANN, push_name="Ann")


async def test_a_job_that_raises_leaves_no_trace_while_its_neighbours_commit(
    database: Database,
) -> None:
    def spoilt(work: UnitOfWork) -> None:
        work.contacts.set_push_name(ANN, "never")
        work.event_log.append("message", "lane", "{}", deliver=True)
        raise LookupError("no such thing")

    gate = await Gate.shut(database)
    before = database.submit("s", set_name(ANN, "Ann"))
    middle = database.submit("s", spoilt)
    after = database.submit("s", set_name(BOB, "Bob"))
    await gate.open()
    assert await before is True
    with pytest.raises(LookupError, match="no such thing"):
        await middle
    assert await after is True
    assert await names(database) == ["Ann", "Bob"]
    assert await database.queues_with_deliveries() == []


async def test_a_lone_job_that_raises_leaves_no_trace(database: Database) -> None:
    def spoilt(work: UnitOfWork) -> None:
        work.contacts.set_push_name(ANN, "never")
        raise LookupError

    with pytest.raises(LookupError):
        await database.write("s", spoilt)
    assert await names(database) == []
    await database.write("s", set_name(BOB, "Bob"))
    assert await names(database) == ["Bob"]


async def test_a_statement_that_the_database_refuses_spoils_only_its_job(
    database: Database,
) -> None:
    def twice(work: UnitOfWork) -> None:
        work.send_queue.add("id", ANN, b"", 0)
        work.send_queue.add("id", ANN, b"", 0)

    gate = await Gate.shut(database)
    jobs = [
        database.submit("s", set_name(ANN, "Ann")),
        database.submit("s", twice),
        database.submit("s", set_name(BOB, "Bob")),
    ]
    await gate.open()
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(result) for result in results] == [bool, StoreError, bool]
    assert await database.read("s", lambda work: work.send_queue.pending()) == []


async def test_a_job_that_hides_a_refusal_is_stored_as_a_whole_or_reported(
    database: Database,
) -> None:
    def hide(work: UnitOfWork) -> None:
        work.send_queue.add("id", ANN, b"", 0)
        with suppress(StoreError):
            work.send_queue.add("id", ANN, b"", 0)

    gate = await Gate.shut(database)
    jobs = [
        database.submit("s", set_name(ANN, "Ann")),
        database.submit("one of many", hide),
        database.submit("s", set_name(BOB, "Bob")),
    ]
    await gate.open()
    results = await asyncio.gather(*jobs, return_exceptions=True)
    (alone,) = await asyncio.gather(database.submit("alone", hide), return_exceptions=True)
    assert await names(database) == ["Ann", "Bob"]
    for session_id, result in (("one of many", results[1]), ("alone", alone)):
        queued = await database.read(session_id, lambda work: work.send_queue.pending())
        assert len(queued) == (0 if isinstance(result, StoreError) else 1)


async def test_a_commit_that_fails_fails_every_job_of_its_batch(database: Database) -> None:
    def orphan(work: UnitOfWork) -> None:
        # The one error that a database reports at the commit and not before.
        work.devices._db.run("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        work.devices._db.run(
            "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"
        )
        work.devices._db.run("INSERT INTO child VALUES (1)")

    gate = await Gate.shut(database)
    jobs = [
        database.submit("s", set_name(ANN, "Ann")),
        database.submit("s", orphan),
        database.submit("s", set_name(BOB, "Bob")),
    ]
    await gate.open()
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(result) for result in results] == [StoreError] * 3
    assert len({id(result) for result in results}) == 3
    assert await names(database) == []
    with pytest.raises(StoreError, match="nothing was stored"):
        await database.write("s", orphan)
    await database.write("s", set_name(BOB, "Bob"))
    assert await names(database) == ["Bob"]


async def test_jobs_run_in_the_order_in_which_they_were_handed_in(database: Database) -> None:
    seen: list[int] = []
    jobs = [database.submit("s", lambda _work, n=n: seen.append(n)) for n in range(700)]
    await asyncio.gather(*jobs)
    assert seen == list(range(700))


async def test_tasks_that_write_keep_their_order_when_there_is_no_room(
    url: str,
) -> None:
    database = await Database.open(url, max_waiting=3)
    seen: list[int] = []
    async with asyncio.TaskGroup() as group:
        for n in range(100):
            group.create_task(database.write("s", lambda _work, n=n: seen.append(n)))
    assert seen == list(range(100))
    await database.close()


async def test_too_many_submitted_jobs_are_refused(url: str) -> None:
    database = await Database.open(url, max_waiting=5)
    gate = await Gate.shut(database)
    jobs = [database.submit("s", lambda _work: None) for _ in range(5)]
    with pytest.raises(StoreError, match="too many"):
        database.submit("s", lambda _work: None)
    await gate.open()
    await asyncio.gather(*jobs)
    await database.close()


async def test_a_caller_that_gives_up_takes_nothing_back(database: Database) -> None:
    gate = await Gate.shut(database)
    job = database.submit("s", set_name(ANN, "Ann"))
    other = database.submit("s", set_name(BOB, "Bob"))
    job.cancel()
    await gate.open()
    assert await other is True
    assert await names(database) == ["Ann", "Bob"]


async def test_a_job_may_raise_anything(database: Database) -> None:
    def stop(_work: UnitOfWork) -> None:
        raise StopIteration

    def leave(_work: UnitOfWork) -> None:
        raise asyncio.CancelledError

    gate = await Gate.shut(database)
    jobs = [
        database.submit("s", stop),
        database.submit("s", leave),
        database.submit("s", set_name(ANN, "Ann")),
    ]
    await gate.open()
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(result) for result in results] == [RuntimeError, asyncio.CancelledError, bool]


async def test_sessions_do_not_see_each_other(database: Database) -> None:
    await database.write("one", set_name(ANN, "Ann"))
    assert await names(database, "one") == ["Ann"]
    assert await names(database, "two") == []


async def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(StoreError):
        await database.read("s", set_name(ANN, "Ann"))
    assert await names(database) == []


async def test_a_read_sees_one_state_while_the_writer_goes_on(database: Database) -> None:
    await database.write("s", set_name(ANN, "first"))
    loop = asyncio.get_running_loop()
    has_looked, may_look_again = asyncio.Event(), threading.Event()

    def look_twice(work: UnitOfWork) -> list[str | None]:
        first = work.contacts.get(ANN)
        loop.call_soon_threadsafe(has_looked.set)
        may_look_again.wait(60)
        second = work.contacts.get(ANN)
        return [first and first.push_name, second and second.push_name]

    reading = asyncio.ensure_future(database.read("s", look_twice))
    await has_looked.wait()
    await database.write("s", set_name(ANN, "second"))
    may_look_again.set()
    assert await reading == ["first", "first"]
    assert await names(database) == ["second"]


async def test_what_was_handed_in_is_finished_before_the_close(url: str) -> None:
    database = await Database.open(url)
    jobs = [
        database.submit("s", set_name(Jid.parse(f"1555000{n:04}@s.whatsapp.net"), str(n)))
        for n in range(600)
    ]
    reading = asyncio.ensure_future(database.read("s", lambda work: work.contacts.all()))
    await asyncio.sleep(0)  # lets the read begin
    await database.close()
    assert all(job.result() for job in jobs)
    assert reading.done()
    again = await Database.open(url)
    assert len(await names(again)) == 600
    await again.close()


async def test_a_closed_database_refuses_and_leaves_no_thread(url: str) -> None:
    database = await Database.open(url)
    await database.write("s", set_name(ANN, "Ann"))
    await names(database)
    await database.close()
    await database.close()
    with pytest.raises(StoreError, match="closed"):
        await database.write("s", set_name(ANN, "Bob"))
    with pytest.raises(StoreError, match="closed"):
        database.submit("s", set_name(ANN, "Bob"))
    with pytest.raises(StoreError, match="closed"):
        await names(database)
    assert [t.name for t in threading.enumerate() if t.name.startswith("waport-store")] == []


async def test_a_ping_proves_the_writer(database: Database) -> None:
    await database.ping()


async def test_a_connection_that_breaks_fails_its_jobs_and_no_later_ones(
    database: Database,
) -> None:
    def break_off(work: UnitOfWork) -> None:
        work.contacts.set_push_name(ANN, "never")
        work.devices._db._driver.close()
        work.contacts.set_push_name(BOB, "never")

    gate = await Gate.shut(database)
    jobs = [database.submit("s", set_name(ANN, "Ann")), database.submit("s", break_off)]
    await gate.open()
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(result) for result in results] == [StoreError, StoreError]
    with pytest.raises(StoreError):
        await database.write("s", break_off)
    with pytest.raises(StoreError):
        await database.read("s", break_off)
    await database.write("s", set_name(BOB, "Bob"))
    assert await names(database) == ["Bob"]

    broken: list[Any] = []
    # One that broke while nobody used it is not even noticed.
    await database.write("s", lambda work: broken.append(work.devices._db))
    await database.read("s", lambda work: broken.append(work.devices._db))
    for connection in broken:
        connection._driver.close()
    assert await database.write("s", set_name(ANN, "Ann"))
    assert await names(database) == ["Ann", "Bob"]


async def test_text_may_hold_a_nul(database: Database) -> None:
    await database.write("s", set_name(ANN, "A\0nn"))
    (name,) = await names(database)
    assert name.replace("\ufffd", "\0") == "A\0nn"
    assert await database.write("s", set_name(ANN, "A\0nn")) is False


async def test_a_number_beyond_64_bits_is_refused(database: Database) -> None:
    with pytest.raises(StoreError):
        await database.write("s", lambda work: work.chats.touch(ANN, 2**64))


async def test_every_job_that_writes_passes_the_fence(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fenced: list[str] = []
    monkeypatch.setattr(UnitOfWork, "fence", lambda work: fenced.append(work.session_id))
    await database.write("one", set_name(ANN, "Ann"))
    await asyncio.gather(*(database.submit(f"s{n}", set_name(ANN, "Ann")) for n in range(3)))
    await names(database)
    assert fenced == ["one", "s0", "s1", "s2"]
