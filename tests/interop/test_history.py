"""The same history, sent by the emulator's phone to us and to real Baileys.

Both are companions of one account, so both get the very same pieces. At the full size the benchmark
does the same (`python -m benchmarks --only history`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from interop.baileys import Baileys
from interop.conftest import Admin, Launch
from support.linked import Linked
from waport.errors import QueryTimeout
from waport.model import Chat, HistoryProgress, MessageAdded, MessageKind
from waport.store import UnitOfWork
from waport.wire import Jid

pytestmark = pytest.mark.interop

CHATS, MESSAGES, CHUNK = 50, 2_000, 500
QUIET = {"log_level": "warn"}
RECENT = 3


@dataclass
class Told:
    """What Baileys has told of a history, merged as a user of it would do."""

    chats: dict[str, dict[str, Any]] = field(default_factory=dict)
    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: dict[tuple[str, str], list[Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, baileys: Baileys, since: int = 0) -> Told:
        told = cls()
        for event in baileys.events[since:]:
            if event["event"] != "messaging-history.set":
                continue
            for chat in event["data"]["chats"]:
                told.chats[chat["id"]] = told.chats.get(chat["id"], {}) | chat
            for contact in event["data"]["contacts"]:
                known = told.contacts.get(contact["id"], {})
                told.contacts[contact["id"]] = known | contact
            for message in event["data"]["messages"]:
                told.messages[message[0], message[1]] = message
        return told


@dataclass
class Account:
    """One account with two companions."""

    ours: Linked
    baileys: Baileys
    admin: Admin

    @property
    def jid(self) -> str:
        return str(self.ours.jid)

    async def send_history(self, chats: int = CHATS, messages: int = MESSAGES, **more: Any) -> Any:
        """The phone sends its history to both."""
        body = {"chats": chats, "messages": messages, "chunk": CHUNK, **more}
        return await self.admin.post(f"/accounts/{self.jid}/history", body)

    async def phone(self) -> Any:
        """What the phone has."""
        return await self.admin.get(f"/accounts/{self.jid}/history")

    async def complete(self, since: int = 0) -> None:
        """Both have all of it."""
        await self.ours.events.until(HistoryProgress, lambda event: event.percent == 100)
        await self.baileys.wait_event(
            lambda event: (
                event["event"] == "messaging-history.set"
                and event["data"]["sync_type"] == RECENT  # not what comes with the link
                and event["data"]["progress"] == 100
            ),
            what="the end of the history",
            since=since,
        )

    async def canonical(self, told: Told) -> dict[str, Jid]:
        """The addresses of chats by phone number, as far as the phone knows it."""
        pns = {person["lid"]: Jid.parse(person["jid"]) for person in (await self.phone())["people"]}
        return {jid: pns.get(jid, Jid.parse(jid)) for jid in (*told.chats, *told.contacts)}


@pytest.fixture
async def account(ours: Linked, admin: Admin, baileys: Launch, unique_name: str) -> Account:
    second = await baileys(f"{unique_name} two", account=str(ours.jid), **QUIET)
    return Account(ours, second, admin)


async def test_the_same_history_gives_the_same_chats(account: Account) -> None:
    since = account.baileys.mark
    await account.send_history()
    await account.complete(since)
    told = Told.of(account.baileys, since)
    assert len(told.chats) == CHATS
    assert len(told.messages) == MESSAGES
    names = await account.canonical(told)

    ours = {chat.jid: chat for chat in await account.ours.read(lambda store: store.chats.all())}
    theirs = sorted(told.chats.values(), key=lambda chat: -chat["conversationTimestamp"])
    # Chats, their order and what is unread in them.
    assert list(ours) == [names[chat["id"]] for chat in theirs]
    for chat in theirs:
        assert _of_ours(ours[names[chat["id"]]]) == _of_theirs(chat)
    # Contacts.
    known = {each.jid: each for each in await account.ours.read(lambda store: store.contacts.all())}
    for jid, contact in told.contacts.items():
        person = names[jid]
        if person.is_group:
            continue
        assert known[person].name == contact.get("name", known[person].name)
        assert known[person].push_name == contact.get("notify", known[person].push_name)
        lid = contact.get("lid") or (jid if Jid.parse(jid).is_lid else None)
        if lid is not None:
            assert known[person].lid == Jid.parse(lid)
    # Messages: the same ids in the same places, with the same texts.
    for (chat_jid, message_id), message in told.messages.items():
        _, _, from_me, _, timestamp, stub, text = message
        found = await account.ours.read(
            lambda store, chat=names[chat_jid], name=message_id: store.messages.get(chat, name)
        )
        assert found is not None
        assert (found.key.from_me, found.timestamp) == (from_me, timestamp)
        if stub:
            assert found.kind in (MessageKind.STUB, MessageKind.REVOKED)
        elif found.text:
            assert found.text == text
    assert account.ours.events.of(MessageAdded) == []


def _of_ours(chat: Chat) -> tuple[Any, ...]:
    return (
        chat.timestamp,
        chat.unread,
        chat.marked_unread,
        chat.archived,
        chat.pinned,
        chat.muted_until,
        chat.name if chat.jid.is_group else "",
    )


def _of_theirs(chat: dict[str, Any]) -> tuple[Any, ...]:
    return (
        chat["conversationTimestamp"],
        chat.get("unreadCount", 0),
        chat.get("markedAsUnread", False),
        chat.get("archived", False),
        bool(chat.get("pinned")),
        chat.get("muteEndTime", 0),
        chat.get("name", "") if Jid.parse(chat["id"]).is_group else "",
    )


async def test_the_unread_messages_are_the_newest_ones(account: Account) -> None:
    await account.send_history(20, 400)
    await account.complete()

    def unread(store: UnitOfWork) -> dict[Jid, list[str]]:
        return {
            chat.jid: [key.id for key in store.messages.unread(chat.jid, 100)]
            for chat in store.chats.all()
        }

    phone = await account.phone()
    pns = {person["lid"]: person["jid"] for person in phone["people"]}
    wanted = {
        Jid.parse(pns.get(chat["jid"], chat["jid"])): chat["ids"][: chat["unread"]]
        for chat in phone["chats"]
    }
    assert await account.ours.read(unread) == wanted


async def test_a_live_message_is_told_before_the_history_ends(account: Account) -> None:
    friend = await account.admin.create_account("Live friend")
    sending = asyncio.create_task(account.send_history(50, 10_000))
    await account.ours.events.until(HistoryProgress)
    await account.admin.send(friend["jid"], account.jid, "in the middle of it")
    await account.ours.wait_text("in the middle of it")
    told = [event.percent for event in account.ours.events.of(HistoryProgress)]
    assert told
    assert told[-1] < 100
    await sending
    await account.complete()
    percents = [event.percent for event in account.ours.events.of(HistoryProgress)]
    assert percents == sorted(set(percents))


async def test_older_messages_come_on_demand_as_they_do_to_baileys(account: Account) -> None:
    await account.send_history(5, 200, older=30)
    await account.complete()
    chat = (await account.phone())["chats"][0]
    jid, ids = Jid.parse(chat["jid"]), chat["ids"]
    history = account.ours.client.history
    first = await history.fetch_older(jid, 20)
    assert (first.messages, first.is_complete) == (20, False)
    rest = await history.fetch_older(jid, 20)
    assert (rest.messages, rest.is_complete) == (10, True)
    assert (await history.fetch_older(jid, 20)).messages == 0
    stored = await account.ours.read(
        lambda store: [store.messages.get(jid, name) is not None for name in ids]
    )
    assert all(stored)
    # Baileys asks the same phone, in its own way, and gets the same messages.
    since = account.baileys.mark
    key = {"remoteJid": chat["jid"], "fromMe": False, "id": ids[9]}
    await account.baileys.call("fetchMessageHistory", 20, key, 0)
    event = await account.baileys.wait_event(
        lambda event: (
            event["event"] == "messaging-history.set" and event["data"]["request_id"] is not None
        ),
        since=since,
    )
    assert [message[1] for message in event["data"]["messages"]] == ids[10:30]


@pytest.mark.parametrize("fault", ["truncate", "hash", "gone", "bomb"])
async def test_a_broken_piece_is_asked_for_again(account: Account, fault: str) -> None:
    await account.send_history(20, 400, fault=fault, fault_chunk=1)
    await account.ours.events.until(HistoryProgress, lambda event: event.percent == 100)
    phone = await account.phone()
    total = sum(len(chat["ids"]) for chat in phone["chats"])

    def count(store: UnitOfWork) -> int:
        return sum(
            store.messages.find(name) is not None for chat in phone["chats"] for name in chat["ids"]
        )

    assert await account.ours.read(count) == total
    assert await account.ours.read(lambda store: store.history.notices()) == []


@pytest.mark.parametrize("fault", ["twice", "bad_message", "unknown_type"])
async def test_strange_pieces_do_no_harm(account: Account, fault: str) -> None:
    await account.send_history(20, 400, fault=fault, fault_chunk=1)
    await account.ours.events.until(HistoryProgress, lambda event: event.percent == 100)
    chats = await account.ours.read(lambda store: store.chats.all())
    wanted = sum(chat["unread"] for chat in (await account.phone())["chats"])
    assert (len(chats), sum(chat.unread for chat in chats)) == (20, wanted)


async def test_all_history_can_be_asked_for(account: Account) -> None:
    await account.send_history(5, 100, older=10)
    await account.complete()
    ids = [name for chat in (await account.phone())["chats"] for name in chat["ids"]]
    since = account.ours.events.mark
    await account.ours.client.history.request_full()
    await account.ours.events.until(
        HistoryProgress,
        lambda event: (event.sync_type, event.percent) == ("FULL", 100),
        since=since,
    )
    found = await account.ours.read(
        lambda store: [store.messages.find(name) is not None for name in ids]
    )
    assert all(found)


async def test_a_phone_that_is_away_sends_nothing(account: Account) -> None:
    await account.send_history(2, 40, older=5)
    await account.complete()
    await account.admin.post(f"/accounts/{account.jid}/habits", {"history": "ignore"})
    chat = Jid.parse((await account.phone())["chats"][0]["jid"])
    with pytest.raises(QueryTimeout):
        await account.ours.client.history.fetch_older(chat, timeout_s=0.3)
