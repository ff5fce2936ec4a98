"""App state shared with Baileys: two companions of one account read what the other writes.

Baileys checks the MACs of every patch, and so do we.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from interop.baileys import Baileys
from interop.conftest import QUIET, Admin, Launch
from support.linked import Linked
from waport.appstate import Collection
from waport.appstate.actions import FOREVER, EditLabel
from waport.model import (
    ChatArchived,
    ChatRemoved,
    Contact,
    Message,
    MessageDeleted,
    UnreadChanged,
)
from waport.wire import Jid

pytestmark = pytest.mark.interop

Fits = Callable[[Any], bool]


@dataclass
class Account:
    """One account with two companions, and a friend who writes to it."""

    ours: Linked
    baileys: Baileys
    admin: Admin
    friend: dict[str, str]

    @property
    def chat(self) -> Jid:
        return Jid.parse(self.friend["jid"])

    async def message(self, text: str) -> Message:
        """The friend writes; both companions have it."""
        await self.admin.send(self.friend["jid"], str(self.ours.jid), text)
        message = await self.ours.wait_text(text)
        await self.baileys.wait_text(text)
        return message

    async def modify(self, **change: Any) -> None:
        """Baileys changes the chat."""
        await self.baileys.call("chatModify", change, str(self.chat))

    async def baileys_saw(self, kind: str, since: int, fits: Fits) -> None:
        """Baileys has told of a change that fits."""

        def is_it(event: Any) -> bool:
            if event["event"] != kind:
                return False
            data = event["data"]
            return any(fits(each) for each in (data if isinstance(data, list) else [data]))

        await self.baileys.wait_event(is_it, what=f"{kind} that fits", since=since)

    async def until_stored(self, fits: Callable[[Any], bool]) -> None:
        """Our store says so: it is looked into after each exchange with the server."""
        sync = self.ours.client.app_state
        async with asyncio.timeout(20):
            exchanged = sync.next_exchange
            while not await self.ours.read(fits):
                await exchanged.wait()
                exchanged = sync.next_exchange


def in_chat(account: Account, **fields: Any) -> Fits:
    """A change of the chat with these values."""
    wanted = str(account.chat)
    return lambda each: (
        each.get("id") == wanted
        and all(each.get(name, "absent") == value for name, value in fields.items())
    )


@pytest.fixture
async def account(ours: Linked, admin: Admin, baileys: Launch, unique_name: str) -> Account:
    second = await baileys(f"{unique_name} two", account=str(ours.jid), **QUIET)
    friend = await admin.create_account(f"{unique_name} friend")
    return Account(ours, second, admin, friend)


async def test_baileys_reads_what_we_write(account: Account) -> None:
    settings, chat, theirs = account.ours.client.settings, account.chat, account.baileys
    message = await account.message("hello")
    since = theirs.mark
    await settings.archive(chat)
    await account.baileys_saw("chats.update", since, in_chat(account, archived=True))
    since = theirs.mark
    await settings.pin(chat)
    await account.baileys_saw("chats.update", since, in_chat(account, archived=False))
    await account.baileys_saw(
        "chats.update", since, lambda each: each["id"] == str(chat) and each.get("pinned")
    )
    until = int(time.time()) + 3600
    await settings.mute(chat, until)
    await account.baileys_saw("chats.update", since, in_chat(account, muteEndTime=until * 1000))
    since = theirs.mark
    await settings.unmute(chat)
    # The end is null then, which the driver leaves out.
    await account.baileys_saw("chats.update", since, lambda each: each == {"id": str(chat)})
    await settings.mute(chat)
    await account.baileys_saw("chats.update", since, in_chat(account, muteEndTime=FOREVER))
    await settings.mark_read(chat)
    await account.baileys_saw("chats.update", since, in_chat(account, unreadCount=0))
    await settings.mark_unread(chat)
    await account.baileys_saw("chats.update", since, in_chat(account, unreadCount=-1))
    await settings.star(chat, message.key.id)
    await account.baileys_saw(
        "messages.update",
        since,
        lambda each: each["key"]["id"] == message.key.id and each["update"].get("starred") is True,
    )
    await settings.set_contact(chat, "Amara Silva", "Amara")
    await account.baileys_saw(
        "contacts.upsert",
        since,
        lambda each: each["id"] == str(chat) and each["name"] == "Amara Silva",
    )
    await settings.write(EditLabel("7", "Work", 3))
    await account.baileys_saw(
        "labels.edit", since, lambda each: (each["id"], each["name"]) == ("7", "Work")
    )
    await settings.label_chat(chat, "7")
    await account.baileys_saw(
        "labels.association", since, lambda each: each["association"]["chatId"] == str(chat)
    )
    await settings.set_push_name("Another Name")
    await theirs.wait_event(
        lambda event: event["event"] == "creds.update" and event["me"]["name"] == "Another Name",
        what="the new name",
        since=since,
    )
    await settings.delete_for_me(chat, message.key.id)
    await account.baileys_saw(
        "messages.delete",
        since,
        lambda each: [key["id"] for key in each["keys"]] == [message.key.id],
    )
    await settings.delete_chat(chat)
    await account.baileys_saw("chats.delete", since, lambda each: each == str(chat))


async def test_we_read_what_baileys_writes(account: Account) -> None:
    ours, chat = account.ours, account.chat
    message = await account.message("hello")
    key = {"remoteJid": str(chat), "id": message.key.id, "fromMe": False}
    newest = [{"key": key, "messageTimestamp": message.timestamp}]
    await account.modify(archive=True, lastMessages=newest)
    archived = await ours.events.until(ChatArchived)
    assert (archived.chat.jid, archived.archived, archived.previous) == (chat, True, False)
    await account.modify(archive=False, lastMessages=newest)
    back = await ours.events.until(ChatArchived, lambda event: not event.archived)
    assert (back.chat.jid, back.previous) == (chat, True)
    await account.modify(pin=True)
    await account.until_stored(lambda store: store.chats.get(chat).pinned)
    until = int(time.time()) + 3600
    await account.modify(mute=until * 1000)
    await account.until_stored(lambda store: store.chats.get(chat).muted_until == until)
    await account.modify(mute=None)
    await account.until_stored(lambda store: store.chats.get(chat).muted_until == 0)
    await account.modify(markRead=True, lastMessages=newest)
    read = await ours.events.until(UnreadChanged)
    assert (read.chat.jid, read.count) == (chat, 0)
    await account.modify(markRead=False, lastMessages=newest)
    unread = await ours.events.until(UnreadChanged, lambda event: event.count != 0)
    assert (unread.chat.jid, unread.count) == (chat, -1)
    await account.modify(star={"messages": [key], "star": True})
    await account.until_stored(lambda store: store.messages.get(chat, message.key.id).starred)
    contact = {"fullName": "Amara Silva", "firstName": "Amara"}
    await account.modify(contact=contact)
    await account.until_stored(lambda store: (store.contacts.get(chat) or Contact(chat)).name)
    stored = await ours.read(lambda store: store.contacts.get(chat))
    assert stored is not None
    assert (stored.name, stored.first_name) == ("Amara Silva", "Amara")
    await account.modify(contact=None)
    await account.until_stored(lambda store: not store.contacts.get(chat).name)
    await account.baileys.call("updateProfileName", "Another Name")
    await account.until_stored(lambda store: store.devices.get().push_name == "Another Name")
    await account.modify(
        deleteForMe={"deleteMedia": False, "key": key, "timestamp": message.timestamp}
    )
    assert (await ours.events.until(MessageDeleted)).message.key == message.key
    again = await account.message("again")
    newest = [{"key": {**key, "id": again.key.id}, "messageTimestamp": again.timestamp}]
    await account.modify(delete=True, lastMessages=newest)
    assert (await ours.events.until(ChatRemoved)).chat.jid == chat
    assert await ours.read(lambda store: store.messages.page(chat, 10)) == []


async def test_both_write_at_once_and_end_up_alike(account: Account) -> None:
    ours, chat, theirs = account.ours, account.chat, account.baileys
    await account.message("hello")
    since = theirs.mark
    for turn in range(5):
        await ours.client.settings.mute(chat, 2_000_000_000 + turn)
        await account.modify(pin=turn % 2 == 0)
    await ours.client.settings.settle()
    await account.baileys_saw(
        "chats.update", since, in_chat(account, muteEndTime=2_000_000_004_000)
    )
    await account.until_stored(lambda store: store.chats.get(chat).pinned)
    for name in (Collection.REGULAR_LOW, Collection.REGULAR_HIGH):
        stored = await ours.read(lambda store, name=name: store.app_state.collection(name))
        assert not stored.is_broken
