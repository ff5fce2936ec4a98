"""Live counters: asked for again before they end, and after each login."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from support.clock import TIMEOUT_S, FakeClock
from waport.client import post_watch
from waport.client.background import Background
from waport.client.post_watch import PostWatch
from waport.client.queries import Queries
from waport.errors import ConnectionClosed, InvalidInput, NotFound, QueryError
from waport.wire import Jid, Node

CHANNEL = Jid("120363000000000002", "newsletter")
OTHER = Jid("120363000000000003", "newsletter")


@dataclass
class Server:
    """Answers with a duration, or refuses."""

    queries: Queries
    duration: str = "300"
    error: int = 0
    is_open: bool = True
    asked: list[Jid] = field(default_factory=list)

    def send(self, node: Node) -> None:
        if not self.is_open:
            raise ConnectionClosed("test")
        self.asked.append(node.jid("to"))
        attrs = {"id": node.attr("id"), "type": "error" if self.error else "result"}
        child = Node("live_updates", {"duration": self.duration})
        if self.error:
            child = Node("error", {"code": str(self.error)})
        self.queries.resolve(Node("iq", dict(attrs), [child]))


@dataclass
class World:
    clock: FakeClock
    server: Server
    background: Background
    watch: PostWatch


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock, queries, background = FakeClock(), Queries(5), Background()
    server = Server(queries)
    queries.attach(server)  # type: ignore[arg-type]
    yield World(clock, server, background, PostWatch(queries, background, clock))
    await background.cancel()


async def test_a_channel_is_watched_until_one_ends_it(world: World) -> None:
    assert await world.watch.begin(CHANNEL) == 300
    assert world.watch.channels == (CHANNEL,)
    for count in (2, 3):
        await world.clock.pass_by(270)
        await world.clock.sleeping(270)
        assert world.server.asked == [CHANNEL] * count
    world.server.duration = "60"
    await world.clock.pass_by(270)
    await world.clock.sleeping(54)
    world.watch.end(CHANNEL)
    assert world.watch.channels == ()
    world.watch.end(CHANNEL)


async def test_what_was_watched_is_watched_after_the_next_login(world: World) -> None:
    await world.watch.begin(CHANNEL)
    world.server.is_open = False
    await world.clock.pass_by(270)
    await world.background.cancel()
    assert world.watch.channels == (CHANNEL,)
    world.server.is_open = True
    await world.watch.resume()
    await world.clock.sleeping(270)
    assert world.server.asked == [CHANNEL] * 2


async def test_a_channel_that_is_gone_is_watched_no_more(world: World) -> None:
    await world.watch.begin(CHANNEL)
    world.server.error = 404
    with pytest.raises(NotFound):
        await world.watch.begin(OTHER)
    assert world.watch.channels == (CHANNEL,)
    watching = [t for t in asyncio.all_tasks() if t.get_name() == "watching a channel"]
    await world.clock.pass_by(270)
    await asyncio.wait(watching, timeout=TIMEOUT_S)
    assert world.watch.channels == ()


async def test_a_server_that_is_asked_too_much_is_asked_again_later(world: World) -> None:
    await world.watch.begin(CHANNEL)
    await world.background.cancel()
    world.server.error = 429
    await world.watch.resume()
    await world.clock.sleeping(54)
    assert (world.watch.channels, world.server.asked) == ((CHANNEL,), [CHANNEL] * 2)
    world.server.error = 0
    await world.clock.pass_by(54)
    await world.clock.sleeping(270)
    assert world.server.asked == [CHANNEL] * 3


async def test_only_so_many_channels_are_watched(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post_watch, "MAX_WATCHED", 1)
    await world.watch.begin(CHANNEL)
    await world.watch.begin(CHANNEL)
    with pytest.raises(QueryError):
        await world.watch.begin(OTHER)
    with pytest.raises(InvalidInput):
        await world.watch.begin(Jid("15550001111", "s.whatsapp.net"))
