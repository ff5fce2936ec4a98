"""Reading events over HTTP and the event socket, on from any event."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from support.database import open_database
from support.fake_server import KEY
from waport.api.keys import KeyRing
from waport.events import EventFeed, EventHub, Frame
from waport.model import Scope
from waport.store import Database

HEADERS = {"x-api-key": KEY}


class Log:
    """A log that tells its followers of what is appended."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.feed = EventFeed(database)
        self.hub = EventHub(feed=self.feed)

    async def append(
        self, *bodies: str, session_id: str = "main", kind: str = "message"
    ) -> list[int]:
        frames = [Frame.of(kind, {"body": body}, "c") for body in bodies]

        def job(work: Any) -> list[int]:
            return [
                work.event_log.append(frame.kind, frame.lane, frame.text, deliver=False)
                for frame in frames
            ]

        ids: list[int] = await self._database.write(session_id, job)
        self.feed.on_events(session_id, frames)
        self.hub.publish(session_id, frames)
        return ids


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    database = await open_database(tmp_path / "log")
    yield Log(database)
    await database.close()


@pytest.fixture
async def port(log: Log, serve: Any) -> AsyncIterator[int]:
    async with serve(log.hub) as port:
        yield port


@pytest.fixture
async def api(port: int) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, headers=HEADERS, trust_env=False) as client:
        yield client


async def test_pages_follow_each_other(api: httpx.AsyncClient, log: Log) -> None:
    first, second, third = await log.append("one", "two", "three")
    await log.append("elsewhere", session_id="other")
    answer = (await api.get("/events", params={"limit": 2})).json()
    assert set(answer) == {"success", "events", "next"}
    assert answer["success"] is True
    assert answer["next"] == str(second)
    event = answer["events"][0]
    assert list(event) == ["id", "sessionId", "dataType", "data", "timestamp"]
    assert (event["id"], event["sessionId"], event["data"]) == (
        str(first),
        "main",
        {"body": "one"},
    )
    query = {"after": answer["next"], "sessionId": "main"}
    answer = (await api.get("/events", params=query)).json()
    assert [event["id"] for event in answer["events"]] == [str(third)]
    query["after"] = f"evt_{third}"
    answer = (await api.get("/events", params=query)).json()
    assert answer == {"success": True, "events": [], "next": str(third)}


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("after=x", "after must be the id of an event"),
        ("after=-1", "after must be the id of an event"),
        ("limit=0", "limit must be a number from 1 to 1000"),
        ("limit=1001", "limit must be a number from 1 to 1000"),
        ("limit=99999999999999999999", "limit must be a number from 1 to 1000"),
        ("limit=0000000011001", "limit must be a number from 1 to 1000"),
        (f"limit=1{'0' * 5000}", "limit must be a number from 1 to 1000"),
        ("limit=a", "limit must be a number from 1 to 1000"),
    ],
)
async def test_what_is_no_cursor_is_refused(
    api: httpx.AsyncClient, problem: Any, query: str, text: str
) -> None:
    assert problem(await api.get(f"/events?{query}")) == (400, text, "validation_error")


async def test_events_need_the_key(api: httpx.AsyncClient) -> None:
    for path in ("/events", "/events/stream"):
        assert (await api.get(path, headers={"x-api-key": "wrong"})).status_code == 401
    assert (await api.head("/events/stream")).status_code == 404


async def next_event(lines: AsyncIterator[str]) -> tuple[str, dict[str, Any]]:
    """The next server-sent event: its id and its data."""
    found: dict[str, str] = {}
    async with asyncio.timeout(10):
        async for line in lines:
            name, _, value = line.partition(": ")
            if name in ("id", "data"):
                found[name] = value
            if not line and "data" in found:
                return found["id"], json.loads(found["data"])
    raise AssertionError("the stream ended")


