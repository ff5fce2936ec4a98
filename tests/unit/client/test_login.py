from __future__ import annotations

import pytest

from support.client import BACKOFF, ClientWorld
from waport.client.app_state import KEYS_TIMEOUT_S
from waport.client.background import MAX_TASKS
from waport.model import Authenticated, Ready, SessionState, StateChanged
from waport.wire import SERVER, Jid, Node


def kinds(world: ClientWorld) -> list[type]:
    return [type(event) for event in world.sink.published]


async def test_a_first_login_is_told_before_its_state_and_then_it_is_ready(
    world: ClientWorld,
) -> None:
    await world.link(login_counter=0)
    await world.log_in()
    ready = await world.sink.until(Ready)
    assert ready.jid == Jid("15550001111", "s.whatsapp.net")
    assert kinds(world) == [StateChanged, Authenticated, StateChanged, Ready]
    assert world.words() == ["OPENING", "CONNECTED"]


async def test_a_reconnect_tells_its_state_first(world: ClientWorld) -> None:
    await world.link()
    wire = await world.log_in()
    wire.hang_up()
    await world.pass_by(*BACKOFF)
    await world.log_in()
    await world.sink.until(Ready, 2)
    assert kinds(world)[-4:] == [StateChanged, StateChanged, Authenticated, Ready]
    assert world.words() == ["OPENING", "CONNECTED", "TIMEOUT", "OPENING", "CONNECTED"]


async def test_a_login_asks_for_keys_before_it_becomes_active(world: ClientWorld) -> None:
    await world.link(push_name="Bot")
    world.start()
    wire = await world.whatsapp.accept()
    assert wire.payload.username == 15550001111
    assert (wire.payload.device, wire.payload.passive) == (1, True)
    wire.say(Node("success", {"t": "1800000000"}))
    wire.answer(await wire.hear(), Node("count", {"value": "3"}))
    upload = await wire.hear()
    assert len(upload.child("list").children("key")) == 50
    wire.answer(upload)
    active = await wire.hear()
    assert active.find("active") is not None
    wire.answer(active)
    assert (await wire.hear()).find("unified_session") is not None
    presence = await wire.hear()
    assert (presence.tag, presence.get("name")) == ("presence", "Bot")


@pytest.mark.parametrize("code", [400, 406, 503])
async def test_a_server_that_refuses_keys_or_activity_is_no_reason_to_leave(
    world: ClientWorld, code: int
) -> None:
    await world.link()
    world.start()
    wire = await world.whatsapp.accept()
    wire.say(Node("success"))
    wire.refuse(await wire.hear(), code)
    wire.refuse(await wire.hear("iq", xmlns="passive"), code)
    await world.is_in(SessionState.CONNECTED)


async def test_a_malformed_answer_during_the_login_is_no_reason_to_leave(
    world: ClientWorld,
) -> None:
    await world.link()
    world.start()
    wire = await world.whatsapp.accept()
    wire.say(Node("success"))
    wire.answer(await wire.hear())  # no <count>
    passive = await wire.hear("iq", xmlns="passive")
    wire.say(Node("iq", {"from": SERVER, "id": passive.attr("id")}))  # no type
    await world.is_in(SessionState.CONNECTED)


async def test_only_the_first_success_of_a_connection_counts(world: ClientWorld) -> None:
    await world.link()
    wire = await world.log_in()
    wire.say(Node("success", {"lid": Jid("100000000000009", "lid", 1)}))
    wire.say(Node("iq", {"from": SERVER, "id": "p", "type": "get", "xmlns": "urn:xmpp:ping"}))
    await wire.hear("iq", id="p")
    credentials = await world.credentials()
    assert credentials is not None
    assert credentials.lid == Jid("100000000000001", "lid", 1)
    assert credentials.login_counter == 2
    assert len(world.sink.of(Authenticated)) == 1


async def test_another_lid_in_success_is_taken_over(world: ClientWorld) -> None:
    await world.link()
    world.start()
    wire = await world.whatsapp.accept()
    wire.say(Node("success", {"t": "x", "lid": Jid("100000000000009", "lid", 1)}))
    await wire.hear()
    await world.settled()
    credentials = await world.credentials()
    assert credentials is not None
    assert credentials.lid == Jid("100000000000009", "lid", 1)


async def test_a_connection_that_ends_within_the_login_is_followed_by_another(
    world: ClientWorld,
) -> None:
    await world.link()
    world.start()
    wire = await world.whatsapp.accept()
    wire.say(Node("success"))
    await wire.hear()
    wire.hang_up()
    await world.pass_by(*BACKOFF)
    await world.log_in()


async def test_a_backlog_that_asks_for_much_leaves_room_for_what_belongs_to_a_login(
    world: ClientWorld,
) -> None:
    await world.link()
    world.start()
    wire = await world.whatsapp.accept()
    for number in range(MAX_TASKS + 20):
        dirty = Node("dirty", {"type": f"kind{number}", "timestamp": "1"})
        wire.say(Node("ib", {"from": SERVER}, [dirty]))
    await wire.log_in()
    await world.is_in(SessionState.CONNECTED)
    # The app state is fetched: without keys after the time that the phone has to share them.
    await world.pass_by(KEYS_TIMEOUT_S)
    await wire.hear("iq", xmlns="w:sync:app:state")
