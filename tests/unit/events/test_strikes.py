"""Striking out what was told: together, soon, and never forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from waport.errors import StoreError
from waport.events import strikes
from waport.events.strikes import MOST, Strikes


class Store:
    """Notes what is struck out; refuses as long as it is told to."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.refusals = 0
        self.gate: asyncio.Event | None = None
        self.news = asyncio.Event()

    async def finish(self, event_ids: Sequence[int]) -> None:
        self.calls.append(list(event_ids))
        self.news.set()
        if self.refusals:
            self.refusals -= 1
            raise StoreError("no")
        if self.gate is not None:
            await self.gate.wait()

    async def until(self, calls: int) -> None:
        async with asyncio.timeout(20):
            while len(self.calls) < calls:
                self.news.clear()
                await self.news.wait()


@pytest.fixture
def store() -> Store:
    return Store()


async def test_a_flush_strikes_out_everything_at_once_and_nothing_twice(store: Store) -> None:
    it = Strikes(store.finish)
    for event_id in (1, 2, 3):
        it.add(event_id)
    await it.flush()
    await it.flush()
    assert store.calls == [[1, 2, 3]]


async def test_what_is_added_is_struck_out_soon_by_itself(store: Store) -> None:
    it = Strikes(store.finish)
    task = asyncio.create_task(it.run())
    it.add(1)
    await store.until(1)
    it.add(2)
    await store.until(2)
    task.cancel()
    assert store.calls == [[1], [2]]


async def test_many_do_not_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strikes, "WITHIN_S", 1000.0)
    it = Strikes(store.finish)
    task = asyncio.create_task(it.run())
    for event_id in range(MOST):
        it.add(event_id)
    await store.until(1)
    task.cancel()
    assert store.calls == [list(range(MOST))]


async def test_a_database_that_refuses_is_asked_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strikes, "STORE_PAUSE_S", 0.0)
    store.refusals = 3
    it = Strikes(store.finish)
    it.add(1)
    assert not await it.flush_once()
    it.add(2)
    await it.flush()
    assert store.calls == [[1], [1, 2], [1, 2], [1, 2]]


async def test_one_that_waits_for_its_flush_waits_for_the_one_under_way(store: Store) -> None:
    store.gate = asyncio.Event()
    it = Strikes(store.finish)
    it.add(1)
    first = asyncio.create_task(it.flush())
    await store.until(1)
    it.add(2)
    second = asyncio.create_task(it.flush())
    await asyncio.sleep(0)
    assert not second.done()
    store.gate.set()
    await asyncio.gather(first, second)
    assert store.calls == [[1], [2]]


async def test_a_flush_that_is_cut_off_forgets_nothing(store: Store) -> None:
    store.gate = asyncio.Event()
    it = Strikes(store.finish)
    it.add(1)
    cut_off = asyncio.create_task(it.flush())
    await store.until(1)
    cut_off.cancel()
    await asyncio.gather(cut_off, return_exceptions=True)
    store.gate.set()
    it.add(2)
    await it.flush()
    assert store.calls == [[1], [1, 2]]
