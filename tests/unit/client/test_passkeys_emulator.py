"""Linking to accounts of the emulator that demand a passkey."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from support.linked import Events
from waport.client import Client, ClientConfig, VersionSource
from waport.emulator import Emulator, EmulatorOptions
from waport.emulator.accounts import Account
from waport.errors import NotAuthorized
from waport.model import PairingCodeReady, PasskeyChanged, PasskeyStage, QrReady, Ready
from waport.pairing import DEFAULT_VERSION, passkey
from waport.store import Database


class World:
    """An account that demands a passkey, and a client that is not linked yet."""

    def __init__(
        self, emulator: Emulator, account: Account, client: Client, events: Events
    ) -> None:
        self.emulator = emulator
        self.account = account
        self.client = client
        self.events = events

    async def stage(self, stage: PasskeyStage) -> PasskeyChanged:
        return await self.events.until(PasskeyChanged, lambda event: event.state.stage is stage)

    async def answer(self) -> None:
        """The owner touches the authenticator."""
        options = (await self.stage(PasskeyStage.CHALLENGE)).state.options
        made = self.emulator.passkeys.of(self.account).assertion(options)
        await self.client.linking.passkeys.answer(made)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    events = Events()
    async with Emulator(EmulatorOptions(plain=True)) as emulator:
        account = await emulator.create_account(None, "Ann")
        emulator.passkeys.demand(account, wanted=True)
        database = await Database.open(f"sqlite:///{tmp_path / 'waport.db'}")
        config = ClientConfig(
            websocket_url=emulator.ws_url,
            noise_root_key=emulator.root_key,
            tls=ssl.create_default_context(),
            version=DEFAULT_VERSION,
            backoff_base_s=0.1,
        )
        versions = VersionSource(config.web_url, pinned=DEFAULT_VERSION)
        client = Client(database, "main", config, events, versions)
        running = asyncio.create_task(client.run())
        try:
            yield World(emulator, account, client, events)
        finally:
            client.stop()
            await running
            await database.close()


async def by_qr(world: World) -> object:
    qr = await world.events.until(QrReady)
    return await world.emulator.phone_of(world.account).pair_by_qr(qr.text)


async def by_code(world: World) -> object:
    await world.events.until(QrReady)
    await world.client.linking.request_code(world.account.number)
    code = await world.events.until(PairingCodeReady)
    return await world.emulator.phone_of(world.account).enter_code(code.code)


@pytest.mark.parametrize("link", [by_qr, by_code])
@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize("sends_options", [True, False])
async def test_the_passkey_links_the_account(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    link: Callable[[World], Awaitable[object]],
    is_old: bool,
    sends_options: bool,
) -> None:
    world.emulator.passkeys.sends_options = sends_options
    if is_old:
        monkeypatch.setattr(passkey, "HANDOFF_LIFE_S", 0.0)
    linking = asyncio.ensure_future(link(world))
    await world.answer()
    if is_old:
        shown = await world.stage(PasskeyStage.CONFIRM)
        phone = world.emulator.phone_of(world.account)
        assert shown.state.code == phone.linker.passkeys.code
        assert not linking.done()
        await world.client.linking.passkeys.confirm()
    assert await linking == world.account.jid.with_device(1)
    ready = await world.events.until(Ready)
    assert ready.jid == world.account.jid
    assert sorted(world.account.devices) == [0, 1]


async def test_a_passkey_of_somebody_else_links_nothing(world: World) -> None:
    linking = asyncio.ensure_future(by_qr(world))
    options = (await world.stage(PasskeyStage.CHALLENGE)).state.options
    other = await world.emulator.create_account(None, "Bob")
    stranger = world.emulator.passkeys.of(other)
    with pytest.raises(NotAuthorized):
        await world.client.linking.passkeys.answer(stranger.assertion(options))
    forged = stranger.assertion(options)
    own = world.emulator.passkeys.of(world.account).assertion(options)
    with pytest.raises(NotAuthorized):
        await world.client.linking.passkeys.answer(
            {**forged, "id": own["id"], "rawId": own["rawId"]}
        )
    assert sorted(world.account.devices) == [0]
    await world.answer()
    assert await linking == world.account.jid.with_device(1)
