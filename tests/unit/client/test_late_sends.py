"""Messages that go out once more after a pause."""

from __future__ import annotations

import asyncio

from support.clock import FakeClock
from waport.client.late_sends import AGAIN_S, LateSends
from waport.errors import StoreError


async def test_one_that_fails_is_tried_again_and_holds_up_no_other() -> None:
    clock = FakeClock()
    sent: list[str] = []
    failures = iter([StoreError("locked")])

    async def send(message_id: str) -> None:
        for failure in failures:
            raise failure
        sent.append(message_id)

    late = LateSends(send, clock)
    waiting = asyncio.create_task(late.add("A", 5.0))
    await clock.sleeping(5.0)
    await late.add("B", 6.0)
    clock.advance(5.0)
    await clock.sleeping(1.0)
    clock.advance(1.0)
    await clock.sleeping(AGAIN_S - 1.0)
    assert sent == ["B"]
    clock.advance(AGAIN_S - 1.0)
    await waiting
    assert sent == ["B", "A"]
