"""Our server and real Baileys clients exchange texts through the emulator."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.waport_server import Inbox, WaportServer, webhook_inbox

if TYPE_CHECKING:
    from .conftest import Admin, Emulator, Launch

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("exchange")]

SESSION = "main"
READ = 4
DELIVERED = 3


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    async with webhook_inbox() as inbox:
        yield inbox


@pytest.fixture
async def server(emulator: Emulator, inbox: Inbox, tmp_path: Path) -> AsyncIterator[WaportServer]:
    folder = tmp_path / "server"
    folder.mkdir()
    server = WaportServer(
        folder,
        {
            "BASE_WEBHOOK_URL": inbox.url,
            "WA_WEBSOCKET_URL": emulator.ws_url,
            "WA_NOISE_ROOT_KEY": emulator.noise_root_key,
            "WA_CA_FILE": str(emulator.ca_file),
        },
    )
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


async def link(server: WaportServer, inbox: Inbox, admin: Admin, name: str) -> dict[str, str]:
    """Link our session to a fresh account by QR; returns the account."""
    account = await admin.create_account(name)
    await server.get(f"/session/start/{SESSION}")
    qr = await inbox.kind("qr")
    await admin.scan_qr(qr["data"]["qr"], account["jid"])
    await inbox.kind("ready")
    return account


def c_us(account: Any) -> str:
    return f"{account['phone']}@c.us"


async def test_fifty_texts_each_way_over_both_kinds_of_address(
    server: WaportServer, inbox: Inbox, admin: Admin, baileys: Launch, unique_name: str
) -> None:
    ours = await link(server, inbox, admin, f"{unique_name} us")
    them = await baileys(f"{unique_name} them")
    theirs = await admin.account_of((await them.me())["id"])

    for chat, to in ((c_us(theirs), ours["jid"]), (theirs["lid"], ours["lid"])):
        sent = [f"to {chat} number {index}" for index in range(25)]
        for text in sent:
            assert (await server.send_text(SESSION, chat, text))["ack"] == 1
        await them.wait_text(sent[-1])
        answers = [f"to {to} number {index}" for index in range(25)]
        for text in answers:
            await them.send_text(to, text)
        await inbox.until(
            lambda event, last=answers[-1]: (
                event["dataType"] == "message"  # type: ignore[misc]
                and event["data"]["body"] == last
            )
        )

    expected_out = [
        f"to {chat} number {index}" for chat in (c_us(theirs), theirs["lid"]) for index in range(25)
    ]
    expected_in = [
        f"to {to} number {index}" for to in (ours["jid"], ours["lid"]) for index in range(25)
    ]
    assert them.texts() == expected_out
    assert inbox.received_texts() == expected_in
    assert {event["data"]["from"] for event in inbox.of("message")} == {c_us(theirs)}
    stored = await server.messages(SESSION, c_us(theirs))
    assert sorted(message["body"] for message in stored) == sorted(expected_in + expected_out)
    checks = await them.checks()
    assert all(counts["refused"] == 0 for counts in checks.values())


async def test_acks_reach_server_delivered_and_read(
    server: WaportServer, inbox: Inbox, admin: Admin, baileys: Launch, unique_name: str
) -> None:
    ours = await link(server, inbox, admin, f"{unique_name} us")
    them = await baileys(f"{unique_name} them")
    theirs = await admin.account_of((await them.me())["id"])

    message = await server.send_text(SESSION, c_us(theirs), "see me")
    message_id = message["id"]["id"]
    await inbox.acked(message_id, 1)
    received = await them.wait_text("see me")
    await inbox.acked(message_id, 2)
    await them.read(received.key)
    await inbox.acked(message_id, 3)
    levels = [
        event["data"]["ack"]
        for event in inbox.of("message_ack")
        if event["data"]["message"]["id"]["id"] == message_id
    ]
    assert levels == sorted(set(levels))

    # The other way: Baileys hears of our receipts too.
    sent = await them.send_text(ours["jid"], "and me")
    await inbox.text("and me")
    await them.wait_status(sent, DELIVERED)


async def test_both_sides_restart_in_the_middle_and_nothing_is_lost(
    server: WaportServer, inbox: Inbox, admin: Admin, baileys: Launch, unique_name: str
) -> None:
    ours = await link(server, inbox, admin, f"{unique_name} us")
    name = f"{unique_name} them"
    them = await baileys(name)
    theirs = await admin.account_of((await them.me())["id"])

    for index in range(10):
        await server.send_text(SESSION, c_us(theirs), f"out {index}")
        await them.send_text(ours["jid"], f"in {index}")
    await them.wait_text("out 9")
    await inbox.text("in 9")
    heard = them.texts()
    await them.stop()
    # Baileys is away: what we send waits for it.
    for index in range(10, 20):
        await server.send_text(SESSION, c_us(theirs), f"out {index}")
    them = await baileys(name)
    for index in range(10, 20):
        await them.wait_text(f"out {index}")
    assert heard + them.texts() == [f"out {index}" for index in range(20)]

    assert await server.stop() == 0
    # We are away: what Baileys sends waits for us.
    for index in range(10, 20):
        await them.send_text(ours["jid"], f"in {index}")
    ready = len(inbox.of("ready"))
    await server.start()
    await inbox.count("ready", ready + 1)
    await inbox.text("in 19")
    assert inbox.received_texts() == [f"in {index}" for index in range(20)]
    await server.send_text(SESSION, c_us(theirs), "out 20")
    await them.wait_text("out 20")
    assert len(inbox.of("qr")) == len({event["data"]["qr"] for event in inbox.of("qr")}) == 1


async def test_a_second_companion_of_our_account_sees_what_our_session_sends(
    server: WaportServer, inbox: Inbox, admin: Admin, baileys: Launch, unique_name: str
) -> None:
    ours = await link(server, inbox, admin, f"{unique_name} us")
    second = await baileys(f"{unique_name} second", account=ours["jid"])
    them = await baileys(f"{unique_name} them")
    theirs = await admin.account_of((await them.me())["id"])

    for index in range(5):
        await server.send_text(SESSION, c_us(theirs), f"from us {index}")
    copy = await second.wait_text("from us 4")
    assert copy.from_me
    assert [m.text for m in second.received() if m.from_me] == [f"from us {i}" for i in range(5)]
    await them.wait_text("from us 4")
    assert them.texts() == [f"from us {index}" for index in range(5)]

    # And we see what the other companion sends.
    await second.send_text(theirs["jid"], "from the second")
    event = await inbox.until(
        lambda event: (
            event["dataType"] == "message_create" and event["data"]["body"] == "from the second"
        )
    )
    assert event["data"]["fromMe"]
    assert event["data"]["to"] == c_us(theirs)
    assert inbox.of("message") == []
    await them.send_text(ours["jid"], "to both")
    await second.wait_text("to both")
    await inbox.until(lambda event: event["dataType"] == "message")
    assert inbox.received_texts() == ["to both"]


async def test_our_session_links_by_a_phone_code(
    server: WaportServer, inbox: Inbox, admin: Admin, baileys: Launch, unique_name: str
) -> None:
    account = await admin.create_account(f"{unique_name} us")
    answer = await server.post(
        f"/session/requestPairingCode/{SESSION}", {"phoneNumber": f"+{account['phone']}"}
    )
    code = answer["pairingCode"]
    assert re.fullmatch(r"[1-9A-HJ-NP-TV-Z]{8}", code)
    assert (await server.get(f"/session/status/{SESSION}"))["state"] == "PAIRING"
    await admin.post("/mock-phone/enter-code", {"phone": account["phone"], "code": code})
    ready = await inbox.kind("ready")
    assert ready["data"]["id"] == c_us(account)
    them = await baileys(f"{unique_name} them")
    theirs = await admin.account_of((await them.me())["id"])
    await server.send_text(SESSION, c_us(theirs), "linked by code")
    await them.wait_text("linked by code")


async def test_messages_that_cannot_be_read_are_asked_for_and_sent_again_both_ways(
    server: WaportServer, inbox: Inbox, admin: Admin, baileys: Launch, unique_name: str
) -> None:
    ours = await link(server, inbox, admin, f"{unique_name} us")
    them = await baileys(f"{unique_name} them")
    theirs = await admin.account_of((await them.me())["id"])
    await server.send_text(SESSION, c_us(theirs), "first")
    await them.wait_text("first")
    await them.send_text(ours["jid"], "hello")
    await inbox.text("hello")

    await them.faults(corrupt_in=1)
    await server.send_text(SESSION, c_us(theirs), "damaged on the way in")
    await them.wait_text("damaged on the way in")
    await them.faults(corrupt_out=1)
    await them.send_text(ours["jid"], "damaged on the way out")
    await inbox.text("damaged on the way out")

    await asyncio.gather(
        server.send_text(SESSION, c_us(theirs), "last out"),
        them.send_text(ours["jid"], "last in"),
    )
    await them.wait_text("last out")
    await inbox.text("last in")
    assert them.texts() == ["first", "damaged on the way in", "last out"]
    assert inbox.received_texts() == ["hello", "damaged on the way out", "last in"]


async def test_logging_out_ends_the_session_everywhere(
    server: WaportServer, inbox: Inbox, admin: Admin, unique_name: str
) -> None:
    ours = await link(server, inbox, admin, f"{unique_name} us")
    assert (server.sessions / f"session-{SESSION}").is_dir()
    await server.get(f"/session/logout/{SESSION}")
    event = await inbox.kind("disconnected")
    assert event["data"] == {"reason": "logged_out"}
    assert not (server.sessions / f"session-{SESSION}").exists()
    account = await admin.account_of(ours["jid"])
    assert account["devices"] == [0]
    assert (await server.get(f"/session/status/{SESSION}"))["state"] == "STOPPED"


async def test_unlinking_on_the_phone_ends_the_session(
    server: WaportServer, inbox: Inbox, admin: Admin, unique_name: str
) -> None:
    ours = await link(server, inbox, admin, f"{unique_name} us")
    await admin.post(f"/accounts/{ours['jid']}/unlink", {"device": 1})
    event = await inbox.kind("disconnected")
    assert event["data"] == {"reason": "logged_out"}
    assert inbox.events[-1] == event
    assert (await server.get("/session/getSessions"))["sessions"] == []
