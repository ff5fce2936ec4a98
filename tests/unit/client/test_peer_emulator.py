"""Asking the phone, tokens, refusals and key care against the emulator's own code of the same."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.account import SESSION, RecordingSink
from support.client import Versions
from support.clock import TIMEOUT_S, FakeClock
from waport.client import Client, ClientConfig
from waport.client.prekeys import FIRST_UPLOAD, PreKeys
from waport.client.tokens import known_token
from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.accounts import Account, Device
from waport.emulator.phone import Phone
from waport.errors import AccountRestricted, NewChatLimit
from waport.model import Ack, MessageAdded, MessageUndecryptable, QrReady, Ready
from waport.store import Database
from waport.wire import Node


@dataclass
class World:
    """A linked client, its own phone, and a friend's."""

    emulator: Emulator
    client: Client
    database: Database
    sink: RecordingSink
    own: Account
    own_phone: Phone
    friend: Account
    phone: Phone

    @property
    def device(self) -> Device:
        """The client, as the server knows it."""
        return self.own.devices[max(self.own.devices)]

    def post(self, node: Node) -> None:
        """The server has a stanza for the client."""
        address = self.own.address(lid=False, device=self.device.id)
        self.emulator.faults.post(address, node)

    async def read(self, job: Any) -> Any:
        return await self.database.read(SESSION, job)


@contextlib.asynccontextmanager
async def linked(folder: Path, emulator: Emulator, before: Any = None, **options: Any) -> Any:
    database = await Database.open(f"sqlite:///{folder}/waport.db", **options)
    own = await emulator.create_account(None, "Own")
    friend = await emulator.create_account(None, "Friend")
    phone = emulator.phone_of(friend)
    if before is not None:
        await before(own, phone)
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
    world = World(emulator, client, database, sink, own, emulator.phone_of(own), friend, phone)
    yield world
    client.stop()
    await running
    await database.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with Emulator(EmulatorOptions()) as emulator, linked(tmp_path, emulator) as world:
        yield world


class Givings:
    """Who was given a token through the server, as it happens."""

    def __init__(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        self._all: asyncio.Queue[tuple[Account, Account, int]] = asyncio.Queue()
        give = emulator.restrictions.give

        def watched(giver: Account, receiver: Account, t: int, value: bytes) -> None:
            give(giver, receiver, t, value)
            self._all.put_nowait((giver, receiver, t))

        monkeypatch.setattr(emulator.restrictions, "give", watched)

    async def next(self) -> tuple[Account, Account, int]:
        """The next one."""
        async with asyncio.timeout(TIMEOUT_S):
            return await self._all.get()


# --- asking the phone ----------------------------------------------------------------------------


async def test_what_the_server_withholds_comes_from_the_phone(tmp_path: Path) -> None:
    sent: list[str] = []

    async def write(own: Account, phone: Phone) -> None:
        sent.append((await phone.send_text(own.jid, "from before the link")).id)

    async with (
        Emulator(EmulatorOptions()) as emulator,
        linked(tmp_path, emulator, write) as world,
    ):
        attrs: dict[str, Any] = {
            "from": world.friend.lid,
            "sender_pn": world.friend.jid,
            "id": sent[0],
            "t": str(int(time.time())),
            "type": "text",
        }
        unavailable = Node("unavailable", {"type": "view_once"})
        world.post(Node("message", attrs, [unavailable]))
        await world.sink.until(MessageUndecryptable)
        added = await world.sink.until(MessageAdded)
        assert added.message.text == "from before the link"
        assert (added.message.key.id, added.message.key.chat) == (sent[0], world.friend.jid)
        # The server has the request, so it is not sent at the next login.
        assert await world.read(lambda store: store.send_queue.pending()) == []


# --- tokens and refusals -------------------------------------------------------------------------


async def test_a_restricted_account_reaches_whoever_gave_it_a_token_and_nobody_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = world.emulator
    eve, dave = [await emulator.create_account(None, name) for name in ("Eve", "Dave")]
    await world.phone.tokens.give(world.own.lid)
    # Stanzas keep their order: with Eve's message the token of the friend is there, too.
    await emulator.phone_of(eve).send_text(world.own.jid, "hello")
    await world.sink.until(MessageAdded)
    token = await world.read(lambda store: known_token(store, world.friend.jid))
    assert (token.user, len(token.token)) == (world.friend.lid, 32)
    emulator.restrictions.restrict(world.own)
    givings = Givings(emulator, monkeypatch)
    before = int(time.time())
    await world.client.messages.send_text(world.friend.jid, "you gave me a token")
    giver, receiver, t = await givings.next()
    assert (giver, receiver) == (world.own, world.friend)
    assert before <= t <= time.time()
    with pytest.raises(AccountRestricted) as caught:
        await world.client.messages.send_text(dave.jid, "you did not")
    assert caught.value.code == 463
    # The one thing that may help is done, once.
    assert (await givings.next())[1] is dave


async def test_too_many_new_chats_are_told_as_such(world: World) -> None:
    world.emulator.restrictions.cap(world.own, 0)
    with pytest.raises(NewChatLimit):
        await world.client.messages.send_text(world.friend.jid, "hello")


async def test_a_note_to_self_carries_no_token(world: World) -> None:
    # The server refuses it there with 479.
    await world.database.write(
        SESSION, lambda store: store.tokens.put(world.own.lid, b"token", int(time.time()))
    )
    message = await world.client.messages.send_text(world.own.jid, "note")
    assert message.ack is Ack.SERVER


# --- keys ----------------------------------------------------------------------------------------


def keys_of(world: World) -> PreKeys:
    """Key care of the client, with a clock that is four weeks ahead."""
    clock = FakeClock(time.time() + 28 * 24 * 3600)
    return PreKeys(world.database, SESSION, world.client._queries, clock)


async def test_the_server_and_we_agree_about_our_keys(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await keys_of(world).verify()
    assert [each for each in caplog.records if each.name == "waport.client.prekeys"] == []


async def test_friends_write_with_the_replaced_key_and_with_the_new_one(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.phone.send_text(world.own.jid, "with the old one")
    await world.sink.until(MessageAdded)
    await keys_of(world).rotate()
    assert world.device.signed_pre_key is not None
    assert world.device.signed_pre_key.id == 2
    await world.phone.send_text(world.own.jid, "in the old session")
    eve = world.emulator.phone_of(await world.emulator.create_account(None, "Eve"))
    await eve.send_text(world.own.jid, "with the new one")
    await world.sink.until(MessageAdded, 3)
    texts = [event.message.text for event in world.sink.of(MessageAdded)]
    assert texts == ["with the old one", "in the old session", "with the new one"]
    caplog.clear()
    await keys_of(world).verify()
    assert [each for each in caplog.records if each.levelname != "INFO"] == []


async def test_keys_that_the_server_lost_are_uploaded_again(world: World) -> None:
    world.device.uploaded = False
    world.device.pre_keys.clear()
    await keys_of(world).verify()
    assert len(world.device.pre_keys) == FIRST_UPLOAD
    await world.phone.send_text(world.own.jid, "hello")
    assert (await world.sink.until(MessageAdded)).message.text == "hello"
