"""kill -9 while the phone's history is taken in: in the end everything is there, once."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from waport.emulator.phone import Phone
from waport.emulator.phone_history import HistoryPlan
from waport.store import Database, UnitOfWork, sqlite_url
from waport.wire import Jid

if TYPE_CHECKING:
    from support.talk import Talk

    from .conftest import World

pytestmark = pytest.mark.e2e

SESSION = "main"
PLAN = HistoryPlan(chats=60, messages=6_000, chunk=500)
KILLS = 3


def percents(world: World) -> list[int]:
    """How far the history had come; what waited meanwhile is told likewise, from 0 to 100."""
    told = [event["data"]["percent"] for event in world.inbox.of("loading_screen")]
    return [percent for percent in told if percent not in (0, 100)]


async def is_stored(world: World, ids: set[str]) -> None:
    """Wait until all messages are in the server's database, and every piece is done with."""
    path = world.server.sessions / "waport.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:

        def is_done() -> bool:
            stored = {name for (name,) in database.execute("SELECT id FROM messages")}
            open_pieces = database.execute("SELECT count(*) FROM history_notices").fetchone()[0]
            return open_pieces == 0 and ids <= stored

        async with asyncio.timeout(60):
            while not is_done():  # noqa: ASYNC110 - the last event may be that of what waited
                await asyncio.sleep(0.05)


async def test_a_history_survives_kills(world: World) -> None:
    account, phone = await world.link()
    alice, alice_phone = await world.person("Alice")
    sending = asyncio.create_task(phone.history.send_all([world.device(account)], PLAN))
    chosen = random.Random()  # the moments differ from run to run, on purpose
    at_kill = []
    written = []
    for number in range(KILLS):
        # Some pieces are stored, others not. The moment is what is tested, not a wait for a result:
        # it falls into a download or a transaction, as it happens.
        known = len(percents(world))
        await world.inbox.until(lambda _: len(percents(world)) > known)  # noqa: B023
        await asyncio.sleep(chosen.uniform(0, 0.1))
        await world.server.kill()
        at_kill.append(percents(world)[-1:])
        sent = await alice_phone.send_text(account.jid, f"live {number}")
        written.append(sent.id)
        await world.server.start()
    print("percent at each kill:", at_kill)
    await sending
    await is_stored(
        world, {name for _, chat in of_phone(phone) for name in chat["ids"]} | set(written)
    )
    await world.inbox.until(
        lambda event: event["dataType"] == "message" and event["data"]["id"]["id"] == written[-1],
        timeout_s=30,
    )
    assert await world.server.stop() == 0
    database = await Database.open(sqlite_url(world.server.sessions / "waport.db"))
    try:
        stored = await database.read(SESSION, everything)
    finally:
        await database.close()
    assert stored["notices"] == []
    live = stored["chats"].pop(alice.jid)
    assert live["unread"] == KILLS
    assert sorted(live["ids"]) == sorted(written)
    assert stored["order"][1:] == [name for name, _ in of_phone(phone)]
    assert stored["chats"] == dict(of_phone(phone))
    for person in phone.history.people:
        assert stored["people"][person.pn] == (person.name, person.lid)
    told = percents(world)
    # Only what a kill cut off is told twice.
    assert told == sorted(told)
    assert world.inbox.of("loading_screen")[-1]["data"]["percent"] == 100
    assert {event["data"]["message"] for event in world.inbox.of("loading_screen")} == {"WhatsApp"}
    # Nothing old is told as new.
    told_ids = Counter(event["data"]["id"]["id"] for event in world.inbox.of("message_create"))
    assert set(told_ids) == set(written)


async def test_older_messages_come_through_the_route(talk: Talk) -> None:
    world, phone = talk.world, talk.own_phone
    plan = HistoryPlan(chats=3, messages=90, older=20)
    await phone.history.send_all([world.device(talk.own)], plan)
    await world.inbox.until(
        lambda event: event["dataType"] == "loading_screen" and event["data"]["percent"] == 100
    )
    old = phone.history.chats[0]
    chat_id = f"{Jid.parse(old.jid).user}@c.us"

    async def known() -> int:
        limit = {"limit": 100}
        found = await talk.ok("/chat/fetchMessages", chatId=chat_id, searchOptions=limit)
        return len(found["messages"])

    listed = [each for each in old.messages if each.messageStubType in (0, 1)]
    assert await known() < len(listed)
    assert (await talk.ok("/chat/syncHistory", chatId=chat_id))["result"] is True
    # Old messages are no events, so the list itself is asked.
    async with asyncio.timeout(20):
        while await known() < len(listed):
            continue
    # By now the phone has said that there are no more.
    assert (await talk.ok("/chat/syncHistory", chatId=chat_id))["result"] is False


def everything(store: UnitOfWork) -> dict[str, Any]:
    chats = store.chats.all()
    return {
        "notices": store.history.notices(),
        "order": [chat.jid for chat in chats],
        "chats": {
            chat.jid: {
                "unread": chat.unread,
                "timestamp": chat.timestamp,
                "ids": all_ids(store, chat.jid),
            }
            for chat in chats
        },
        "people": {each.jid: (each.push_name, each.lid) for each in store.contacts.all()},
    }


def all_ids(store: UnitOfWork, chat: Jid) -> list[str]:
    """Ids of the messages of a chat that lists show, the newest first."""
    return [message.key.id for message in store.messages.page(chat, 10_000)]


def of_phone(phone: Phone) -> list[tuple[Jid, dict[str, Any]]]:
    """The phone's chats by phone number, in their order."""
    pns = {str(person.lid): person.pn for person in phone.history.people}
    return [
        (
            pns.get(chat.jid, Jid.parse(chat.jid)),
            {
                "unread": chat.about.unreadCount,
                "timestamp": chat.about.conversationTimestamp,
                "ids": [
                    message.key.id
                    for message in chat.messages
                    if not message.messageStubType or message.messageStubType == 1
                ],
            },
        )
        for chat in phone.history.chats
    ]
