"""A thousand messages in twenty chats while the server was away, three of them damaged."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import pytest

from support.waport_server import Event
from waport.emulator.accounts import Account
from waport.emulator.phone import Phone
from waport.emulator.troubles import StanzaFault

if TYPE_CHECKING:
    from .conftest import World

pytestmark = pytest.mark.e2e

SESSION = "main"

CHATS = 20
EACH = 50
DAMAGED = (3, 11, 19)
"""Chats of which one message in the middle can't be read at first."""


async def _write(
    world: World, account: Account, author: tuple[Account, Phone], chat: int
) -> list[str]:
    """Fifty texts; the twenty-fifth of some chats is damaged on its way."""
    texts = [f"{chat}-{number}" for number in range(EACH)]
    for number, text in enumerate(texts):
        if chat in DAMAGED and number == EACH // 2:
            world.emulator.faults.disturb_stanzas(
                StanzaFault(
                    world.emulator.faults.target(world.device(account)),
                    "damage",
                    senders=world.emulator.faults.addresses(author[0].jid),
                )
            )
        await author[1].send_text(account.jid, text)
    return texts


def _chat_of(event: Event) -> str:
    return str(event["data"]["id"]["remote"])


def percent(event: Event) -> int | None:
    """How much of the backlog is there, by one event."""
    if event["dataType"] != "loading_screen":
        return None
    assert event["data"]["message"] == "WhatsApp"
    return int(event["data"]["percent"])


async def test_a_thousand_messages_of_the_time_away_arrive_in_order_and_once(
    world: World,
) -> None:
    account, _ = await world.link()
    people = [await world.person(f"Person {number}") for number in range(CHATS)]
    # Their sessions exist before; the messages are ordinary ones.
    for number, (_, phone) in enumerate(people):
        await phone.send_text(account.jid, f"{number}-hello")
    await world.inbox.count("message", CHATS)
    assert await world.server.stop() == 0
    written = await asyncio.gather(
        *(_write(world, account, person, number) for number, person in enumerate(people))
    )
    await world.server.start()
    await world.inbox.count("message", CHATS + CHATS * EACH, timeout_s=120)

    expected = {
        str(person.jid).replace("s.whatsapp.net", "c.us"): [f"{number}-hello", *written[number]]
        for number, (person, _) in enumerate(people)
    }
    damaged = {f"{chat}-{EACH // 2}" for chat in DAMAGED}
    told: dict[str, list[str]] = defaultdict(list)
    for event in world.inbox.of("message"):
        told[_chat_of(event)].append(event["data"]["body"])
    for chat, texts in expected.items():
        # What had to be asked for is announced when it can be read; the others keep their order.
        readable = [text for text in texts if text not in damaged]
        assert [text for text in told[chat] if text not in damaged] == readable
        assert sorted(told[chat]) == sorted(texts)
        stored = await world.server.messages(SESSION, chat, limit=EACH + 10)
        assert [message["body"] for message in reversed(stored)] == texts
    for kind in ("message", "message_create"):
        announced = Counter(event["data"]["id"]["id"] for event in world.inbox.of(kind))
        assert set(announced.values()) == {1}
        assert len(announced) == CHATS + CHATS * EACH
    assert len(world.inbox.of("message_ciphertext")) == len(DAMAGED)
    await world.inbox.until(lambda event: percent(event) == 100)
    percents = [told for event in world.inbox.events if (told := percent(event)) is not None]
    # One step for each batch of 200.
    assert percents == sorted(set(percents))
    assert (percents[0], percents[-1], len(percents) >= 1 + 4 + 1) == (0, 100, True)
