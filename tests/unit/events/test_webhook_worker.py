"""Delivery from the log: order, retries, fairness, restart."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from waport.events import Frame, WebhookWorker
from waport.events.webhook_sender import WebhookSender
from waport.events.webhooks import MAX_PER_SESSION
from waport.store import Database


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
    """A database that tells when a delivery was marked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._news = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def finish_deliveries(self, event_ids: Sequence[int]) -> None:
        await self._database.finish_deliveries(event_ids)
        self._news.set()

    async def postpone_delivery(self, event_id: int, due_ms: int, status: int | None) -> None:
        await self._database.postpone_delivery(event_id, due_ms, status)
        self._news.set()

    async def until(self, is_reached: Callable[[int | None], bool]) -> None:
        """Wait until the time of the next delivery is as wanted."""
        async with asyncio.timeout(20):
            while True:
                self._news.clear()
                if is_reached(await self._database.next_delivery_due()):
                    return
                await self._news.wait()

    async def nothing_left(self) -> None:
        """Wait until every delivery is marked as done."""
        await self.until(lambda due_ms: due_ms is None)


Run = Callable[..., "contextlib.AbstractAsyncContextManager[WebhookWorker]"]


@pytest.fixture
def run(receiver: Any) -> Run:
    """A worker that runs; all sessions' receiver is the fixture's unless `url_of` says else."""

    @contextlib.asynccontextmanager
    async def running(
        database: Any,
        url_of: Callable[[str], str | None] | None = None,
        base_delay_s: float = 0.01,
    ) -> AsyncIterator[WebhookWorker]:
        async with WebhookSender() as sender:
            worker = WebhookWorker(
                database, sender, url_of or (lambda _: str(receiver.url)), base_delay_s=base_delay_s
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
async def opened(url: str) -> AsyncIterator[Any]:
    database = await Database.open(url)
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
        assert sorted(numbers(receiver.requests)) == [1, 3, 4]
        assert numbers(receiver.requests)[-2:] != [4, 3]


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
            await database.until(lambda due_ms: due_ms != 0)
        # Each place may have tried once or twice before the first failure put the rest off.
        assert len(receiver.requests) <= 3 * MAX_PER_SESSION


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
        (left,) = await database.due_deliveries(2**60, 10)
    # The first was told and marked; the second was not begun.
    assert json.loads(left.data) == {"n": 2}
    assert numbers(receiver.requests) == [1]


async def test_events_of_a_session_without_a_receiver_any_more_are_dropped(
    url: str, receiver: Any, run: Run
) -> None:
    async with opened(url) as database:
        await log_events(database, "a", ("chat", 1))
        async with run(database, lambda _: None):
            await database.nothing_left()
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("attempts", "shortest", "longest"), [(0, 0.5, 1), (1, 1, 2), (4, 8, 16), (30, 300, 600)]
)
def test_delays_double_up_to_ten_minutes(attempts: int, shortest: float, longest: float) -> None:
    for jitter, expected in ((0.0, shortest), (1.0, longest)):
        worker = WebhookWorker(
            None,  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            lambda _: None,
            jitter=lambda jitter=jitter: jitter,
        )
        assert worker._delay_s(attempts) == expected
