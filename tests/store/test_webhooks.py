"""Webhooks of the API, what each still has to be told, and what it never took."""

from __future__ import annotations

from dataclasses import replace

import pytest

from waport.errors import StoreError
from waport.store import Database, DeadLetter, StoredWebhook, WebhookSecret, parts_of, queue_name
from waport.store.delivery_names import MAX_WEBHOOK, delivery_number, webhook_of

from .conftest import Clock

FULL = StoredWebhook(
    "wh_1",
    "main",
    "https://example.com/hook",
    ("message",),
    ("15550001111@c.us",),
    ("chat", "image"),
    (("x-tenant", "é"),),
    (WebhookSecret("whsec_new"), WebhookSecret("whsec_old", 5)),
    "why",
    7,
)


async def append(database: Database, lane: str, *webhooks: int, own: bool = False) -> int:
    return await database.write(
        "s",
        lambda work: work.event_log.append("message", lane, "{}", deliver=own, webhooks=webhooks),
    )


async def due(database: Database, queue: str, now_ms: int = 0) -> list[list[int]]:
    (found,) = await database.due_deliveries({queue: ()}, now_ms, lanes=99, rows=99)
    assert found.queue == queue
    return [[delivery.event_id for delivery in lane] for lane in found.lanes]


def test_a_delivery_is_named_by_its_event_and_its_webhook() -> None:
    assert delivery_number(41, 0) == 41
    for webhook in (0, 1, MAX_WEBHOOK):
        assert webhook_of(delivery_number(41, webhook)) == webhook
        assert delivery_number(41, webhook) < delivery_number(42, webhook) < 2**63
    assert queue_name("main", 0) == "main"
    assert parts_of(queue_name("main", 3)) == ("main", 3)
    assert parts_of("main") == ("main", 0)


async def test_a_webhook_comes_back_as_it_was(database: Database) -> None:
    first = await database.add_webhook(FULL)
    second = await database.add_webhook(StoredWebhook("wh_2", None, "http://x/"))
    assert first == replace(FULL, number=first.number)
    assert await database.webhooks() == [first, second]
    changed = replace(first, url="http://y/", events=(), headers=(), secrets=(), disabled=None)
    await database.put_webhook(changed)
    await database.disable_webhook(second.number, "gone")
    await database.disable_webhook(second.number, "again")
    assert await database.webhooks() == [changed, replace(second, disabled="gone")]
    with pytest.raises(StoreError):
        await database.add_webhook(FULL)
    await database.delete_webhook(second.number)
    third = await database.add_webhook(replace(second, id="wh_3"))
    assert third.number > second.number


async def test_each_receiver_has_lanes_of_its_own(database: Database) -> None:
    first = await append(database, "a", 1, 2, own=True)
    second = await append(database, "a", 2)
    other = await append(database, "b", 1)
    assert await database.queues_with_deliveries() == ["s", "s/1", "s/2"]
    assert await due(database, "s") == [[first]]
    assert await due(database, "s/1") == [[first], [other]]
    assert await due(database, "s/2") == [[first, second]]
    await database.postpone_delivery(delivery_number(first, 2), 5000, 0)
    assert await due(database, "s/2") == []
    assert await due(database, "s/1") == [[first], [other]]
    await database.finish_deliveries([delivery_number(first, 1), first])
    assert await due(database, "s/1") == [[other]]
    assert await due(database, "s") == []
    assert await due(database, "s/2", 5000) == [[first, second]]


async def test_a_lane_gets_another_name_for_every_receiver(database: Database) -> None:
    first = await append(database, "a", 1, own=True)
    second = await append(database, "b", 1, own=True)
    await database.write("s", lambda work: work.event_log.rename_lane("a", "b"))
    assert await due(database, "s") == [[first, second]]
    assert await due(database, "s/1") == [[first, second]]


async def test_a_deleted_webhook_has_nothing_left_to_be_told(database: Database) -> None:
    hook = (await database.add_webhook(FULL)).number
    first = await append(database, "a", hook, own=True)
    second = await append(database, "a", hook)
    await database.bury_deliveries([delivery_number(first, hook)], 9)
    assert await due(database, f"s/{hook}") == [[second]]
    await database.delete_webhook(hook)
    assert await database.queues_with_deliveries() == ["s"]
    assert await database.dead_letters(hook, 0, 9) == []
    assert await due(database, "s") == [[first]]


async def test_what_is_given_up_is_kept_and_can_be_sent_again(
    database: Database, clock: Clock
) -> None:
    first, second, third = [await append(database, "a", 1) for _ in range(3)]
    await database.count_failed_try(delivery_number(first, 1), 503)
    await database.bury_deliveries([delivery_number(first, 1)], 9, 404)
    await database.bury_deliveries([delivery_number(second, 1), 999], 10)
    assert await due(database, "s/1") == [[third]]
    made = clock.now_ms
    assert await database.dead_letters(1, 0, 9) == [
        DeadLetter(first, "s", "message", "{}", made, 2, 404, 9),
        DeadLetter(second, "s", "message", "{}", made, 0, None, 10),
    ]
    assert [each.event_id for each in await database.dead_letters(1, first, 9)] == [second]
    assert await database.dead_letters(2, 0, 9) == []
    # An older event comes before what still waits in its lane.
    assert await database.raise_dead_letters(1, second, second) == ["s"]
    assert await due(database, "s/1") == [[second, third]]
    assert await database.raise_dead_letters(1, 0, 2**46 - 1) == ["s"]
    assert await due(database, "s/1") == [[first, second, third]]
    assert await database.dead_letters(1, 0, 9) == []
    assert await database.raise_dead_letters(1, 0, 2**46 - 1) == []


async def test_many_dead_letters_are_sent_again_in_steps(database: Database) -> None:
    def fill(work: object) -> list[int]:
        log = work.event_log  # type: ignore[attr-defined]
        return [log.append("m", f"{n % 7}", "{}", deliver=True) for n in range(1201)]

    ids = await database.write("s", fill)
    await database.bury_deliveries(ids, 1, 500)
    assert await due(database, "s") == []
    assert len(await database.raise_dead_letters(0, ids[1], 2**46 - 1)) == 1200
    lanes = [
        lane
        for found in await database.due_deliveries({"s": ()}, 0, lanes=9, rows=999)
        for lane in found.lanes
    ]
    assert sorted(each.event_id for lane in lanes for each in lane) == ids[1:]
    assert all(lane == sorted(lane, key=lambda each: each.event_id) for lane in lanes)


async def test_a_dead_letter_goes_with_its_event(database: Database, clock: Clock) -> None:
    event = await append(database, "a", 1)
    await database.bury_deliveries([delivery_number(event, 1)], 9)
    await database.prune(clock.now_ms + 1)
    assert await database.dead_letters(1, 0, 9) == []
    assert await database.raise_dead_letters(1, 0, 2**46 - 1) == []
