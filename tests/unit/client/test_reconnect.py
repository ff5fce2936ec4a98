from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.client import BACKOFF, ClientWorld
from support.clock import TIMEOUT_S
from support.whatsapp import VERSION, Wire, failure, stream_error
from waport.client.runner import STABLE_S
from waport.errors import ConnectionClosed, StoreError
from waport.model import Disconnected, SessionState
from waport.pairing import ClientVersion
from waport.wire import SERVER, Node


async def test_515_reconnects_at_once_but_only_once_in_a_row(world: ClientWorld) -> None:
    await world.link()
    wire = await world.log_in()
    wire.say(stream_error(code="515"))
    wire = await world.log_in()
    assert world.words()[-1] == "CONNECTED"
    assert "TIMEOUT" not in world.words()
    wire.say(stream_error(code="515"))
    await world.pass_by(*BACKOFF)
    assert world.words()[-1] == "TIMEOUT"
    await world.log_in()
    await world.pass_by(STABLE_S)


async def test_a_stable_login_may_hurry_again(world: ClientWorld) -> None:
    await world.link()
    for _ in range(2):
        wire = await world.log_in()
        await world.pass_by(STABLE_S)
        wire.say(stream_error(code="515"))
    await world.log_in()


async def test_delays_grow_until_a_login_was_stable(world: ClientWorld) -> None:
    await world.link()
    world.whatsapp.refusals = [ConnectionClosed("unreachable") for _ in range(3)]
    world.start()
    for low in (2.4, 4.8, 9.6):
        await world.pass_by(low, low * 1.5)
    wire = await world.log_in()
    wire.hang_up()
    await world.pass_by(19.2, 28.8)
    wire = await world.log_in()
    await world.pass_by(STABLE_S)
    wire.hang_up()
    await world.pass_by(*BACKOFF)
    await world.log_in()


async def test_a_rate_limit_waits_longer(world: ClientWorld) -> None:
    await world.link()
    wire = await world.log_in()
    wire.say(stream_error(code="429"))
    await world.pass_by(3 * 16 * 0.8, 3 * 16 * 1.2)
    await world.log_in()


async def test_the_loss_is_told_once_after_so_many_failures(world: ClientWorld) -> None:
    quick = ClientWorld(world.database, retries_before_lost=2, backoff_cap_s=100.0)
    await quick.link()
    quick.whatsapp.refusals = [ConnectionClosed("unreachable") for _ in range(4)]
    quick.start()
    await quick.pass_by(*BACKOFF)
    for _ in range(3):
        await quick.pass_by(100)
    assert [event.reason for event in quick.sink.of(Disconnected)] == ["connection_lost"]
    wire = await quick.log_in()
    await quick.pass_by(STABLE_S)
    quick.whatsapp.refusals = [ConnectionClosed("unreachable")]
    wire.hang_up()
    await quick.pass_by(*BACKOFF)
    await quick.pass_by(100)
    await quick.log_in()
    assert len(quick.sink.of(Disconnected)) == 2
    await quick.stop()


async def test_a_refused_version_is_read_anew_and_tried_at_once(world: ClientWorld) -> None:
    await world.link()
    world.versions.coming = [ClientVersion(2, 3000, 1_099_999_999)]
    world.start()
    wire = await world.whatsapp.accept()
    assert wire.payload.userAgent.appVersion.tertiary == VERSION.tertiary
    wire.say(failure(reason="405"))
    wire = await world.whatsapp.accept()
    assert wire.payload.userAgent.appVersion.tertiary == 1_099_999_999
    assert world.sink.of(Disconnected) == []
    assert "DEPRECATED_VERSION" in world.words()


async def test_a_version_that_stays_refused_is_told_once_and_not_tried_fast(
    world: ClientWorld,
) -> None:
    await world.link()
    world.start()
    for low in (3 * 16 * 0.8, 240):
        (await world.whatsapp.accept()).say(failure(reason="405"))
        await world.pass_by(low, low * 1.5)
    assert [event.reason for event in world.sink.of(Disconnected)] == ["client_outdated"]
    await world.log_in()


async def test_versions_that_change_all_the_time_do_not_make_us_spin(world: ClientWorld) -> None:
    await world.link()
    world.versions.coming = [ClientVersion(2, 3000, number) for number in range(1, 5)]
    world.start()
    for _ in range(2):
        (await world.whatsapp.accept()).say(failure(reason="405"))
    await world.clock.sleeping(3 * 16 * 0.8, 3 * 16 * 1.2)
    assert world.whatsapp.connects == 2


async def test_a_ban_is_told_and_waited_out(world: ClientWorld) -> None:
    await world.link()
    world.start()
    (await world.whatsapp.accept()).say(failure(reason="402", code="101", expire="3600"))
    await world.pass_by(3600)
    assert [event.reason for event in world.sink.of(Disconnected)] == ["banned"]
    assert "TOS_BLOCK" in world.words()
    await world.log_in()


async def test_a_server_that_proves_nothing_is_not_tried_fast(world: ClientWorld) -> None:
    await world.link()
    world.start()
    async with asyncio.timeout(TIMEOUT_S):
        wire: Wire = await world.whatsapp._arrived.get()
    await wire._data()
    wire.send_raw(b"\x00\x00\x02ab")  # no handshake message
    await world.pass_by(*BACKOFF)
    assert (await world.credentials()) is not None
    await world.log_in()


async def test_routing_info_is_kept_used_and_dropped_when_it_does_not_work(
    world: ClientWorld,
) -> None:
    await world.link()
    wire = await world.log_in()
    for info in (b"\x08\x0d\x08\x02", b"", bytes(5000)):
        routing = Node("edge_routing", {}, [Node("routing_info", {}, info)])
        wire.say(Node("ib", {"from": SERVER}, [routing]))
    wire.hang_up()
    world.whatsapp.refusals = [ConnectionClosed("unreachable")]
    await world.pass_by(*BACKOFF)
    await world.pass_by(4.8, 7.2)
    wire = await world.whatsapp.accept()
    assert wire.intro.startswith(b"WA")
    wire.say(
        Node(
            "ib",
            {"from": SERVER},
            [Node("edge_routing", {}, [Node("routing_info", {}, b"\x08\x0d\x08\x02")])],
        )
    )
    await wire.log_in()
    await world.is_in(SessionState.CONNECTED)
    wire.hang_up()
    await world.pass_by(9.6, 14.4)
    wire = await world.whatsapp.accept()
    assert wire.intro.startswith(bytes.fromhex("45440001000004080d0802") + b"WA")


async def test_an_error_of_ours_in_one_connection_does_not_end_the_session(
    world: ClientWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.link()
    monkeypatch.setattr(world.whatsapp, "refusals", [RuntimeError("a bug")])
    world.start()
    await world.pass_by(*BACKOFF)
    await world.log_in()


async def test_a_store_that_fails_for_a_while_is_tried_again(
    world: ClientWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.link()
    write = world.database.write
    failures = iter([StoreError("disk full")])

    async def flaky(session_id: str, job: Any) -> Any:
        for error in failures:
            raise error
        return await write(session_id, job)

    monkeypatch.setattr(world.database, "write", flaky)
    world.start()
    await world.pass_by(*BACKOFF)
    await world.log_in()
