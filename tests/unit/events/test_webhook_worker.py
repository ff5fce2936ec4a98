"""Delivery from the log: order, retries, fairness, restart."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.database import open_database
from waport.events import Frame, WebhookWorker, giving_up, strikes, webhooks
from waport.events.lane_poster import HOLDING_REFUSALS
from waport.events.webhook_sender import Outcome, Receiver, Verdict, WebhookSender
from waport.events.webhooks import MAX_PER_SESSION
from waport.store import Database, Delivery


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of this test's database."""
    return f"sqlite:///{tmp_path / 'waport.db'}"


async def log_events(database: Any, session_id: str, *events: tuple[str, int]) -> None:
    """Log events as (lane, number)."""

    def job(work: Any) -> None:
        for lane, number in events:
            frame = Frame.of("message", {"n": number}, lane)
            work.event_log.append(frame.kind, frame.lane, frame.text, deliver=True)

    await database.write(session_id, job)


def numbers(requests: list[Any]) -> list[int]:
    return [request.json["data"]["n"] for request in requests]


class Watched:
    """A database that tells when a delivery was marked, and how."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._news = asyncio.Event()
        self.finished: list[int] = []
        self.unreached: list[int] = []
        self.postponed: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def finish_deliveries(self, event_ids: Sequence[int]) -> None:
        await self._database.finish_deliveries(event_ids)
        self.finished += event_ids
        self._news.set()

    async def bury_deliveries(
        self, event_ids: Sequence[int], now_ms: int, status: int | None = None
    ) -> None:
        await self._database.bury_deliveries(event_ids, now_ms, status)
        self.finished += event_ids
        self._news.set()

    async def count_failed_try(self, event_id: int, status: int | None) -> None:
        await self._database.count_failed_try(event_id, status)
        self.unreached.append(event_id)
        self._news.set()

    async def postpone_delivery(
        self, event_id: int, due_ms: int, now_ms: int, status: int | None
    ) -> None:
        await self._database.postpone_delivery(event_id, due_ms, now_ms, status)
        self.postponed.append(event_id)
        self._news.set()

    async def until(self, is_reached: Callable[[], bool]) -> None:
        """Wait until what was marked is as wanted."""
        async with asyncio.timeout(20):
            while not is_reached():
                self._news.clear()
                await self._news.wait()

    async def nothing_left(self) -> None:
        """Wait until every delivery is marked as done."""
        async with asyncio.timeout(20):
            while True:
                # Before the question: what is marked while it is answered must wake us.
                self._news.clear()
                if not await self._database.queues_with_deliveries():
                    return
                await self._news.wait()

    async def left(self, session_id: str = "a") -> list[Delivery]:
        """What still waits, in the order of the events."""
        (due,) = await self._database.due_deliveries({session_id: ()}, 2**60, lanes=999, rows=999)
        found = [delivery for lane in due.lanes for delivery in lane]
        return sorted(found, key=lambda delivery: delivery.event_id)


async def anywhere(host: str, port: int) -> str:
    """Lets webhooks lead everywhere."""
    return host


Run = Callable[..., "contextlib.AbstractAsyncContextManager[WebhookWorker]"]


@pytest.fixture
def run(receiver: Any) -> Run:
    """A worker that runs; all sessions' receiver is the fixture's unless `url_of` says else."""

    @contextlib.asynccontextmanager
    async def running(
        database: Any,
        url_of: Callable[[str], str | None] | None = None,
        base_delay_s: float = 0.01,
        receivers: Sequence[int] = (),
        **options: Any,
    ) -> AsyncIterator[WebhookWorker]:
        async with WebhookSender(
            receiver_of=dict.fromkeys(receivers, Receiver()).get, guard=anywhere
        ) as sender:
            worker = WebhookWorker(
                database,
                sender,
                url_of or (lambda _: str(receiver.url)),
                base_delay_s=base_delay_s,
                **options,
            )
            task = asyncio.create_task(worker.run())
            try:
                yield worker
            finally:
                worker.stop()
                async with asyncio.timeout(20):
                    await task

    return running


@contextlib.asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Any]:
    database = await open_database(url, **options)
    try:
        yield Watched(database)
    finally:
        await database.close()


async def test_what_waits_is_delivered_at_the_start_and_marked(
    url: str, receiver: Any, run: Run
) -> None:
    async with opened(url) as database:
        await log_events(database, "a", *(("chat", n) for n in range(40)))
        async with run(database):
            await receiver.wait_for(40)
            await database.nothing_left()
    assert numbers(receiver.requests) == list(range(40))
    assert [request.json["sessionId"] for request in receiver.requests] == ["a"] * 40


async def test_news_wake_the_worker(url: str, receiver: Any, run: Run) -> None:
    async with opened(url) as database, run(database) as worker:
        for n in range(3):
            await log_events(database, "a", ("chat", n))
            worker.on_events("a", [])
            await receiver.wait_for(n + 1)


async def test_a_failed_event_is_tried_again_before_what_follows_it(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    answers = iter([500, 503, 404])
    receiver.script = lambda _: make_answer(next(answers, 200))
    async with opened(url) as database:
        await log_events(database, "a", ("chat", 1), ("chat", 2), ("chat", 3))
        async with run(database):
            await receiver.wait_for(6)
            await database.nothing_left()
    assert numbers(receiver.requests) == [1, 1, 1, 1, 2, 3]
    assert len({request.headers["webhook-id"] for request in receiver.requests[:4]}) == 1


async def test_a_calendar_that_is_set_back_does_not_put_off_a_second_try(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    answers = iter([422])
    receiver.script = lambda _: make_answer(next(answers, 200))
    ahead_s = 400 * 24 * 3600
    now = time.time() + ahead_s
    database = Watched(await Database.open(url))
    await log_events(database, "a", ("one", 1))
    async with run(database, base_delay_s=600.0, clock=lambda: now, jitter=lambda: 1.0) as worker:
        await database.until(lambda: len(database.postponed) == 1)
        now -= ahead_s  # what was to come in ten minutes is to come in a year now
        worker.look_again()
        await database.nothing_left()
    assert numbers(receiver.requests) == [1, 1]
    await database.close()


async def test_410_drops_the_event(url: str, receiver: Any, run: Run, make_answer: Any) -> None:
    receiver.script = lambda request: make_answer(410 if request.json["data"]["n"] == 1 else 200)
    async with opened(url) as database:
        await log_events(database, "a", ("chat", 1), ("chat", 2))
        async with run(database):
            await receiver.wait_for(2)
            await database.nothing_left()
    assert numbers(receiver.requests) == [1, 2]


async def test_a_lane_that_fails_does_not_hold_up_another(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    receiver.script = lambda request: make_answer(500 if request.json["data"]["n"] == 1 else 200)
    async with opened(url) as database:
        await log_events(database, "a", ("bad", 1), ("bad", 2), ("good", 3), ("good", 4))
        async with run(database, base_delay_s=100):
            await receiver.wait_for(3)
            await database.until(lambda: len(database.postponed) == 1)
            await database.until(lambda: len(database.finished) == 2)
        assert sorted(numbers(receiver.requests)) == [1, 3, 4]
        assert [n for n in numbers(receiver.requests) if n != 1] == [3, 4]
        assert [(each.attempts, each.refusals) for each in await database.left()] == [
            (1, 1),
            (0, 0),
        ]


async def test_lanes_are_delivered_side_by_side_up_to_a_bound(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    gate = asyncio.Event()

    async def hold(_: Any) -> bytes:
        await gate.wait()
        return bytes(make_answer(200))

    receiver.script = hold
    async with opened(url) as database:
        await log_events(database, "a", *((f"chat{n}", n) for n in range(30)))
        async with run(database):
            await receiver.wait_for(MAX_PER_SESSION)
            gate.set()
            await receiver.wait_for(30)
            await database.nothing_left()
    assert sorted(numbers(receiver.requests)) == list(range(30))


async def test_a_hanging_receiver_does_not_hold_up_another_session(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    gate = asyncio.Event()

    async def script(request: Any) -> bytes:
        if request.path == "/slow":
            await gate.wait()
        return bytes(make_answer(200))

    receiver.script = script
    slow = receiver.url.replace("/hook", "/slow")
    async with opened(url) as database:
        await log_events(database, "slow", *((f"chat{n}", n) for n in range(100)))
        await log_events(database, "quick", *(("chat", n) for n in range(5)))
        async with run(database, lambda name: slow if name == "slow" else receiver.url):
            async with asyncio.timeout(20):
                while sum(request.path == "/hook" for request in receiver.requests) < 5:
                    receiver.news.clear()
                    await receiver.news.wait()
            waiting = sum(request.path == "/slow" for request in receiver.requests)
            assert waiting <= MAX_PER_SESSION
            gate.set()
            await database.nothing_left()


async def test_a_dead_receiver_is_not_tried_lane_by_lane(url: str, receiver: Any, run: Run) -> None:
    receiver.script = lambda _: b""
    async with opened(url) as database:
        await log_events(database, "a", *((f"chat{n}", n) for n in range(150)))
        async with run(database, base_delay_s=1000):
            # What was under way when the first one failed, and nothing else.
            await database.until(lambda: len(database.unreached) == MAX_PER_SESSION)
        assert len(receiver.requests) == MAX_PER_SESSION
        left = await database.left()
    assert len(left) == 150
    assert sorted(each.attempts for each in left) == [0] * 142 + [1] * 8
    assert all(each.refusals == 0 for each in left)


async def test_one_probe_after_another_goes_to_a_dead_receiver(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    """And the first answer lets everything through at once, with nothing tried for nothing."""
    receiver.script = lambda _: make_answer(503 if len(receiver.requests) <= 12 else 200)
    async with opened(url) as database:
        await log_events(database, "a", *((f"chat{n}", n) for n in range(100)))
        async with run(database):
            await database.nothing_left()
    assert sorted(database.unreached) != []
    assert database.postponed == []
    assert len(database.unreached) == 12
    assert len(receiver.requests) == 112
    assert sorted(numbers(receiver.requests[12:])) == list(range(100))


async def test_sessions_with_the_same_receiver_share_its_probes(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    receiver.script = lambda _: b""
    async with opened(url) as database:
        for n in range(5):
            await log_events(database, f"s{n}", ("chat", n))
        async with run(database, base_delay_s=1000):
            await database.until(lambda: len(database.unreached) == 5)
            for n in range(5, 10):
                await log_events(database, f"s{n}", ("chat", n))
        assert len(receiver.requests) == 5
        receiver.script = lambda _: make_answer(200)
        async with run(database):
            await database.nothing_left()
    assert sorted(numbers(receiver.requests[5:])) == list(range(10))


async def test_an_event_that_the_receiver_chokes_on_does_not_look_like_a_dead_receiver(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    receiver.script = lambda request: make_answer(502 if request.json["data"]["n"] == 0 else 200)
    async with opened(url) as database:
        await log_events(database, "a", *((f"chat{n}", n) for n in range(60)))
        await log_events(database, "a", ("chat0", 60))
        async with run(database, base_delay_s=0.02):
            await database.until(lambda: len(database.finished) == 59)
            await database.until(lambda: len(database.postponed) >= 3)
        first, second = await database.left()
    assert (first.data, second.data) == ('{"n":0}', '{"n":60}')
    assert first.refusals >= 3
    assert second.attempts == 0


async def test_a_new_event_does_not_wait_behind_one_that_the_receiver_chokes_on(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    receiver.script = lambda request: make_answer(502 if request.json["data"]["n"] == 0 else 200)
    async with opened(url) as database:
        await log_events(database, "a", ("chat0", 0))
        async with run(database, base_delay_s=1000) as worker:
            await database.until(lambda: database.unreached == [1])
            for n in range(1, 4):
                await log_events(database, "a", (f"chat{n}", n))
                worker.on_events("a", [])
                await database.until(lambda n=n: len(database.finished) == n)
    assert numbers(receiver.requests)[0] == 0
    assert numbers(receiver.requests).count(0) <= 2


async def test_a_delivery_that_nobody_thought_of_ends_nothing(
    url: str, receiver: Any, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    real = WebhookSender.send
    tries = 0

    async def send(self: WebhookSender, url: str, delivery: Delivery) -> Outcome:
        nonlocal tries
        if delivery.data == '{"n":1}':
            tries += 1
            if tries <= 2:
                raise ZeroDivisionError("odd")
        return await real(self, url, delivery)

    monkeypatch.setattr(WebhookSender, "send", send)
    async with opened(url) as database:
        await log_events(database, "a", ("bad", 1), ("bad", 2), ("good", 3))
        await log_events(database, "b", ("good", 4))
        async with run(database):
            await database.nothing_left()
    assert sorted(numbers(receiver.requests)) == [1, 2, 3, 4]
    assert len(database.postponed) == 2
    assert "could not be posted" in caplog.text


async def test_a_restart_goes_on_where_it_stopped(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    receiver.script = lambda request: make_answer(200 if request.json["data"]["n"] < 3 else 500)
    async with opened(url) as database:
        await log_events(database, "a", *(("chat", n) for n in range(6)))
        async with run(database, base_delay_s=0.3):
            await receiver.wait_for(4)
    assert numbers(receiver.requests) == [0, 1, 2, 3]
    first_id = receiver.requests[3].headers["webhook-id"]
    receiver.requests.clear()
    receiver.script = lambda _: make_answer(200)
    async with opened(url) as database, run(database):
        await receiver.wait_for(3)
        await database.nothing_left()
    assert numbers(receiver.requests) == [3, 4, 5]
    assert receiver.requests[0].headers["webhook-id"] == first_id


async def test_stopping_waits_for_what_is_in_flight(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    gate = asyncio.Event()

    async def hold(_: Any) -> bytes:
        await gate.wait()
        return bytes(make_answer(200))

    receiver.script = hold
    async with opened(url) as database:
        await log_events(database, "a", ("chat", 1), ("chat", 2))
        async with run(database) as worker:
            await receiver.wait_for(1)
            worker.stop()
            gate.set()
        (left,) = await database.left()
    # The first was told and marked; the second was not begun.
    assert json.loads(left.data) == {"n": 2}
    assert numbers(receiver.requests) == [1]


async def test_what_was_told_is_marked_although_the_next_one_hangs(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    gate = asyncio.Event()

    async def script(request: Any) -> bytes:
        if request.json["data"]["n"] == 3:
            await gate.wait()
        return bytes(make_answer(200))

    receiver.script = script
    async with opened(url) as database:
        await log_events(database, "a", *(("chat", n) for n in range(5)))
        async with run(database):
            await database.until(lambda: len(database.finished) == 3)
            assert [each.data for each in await database.left()] == ['{"n":3}', '{"n":4}']
            gate.set()


async def test_a_worker_that_is_cut_off_marks_what_it_has_told(
    url: str, receiver: Any, make_answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strikes, "WITHIN_S", 1000.0)
    never = asyncio.Event()

    async def script(request: Any) -> bytes:
        if request.json["data"]["n"] == 3:
            await never.wait()
        return bytes(make_answer(200))

    receiver.script = script
    async with opened(url) as database, WebhookSender() as sender:
        await log_events(database, "a", *(("chat", n) for n in range(5)))
        worker = WebhookWorker(database, sender, lambda _: str(receiver.url))
        task = asyncio.create_task(worker.run())
        await receiver.wait_for(4)
        assert database.finished == []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [each.data for each in await database.left()] == ['{"n":3}', '{"n":4}']


async def test_a_worker_can_be_run_again_after_an_error(
    url: str, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(url) as database, WebhookSender() as sender:
        worker = WebhookWorker(database, sender, lambda _: str(receiver.url))
        await log_events(database, "a", ("chat", 1))
        with monkeypatch.context() as patch:
            patch.setattr(worker, "_start_lanes", lambda _tasks: 1 / 0)
            with pytest.raises(ExceptionGroup):
                await worker.run()
        task = asyncio.create_task(worker.run())
        await database.nothing_left()
        worker.stop()
        await task
    assert numbers(receiver.requests) == [1]


async def test_without_a_receiver_events_wait_until_there_is_one(
    url: str, receiver: Any, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(webhooks, "LOOK_AROUND_S", 0.01)
    asked = 0
    enough = asyncio.Event()
    urls: dict[str, str] = {}

    async def counted() -> list[str]:
        nonlocal asked
        asked += 1
        if asked > 5:
            enough.set()
        found: list[str] = await database._database.queues_with_deliveries()
        return found

    async with opened(url) as database:
        monkeypatch.setattr(database, "queues_with_deliveries", counted, raising=False)
        await log_events(database, "a", ("chat", 1))
        async with run(database, urls.get):
            await enough.wait()
            assert len(await database.left()) == 1
            assert database.finished == database.postponed == database.unreached == []
            urls["a"] = receiver.url
            await database.until(lambda: len(database.finished) == 1)
    assert numbers(receiver.requests) == [1]
    assert caplog.text.count("no webhook URL") == 1


# --- giving up -----------------------------------------------------------------------------------

DAY_MS = 24 * 3600 * 1000


@contextlib.asynccontextmanager
async def with_old_events(
    url: str, days: int, *events: tuple[str, int]
) -> AsyncIterator[tuple[Any, list[int]]]:
    """A database with events of some days ago in it, and the clock to set."""
    clock = [int(time.time() * 1000) - days * DAY_MS]
    async with opened(url, now_ms=lambda: clock[0]) as database:
        await log_events(database, "a", *events)
        clock[0] += days * DAY_MS
        yield database, clock


async def test_an_event_that_is_refused_for_too_long_is_given_up_and_its_lane_goes_on(
    url: str,
    receiver: Any,
    run: Run,
    make_answer: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: Any,
) -> None:
    monkeypatch.setattr(giving_up, "PATIENCE_S", 0.0)
    receiver.script = lambda request: make_answer(500 if request.json["data"]["n"] == 1 else 200)
    async with with_old_events(url, 4, ("chat", 1), ("chat", 2)) as (database, _), run(database):
        await database.nothing_left()
    assert numbers(receiver.requests) == [1, 2]
    assert "given up" in caplog.text


async def test_a_young_event_is_not_given_up(
    url: str, receiver: Any, run: Run, make_answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_up, "PATIENCE_S", 0.0)
    receiver.script = lambda request: make_answer(500)
    async with with_old_events(url, 2, ("chat", 1)) as (database, _), run(database):
        await database.until(lambda: len(database.postponed) == 5)
    assert database.finished == []


async def test_nothing_is_given_up_right_after_the_start(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    """The server may have been off for days, and the receiver starts a little later."""
    receiver.script = lambda _: make_answer(500 if len(receiver.requests) < 5 else 200)
    async with with_old_events(url, 30, ("chat", 1)) as (database, _), run(database) as worker:
        await worker.give_up_old()
        await database.nothing_left()
    assert numbers(receiver.requests) == [1] * 5


async def test_old_events_of_a_receiver_that_is_away_are_struck_out_untried(
    url: str, receiver: Any, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    receiver.script = lambda _: b""
    old = [(f"chat{n % 50}", n) for n in range(1200)]
    async with with_old_events(url, 4, *old) as (database, _):
        await log_events(database, "a", ("chat1", 5000), ("other", 5001))
        async with run(database, base_delay_s=1000) as worker:
            await database.until(lambda: len(database.unreached) > 0)
            await worker.give_up_old()
            assert len(await database.left()) == 1202  # it is not away for long
            monkeypatch.setattr(giving_up, "PATIENCE_S", 0.0)
            await worker.give_up_old()
            assert [each.data for each in await database.left()] == ['{"n":5000}', '{"n":5001}']
    assert "1200 events are given up" in caplog.text


async def test_old_events_of_a_session_without_a_receiver_are_struck_out(
    url: str, receiver: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_up, "PATIENCE_S", 0.0)
    async with with_old_events(url, 4, ("chat", 1)) as (database, _):
        await log_events(database, "a", ("chat", 2))
        async with WebhookSender() as sender:
            worker = WebhookWorker(database, sender, lambda _: None)
            await worker.give_up_old()
            assert len(await database.left()) == 2  # not before the worker has seen it
            await worker._look_around()
            await worker.give_up_old()
        assert [each.data for each in await database.left()] == ['{"n":2}']


async def test_one_event_that_a_working_receiver_never_takes_is_skipped(
    url: str, receiver: Any, run: Run, make_answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_up, "POISON_MS", 0)
    monkeypatch.setattr(giving_up, "POISON_TRIES", 4)
    receiver.script = lambda request: make_answer(404 if request.json["data"]["n"] == 1 else 200)
    async with opened(url) as database:
        await log_events(database, "a", ("bad", 1), ("bad", 2))
        async with run(database) as worker:
            await database.until(lambda: len(database.postponed) >= 5)
            assert database.finished == []  # so far the receiver may be at fault
            await log_events(database, "a", ("good", 3))
            worker.on_events("a", [])
            await database.nothing_left()
    assert numbers(receiver.requests).count(2) == 1


# --- order ---------------------------------------------------------------------------------------


async def log_end(database: Any, session_id: str, number: int) -> None:
    def job(work: Any) -> None:
        work.event_log.append("change_state", "", f'{{"n":{number}}}', deliver=True)
        work.event_log.append("disconnected", "", f'{{"n":{number + 1}}}', deliver=True)

    await database.write(session_id, job)


async def test_the_end_of_a_session_leaves_after_its_earlier_events(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    gate = asyncio.Event()

    async def script(request: Any) -> bytes:
        if request.json["data"]["n"] == 5:
            await gate.wait()
        return bytes(make_answer(200))

    receiver.script = script
    async with opened(url) as database:
        await log_events(database, "a", *((f"chat{n % 20}", n) for n in range(60)))
        await log_end(database, "a", 100)
        await log_events(database, "a", ("chat0", 200), ("", 201))
        await log_events(database, "b", ("chat", 300))
        async with run(database):
            await receiver.wait_for(61)  # all but what waits for the gate
            gate.set()
            await database.nothing_left()
    told = [request.json for request in receiver.requests if request.json["sessionId"] == "a"]
    order = [event["data"]["n"] for event in told]
    assert len(order) == len(set(order)) == 64
    assert max(order.index(n) for n in range(60)) < order.index(101) < order.index(201)


async def test_the_end_of_a_session_does_not_wait_for_a_lane_that_is_refused_again_and_again(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    receiver.script = lambda request: make_answer(500 if request.json["data"]["n"] == 1 else 200)
    async with opened(url) as database:
        await log_events(database, "a", ("bad", 1))
        await log_end(database, "a", 100)
        async with run(database):
            await database.until(lambda: len(database.finished) == 2)
    assert numbers(receiver.requests).count(1) >= HOLDING_REFUSALS
    assert set(numbers(receiver.requests)) == {1, 100, 101}


async def test_a_lane_that_is_renamed_on_its_way_keeps_its_order(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    gate = asyncio.Event()

    async def script(request: Any) -> bytes:
        if request.json["data"]["n"] == 1:
            await gate.wait()
        return bytes(make_answer(200))

    receiver.script = script
    async with opened(url) as database:
        await log_events(database, "a", *(("lid", n) for n in range(4)))
        async with run(database) as worker:
            await receiver.wait_for(2)
            await database.write("a", lambda work: work.event_log.rename_lane("lid", "pn"))
            await log_events(database, "a", *(("pn", n) for n in range(4, 8)), ("other", 100))
            worker.on_events("a", [])
            await receiver.wait_for(3)  # the worker has looked, and other lanes go on
            gate.set()
            await database.nothing_left()
    assert [n for n in numbers(receiver.requests) if n < 100] == list(range(8))


async def test_with_more_sessions_than_places_each_gets_its_turn(
    url: str, receiver: Any, run: Run, make_answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MAX_IN_FLIGHT", 4)
    monkeypatch.setattr(webhooks, "MAX_PER_SESSION", 2)
    async with opened(url) as database:
        for session_id in "abcdef":
            await log_events(database, session_id, *((f"chat{n}", n) for n in range(40)))
        async with run(database):
            await database.nothing_left()
    first = [request.json["sessionId"] for request in receiver.requests[:60]]
    assert set(first) == set("abcdef")
    assert len(receiver.requests) == 240


class Moody:
    """Stands in for the sender: takes what it likes, when it likes; notes what it took."""

    def __init__(self, chosen: random.Random) -> None:
        self._chosen = chosen
        self.is_willing = False
        self.taken: list[int] = []

    async def send(self, url: str, delivery: Delivery) -> Outcome:
        for _ in range(self._chosen.randrange(8)):
            await asyncio.sleep(0)
        match self._chosen.random():
            case luck if luck < 0.1 and not self.is_willing:
                return Outcome(Verdict.UNREACHABLE, 503)
            case luck if luck < 0.2 and not self.is_willing:
                return Outcome(Verdict.REFUSED, 500)
            case luck if luck < 0.22 and not self.is_willing:
                raise RuntimeError("moody")
        self.taken.append(json.loads(delivery.data)["n"])
        return Outcome(Verdict.DONE, 200)


@pytest.mark.parametrize("seed", range(6))
async def test_order_and_completeness_survive_failures_renames_and_restarts(
    url: str, seed: int
) -> None:
    chosen = random.Random(seed)
    sender = Moody(chosen)
    chats = {chat: f"lid{chat}" for chat in range(6)}
    logged: dict[int, list[int]] = {chat: [] for chat in chats}
    numbers = itertools.count()
    worker: WebhookWorker | None = None
    task: asyncio.Task[None] | None = None
    async with opened(url) as database:
        for _ in range(150):
            if task is None or chosen.random() < 0.05:
                if task is not None:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                worker = WebhookWorker(
                    database,
                    sender,  # type: ignore[arg-type]
                    lambda session_id: session_id,
                    base_delay_s=0.001,
                )
                task = asyncio.create_task(worker.run())
            chat = chosen.randrange(6)
            session_id = f"s{chat % 2}"
            if chosen.random() < 0.1 and chats[chat].startswith("lid"):
                old, chats[chat] = chats[chat], f"pn{chat}"
                await database.write(
                    session_id,
                    lambda work, old=old, new=chats[chat]: work.event_log.rename_lane(old, new),
                )
            new = [next(numbers) for _ in range(chosen.randrange(1, 9))]
            await log_events(database, session_id, *((chats[chat], n) for n in new))
            logged[chat] += new
            assert worker is not None
            worker.on_events(session_id, [])
        sender.is_willing = True
        await database.nothing_left()
        assert worker is not None
        assert task is not None
        worker.stop()
        await task
    assert sorted(sender.taken) == sorted(n for events in logged.values() for n in events)
    for events in logged.values():
        mine = set(events)
        assert [n for n in sender.taken if n in mine] == events


# --- several receivers ---------------------------------------------------------------------------


async def log_for(database: Any, webhooks: Sequence[int], *events: tuple[str, int]) -> None:
    """Log events of session "a" that webhooks of the API are to be told."""

    def job(work: Any) -> None:
        for lane, number in events:
            frame = Frame.of("message", {"n": number}, lane)
            work.event_log.append(
                frame.kind, frame.lane, frame.text, deliver=True, webhooks=webhooks
            )

    await database.write("a", job)


async def test_a_dead_receiver_delays_no_other(url: str, receiver: Any, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    urls = {"a": receiver.url, "a/1": nowhere, "a/2": receiver.url}
    async with opened(url) as database:
        await log_for(database, (1, 2), *(("chat", n) for n in range(30)))
        async with run(database, urls.get, base_delay_s=3600, receivers=(1, 2)):
            await receiver.wait_for(60)
            await database.until(lambda: len(database.finished) == 60 and database.unreached)
        assert [each.event_id for each in await database.left("a/1")] == list(range(1, 31))
    per_webhook = Counter(numbers(receiver.requests))
    assert per_webhook == dict.fromkeys(range(30), 2)


async def test_a_receiver_that_is_gone_gets_nothing_more(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    receiver.script = lambda _: make_answer(410)
    urls: dict[str, str | None] = {"a/1": receiver.url}
    gone: list[int] = []

    async def on_gone(delivery: Delivery) -> None:
        gone.append(delivery.webhook)
        urls["a/1"] = None

    async with opened(url) as database:
        await log_for(database, (1,), ("chat", 0), ("chat", 1))
        async with run(database, urls.get, receivers=(1,), on_gone=on_gone):
            await receiver.wait_for(1)
        assert gone == [1]
        # What it had still to be told waits, in case that it is switched on again.
        assert len(await database.left("a/1")) == 2
    assert len(receiver.requests) == 1


async def test_a_receiver_that_asks_for_a_pause_gets_it(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    receiver.script = lambda _: make_answer(400, **{"retry-after": "3600"})
    async with opened(url) as database:
        await log_events(database, "a", ("chat", 0))
        async with run(database):
            await database.until(lambda: bool(database.postponed))
        before = int((time.time() + 3000) * 1000)
        (due,) = await database.due_deliveries({"a": ()}, before, lanes=9, rows=9)
        assert due.lanes == []
    assert len(receiver.requests) == 1


async def test_what_is_given_up_can_be_sent_again(
    url: str, receiver: Any, run: Run, make_answer: Any
) -> None:
    receiver.script = lambda _: make_answer(500)
    async with opened(url, now_ms=lambda: 1) as database:
        await log_events(database, "a", ("chat", 0), ("chat", 1))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(giving_up, "PATIENCE_S", 0.0)
            async with run(database, max_age_s=1):
                await database.nothing_left()
        letters = await database.dead_letters(0, 0, 9)
        assert [json.loads(each.data)["n"] for each in letters] == [0, 1]
        assert [(each.attempts, each.status) for each in letters] == [(1, 500), (1, 500)]
        receiver.script = lambda _: make_answer(200)
        receiver.requests.clear()
        async with run(database) as worker:
            assert await database.raise_dead_letters(0, 0, 2**46 - 1) == ["a", "a"]
            worker.look_again()
            await receiver.wait_for(2)
            await database.nothing_left()
    assert numbers(receiver.requests) == [0, 1]


async def test_a_look_that_is_asked_for_during_another_one_is_not_forgotten(
    url: str, receiver: Any, run: Run
) -> None:
    async with opened(url) as database:
        ask = database.queues_with_deliveries
        looks = 0

        async def late() -> Any:
            nonlocal looks
            looks += 1
            found = await ask()
            if looks == 1:
                # It came after the answer, so only another look finds it.
                await log_events(database, "a", ("chat", 1))
                worker.look_again()
            return found

        database.queues_with_deliveries = late
        async with run(database) as worker:
            await receiver.wait_for(1)
    assert numbers(receiver.requests) == [1]
