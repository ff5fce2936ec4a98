"""The app state in a whole client: what makes it ask, and a phone as the other side."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.account import SESSION, RecordingSink
from support.appstate import KEY_ID, KEYS
from support.client import ClientWorld, Versions
from support.clock import TIMEOUT_S
from support.whatsapp import Wire
from waport.appstate import Collection, SyncKey
from waport.client import Client, ClientConfig
from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.accounts import Account
from waport.emulator.appstate import Mutation
from waport.emulator.phone import Phone
from waport.errors import InvalidInput, NotFound
from waport.model import ChatArchived, Message, MessageAdded, QrReady, Ready
from waport.proto import pb
from waport.store import Database, UnitOfWork
from waport.wire import SERVER, Jid, Node

NAMES = [collection.value for collection in Collection]


def asked(node: Node) -> list[str]:
    """The collections that a stanza asks about."""
    return [each.attr("name") for each in node.child("sync").children("collection")]


def empty(wire: Wire, question: Node) -> None:
    """Nothing was ever written to these collections."""
    collections = [Node("collection", {"name": name, "version": "0"}) for name in asked(question)]
    wire.answer(question, Node("sync", {}, collections))


async def syncing(world: ClientWorld) -> Wire:
    """A client that has a key, and has fetched all collections, which are empty."""
    await world.link()
    await world.database.write(
        SESSION, lambda store: store.sync_keys.put(SyncKey(KEY_ID, KEYS[KEY_ID], 1))
    )
    wire = await world.log_in()
    question = await wire.hear("iq", xmlns="w:sync:app:state")
    assert asked(question) == NAMES
    exchanged = world.client.app_state.next_exchange
    empty(wire, question)
    async with asyncio.timeout(TIMEOUT_S):
        await exchanged.wait()
    return wire


async def test_a_notification_has_its_collections_fetched(world: ClientWorld) -> None:
    wire = await syncing(world)
    collection = Node("collection", {"name": "regular", "version": "1"})
    attrs: dict[str, Any] = {"from": SERVER, "type": "server_sync", "id": "n1", "t": "1"}
    wire.say(Node("notification", attrs, [collection]))
    await wire.hear("ack", id="n1")
    assert asked(await wire.hear("iq", xmlns="w:sync:app:state")) == ["regular"]


async def test_a_dirty_app_state_is_fetched_whole_and_called_clean(world: ClientWorld) -> None:
    wire = await syncing(world)
    dirty = Node("dirty", {"type": "syncd_app_state", "timestamp": "7"})
    wire.say(Node("ib", {"from": SERVER}, [dirty]))
    # That all is to be fetched is stored, so it may be called clean before or after that.
    is_fetched = is_clean = False
    while not (is_fetched and is_clean):
        question = await wire.hear("iq")
        if question.find("sync") is not None:
            assert asked(question) == NAMES
            is_fetched = True
            empty(wire, question)
        elif (clean := question.find("clean")) is not None:
            assert clean.attrs == {"type": "syncd_app_state", "timestamp": "7"}
            is_clean = True


async def test_an_unsent_change_goes_up_after_the_next_login(world: ClientWorld) -> None:
    wire = await syncing(world)
    wire.hang_up()
    await world.clock.sleeping(2.4, 3.6)
    chat = Jid("15550002222", "s.whatsapp.net")
    await world.client.settings.pin(chat)
    world.clock.advance(3.6)
    wire = await world.log_in()
    question = await wire.hear("iq", xmlns="w:sync:app:state")
    (collection,) = question.child("sync").children("collection")
    assert (collection.get("name"), collection.get("version")) == ("regular_low", "0")
    assert len(pb.SyncdPatch.FromString(collection.child("patch").data).mutations) == 2


# --- with a phone --------------------------------------------------------------------------------


class Linked:
    """A linked client, its own phone, and a friend's."""

    def __init__(
        self, emulator: Emulator, client: Client, sink: RecordingSink, own: Account, friend: Account
    ) -> None:
        self.client = client
        self.sink = sink
        self.own = own
        self.phone: Phone = emulator.phone_of(own)
        self.friends_phone: Phone = emulator.phone_of(friend)

    async def message(self) -> Message:
        """The friend's first message."""
        await self.friends_phone.send_text(self.own.jid, "hello")
        return (await self.sink.until(MessageAdded)).message

    def read(self, collection: str) -> dict[tuple[str, ...], pb.SyncActionValue]:
        """What the phone reads, with every MAC checked."""
        return dict(self.phone.app_state.read(collection))


