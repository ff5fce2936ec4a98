"""A session's whole life over the public API."""

from __future__ import annotations

import asyncio
import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from websockets.asyncio.client import connect

from support.waport_server import API_KEY
from waport.wire import Jid, Node

if TYPE_CHECKING:
    from .conftest import World

pytestmark = pytest.mark.e2e

SESSION = "main"


def c_us(jid: Jid) -> str:
    return f"{jid.user}@c.us"


async def test_from_qr_code_to_a_message_each_way(world: World) -> None:
    server, inbox = world.server, world.inbox
    assert (await server.get(f"/session/status/{SESSION}"))["state"] == "STOPPED"
    account, phone = await world.person("Bot")
    alice, alice_phone = await world.person("Alice")

    await server.get(f"/session/start/{SESSION}")
    await inbox.kind("qr")
    assert (await server.get(f"/session/status/{SESSION}"))["state"] == "QR_RECEIVED"
    qr = (await server.get(f"/session/qr/{SESSION}"))["qr"]
    image = await server.api.get(f"/session/qr/{SESSION}/image")
    assert image.headers["content-type"] == "image/png"
    assert Image.open(BytesIO(image.content)).size == (300, 300)
    await phone.pair_by_qr(qr)
    ready = await inbox.kind("ready")
    assert ready["data"]["id"] == c_us(account.jid)
    assert (await server.get(f"/session/status/{SESSION}"))["state"] == "CONNECTED"
    assert (await server.get("/session/getSessions"))["sessions"] == [
        {"sessionId": SESSION, "status": "connected"}
    ]
    refused = await server.api.get(f"/session/qr/{SESSION}")
    assert (refused.status_code, refused.json()["message"]) == (404, "qr_not_available")

    await alice_phone.send_text(account.jid, "hello")
    event = await inbox.text("hello")
    assert event["data"]["from"] == c_us(alice.jid)
    assert event["data"]["to"] == c_us(account.jid)
    sent = await server.send_text(SESSION, c_us(alice.jid), "hello Alice")
    assert sent["ack"] == 1
    await inbox.acked(sent["id"]["id"], 2)
    assert [message.text for message in alice_phone.messages()] == ["hello Alice"]
    await alice_phone.mark_read(account.lid)
    await inbox.acked(sent["id"]["id"], 3)
    bodies = [message["body"] for message in await server.messages(SESSION, c_us(alice.jid))]
    assert bodies == ["hello Alice", "hello"]

    kinds = [event["dataType"] for event in inbox.events]
    assert kinds.index("qr") < kinds.index("authenticated") < kinds.index("ready")
    assert kinds.index("message_create") < kinds.index("message")


async def test_a_restart_of_the_server_restores_its_sessions_without_a_new_qr(
    world: World,
) -> None:
    account, _ = await world.link()
    alice, alice_phone = await world.person("Alice")
    assert await world.server.stop() == 0
    await alice_phone.send_text(account.jid, "while you were away")
    ready = len(world.inbox.of("ready"))
    await world.server.start()
    await world.inbox.count("ready", ready + 1)
    await world.inbox.text("while you were away")
    await world.server.send_text(SESSION, c_us(alice.jid), "I am back")
    assert len(world.inbox.of("qr")) == 1
    assert world.inbox.of("disconnected") == []


async def test_stop_start_restart_and_terminate(world: World) -> None:
    server, inbox = world.server, world.inbox
    account, phone = await world.link()
    await server.get(f"/session/stop/{SESSION}")
    assert (await server.get(f"/session/status/{SESSION}"))["state"] == "STOPPED"
    assert (await server.api.get(f"/session/stop/{SESSION}")).status_code == 404
    guarded = await server.api.post(f"/chat/fetchMessages/{SESSION}", json={"chatId": "1"})
    assert (guarded.status_code, guarded.json()["message"]) == (404, "session_not_found")

    ready = len(inbox.of("ready"))
    await server.get(f"/session/start/{SESSION}")
    await inbox.count("ready", ready + 1)
    await server.get(f"/session/restart/{SESSION}")
    await inbox.count("ready", ready + 2)

    folder = server.sessions / f"session-{SESSION}"
    assert folder.is_dir()
    (await server.api.delete(f"/session/terminate/{SESSION}")).raise_for_status()
    assert not folder.exists()
    assert sorted(account.devices) == [0]
    assert inbox.of("disconnected") == []
    ready = len(inbox.of("qr"))
    await server.get(f"/session/start/{SESSION}")
    await inbox.count("qr", ready + 1)
    assert phone.messages() == []


async def test_starting_twice_at_once_opens_one_connection(world: World) -> None:
    await asyncio.gather(*(world.server.get("/session/start/twice") for _ in range(5)))
    await world.inbox.kind("qr")
    sessions = (await world.server.get("/session/getSessions"))["sessions"]
    assert sessions == [{"sessionId": "twice", "status": "qr"}]


async def test_folders_that_somebody_else_made_are_left_alone(world: World) -> None:
    foreign = world.server.sessions / "session-old"
    foreign.mkdir(parents=True)
    (foreign / "creds.json").write_text("{}")
    assert await world.server.stop() == 0
    await world.server.start()
    assert (await world.server.get("/session/getSessions"))["sessions"] == []
    await world.server.get("/session/start/old")
    await world.inbox.kind("qr")
    (await world.server.api.delete("/session/terminate/old")).raise_for_status()
    assert [path.name for path in foreign.iterdir()] == ["creds.json"]


