"""kill -9 at any moment: nothing is lost, nothing is doubled, nobody scans again."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from waport.store import Database, sqlite_url

if TYPE_CHECKING:
    from .conftest import World

pytestmark = pytest.mark.e2e

SESSION = "main"
MESSAGES = 200
KILLS = 10
LIFE_S = 0.25
"""A life of the server after it listens: the login and twenty messages take about this long."""


async def test_two_hundred_incoming_messages_survive_ten_kills(world: World) -> None:
    account, _ = await world.link()
    alice, alice_phone = await world.person("Alice")
    chosen = random.Random()  # the moments differ from run to run, on purpose
    ids: list[str] = []

    async def write(count: int) -> None:
        for _ in range(count):
            sent = await alice_phone.send_text(account.jid, f"text {len(ids)}")
            ids.append(sent.id)

    open_at_kill = []
    for _ in range(KILLS):
        writing = asyncio.create_task(write(MESSAGES // KILLS))
        # The moment is what is tested, not a wait for a result: it falls into the login, the
        # backlog, a transaction or a delivery, as it happens.
        await asyncio.sleep(chosen.uniform(0, LIFE_S))
        await world.server.kill()
        await writing
        told = {event["data"]["id"]["id"] for event in world.inbox.of("message")}
        open_at_kill.append(len(set(ids) - told))
        await world.server.start()
    print("messages not yet told at each kill:", open_at_kill)
    await world.inbox.until(
        lambda _: len({e["data"]["id"]["id"] for e in world.inbox.of("message")}) >= MESSAGES,
        timeout_s=60,
        what="all messages",
    )
    delivered = [event["data"]["id"]["id"] for event in world.inbox.of("message")]
    assert set(delivered) == set(ids)
    # Read from the database itself: the last login need not be through yet.
    assert await world.server.stop() == 0
    database = await Database.open(sqlite_url(world.server.sessions / "waport.db"))
    try:
        stored = await database.read(
            SESSION, lambda store: store.messages.page(alice.jid, 2 * MESSAGES)
        )
    finally:
        await database.close()
    assert Counter(message.key.id for message in stored) == Counter(ids)
    assert len(world.inbox.of("qr")) == 1
    # First deliveries come in the order of writing; only what a kill cut off may come twice.
    first_deliveries = list(dict.fromkeys(delivered))
    assert first_deliveries == ids


async def test_outgoing_messages_survive_kills_and_reach_the_peer_once(world: World) -> None:
    account, _ = await world.link()
    alice, alice_phone = await world.person("Alice")
    chat = f"{alice.jid.user}@c.us"
    chosen = random.Random()
    await world.server.send_text(SESSION, chat, "before")
    for round_number in range(3):
        sending = [
            asyncio.create_task(
                world.server.send_text(SESSION, chat, f"round {round_number} text {index}")
            )
            for index in range(20)
        ]
        created = len(world.inbox.of("message_create"))
        await world.inbox.count("message_create", created + chosen.randint(1, 10))
        await world.server.kill()
        await asyncio.gather(*sending, return_exceptions=True)
        ready = len(world.inbox.of("ready"))
        await world.server.start()
        await world.inbox.count("ready", ready + 1)
    last = await world.server.send_text(SESSION, chat, "after")
    await world.inbox.acked(last["id"]["id"], 2)
    stored = [message["id"]["id"] for message in await world.server.messages(SESSION, chat)]
    arrived = [message.id for message in alice_phone.messages()]
    # What was stored was sent, once each, and the same bytes where it was sent again.
    assert Counter(arrived) == Counter(stored)
    for message_id in stored:
        hashes = {arrival["sha256"] for arrival in world.emulator.arrivals(message_id)}
        assert len(hashes) == 1
    assert len(world.inbox.of("qr")) == 1
    assert sorted(account.devices) == [0, 1]
