"""Stock clients that WhatsApp does not let begin chats, with the emulator as their server."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

    from .baileys import Baileys
    from .conftest import Admin, Launch

pytestmark = pytest.mark.interop

JPEG = base64.b64encode(b"\xff\xd8\xff\xe0 picture").decode()


async def call(client: Baileys, method: str, *args: Any) -> Any:
    """Any method of Baileys' socket."""
    return await client.command("call", method=method, args=list(args))


async def number_of(client: Baileys) -> str:
    return str((await client.me())["id"]).split("@")[0].split(":")[0]


async def settled(client: Baileys, admin: Admin) -> None:
    """Return once a client has dealt with all that came before: somebody writes to it.

    It also makes Baileys tell of what it holds back; by itself it may take its time.
    """
    name = uuid.uuid4().hex
    writer = await admin.create_account(name)
    await admin.send(writer["phone"], await number_of(client), name)
    await client.wait_text(name)


async def wait_refused(client: Baileys, admin: Admin, message_id: str, code: str) -> None:
    """Hear that the server has refused a message, and why."""

    def fits(event: Mapping[str, Any]) -> bool:
        # What comes early is folded into the message itself.
        if event["event"] == "messages.update":
            told = [item["update"] for item in event["data"] if item["key"]["id"] == message_id]
        elif event["event"] == "messages.upsert":
            told = [item["raw"] for item in event["messages"] if item["key"]["id"] == message_id]
        else:
            return False
        return any(code in (item.get("messageStubParameters") or ()) for item in told)

    await settled(client, admin)
    await client.wait_event(fits, what=f"{message_id} refused with {code}")


async def arrived(admin: Admin, account: Mapping[str, str]) -> list[str]:
    messages = (await admin.get(f"/accounts/{account['phone']}/messages"))["messages"]
    return [message["text"] for message in messages]


async def test_a_restricted_client_reaches_strangers_only_with_their_token(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice = await baileys(f"{unique_name} Alice")
    base = f"/accounts/{await number_of(alice)}"
    assert (await call(alice, "fetchAccountReachoutTimelock"))["isActive"] is False
    await admin.post(f"{base}/restriction", {"restricted": True, "ends": 4_000_000_000})
    lock = await call(alice, "fetchAccountReachoutTimelock")
    assert lock["isActive"] is True
    assert lock["enforcementType"] == "WEB_COMPANION_ONLY"
    refused = await alice.send_text(dora["lid"], "let me in")
    await wait_refused(alice, admin, refused, "463")
    assert await arrived(admin, dora) == []

    await admin.post(f"/accounts/{dora['phone']}/tokens", {"to": await number_of(alice)})
    await settled(alice, admin)
    passed = await alice.send_text(dora["lid"], "with a token")
    await alice.wait_status(passed, 2)
    await settled(alice, admin)
    assert await arrived(admin, dora) == ["with a token"]


async def test_a_client_learns_of_tokens_from_its_history(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice_phone = await admin.create_account(f"{unique_name} Alice")
    await admin.post(f"/accounts/{dora['phone']}/tokens", {"to": alice_phone["phone"]})
    alice = await baileys(f"{unique_name} Alice")
    assert await number_of(alice) == alice_phone["phone"]
    await admin.post(f"/accounts/{alice_phone['phone']}/restriction", {"restricted": True})
    await settled(alice, admin)
    passed = await alice.send_text(dora["lid"], "with a token")
    await alice.wait_status(passed, 2)
    eve = await admin.create_account(f"{unique_name} Eve")
    await wait_refused(alice, admin, await alice.send_text(eve["lid"], "without"), "463")
    assert await arrived(admin, eve) == []


async def test_a_capped_client_hears_how_far_it_may_go(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    others = [await admin.create_account(f"{unique_name} {n}") for n in range(2)]
    alice = await baileys(f"{unique_name} Alice")
    await admin.post(f"/accounts/{await number_of(alice)}/cap", {"new_chats": 1})
    told = await alice.wait_for("message-capping.update")
    assert (told["data"]["total_quota"], told["data"]["used_quota"]) == (1, 0)
    await alice.wait_status(await alice.send_text(others[0]["lid"], "first"), 2)
    refused = await alice.send_text(others[1]["lid"], "second")
    await wait_refused(alice, admin, refused, "475")
    info = await call(alice, "fetchNewChatMessageCap")
    assert (info["used_quota"], info["capping_status"]) == (1, "CAPPED")


async def test_a_guarded_account_is_seen_with_the_token_that_baileys_holds(
    baileys: Launch, admin: Admin, unique_name: str, driver: ModuleType
) -> None:
    alice, bob = [await baileys(f"{unique_name} {name}") for name in ("Alice", "Bob")]
    picture = {"tag": "picture", "attrs": {"type": "image"}, "content": {"$bytes": JPEG}}
    attrs = {"to": "@s.whatsapp.net", "type": "set", "xmlns": "w:profile:picture"}
    await call(bob, "query", {"tag": "iq", "attrs": attrs, "content": [picture]})
    await admin.post(f"/accounts/{await number_of(bob)}/guard", {"guarded": True})
    lid = str((await bob.me())["lid"]).split(":")[0] + "@lid"
    with pytest.raises(driver.DriverError, match="not-authorized"):
        await call(alice, "profilePictureUrl", lid, "image")
    await wait_refused(alice, admin, await alice.send_text(lid, "hello"), "463")

    given = {"to": await number_of(alice)}
    await admin.post(f"/accounts/{await number_of(bob)}/tokens", given)
    await settled(alice, admin)
    assert ".jpg" in await call(alice, "profilePictureUrl", lid, "image")
    mark = alice.mark
    await call(alice, "presenceSubscribe", lid)
    seen = await alice.wait_for("presence.update", since=mark)
    assert seen["data"]["id"] == lid
    await alice.wait_status(await alice.send_text(lid, "hello again"), 2)
    await bob.wait_text("hello again")
