"""What stock clients do when stanzas go wrong on the emulator's order: proof of how orders look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .baileys import Baileys
    from .conftest import Admin, Launch

pytestmark = pytest.mark.interop

CIPHERTEXT = 2
"""The stub of a message that could not be read, in Baileys' numbering."""


async def number_of(client: Baileys) -> str:
    return str((await client.me())["id"]).split("@")[0].split(":")[0]


async def lid_of(client: Baileys) -> str:
    return str((await client.me())["lid"]).split(":")[0] + "@lid"


def refusals(event: Mapping[str, Any], message_id: str) -> list[str]:
    """Why a message was refused; what comes early is folded into the message itself."""
    if event["event"] == "messages.update":
        told = [item["update"] for item in event["data"] if item["key"]["id"] == message_id]
    elif event["event"] == "messages.upsert":
        told = [item["raw"] for item in event["messages"] if item["key"]["id"] == message_id]
    else:
        told = []
    return [code for item in told for code in item.get("messageStubParameters") or ()]


def placeholder(event: Mapping[str, Any], message_id: str) -> bool:
    if event["event"] != "messages.upsert":
        return False
    return any(
        item["key"]["id"] == message_id and item["raw"].get("messageStubType") == CIPHERTEXT
        for item in event["messages"]
    )


@pytest.mark.parametrize("code", ["400", "429", "479", "500"])
async def test_a_refusal_is_told_with_its_code(
    baileys: Launch, admin: Admin, unique_name: str, code: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice = await baileys(f"{unique_name} Alice")
    body = {"account": await number_of(alice), "error": int(code), "to": dora["phone"]}
    await admin.post("/faults/acks", body)
    name = await alice.send_text(dora["lid"], "refused")

    taken = await alice.send_text(dora["lid"], "taken")
    await alice.wait_status(taken, 2)
    await alice.wait_event(lambda event: code in refusals(event, name), what=f"error {code}")
    messages = (await admin.get(f"/accounts/{dora['phone']}/messages"))["messages"]
    assert "refused" not in [message["text"] for message in messages]


async def test_a_stub_is_filled_in_by_the_phone(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice = await baileys(f"{unique_name} Alice")
    number = await number_of(alice)
    about = {"account": number, "device": 1, "from": dora["phone"], "type": None}
    await admin.post("/faults/stanzas", {**about, "do": "unavailable"})
    name = await admin.send(dora["phone"], number, "withheld")
    await alice.wait_event(lambda event: placeholder(event, name), what="placeholder")
    filled = await alice.wait_text("withheld")
    assert filled.id == name


async def test_a_stub_of_a_group_message_is_filled_in_too(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice = await baileys(f"{unique_name} Alice")
    method = "groupCreate"
    made = await alice.command("call", method=method, args=["Friends", [dora["lid"]]])
    await admin.send(dora["phone"], made["id"], "readable")
    await alice.wait_text("readable")
    about = {"account": await number_of(alice), "device": 1, "from": made["id"], "type": None}
    await admin.post("/faults/stanzas", {**about, "do": "unavailable"})
    name = await admin.send(dora["phone"], made["id"], "withheld")
    await alice.wait_event(lambda event: placeholder(event, name), what="placeholder")
    filled = await alice.wait_text("withheld")
    assert (filled.id, filled.chat, filled.key["participant"]) == (name, made["id"], dora["lid"])


async def test_messages_are_read_in_any_order_and_under_either_address(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice = await baileys(f"{unique_name} Alice")
    number = await number_of(alice)
    await admin.send(dora["phone"], number, "first")
    await alice.wait_text("first")
    about = {"account": number, "device": 1, "from": dora["phone"]}
    await admin.post("/faults/stanzas", {**about, "do": "overtake", "times": 2})
    await admin.post("/faults/stanzas", {**about, "do": "other-address"})
    for text in ("late", "other", "plain"):
        await admin.send(dora["phone"], await lid_of(alice), text)
    for text in ("late", "other", "plain"):
        await alice.wait_text(text)
    assert alice.texts() == ["first", "other", "plain", "late"]
    chats = [message.chat for message in alice.received()]
    assert chats[1:] == [dora["jid"], dora["lid"], dora["lid"]]
    checks = await alice.checks()
    assert all(count["refused"] == 0 for count in checks.values())


async def test_a_companion_that_comes_in_the_middle_is_written_to_from_then_on(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice = await baileys(f"{unique_name} Alice")
    number = await number_of(alice)
    await alice.wait_status(await alice.send_text(dora["lid"], "before"), 2)
    await admin.post("/faults/devices", {"account": number, "do": "add", "of": dora["phone"]})
    mark = alice.mark
    await alice.wait_status(await alice.send_text(dora["lid"], "in the middle"), 2)
    assert (await admin.account_of(dora["jid"]))["devices"] == [0, 1]
    await alice.wait_status(await alice.send_text(dora["lid"], "after"), 2)
    checks = await alice.checks()
    assert checks["signed_pre_key"]["refused"] == 0
    assert not [event for event in alice.events[mark:] if event["event"] == "unhandled"]


async def test_a_troubled_phone_is_coped_with(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice = await baileys(f"{unique_name} Alice")
    number = await number_of(alice)
    for text, trouble in (
        ("plain", {}),
        ("skipped", {"skip": 20}),
        ("more", {"behind": "qvoDBG1vcmU="}),  # field 8101, four bytes
        ("damaged", {"damage": True}),  # asked for again, and then sound
        ("last", {}),
    ):
        body = {"to": number, "text": text, "trouble": trouble or None}
        await admin.post(f"/accounts/{dora['phone']}/send", body)
        await alice.wait_text(text)
    assert alice.texts() == ["plain", "skipped", "more", "damaged", "last"]


async def test_baileys_and_phones_read_each_others_votes(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice = await baileys(f"{unique_name} Alice")
    poll = {"name": "?", "values": ["Yes", "No"], "selectableCount": 1}
    name = await alice.send(dora["lid"], {"poll": poll})
    await alice.wait_status(name, 2)
    path = f"/accounts/{dora['phone']}"
    body = {"to": await lid_of(alice), "vote": {"id": name, "options": ["No"]}}
    vote = (await admin.post(f"{path}/send", body))["id"]
    await alice.wait_message(vote)
    assert (await alice.tally(name))["No"], "Baileys has opened the vote"