@pytest.fixture
async def linked(tmp_path: Path) -> AsyncIterator[Linked]:
    async with Emulator(EmulatorOptions()) as emulator:
        database = await Database.open(f"sqlite:///{tmp_path}/waport.db")
        own = await emulator.create_account(None, "Own")
        friend = await emulator.create_account(None, "Friend")
        sink = RecordingSink()
        config = ClientConfig(
            websocket_url=emulator.ws_url,
            noise_root_key=emulator.root_key,
            tls=ssl.create_default_context(cafile=emulator.ca_file),
        )
        client = Client(database, SESSION, config, sink, Versions())  # type: ignore[arg-type]
        running = asyncio.create_task(client.run())
        qr = await sink.until(QrReady)
        await emulator.phone_of(own).pair_by_qr(qr.text)
        await sink.until(Ready)
        yield Linked(emulator, client, sink, own, friend)
        client.stop()
        await running
        await database.close()


async def test_the_phone_reads_what_we_write(linked: Linked) -> None:
    message = await linked.message()
    settings, key = linked.client.settings, message.key
    chat = str(key.chat)
    await settings.archive(key.chat)
    await settings.mute(key.chat, 2_000_000_000)
    await settings.star(key.chat, key.id)
    await settings.delete_for_me(key.chat, key.id)
    await settings.set_push_name("Another")
    await settings.set_contact(key.chat, "Amara Silva", "Amara")
    await settings.clear_chat(key.chat, keep_starred=True)
    await settings.settle()
    low, high = linked.read("regular_low"), linked.read("regular_high")
    archive = low["archive", chat].archiveChatAction
    assert archive.archived
    assert archive.messageRange.lastMessageTimestamp == message.timestamp
    assert [each.key.id for each in archive.messageRange.messages] == [key.id]
    assert not low["pin_v1", chat].pinAction.pinned
    assert high["mute", chat].muteAction.muteEndTimestamp == 2_000_000_000_000
    assert high["star", chat, key.id, "0", "0"].starAction.starred
    deleted = high["deleteMessageForMe", chat, key.id, "0", "0"].deleteMessageForMeAction
    assert deleted.messageTimestamp == message.timestamp
    assert ("clearChat", chat, "0", "1") in high
    assert linked.read("critical_block")["setting_pushName",].pushNameSetting.name == "Another"
    contact = linked.read("critical_unblock_low")["contact", chat].contactAction
    assert (contact.fullName, contact.firstName) == ("Amara Silva", "Amara")
    await settings.remove_contact(key.chat)
    await settings.settle()
    assert linked.read("critical_unblock_low") == {}


async def test_we_read_what_the_phone_writes(linked: Linked) -> None:
    message = await linked.message()
    # So that the collections are fetched, and what comes next is news.
    await linked.client.settings.unpin(message.key.chat)
    await linked.client.settings.settle()
    value = pb.SyncActionValue(timestamp=2_000_000_000_000)
    value.archiveChatAction.archived = True
    value.archiveChatAction.messageRange.lastMessageTimestamp = message.timestamp
    index = ("archive", str(message.key.chat))
    await linked.phone.app_state.write("regular_low", [Mutation("SET", index, value, 3)])
    told = await linked.sink.until(ChatArchived)
    assert (told.chat.jid, told.archived, told.previous) == (message.key.chat, True, False)


async def test_settings_refuse_what_makes_no_sense(world: ClientWorld) -> None:
    await world.link()
    settings, chat = world.client.settings, Jid("15550002222", "s.whatsapp.net")
    with pytest.raises(NotFound):
        await settings.star(chat, "unknown")
    with pytest.raises(NotFound):
        await settings.delete_for_me(chat, "unknown")
    for refused in (
        settings.mute(chat, 0),
        settings.set_push_name("  "),
        settings.set_contact(chat, "x" * 101),
        settings.set_contact(Jid("120363000000000001", "g.us"), "Group"),
        settings.archive(SERVER),
    ):
        with pytest.raises(InvalidInput):
            await refused

    def pending(store: UnitOfWork) -> bool:
        return store.app_state.has_pending()

    assert not await world.read(pending)
