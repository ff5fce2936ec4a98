"""The feed: every event once and in order, from any point on, whoever writes meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.database import open_database
from waport.errors import InvalidInput
from waport.events import EventFeed, Frame
from waport.events.feed import (
    MAX_ID,
    MAX_PAGE_SIZE,
    STEP,
    event_id,
    event_json,
    socket_text,
    stream_text,
)
from waport.store import Database, LoggedEvent

EVENT = LoggedEvent(7, "main", "message", '{"body":"a\\nb"}', 1_700_000_000_123)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(tmp_path)
    yield database
    await database.close()


async def append(database: Database, feed: EventFeed, session_id: str, count: int) -> list[int]:
    ids = await database.write(
        session_id,
        lambda work: [
            work.event_log.append("message", "c", "{}", deliver=False) for _ in range(count)
        ],
    )
    feed.on_events(session_id, [Frame.of("message", {}, "c")])
    return ids


async def test_a_follower_misses_nothing_and_gets_nothing_twice(database: Database) -> None:
    feed = EventFeed(database)
    first = await append(database, feed, "a", STEP + 3)
    count = STEP + 1 + 2 + STEP

    async def follow() -> list[int]:
        got: list[int] = []
        async for event in feed.follow(first[1]):
            got.append(event.id)
            if len(got) == count:
                feed.close()
        return got

    following = asyncio.create_task(follow())
    later = [*await append(database, feed, "a", 2), *await append(database, feed, "b", STEP)]
    async with asyncio.timeout(10):
        assert await following == [*first[2:], *later]


async def test_a_follower_of_one_session_sees_no_other(database: Database) -> None:
    feed = EventFeed(database)
    await append(database, feed, "b", 2)
    wanted = await append(database, feed, "a", 1)
    await append(database, feed, "b", 2)
    events = feed.follow(0, "a")
    assert (await anext(events)).id == wanted[0]
    waiting = asyncio.ensure_future(anext(events))
    await append(database, feed, "b", 1)
    wanted = await append(database, feed, "a", 1)
    assert (await waiting).id == wanted[0]


async def test_a_page_says_where_to_go_on(database: Database) -> None:
    feed = EventFeed(database)
    ids = await append(database, feed, "a", 3)
    page = await feed.page(0, 2)
    assert ([event.id for event in page.events], page.next) == (ids[:2], ids[1])
    page = await feed.page(ids[2], 2)
    assert (page.events, page.next) == ([], ids[2])
    assert await feed.last_id() == ids[2]


async def test_a_page_holds_so_much_and_the_next_one_goes_on(database: Database) -> None:
    feed = EventFeed(database)
    large = '"' + "x" * (MAX_PAGE_SIZE // 3 + 1) + '"'
    ids = await append(database, feed, "a", 130)
    ids += await database.write(
        "a",
        lambda work: [
            work.event_log.append("message", "c", large, deliver=False) for _ in range(4)
        ],
    )
    ids += await append(database, feed, "a", 2)
    pages = [await feed.page(0, 1000)]
    while pages[-1].events:
        pages.append(await feed.page(pages[-1].next, 1000))
    assert [len(page.events) for page in pages] == [133, 3, 0]
    assert [event.id for page in pages for event in page.events] == ids
    assert len((await feed.page(0, 120)).events) == 120


def test_an_event_as_text() -> None:
    shape = {
        "sessionId": "main",
        "dataType": "message",
        "data": {"body": "a\nb"},
        "timestamp": "2023-11-14T22:13:20.123Z",
    }
    text = stream_text(EVENT)
    assert text.startswith("id: 7\ndata: ")
    assert text.endswith("\n\n")
    assert text.count("\n") == 3
    assert json.loads(text.split("data: ")[1]) == shape
    assert json.loads(event_json(EVENT)) == {"id": "7", **shape}
    sent = json.loads(socket_text(EVENT, 1_700_000_001.5))
    assert sent == {**shape, "timestamp": "2023-11-14T22:13:21.500Z", "id": "7"}
    assert list(sent) == ["sessionId", "dataType", "data", "timestamp", "id"]


def test_an_event_without_data_has_no_data_as_text() -> None:
    event = LoggedEvent(7, "main", "ready", "", 1_700_000_000_123)
    for text in (event_json(event), socket_text(event, 0.0), stream_text(event).split("data: ")[1]):
        shape = json.loads(text)
        assert "data" not in shape
        assert (shape["sessionId"], shape["dataType"]) == ("main", "ready")


def test_ids_from_outside() -> None:
    assert (event_id("0"), event_id("41"), event_id("evt_41")) == (0, 41, 41)
    assert event_id(str(MAX_ID)) == MAX_ID
    for text in ("", "-1", "x", "1.5", "evt_", "٣", "9" * 19, "9" * 40):
        with pytest.raises(InvalidInput):
            event_id(text)


async def test_a_small_page_of_few_wanted_events_takes_few_questions(database: Database) -> None:
    feed, asked = EventFeed(database), 0
    await append(database, feed, "b", STEP)
    wanted = await append(database, feed, "a", 3)

    class Counting:
        async def events_after(self, *args: Any) -> list[LoggedEvent]:
            nonlocal asked
            asked += 1
            return await database.events_after(*args)

        async def last_event_id(self) -> int:
            return 0

    page = await EventFeed(Counting()).page(0, 1, None, lambda session_id, _: session_id == "a")
    assert [event.id for event in page.events] == [wanted[0]]
    assert page.next == wanted[0]
    assert asked < 5
