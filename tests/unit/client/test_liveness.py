"""A session that says that it is connected has proved it lately."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.blackhole import dead_wire
from support.client import BACKOFF, ClientWorld
from support.clock import TIMEOUT_S
from support.linked import ServerAddress, linked_client
from waport.client.runner import LOGIN_TIMEOUT_S, Runner
from waport.connection import connection
from waport.emulator import Emulator, EmulatorOptions
from waport.model import Ready, SessionState, StateChanged


@pytest.fixture
def quick_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keep-alive at a hundredth of its times."""
    for name, seconds in {
        "PING_INTERVAL_MIN_S": 0.15,
        "PING_INTERVAL_MAX_S": 0.3,
        "RECENT_S": 0.15,
        "DEAD_AFTER_S": 1.0,
        "ANSWER_TIME_S": 0.85,
    }.items():
        monkeypatch.setattr(connection, name, seconds)


@pytest.fixture
def ponged(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set after each answered ping."""
    answered, ping = asyncio.Event(), Runner._ping

    async def watched(runner: Runner) -> None:
        await ping(runner)
        answered.set()

    monkeypatch.setattr(Runner, "_ping", watched)
    return answered


@pytest.mark.usefixtures("quick_pings")
async def test_a_silent_socket_is_found_out_and_replaced(
    tmp_path: Path, ponged: asyncio.Event
) -> None:
    async with Emulator(EmulatorOptions(plain=True)) as emulator:
        ann = await emulator.create_account(None, "Ann")
        bob = await emulator.create_account(None, "Bob")
        url = urlsplit(emulator.ws_url)
        assert url.hostname is not None
        assert url.port is not None
        async with dead_wire(url.hostname, url.port) as wire:
            address = ServerAddress(
                emulator.ws_url.replace(f":{url.port}", f":{wire.port}"),
                emulator.root_key.hex(),
                None,
            )
            phone = emulator.phone_of(ann)
            async with linked_client(tmp_path, address, phone.pair_by_qr) as linked:
                client, events = linked.client, linked.events
                before = time.time()
                ponged.clear()
                await asyncio.wait_for(ponged.wait(), TIMEOUT_S)
                proof = client.evidence
                assert proof is not None
                assert proof.received_at is not None
                assert proof.logged_in_at is not None
                assert proof.pong_at is not None
                assert proof.logged_in_at <= proof.pong_at <= time.time()
                assert proof.received_at >= before

                mark = events.mark
                wire.die()
                await events.until(StateChanged, lambda e: e.state == "TIMEOUT", since=mark)
                assert client.state is not SessionState.CONNECTED
                await emulator.phone_of(bob).send_text(ann.jid, "while it was dead")
                wire.revive()
                await events.until(Ready, since=mark)
                assert client.state is SessionState.CONNECTED
                await linked.wait_text("while it was dead", since=mark)
                assert wire.connections >= 3


async def test_without_a_connection_nothing_is_proved(world: ClientWorld) -> None:
    await world.link()
    assert world.client.evidence is None
    wire = await world.log_in()
    proof = world.client.evidence
    assert proof is not None
    assert (proof.received_at is not None, proof.logged_in_at) == (True, world.clock.unix())
    wire.hang_up()
    await world.is_in(SessionState.DISCONNECTED)
    assert world.client.evidence is None


async def test_a_server_that_says_neither_yes_nor_no_is_left(world: ClientWorld) -> None:
    await world.link()
    world.start()
    wire = await world.whatsapp.accept()
    await world.pass_by(LOGIN_TIMEOUT_S)
    with pytest.raises(EOFError):
        await wire.hear()
    await world.pass_by(*BACKOFF)
    await world.log_in()
