"""The account as a library: the example of the README, as it stands there."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import waport
from waport import Client
from waport.client import ClientConfig
from waport.emulator.phone import Phone
from waport.emulator.server import Emulator, EmulatorOptions
from waport.errors import InvalidInput, StoreError
from waport.model import AckChanged, MessageAdded, QrReady, Ready, SessionState
from waport.pairing import ClientVersion
from waport.wire import Jid, Node

pytestmark = pytest.mark.e2e

README = Path(__file__).parents[2] / "README.md"
TIMEOUT_S = 30.0


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(EmulatorOptions()) as emulator:
        yield emulator


@pytest.fixture
def config(emulator: Emulator) -> ClientConfig:
    return ClientConfig(
        websocket_url=emulator.ws_url,
        noise_root_key=emulator.root_key,
        tls=ssl.create_default_context(cafile=emulator.ca_file),
        version=ClientVersion(2, 3000, 1035194821),
    )


class Person:
    """An account with its phone."""

    def __init__(self, jid: Jid, phone: Phone) -> None:
        self.jid = jid
        self.pair_by_qr = phone.pair_by_qr
        self.send_text = phone.send_text
        self.messages = phone.messages


async def person(emulator: Emulator, name: str) -> Person:
    account = await emulator.create_account(None, name)
    return Person(account.jid, emulator.phone_of(account))


@pytest.fixture
def delivered(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set whenever a phone has handled a stanza."""
    news = asyncio.Event()
    deliver = Phone.deliver

    async def deliver_and_tell(phone: Phone, node: Node) -> None:
        await deliver(phone, node)
        news.set()

    monkeypatch.setattr(Phone, "deliver", deliver_and_tell)
    return news


async def test_the_echo_bot_of_the_readme_answers(
    emulator: Emulator,
    config: ClientConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    delivered: asyncio.Event,
) -> None:
    (code,) = [
        block
        for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
        if "echo" in block
    ]
    owner, alice = await person(emulator, "Owner"), await person(emulator, "Alice")
    shown: asyncio.Queue[str] = asyncio.Queue()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(waport, "Client", partial(Client, config=config), raising=False)
    monkeypatch.setattr(waport, "print_qr", shown.put_nowait, raising=False)
    names: dict[str, Any] = {"__name__": "echo"}
    exec(compile(code, "README.md", "exec"), names)
    assert len(code.splitlines()) <= 20
    bot = asyncio.create_task(names["main"]())
    try:
        await owner.pair_by_qr(await asyncio.wait_for(shown.get(), TIMEOUT_S))
        await alice.send_text(owner.jid, "anybody there?")
        async with asyncio.timeout(TIMEOUT_S):
            while not alice.messages():
                delivered.clear()
                await delivered.wait()
        assert [message.text for message in alice.messages()] == ["anybody there?"]
    finally:
        bot.cancel()
        await asyncio.gather(bot, return_exceptions=True)


async def test_an_account_links_writes_and_comes_back_without_a_new_code(
    emulator: Emulator, config: ClientConfig, tmp_path: Path
) -> None:
    owner, alice = await person(emulator, "Owner"), await person(emulator, "Alice")
    async with asyncio.timeout(TIMEOUT_S), Client(tmp_path / "a.db", config) as client:
        async for event in client.events():
            if isinstance(event, QrReady):
                await owner.pair_by_qr(event.text)
            if isinstance(event, Ready):
                break
        assert (client.state, client.jid) == (SessionState.CONNECTED, owner.jid)
        await client.messages.send_text(alice.jid, "hello")
    async with asyncio.timeout(TIMEOUT_S), Client(tmp_path / "a.db", config) as client:
        ready = await client.ready()
        assert ready.jid == owner.jid
        page = await client.messages.fetch(alice.jid, 10)
        assert [message.text for message in page] == ["hello"]
        await alice.send_text(owner.jid, "back again?")
        seen = []
        async for event in client.events():
            seen.append(type(event))
            if isinstance(event, MessageAdded):
                assert event.message.text == "back again?"
                break
        assert QrReady not in seen
        assert AckChanged not in seen or seen[-1] is MessageAdded


async def test_the_events_end_with_the_link(
    emulator: Emulator, config: ClientConfig, tmp_path: Path
) -> None:
    owner = await person(emulator, "Owner")
    async with asyncio.timeout(TIMEOUT_S), Client(tmp_path / "a.db", config) as client:
        async for event in client.events():
            if isinstance(event, QrReady):
                await owner.pair_by_qr(event.text)
            if isinstance(event, Ready):
                await client.logout()
        # The loop ended by itself.


async def test_one_file_serves_one_client(config: ClientConfig, tmp_path: Path) -> None:
    async with Client(tmp_path / "a.db", config):
        with pytest.raises(StoreError):
            async with Client(tmp_path / "a.db", config):
                pass


def test_a_client_is_used_inside_its_context(config: ClientConfig) -> None:
    with pytest.raises(InvalidInput):
        _ = Client("x.db", config).messages


def test_the_package_names_what_it_gives() -> None:
    assert waport.Client is Client
    with pytest.raises(AttributeError):
        _ = waport.nothing  # type: ignore[attr-defined]
    assert Jid.parse("15550001111@s.whatsapp.net").is_pn