async def test_event_sockets_carry_the_same_events_with_a_timestamp(world: World) -> None:
    url = world.server.url.replace("http", "ws")
    async with connect(f"{url}/ws?apiKey={API_KEY}&sessionId={SESSION}", proxy=None) as socket:
        greeting = json.loads(await socket.recv())
        assert (greeting["type"], greeting["sessionId"]) == ("connected", SESSION)
        account, _ = await world.link()
        _, alice_phone = await world.person("Alice")
        await alice_phone.send_text(account.jid, "over the socket")
        kinds = []
        while True:
            frame: dict[str, Any] = json.loads(await socket.recv())
            assert list(frame) == ["sessionId", "dataType", "data", "timestamp"]
            kinds.append(frame["dataType"])
            if frame["dataType"] == "message":
                break
        assert frame["data"]["body"] == "over the socket"
        assert kinds[:3] == ["change_state", "change_state", "qr"]
        await socket.send("ping")
        # The chat's count of unread messages follows its message.
        while (answer := await socket.recv()) != "pong":
            assert json.loads(answer)["dataType"] == "unread_count"
        assert await world.server.stop() == 0
        await socket.wait_closed()
        assert socket.close_code == 1001


async def test_a_broken_connection_is_mended_without_a_word_to_the_user(world: World) -> None:
    account, _ = await world.link()
    alice, alice_phone = await world.person("Alice")
    ready = len(world.inbox.of("ready"))
    world.emulator.faults.cut_off(world.device(account))
    await alice_phone.send_text(account.jid, "into the gap")
    await world.inbox.count("ready", ready + 1)
    await world.inbox.text("into the gap")
    assert world.inbox.of("disconnected") == []
    await world.server.send_text(SESSION, c_us(alice.jid), "mended")


@pytest.mark.parametrize("code", [500, 503, 599])
async def test_trouble_of_the_server_leads_to_a_new_login(world: World, code: int) -> None:
    account, _ = await world.link()
    ready = len(world.inbox.of("ready"))
    world.emulator.faults.end_stream(world.device(account), code)
    await world.inbox.count("ready", ready + 1)


async def test_a_session_that_is_taken_over_does_not_fight_back(world: World) -> None:
    account, _ = await world.link()
    world.emulator.faults.end_stream(
        world.device(account), None, Node("conflict", {"type": "replaced"})
    )
    event = await world.inbox.kind("disconnected")
    assert event["data"] == {"reason": "connection_replaced"}
    assert (await world.server.get(f"/session/status/{SESSION}"))["state"] == "DISCONNECTED"
    states = [event["data"]["state"] for event in world.inbox.of("change_state")]
    assert states[-1] == "CONFLICT"
    # Started again by hand, it comes back without a new QR code.
    ready = len(world.inbox.of("ready"))
    await world.server.get(f"/session/start/{SESSION}")
    await world.inbox.count("ready", ready + 1)
    assert len(world.inbox.of("qr")) == 1


async def test_an_unlinked_device_is_logged_out_and_forgotten(world: World) -> None:
    account, _ = await world.link()
    await world.emulator.unlink(account, 1)
    event = await world.inbox.kind("disconnected")
    assert event["data"] == {"reason": "logged_out"}
    assert world.inbox.events[-1] == event
    assert (await world.server.get(f"/session/status/{SESSION}"))["state"] == "STOPPED"
    assert await world.server.stop() == 0
    await world.server.start()
    assert (await world.server.get("/session/getSessions"))["sessions"] == []


async def test_a_refused_login_of_a_linked_device_is_an_auth_failure(world: World) -> None:
    account, _ = await world.link()
    world.emulator.faults.refuse_next_login(world.device(account), 401)
    world.emulator.faults.cut_off(world.device(account))
    await world.inbox.kind("auth_failure")
    event = await world.inbox.kind("disconnected")
    assert event["data"] == {"reason": "logged_out"}


async def test_a_refused_version_is_read_anew_and_tried_again(world: World) -> None:
    account, _ = await world.link()
    ready = len(world.inbox.of("ready"))
    world.emulator.policy.min_revision = 1_099_999_999
    world.emulator.faults.cut_off(world.device(account))
    await world.inbox.count("ready", ready + 1)
    assert world.inbox.of("disconnected") == []
    cached = json.loads((world.server.sessions / ".client-version.json").read_text())
    assert cached["version"] == "2.3000.1099999999"


async def test_a_lost_ack_leaves_the_message_pending_until_it_is_sent_again(
    world: World,
) -> None:
    account, _ = await world.link()
    alice, alice_phone = await world.person("Alice")
    first = await world.server.send_text(SESSION, c_us(alice.jid), "first")
    await world.inbox.acked(first["id"]["id"], 2)
    world.emulator.faults.lose_acks(world.device(account))
    sending = asyncio.create_task(
        world.server.send_text(SESSION, c_us(alice.jid), "without an ack")
    )
    event = await world.inbox.until(
        lambda e: e["dataType"] == "message_create" and e["data"]["body"] == "without an ack"
    )
    message_id = event["data"]["id"]["id"]
    await world.inbox.acked(message_id, 2)
    world.emulator.faults.cut_off(world.device(account))
    assert (await sending)["id"]["id"] == message_id
    arrivals = list(world.emulator.arrivals(message_id))
    assert [arrival["duplicate"] for arrival in arrivals] == [False, True]
    assert arrivals[0]["sha256"] == arrivals[1]["sha256"]
    assert [m.text for m in alice_phone.messages()] == ["first", "without an ack"]


async def test_a_number_without_whatsapp_is_not_found(world: World) -> None:
    await world.link()
    answer = await world.server.api.post(
        f"/client/sendMessage/{SESSION}",
        json={"chatId": "15550000000@c.us", "contentType": "string", "content": "hi"},
    )
    assert (answer.status_code, answer.json()["message"]) == (404, "contact_not_found")
