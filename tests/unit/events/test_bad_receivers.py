"""Receivers that are dead, slow or endless, and such as die and come back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from waport.api.webhook_guard import webhook_guard
from waport.client.addresses import AllowList
from waport.events import WebhookWorker, giving_up
from waport.events.signing import new_secret
from waport.events.webhook_sender import Outcome, Receiver, Verdict, WebhookSender
from waport.events.webhooks import LANES, MAX_PER_SESSION, ROWS
from waport.store import Delivery

from .conftest import Receiver as Host
from .conftest import answer
from .test_webhook_worker import log_events, numbers, opened

TIMEOUT_S = 30.0
QUEUED = 10_000
SECRET = new_secret("hmac")


def delivery(webhook: int = 0) -> Delivery:
    return Delivery(7, "abc", "", "qr", '{"qr":"x"}', 0, webhook=webhook)


class Mortal:
    """A receiver's place: it can die, and come back at the same port."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"

    @contextlib.asynccontextmanager
    async def alive(self) -> AsyncIterator[Host]:
        """One life."""
        host = Host()
        server = await asyncio.start_server(host.serve, "127.0.0.1", self.port)
        try:
            yield host
        finally:
            server.close()
            await host.close()


@contextlib.asynccontextmanager
async def delivering(
    database: Any, urls: dict[str, str], **options: Any
) -> AsyncIterator[WebhookWorker]:
    """A worker that signs what it delivers."""
    async with WebhookSender(SECRET) as sender:
        worker = WebhookWorker(database, sender, urls.get, **{"base_delay_s": 0.01, **options})
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            async with asyncio.timeout(TIMEOUT_S):
                await task


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Any]:
    async with opened(f"sqlite:///{tmp_path / 'waport.db'}") as database:
        yield database


# --- dead ----------------------------------------------------------------------------------------


async def test_ten_thousand_events_for_a_dead_url_cost_a_few_tries_and_delay_nobody(
    database: Any,
) -> None:
    dead, living = Mortal(), Mortal()
    await log_events(database, "dead", *((f"chat{n % 500}", n) for n in range(QUEUED)))
    async with (
        living.alive() as host,
        delivering(database, {"dead": dead.url, "living": living.url}, base_delay_s=1000) as worker,
    ):
        await log_events(database, "living", *((f"chat{n}", n) for n in range(20)))
        worker.on_events("living", [])
        await host.wait_for(20)
        await database.until(lambda: len(database.unreached) == MAX_PER_SESSION)
        held = sum(len(lane.rows) for lane in worker._sessions["dead"].lanes.values())
        assert held <= LANES * ROWS
    (due,) = await database.due_deliveries({"dead": ()}, 2**60, lanes=999, rows=99)
    left = [each for lane in due.lanes for each in lane]
    assert len(left) == QUEUED
    assert sum(each.attempts for each in left) <= MAX_PER_SESSION
    assert sorted(numbers(host.requests)) == list(range(20))


