"""Files of incoming messages: fetched by themselves, told once, over trouble and restarts."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from support.database import open_database
from waport.client.credentials import new_credentials
from waport.client.media_hosts import MediaGone, TransferFailed
from waport.config import Settings
from waport.errors import InvalidInput, SessionError, SessionNotConnected
from waport.events import EventBus, EventRecorder, Frame, wanted_file, with_file
from waport.model import Message, MessageAdded, MessageKey, MessageKind
from waport.proto import pb
from waport.sessions import MediaEvents
from waport.store import Database
from waport.wire import Jid

BOB = Jid("15559990000", "s.whatsapp.net")
OWN = Jid("15550001111", "s.whatsapp.net")
MAX = 100


def document(name: str, *, size: int = 2, mimetype: str = "text/plain") -> Message:
    part = pb.DocumentMessage(
        mimetype=mimetype,
        fileName="a.txt",
        fileLength=size,
        directPath="/v/1",
        mediaKey=b"k" * 32,
        fileSha256=b"s" * 32,
        fileEncSha256=b"e" * 32,
    )
    content = pb.Message(documentMessage=part).SerializeToString()
    return Message(MessageKey(BOB, name, False, BOB), 7, content, MessageKind.OTHER)


@dataclass
class Server:
    """Sessions, and what their media hosts answer."""

    answers: list[bytes | Exception] = field(default_factory=list)
    chosen: dict[str, bool] = field(default_factory=dict)
    is_connected: bool = True
    asked: int = 0

    def media(self, session_id: str) -> Any:
        if not self.is_connected:
            raise SessionNotConnected(session_id)
        return self

    async def choices(self, session_id: str) -> Mapping[str, bool]:
        return self.chosen

    async def download_bytes(self, message: Message, max_bytes: int) -> bytes:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else b"hi"
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class World:
    database: Database
    server: Server
    media: MediaEvents
    frames: list[Frame]
    news: asyncio.Event

    async def receive(self, *messages: Message) -> None:
        def job(work: Any) -> Sequence[Any]:
            frames: list[Any] = []
            for message in messages:
                work.messages.add(message)
                frames += self.media.record(work, MessageAdded(message), OWN)
            return frames

        self.media.publish("a", await self.database.write("a", job))

    async def told(self, count: int = 1) -> list[dict[str, Any]]:
        """The `media` events, once there are so many."""
        async with asyncio.timeout(10):
            while len(found := [f for f in self.frames if f.kind == "media"]) < count:
                self.news.clear()
                await self.news.wait()
        return [json.loads(frame.text) for frame in found]

    async def wanted(self) -> list[str]:
        found = await self.database.read("a", lambda work: work.wanted_files.first(10))
        return [each.id for each in found]

    def start(self, max_bytes: int | None = MAX) -> None:
        """A new life of the server."""
        settings = Settings.model_validate({})
        bus = EventBus()
        bus.subscribe(self._hear)

        async def no_pause(_: float) -> None:
            await asyncio.sleep(0)

        recorder = EventRecorder(settings, bus)
        self.media = MediaEvents(recorder, self.database, max_bytes, sleep=no_pause)
        self.media.attach(self.server)

    def _hear(self, _: str, frames: Sequence[Frame]) -> None:
        self.frames.extend(frames)
        self.news.set()

    def ready(self) -> None:
        self.media.publish("a", [Frame.of("ready", {})])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = await open_database(tmp_path)
    own = replace(new_credentials(), pn=OWN.with_device(1))
    await database.write("a", lambda work: work.devices.create(own))
    world = World(database, Server(), None, [], asyncio.Event())  # type: ignore[arg-type]
    world.start()
    yield world
    await world.media.close()
    await database.close()


async def test_files_are_told_in_the_order_of_their_messages(world: World) -> None:
    await world.receive(document("A"), document("B"))
    first, second = await world.told(2)
    assert first["messageMedia"] == {
        "mimetype": "text/plain",
        "data": "aGk=",
        "filename": "a.txt",
        "filesize": 2,
    }
    assert [each["message"]["id"]["id"] for each in (first, second)] == ["A", "B"]
    assert await world.wanted() == []


async def test_a_large_file_is_told_without_being_fetched(world: World) -> None:
    await world.receive(document("A", size=MAX + 1))
    (event,) = await world.told()
    assert (event["messageMedia"]["data"], event["messageMedia"]["filesize"]) == (None, MAX + 1)
    assert world.server.asked == 0


async def test_a_file_that_is_gone_is_told_without_size(world: World) -> None:
    world.server.answers = [MediaGone(404, "gone")]
    await world.receive(document("A"))
    (event,) = await world.told()
    assert (event["messageMedia"]["data"], event["messageMedia"]["filesize"]) == (None, None)


async def test_a_host_out_of_reach_is_tried_again_and_given_up(world: World) -> None:
    world.server.answers = [TransferFailed("no"), b"yes"]
    await world.receive(document("A"))
    (event,) = await world.told()
    assert event["messageMedia"]["data"] == "eWVz"
    world.server.answers = [TransferFailed("no")] * 3
    await world.receive(document("B"))
    (_, event) = await world.told(2)
    assert event["messageMedia"]["data"] is None


async def test_what_is_wanted_outlives_the_connection_and_the_server(world: World) -> None:
    world.server.is_connected = False
    await world.receive(document("A"))
    await world.media.close()
    assert await world.wanted() == ["A"]
    world.server.is_connected = True
    world.start()
    world.ready()
    (event,) = await world.told()
    assert event["messageMedia"]["data"] == "aGk="
    assert await world.wanted() == []


async def test_an_unforeseen_fault_holds_up_nobody_else(world: World) -> None:
    world.server.answers = [RuntimeError("a bug"), b"hi"]
    await world.receive(document("A"), document("B"))
    (event,) = await world.told()
    assert event["message"]["id"]["id"] == "B"
    assert await world.wanted() == []


async def test_kinds_that_nobody_wants_are_left_out(world: World) -> None:
    world.server.chosen = {"autoDownloadDocuments": False}
    picture = pb.Message(imageMessage=pb.ImageMessage(mimetype="image/png", mediaKey=b"k" * 32))
    image = replace(document("B"), content=picture.SerializeToString())
    image = replace(image, key=replace(image.key, id="B"))
    await world.receive(document("A"), image)
    (event,) = await world.told()
    assert event["message"]["id"]["id"] == "B"


async def test_without_the_event_nothing_is_wanted(world: World) -> None:
    world.start(None)
    await world.receive(document("A"))
    world.ready()
    assert await world.wanted() == []


# --- what goes out -------------------------------------------------------------------------------


async def test_the_log_has_no_file_and_a_webhook_gets_it(world: World) -> None:
    await world.receive(document("A", mimetype='te"xt\\'))
    (event,) = await world.told()
    (frame,) = [each for each in world.frames if each.kind == "media"]
    logged = json.loads(frame.logged)
    assert logged["messageMedia"].pop("data") is None
    assert {**event["messageMedia"], **logged["messageMedia"]} == event["messageMedia"]
    assert await world.media.complete("a", "media", frame.logged) == frame.text
    assert world.server.asked == 1
    assert await world.media.complete("a", "message", "{}") == "{}"
    # After a restart the file is fetched once more; if it can't be, the event goes out without.
    world.start()
    assert await world.media.complete("a", "media", frame.logged) == frame.text
    assert world.server.asked == 2
    world.server.answers = [MediaGone(404, "gone")]
    world.start()
    assert await world.media.complete("a", "media", frame.logged) == frame.logged


async def test_an_event_waits_for_its_file_while_the_account_is_away(world: World) -> None:
    await world.receive(document("A"))
    await world.told()
    (frame,) = [each for each in world.frames if each.kind == "media"]
    world.start()
    world.server.is_connected = False
    with pytest.raises(SessionNotConnected):
        await world.media.complete("a", "media", frame.logged)
    world.server.is_connected = True
    await world.media.close()
    with pytest.raises(SessionError):
        await world.media.complete("a", "media", frame.logged)


async def test_a_file_is_fetched_whatever_else_is_told_before_its_commit(world: World) -> None:
    # The writer has noted the file, and meanwhile somebody tells of an earlier job.
    def job(work: Any) -> Sequence[Any]:
        work.messages.add(document("A"))
        frames = world.media.record(work, MessageAdded(document("A")), OWN)
        loop.call_soon_threadsafe(world.media.publish, "a", [Frame.of("message", {})])
        loop.call_soon_threadsafe(is_over.set)
        assert may_commit.wait(10)
        return frames

    loop, is_over, may_commit = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    writing = asyncio.create_task(world.database.write("a", job))
    await is_over.wait()
    await world.database.read("a", lambda work: work.wanted_files.first(1))
    may_commit.set()
    world.media.publish("a", await writing)
    assert (await world.told())[0]["message"]["id"]["id"] == "A"


async def test_what_comes_while_the_server_stops_is_fetched_after_the_next_start(
    world: World,
) -> None:
    await world.media.close()
    await world.receive(document("A"))
    assert await world.wanted() == ["A"]
    world.start()
    world.ready()
    await world.told()


def test_only_an_event_without_its_file_takes_one() -> None:
    for text in ("{}", '{"messageMedia":{"mimetype":"a","data":"x","filename":null}}'):
        with pytest.raises(InvalidInput):
            with_file(text, "aGk=")
    assert wanted_file("{}", MAX) is None
