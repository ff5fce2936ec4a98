"""What a stock client meets at the emulator is what it would meet at WhatsApp's server.

Baileys talks to the emulator alone here; our own client is not involved.
"""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .baileys import Baileys
    from .conftest import Admin, Emulator, Launch

pytestmark = pytest.mark.interop

PROMPT_S = 5.0
"""Well below the 20 s for which a client holds events back that was not given keys and history."""


async def test_a_client_pairs_by_qr_and_logs_in(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    client = await baileys(unique_name, pair=False)
    device = await admin.scan_qr(await client.qr())
    opened = await client.wait_open()

    closes = [event for event in client.events if event.get("state") == "close"]
    assert [event["status_code"] for event in closes] == [515]
    account = await admin.account_of(device)
    me = await client.me()
    assert (me["id"], me["lid"].split(":")[0]) == (device, account["lid"].split("@")[0])
    assert client.events.index(closes[0]) < client.events.index(opened)
    assert (await client.checks())["account"] == {"passed": 1, "refused": 0}
    assert (await client.checks())["certificate"]["passed"] == 4  # two connections, two each


async def test_the_phone_gives_a_new_companion_its_keys_history_and_name(
    baileys: Launch, unique_name: str
) -> None:
    client = await baileys(unique_name)
    await client.wait_for("messaging-history.set", timeout_s=PROMPT_S)
    await client.wait_event(
        lambda event: event["event"] == "creds.update" and "myAppStateKeyId" in event["changed"],
        what="app state keys",
    )
    named = await client.wait_event(
        lambda event: event["event"] == "creds.update" and event["me"].get("name") == unique_name,
        what="the push name",
    )
    assert named["me"]["id"] == (await client.me())["id"]


async def test_the_same_push_name_is_the_same_phone(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    first = await baileys(f"{unique_name} a", push_name=unique_name)
    second = await baileys(f"{unique_name} b", push_name=unique_name)
    one, two = (await first.me())["id"], (await second.me())["id"]
    assert one.split(":")[0] == two.split(":")[0]
    assert one != two
    assert len((await admin.account_of(one))["devices"]) == 3


async def test_a_text_of_another_phone_arrives_without_being_held_back(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    contact = await admin.create_account(f"{unique_name} contact")
    client = await baileys(unique_name)
    me = await client.me()
    own_number = me["id"].split(":")[0]
    async with asyncio.timeout(PROMPT_S):
        await admin.send(contact["phone"], f"{own_number}@s.whatsapp.net", "hello")
        message = await client.wait_text("hello")
    assert message.push_name == contact["name"]
    assert (message.type, message.from_me) == ("notify", False)
    assert {message.chat, message.key.get("remoteJidAlt")} == {contact["jid"], contact["lid"]}


async def test_a_phone_decrypts_what_a_client_sends_and_acknowledges_it(
    baileys: Launch, admin: Admin, driver: ModuleType, unique_name: str
) -> None:
    contact = await admin.create_account(f"{unique_name} contact")
    client = await baileys(unique_name)
    sent = {
        await client.send_text(contact["jid"], "to the number"): "to the number",
        await client.send_text(contact["lid"], "to the LID"): "to the LID",
    }
    for message_id in sent:
        await client.wait_status(message_id, driver.DELIVERED)
    messages = (await admin.get(f"/accounts/{contact['phone']}/messages"))["messages"]
    assert {message["id"]: message["text"] for message in messages} == sent


async def test_a_client_pairs_by_phone_code(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    account = await admin.create_account(unique_name)
    client = await baileys(unique_name, pair=False, push_name=None)
    code = await client.request_pairing_code(account["phone"])
    device = await admin.post("/mock-phone/enter-code", {"phone": account["phone"], "code": code})
    await client.wait_open()
    assert (await client.me())["id"] == device["jid"]
    assert device["jid"].startswith(f"{account['phone']}:")


async def test_a_wrong_phone_code_pairs_nothing(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    account = await admin.create_account(unique_name)
    client = await baileys(unique_name, pair=False, push_name=None)
    code = await client.request_pairing_code(account["phone"])
    wrong = ("2" if code[0] == "1" else "1") + code[1:]
    answer = await admin.http.post(
        "/mock-phone/enter-code", json={"phone": account["phone"], "code": wrong}
    )
    assert answer.status_code == 400
    assert "error" in answer.json()
    assert (await admin.account_of(account["jid"]))["devices"] == [0]


@pytest.mark.parametrize("kind", ["id", "lid"])
async def test_two_accounts_exchange_texts_and_receipts(
    baileys: Launch, driver: ModuleType, unique_name: str, kind: str
) -> None:
    alice = await baileys(f"{unique_name} Alice")
    bob = await baileys(f"{unique_name} Bob")
    for name, sender, receiver in (("Alice", alice, bob), ("Bob", bob, alice)):
        to = _bare((await receiver.me())[kind])
        texts = [f"{number} of {name}" for number in range(5)]
        ids = [await sender.send_text(to, text) for text in texts]
        for text, message_id in zip(texts, ids, strict=True):
            assert (await receiver.wait_text(text)).id == message_id
            await sender.wait_status(message_id, driver.DELIVERED)
        assert receiver.texts() == texts
        await receiver.read(*(message.key for message in receiver.received()))
        for message_id in ids:
            await sender.wait_status(message_id, driver.READ)
    checks = await alice.checks()
    assert checks["signed_pre_key"]["passed"] > 0
    assert checks["peer_device"] == checks["peer_account"]
    assert all(count["refused"] == 0 for count in checks.values())


async def test_texts_that_cross_each_other_all_arrive_in_order(
    baileys: Launch, unique_name: str
) -> None:
    alice = await baileys(f"{unique_name} Alice")
    bob = await baileys(f"{unique_name} Bob")
    to_alice, to_bob = [_bare((await client.me())["lid"]) for client in (alice, bob)]
    # libsignal for Node damages the one session while it tries a message of the other: two sides
    # that begin at the same moment would go through retries, which is not the question here.
    await alice.send_text(to_bob, "a first")
    await bob.wait_text("a first")
    await bob.send_text(to_alice, "b first")
    await alice.wait_text("b first")

    async def write(sender: Baileys, receiver: Baileys, to: str, name: str) -> list[str]:
        texts = [f"{name} {number}" for number in range(20)]
        for text in texts:
            await sender.send_text(to, text)
        for text in texts:
            await receiver.wait_text(text)
        return texts

    from_alice, from_bob = await asyncio.gather(
        write(alice, bob, to_bob, "a"), write(bob, alice, to_alice, "b")
    )
    assert bob.texts() == ["a first", *from_alice]
    assert alice.texts() == ["b first", *from_bob]


async def test_a_second_companion_sees_what_the_first_sends(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    contact = await admin.create_account(f"{unique_name} contact")
    first = await baileys(f"{unique_name} a", push_name=unique_name)
    second = await baileys(f"{unique_name} b", push_name=unique_name)
    message_id = await first.send_text(contact["jid"], "from the first")
    seen = await second.wait_text("from the first")
    assert (seen.id, seen.from_me, seen.chat) == (message_id, True, contact["jid"])
    own_phone = (await admin.get(f"/accounts/{_number(await first.me())}/messages"))["messages"]
    assert [message["text"] for message in own_phone] == ["from the first"]


async def test_a_client_that_was_away_gets_everything_in_order_at_its_return(
    baileys: Launch, admin: Admin, driver: ModuleType, unique_name: str
) -> None:
    contact = await admin.create_account(f"{unique_name} contact")
    alice = await baileys(f"{unique_name} Alice")
    bob = await baileys(f"{unique_name} Bob")
    to = _bare((await bob.me())["id"])
    await alice.send_text(to, "before")
    await bob.wait_text("before")
    await bob.stop()

    ids = []
    for number in range(10):
        ids.append(await alice.send_text(to, f"alice {number}"))
        await admin.send(contact["phone"], to, f"contact {number}")
    bob = await baileys(f"{unique_name} Bob")
    for number in range(10):
        await bob.wait_text(f"alice {number}")
        await bob.wait_text(f"contact {number}")
    assert bob.texts() == [
        f"{who} {number}" for number in range(10) for who in ("alice", "contact")
    ]
    assert {message.type for message in bob.received()} == {"append"}
    for message_id in ids:
        await alice.wait_status(message_id, driver.DELIVERED)


async def test_a_restarted_client_goes_on_where_it_was(
    baileys: Launch, driver: ModuleType, unique_name: str
) -> None:
    alice = await baileys(f"{unique_name} Alice")
    bob = await baileys(f"{unique_name} Bob")
    to_alice, to_bob = [_bare((await client.me())["lid"]) for client in (alice, bob)]
    await alice.send_text(to_bob, "one")
    await bob.wait_text("one")
    await bob.send_text(to_alice, "two")
    await alice.wait_text("two")
    await asyncio.gather(alice.stop(), bob.stop())

    alice = await baileys(f"{unique_name} Alice")
    bob = await baileys(f"{unique_name} Bob")
    assert not any(event["event"] == "qr" for event in (*alice.events, *bob.events))
    three = await alice.send_text(to_bob, "three")
    await bob.wait_text("three", timeout_s=PROMPT_S)
    await alice.wait_status(three, driver.DELIVERED)
    assert bob.texts() == ["three"]
    assert alice.texts() == []


async def test_a_message_that_was_never_acknowledged_comes_again(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    contact = await admin.create_account(f"{unique_name} contact")
    client = await baileys(unique_name)
    to = _bare((await client.me())["id"])
    await client.faults(ignore=["message"])
    await admin.send(contact["phone"], to, "hello")
    await client.stop()
    assert client.texts() == []
    client = await baileys(unique_name)
    await client.wait_text("hello")
    assert client.texts() == ["hello"]


async def test_a_message_that_cannot_be_decrypted_is_sent_again(
    baileys: Launch, unique_name: str
) -> None:
    alice = await baileys(f"{unique_name} Alice")
    bob = await baileys(f"{unique_name} Bob")
    to = _bare((await bob.me())["lid"])
    await alice.send_text(to, "one")
    await bob.wait_text("one")
    await bob.faults(corrupt_in=1)
    await alice.send_text(to, "two")
    await bob.wait_text("two")
    await alice.send_text(to, "three")
    await bob.wait_text("three")
    assert bob.texts() == ["one", "two", "three"]


async def test_a_phone_sends_again_what_a_client_cannot_decrypt(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    contact = await admin.create_account(f"{unique_name} contact")
    client = await baileys(unique_name)
    to = _bare((await client.me())["id"])
    await client.faults(corrupt_in=1)
    await admin.send(contact["phone"], to, "hello")
    await client.wait_text("hello")


async def test_a_client_is_logged_out_when_its_phone_unlinks_it(
    baileys: Launch, admin: Admin, driver: ModuleType, unique_name: str
) -> None:
    client = await baileys(unique_name)
    me = await client.me()
    device = int(me["id"].split(":")[1].split("@")[0])
    answer = await admin.post(f"/accounts/{_number(me)}/unlink", {"device": device})
    assert answer == {"unlinked": [device]}
    assert (await client.wait_close())["status_code"] == driver.LOGGED_OUT
    await client.stop()

    again = await baileys(unique_name, pair=False)
    assert (await again.wait_close())["status_code"] == driver.LOGGED_OUT


async def test_a_client_that_unlinks_itself_is_gone_from_its_account(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    client = await baileys(unique_name)
    me = await client.me()
    await client.logout()
    again = await baileys(unique_name, pair=False)
    assert (await again.wait_close())["status_code"] == 401
    assert (await admin.account_of(me["id"]))["devices"] == [0]


async def test_a_client_with_another_root_key_refuses_the_server(
    baileys: Launch, emulator: Emulator, unique_name: str
) -> None:
    wrong = bytes(byte ^ 1 for byte in bytes.fromhex(emulator.noise_root_key)).hex()
    client = await baileys(unique_name, pair=False, root_key=wrong)
    closed = await client.wait_close()
    assert "certificate signature invalid" in closed["reason"]
    assert not any(event["event"] == "qr" for event in client.events)
    assert (await client.checks())["certificate"]["refused"] == 1


async def test_an_unknown_qr_is_not_found(admin: Admin) -> None:
    for text in ("nonsense", "https://wa.me/settings/linked_devices#a,b,c,d,1"):
        answer = await admin.http.post("/mock-phone/scan-qr", content=text)
        assert answer.status_code == 404


def _bare(jid: str) -> str:
    user, server = jid.split("@")
    return f"{user.split(':')[0]}@{server}"


def _number(me: dict[str, str]) -> str:
    return _bare(me["id"]).split("@")[0]
