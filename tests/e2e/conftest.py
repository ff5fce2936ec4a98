"""An emulator in this process, and our server in one of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.linked import Linked, ServerAddress, linked_client
from support.talk import Talk
from support.waport_server import Inbox, WaportServer, webhook_inbox
from waport.emulator.accounts import Account
from waport.emulator.phone import Phone
from waport.emulator.server import Emulator, EmulatorOptions

SESSION = "main"


class World:
    """WhatsApp's side, our server, and what its webhook was told."""

    def __init__(self, emulator: Emulator, server: WaportServer, inbox: Inbox) -> None:
        self.emulator = emulator
        self.server = server
        self.inbox = inbox

    async def person(self, name: str) -> tuple[Account, Phone]:
        """A new account with its phone."""
        account = await self.emulator.create_account(None, name)
        return account, self.emulator.phone_of(account)

    async def link(self, session_id: str = SESSION, name: str = "Bot") -> tuple[Account, Phone]:
        """Start a session and have the phone of a new account scan its QR code."""
        account, phone = await self.person(name)
        since = len(self.inbox.events)
        await self.server.get(f"/session/start/{session_id}")
        qr = await self.inbox.until(
            lambda e: e["dataType"] == "qr" and e["sessionId"] == session_id, since=since
        )
        await phone.pair_by_qr(qr["data"]["qr"])
        await self.inbox.until(
            lambda e: e["dataType"] == "ready" and e["sessionId"] == session_id, since=since
        )
        return account, phone

    def device(self, account: Account) -> Any:
        """The address of the linked session."""
        return account.jid.with_device(1)


@pytest.fixture
def server_settings() -> dict[str, str]:
    """Settings of our server beyond the usual ones; a module may have its own."""
    return {}


@pytest.fixture
async def world(tmp_path: Path, server_settings: dict[str, str]) -> AsyncIterator[World]:
    async with (
        Emulator(EmulatorOptions()) as emulator,
        webhook_inbox() as inbox,
    ):
        server = WaportServer(
            tmp_path,
            {
                "BASE_WEBHOOK_URL": inbox.url,
                "WA_WEBSOCKET_URL": emulator.ws_url,
                "WA_NOISE_ROOT_KEY": emulator.root_key.hex(),
                "WA_CA_FILE": str(emulator.ca_file),
                **server_settings,
            },
        )
        await server.start()
        try:
            yield World(emulator, server, inbox)
        finally:
            await server.kill()


@pytest.fixture
async def talk(world: World) -> Talk:
    """A linked account of ours, and Alice, who has but a phone."""
    own, own_phone = await world.link()
    alice, phone = await world.person("Alice")
    return Talk(world, own, own_phone, alice, phone)


@pytest.fixture
async def ann(world: World, talk: Talk, tmp_path: Path) -> AsyncIterator[Linked]:
    """Somebody with a device of her own, who can make groups."""
    _, phone = await world.person("Ann")
    emulator = world.emulator
    address = ServerAddress(emulator.ws_url, emulator.root_key.hex(), Path(str(emulator.ca_file)))
    (tmp_path / "ann").mkdir()
    async with linked_client(tmp_path / "ann", address, phone.pair_by_qr) as linked:
        yield linked
