from __future__ import annotations

import asyncio

import pytest

from support.client import BACKOFF, ClientWorld
from support.whatsapp import failure, stream_error
from waport.client import Cause
from waport.errors import ConnectionClosed
from waport.model import AuthFailure, Disconnected, LinkState, SessionState
from waport.wire import Node


async def test_a_removed_device_is_told_and_forgotten(world: ClientWorld) -> None:
    await world.link()
    wire = await world.log_in()
    wire.say(stream_error(Node("conflict", {"type": "device_removed"}), code="401"))
    close = await world.ended()
    assert close.cause is Cause.LOGGED_OUT
    assert world.sink.published[-1] == Disconnected("logged_out")
    assert world.sink.of(AuthFailure) == []
    assert await world.credentials() is None
    assert world.client.state is SessionState.DISCONNECTED


@pytest.mark.parametrize("reason", ["401", "403", "406"])
async def test_a_refused_login_is_an_auth_failure_with_the_servers_own_words(
    world: ClientWorld, reason: str
) -> None:
    await world.link()
    world.start()
    (await world.whatsapp.accept()).say(failure(reason=reason, appeal_token="once"))
    await world.ended()
    (event,) = world.sink.of(AuthFailure)
    assert 'appeal_token="once"' in event.message
    assert world.sink.published[-1] == Disconnected("logged_out")
    assert await world.credentials() is None


@pytest.mark.parametrize("attrs", [{"reason": "409"}, {"reason": "418"}, {}, {"reason": "402"}])
async def test_other_refusals_end_the_session_and_keep_the_credentials(
    world: ClientWorld, attrs: dict[str, str]
) -> None:
    await world.link()
    world.start()
    (await world.whatsapp.accept()).say(failure(**attrs))
    close = await world.ended()
    assert close.cause is Cause.REFUSED
    (event,) = world.sink.of(AuthFailure)
    assert "<failure" in event.message
    assert await world.credentials() is not None


async def test_a_replaced_session_does_not_fight_back(world: ClientWorld) -> None:
    await world.link()
    wire = await world.log_in()
    wire.say(stream_error(Node("conflict", {"type": "replaced"})))
    await world.ended()
    assert world.sink.published[-1] == Disconnected("connection_replaced")
    assert world.words()[-1] == "CONFLICT"
    assert await world.credentials() is not None
    assert world.whatsapp.connects == 1


async def test_an_upgrade_that_is_refused_for_good_ends_the_session(world: ClientWorld) -> None:
    await world.link()
    world.whatsapp.refusals = [ConnectionClosed("upgrade answered 403", will_retry=False)]
    world.start()
    close = await world.ended()
    assert close.cause is Cause.REFUSED
    assert await world.credentials() is not None


async def test_a_pairing_that_the_server_never_finished_begins_anew(world: ClientWorld) -> None:
    old = await world.link(login_counter=0)
    world.start()
    (await world.whatsapp.accept()).say(failure(reason="401"))
    await world.pass_by(*BACKOFF)
    wire = await world.whatsapp.accept()
    assert wire.payload.HasField("devicePairingData")
    fresh = await world.credentials()
    assert fresh is not None
    assert (fresh.state, fresh.identity != old.identity) == (LinkState.NEW, True)
    assert world.sink.of(AuthFailure) == [AuthFailure("pairing was not finished")]
    assert world.sink.of(Disconnected) == []


async def test_logging_out_waits_for_the_servers_word_and_is_told_once(
    world: ClientWorld,
) -> None:
    await world.link()
    wire = await world.log_in()
    leaving = asyncio.create_task(world.client.logout())
    request = await wire.hear("iq", xmlns="md")
    assert request.child("remove-companion-device").jid("jid").device == 1
    wire.answer(request)
    wire.say(stream_error(Node("conflict", {"type": "device_removed"}), code="401"))
    await leaving
    await world.ended()
    assert world.sink.of(Disconnected) == [Disconnected("logged_out")]
    assert await world.credentials() is None


async def test_a_refused_logout_keeps_everything(world: ClientWorld) -> None:
    await world.link()
    wire = await world.log_in()
    leaving = asyncio.create_task(world.client.logout())
    wire.refuse(await wire.hear("iq", xmlns="md"), 500)
    with pytest.raises(Exception, match="500"):
        await leaving
    assert world.client.state is SessionState.CONNECTED
    assert await world.credentials() is not None


# --- stopping ------------------------------------------------------------------------------------


async def test_stopping_ends_a_connect_that_hangs(world: ClientWorld) -> None:
    await world.link()
    world.whatsapp.is_hanging = True
    world.start()
    await world.is_in(SessionState.CONNECTING)
    await world.stop()
    assert world.client.state is SessionState.DISCONNECTED


async def test_stopping_ends_a_wait_for_the_next_try(world: ClientWorld) -> None:
    await world.link()
    world.whatsapp.refusals = [ConnectionClosed("unreachable")]
    world.start()
    await world.clock.sleeping(*BACKOFF)
    await world.stop()
    assert world.clock.asked() == []
    assert world.sink.of(Disconnected) == []


async def test_stopping_a_login_leaves_nothing_behind(world: ClientWorld) -> None:
    await world.link(routing_info=b"\x08")
    before = asyncio.all_tasks()
    world.start()
    wire = await world.whatsapp.accept()
    wire.say(Node("success"))
    await wire.hear()
    await world.stop()
    await wire.closed()
    assert {task for task in asyncio.all_tasks() if not task.done()} == before
    credentials = await world.credentials()
    assert credentials is not None
    assert credentials.routing_info == b"\x08"