async def test_a_stream_goes_on_where_the_last_one_broke_off(
    api: httpx.AsyncClient, log: Log
) -> None:
    await log.append("before")
    async with api.stream("GET", "/events/stream") as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        lines = response.aiter_lines()
        assert (await anext(lines)).startswith(":")
        await log.append("one")
        last, event = await next_event(lines)
    assert event["data"] == {"body": "one"}
    assert list(event) == ["sessionId", "dataType", "data", "timestamp"]
    await log.append("away", "away too")
    async with api.stream("GET", "/events/stream", headers={"last-event-id": last}) as response:
        lines = response.aiter_lines()
        bodies = [(await next_event(lines))[1]["data"]["body"] for _ in range(2)]
        await log.append("live")
        bodies.append((await next_event(lines))[1]["data"]["body"])
    assert bodies == ["away", "away too", "live"]


async def test_a_stream_ends_when_the_server_does(serve: Any, log: Log) -> None:
    async with httpx.AsyncClient(headers=HEADERS, trust_env=False) as client:
        async with serve(log.hub) as port:
            request = client.build_request("GET", f"http://127.0.0.1:{port}/events/stream")
            response = await client.send(request, stream=True)
            lines = response.aiter_lines()
            await anext(lines)
        async with asyncio.timeout(5):
            assert [line async for line in lines if line] == []
        await response.aclose()


async def frames(port: int, query: str, count: int, then: Any = None) -> list[dict[str, Any]]:
    """The first frames of an event socket, without the greeting."""
    async with (
        asyncio.timeout(10),
        connect(f"ws://127.0.0.1:{port}/ws{query}", additional_headers=HEADERS) as socket,
    ):
        assert json.loads(await socket.recv())["type"] == "connected"
        if then is not None:
            await then
        return [json.loads(await socket.recv()) for _ in range(count)]


async def test_a_socket_goes_on_after_an_event(port: int, log: Log) -> None:
    first, second = await log.append("one", "two")
    await log.append("elsewhere", session_id="other")
    got = await frames(port, f"?after={first}&sessionId=main", 2, log.append("three"))
    assert [(frame["id"], frame["data"]["body"]) for frame in got] == [
        (str(second), "two"),
        (str(second + 2), "three"),
    ]
    assert list(got[0]) == ["sessionId", "dataType", "data", "timestamp", "id"]


async def test_a_socket_shows_ids_only_if_that_was_asked_for(port: int, log: Log) -> None:
    await log.append("before")
    (frame,) = await frames(port, "?ids=true", 1, log.append("one"))
    assert (frame["data"], "id" in frame) == ({"body": "one"}, True)
    (frame,) = await frames(port, "", 1, log.append("two"))
    assert list(frame) == ["sessionId", "dataType", "data", "timestamp"]


async def test_a_socket_with_a_bad_cursor_is_closed(port: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}/ws?after=x", additional_headers=HEADERS) as socket:
        await socket.wait_closed()
    assert (socket.close_code, socket.close_reason) == (1008, "after is not the id of an event")


async def test_a_key_of_one_session_reads_that_one_alone(serve: Any, log: Log) -> None:
    ring = KeyRing(KEY)
    key, secret = await ring.make("reader", frozenset({Scope.READ}), frozenset({"mine"}))
    _, sending = await ring.make("sender", frozenset({Scope.SEND}), None)
    await log.append("not for you", session_id="other")
    await log.append("nor the code of your session", session_id="mine", kind="qr")
    (mine,) = await log.append("for you", session_id="mine")
    await log.append("not for you either", session_id="other")
    async with (
        serve(log.hub, ring) as port,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"x-api-key": secret}, trust_env=False
        ) as api,
    ):
        assert (await api.get("/events", headers={"x-api-key": sending})).status_code == 403
        answer = (await api.get("/events", params={"limit": 1})).json()
        assert [event["id"] for event in answer["events"]] == [str(mine)]
        assert (await api.get("/events?sessionId=other")).status_code == 403
        assert (await api.get("/events/stream?sessionId=other")).status_code == 403
        async with api.stream("GET", "/events/stream?after=0") as response:
            lines = response.aiter_lines()
            assert (await next_event(lines))[0] == str(mine)
            await ring.revoke(key.id)
            async with asyncio.timeout(5):
                assert [line async for line in lines if line] == []
        assert (await api.get("/events")).status_code == 401
