"""The hub of live events: filters, bounds, and how sockets are sent away."""

from __future__ import annotations

import asyncio
import json

import pytest

from waport.events import TOO_SLOW, EventHub, Frame, websocket
from waport.events.websocket import SHUTTING_DOWN, Subscriber, iso_ms

QR = Frame.of("qr", {"qr": "x"})


async def take(subscriber: Subscriber, count: int) -> list[str]:
    taken: list[str] = []
    async for text in subscriber.texts():
        taken.append(text)
        if len(taken) == count:
            break
    return taken


async def test_subscribers_get_what_passes_their_filter() -> None:
    hub = EventHub()
    everybody, one, other = hub.connect(None), hub.connect("a"), hub.connect("b")
    hub.publish("a", [QR, QR])
    assert len(await take(everybody, 2)) == 2
    assert len(await take(one, 2)) == 2
    hub.publish("b", [QR])
    assert [json.loads(text)["sessionId"] for text in await take(other, 1)] == ["b"]


async def test_a_subscriber_waits_for_events() -> None:
    hub = EventHub()
    subscriber = hub.connect(None)
    waiting = asyncio.create_task(take(subscriber, 1))
    await asyncio.sleep(0)
    hub.publish("a", [QR])
    assert await waiting == ['{"sessionId":"a","dataType":"qr","data":{"qr":"x"}}']


async def test_a_full_queue_sends_the_subscriber_away_and_nobody_else() -> None:
    hub = EventHub(max_queued=2)
    slow, quick = hub.connect(None), hub.connect(None)
    hub.publish("a", [QR, QR])
    await take(quick, 2)
    hub.publish("a", [QR])
    assert slow.closing == TOO_SLOW
    assert quick.closing is None
    assert await take(slow, 1) == []
    assert len(await take(quick, 1)) == 1


async def test_what_comes_after_the_end_is_dropped() -> None:
    hub = EventHub(max_queued=1)
    subscriber = hub.connect(None)
    hub.publish("a", [QR, QR, QR])
    assert await subscriber.wait_closing() == TOO_SLOW
    hub.disconnect(subscriber)
    hub.publish("a", [QR])


async def test_closing_tells_everybody_and_waits_for_them_to_go() -> None:
    hub = EventHub()
    subscriber = hub.connect(None)
    closing = asyncio.create_task(hub.close())
    assert await subscriber.wait_closing() == SHUTTING_DOWN
    assert not closing.done()
    hub.disconnect(subscriber)
    await closing
    late = hub.connect(None)
    assert late.closing == SHUTTING_DOWN


async def test_closing_does_not_wait_for_ever() -> None:
    hub = EventHub()
    hub.connect(None)
    await hub.close(grace_s=0)


def test_an_event_is_stamped_when_it_is_sent() -> None:
    now = 1_770_891_630.25
    hub = EventHub(clock=lambda: now)
    stamped = hub.stamped('{"sessionId":"a","dataType":"qr","data":{}}')
    assert stamped == (
        '{"sessionId":"a","dataType":"qr","data":{},"timestamp":"2026-02-12T10:20:30.250Z"}'
    )
    assert json.loads(hub.greeting(None)) == {
        "type": "connected",
        "sessionId": None,
        "timestamp": "2026-02-12T10:20:30.250Z",
    }


@pytest.mark.parametrize(
    ("unix_s", "text"),
    [(0.0, "1970-01-01T00:00:00.000Z"), (1.9999, "1970-01-01T00:00:01.999Z")],
)
def test_times_are_iso_with_milliseconds(unix_s: float, text: str) -> None:
    assert iso_ms(unix_s) == text


async def test_texts_that_wait_have_a_size_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MAX_QUEUED_SIZE", 200)
    hub = EventHub()
    subscriber = hub.connect("a")
    large = Frame.of("media", {"data": "x" * 500})
    hub.publish("a", [large])  # a single one always has room
    assert subscriber.closing is None
    await take(subscriber, 1)
    hub.publish("a", [QR, QR])
    assert subscriber.closing is None
    hub.publish("a", [large])
    assert subscriber.closing == TOO_SLOW