@contextlib.asynccontextmanager
async def serving(serve: Any) -> AsyncIterator[str]:
    """A receiver that handles its connections itself; its URL."""
    tasks: set[asyncio.Task[None]] = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await serve(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        await asyncio.gather(*tasks, return_exceptions=True)


# --- slow and endless ----------------------------------------------------------------------------


async def test_an_answer_byte_by_byte_gets_no_more_time_than_any_other() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with (
        serving(drip) as url,
        WebhookSender(timeout_s=0.3) as sender,
        asyncio.timeout(TIMEOUT_S),
    ):
        assert await sender.send(url, delivery()) == Outcome(Verdict.UNREACHABLE, None)


async def test_of_an_answer_of_200_mb_next_to_nothing_is_read() -> None:
    sent = 0
    is_cut = asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 200000000\r\n\r\n")
        try:
            while sent < 200_000_000:
                writer.write(b"x" * 100_000)
                await writer.drain()
                sent += 100_000
        finally:
            is_cut.set()

    async with serving(pour) as url, WebhookSender() as sender, asyncio.timeout(TIMEOUT_S):
        assert await sender.send(url, delivery()) == Outcome(Verdict.DONE, 200)
        await is_cut.wait()
    assert sent < 20_000_000, "what the buffers on the way hold"


# --- names that change their minds ---------------------------------------------------------------


async def test_a_name_that_leads_inside_the_second_time_is_not_followed_there(
    receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: between a redirect and its target, and between judging and connecting."""
    found = iter(("127.0.0.1", "127.0.0.2"))
    asked: list[str] = []

    async def lookup(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(found), port))]

    receiver.script = lambda _: answer(307, location="/inside", connection="close")
    guard = webhook_guard(AllowList.parse(["127.0.0.1"]))
    url = receiver.url.replace("127.0.0.1", "hook.example")
    async with WebhookSender(receiver_of={1: Receiver()}.get, guard=guard) as sender:
        loop = asyncio.get_running_loop()
        with monkeypatch.context() as patch:
            patch.setattr(loop, "getaddrinfo", lookup)
            outcome = await sender.send(url, delivery(webhook=1))
    assert (outcome.verdict, outcome.why) == (Verdict.UNREACHABLE, "not a public address")
    # Looked up once for each step: what was judged is what was connected to.
    assert asked == ["hook.example", "hook.example"]
    assert [request.path for request in receiver.requests] == ["/hook"]


# --- dying and coming back -----------------------------------------------------------------------


async def test_a_receiver_that_dies_in_the_middle_gets_the_rest_in_order_signed(
    database: Any,
) -> None:
    place, told = Mortal(), []
    await log_events(database, "a", *((f"chat{n % 3}", n) for n in range(90)))
    async with delivering(database, {"a": place.url}) as worker:
        for life in range(3):
            async with place.alive() as host:
                await host.wait_for(20)
            told += host.requests
            await log_events(
                database, "a", *((f"chat{n % 3}", 90 + 3 * life + n) for n in range(3))
            )
            worker.on_events("a", [])
        async with place.alive() as host:
            await database.nothing_left()
        told += host.requests
    seen: dict[str, int] = {}
    for request in told:
        shape = Webhook(SECRET).verify(request.body, request.headers)
        # A repeat is told by its id.
        seen.setdefault(request.headers["webhook-id"], shape["data"]["n"])
    assert sorted(seen.values()) == list(range(99))
    for chat in range(3):
        in_order = [number for number in seen.values() if number % 3 == chat]
        assert in_order == sorted(in_order)


async def test_what_a_dead_receiver_never_got_is_kept_and_replayed_when_it_is_back(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_up, "PATIENCE_S", 0.0)
    place = Mortal()
    await log_events(database, "a", *(("chat", n) for n in range(30)))
    urls = {"a": place.url}
    async with delivering(database, urls, max_age_s=0, base_delay_s=0.001) as worker:
        await database.until(lambda: bool(database.unreached or database.finished))
        await worker.give_up_old()
        await database.nothing_left()
    letters = await database.dead_letters(0, 0, 99)
    assert [json.loads(letter.data)["n"] for letter in letters] == list(range(30))
    # It is back. A part is sent again, then all that is left, each under the id it had.
    async with place.alive() as host, delivering(database, urls) as worker:
        for first, last in ((letters[10].event_id, letters[19].event_id), (0, 2**46)):
            await database.raise_dead_letters(0, first, last)
            worker.look_again()
            await database.nothing_left()
    assert numbers(host.requests) == [*range(10, 20), *range(10), *range(20, 30)]
    ids = {request.headers["webhook-id"] for request in host.requests}
    assert ids == {f"evt_{letter.event_id}" for letter in letters}
    assert all(Webhook(SECRET).verify(each.body, each.headers) for each in host.requests)
    assert await database.dead_letters(0, 0, 99) == []
