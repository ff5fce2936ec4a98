"""Stock clients that WhatsApp does not let begin chats, with the emulator as their server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .baileys import Baileys
    from .conftest import Admin, Launch

pytestmark = pytest.mark.interop

FAILED = 0
"""Status of a sent message that the server has refused, in Baileys' numbering."""


async def call(client: Baileys, method: str, *args: Any) -> Any:
    """Any method of Baileys' socket."""
    return await client.command("call", method=method, args=list(args))


async def number_of(client: Baileys) -> str:
    return str((await client.me())["id"]).split("@")[0].split(":")[0]


async def wait_refused(client: Baileys, message_id: str, code: str) -> None:
    """Hear that the server has refused a message, and why."""

    def fits(event: Mapping[str, Any]) -> bool:
        if event["event"] != "messages.update":
            return False
        return any(
            item["key"]["id"] == message_id
            and item["update"].get("status") == FAILED
            and item["update"].get("messageStubParameters") == [code]
            for item in event["data"]
        )

    await client.wait_event(fits, what=f"{message_id} refused with {code}")


async def arrived(admin: Admin, account: Mapping[str, str]) -> list[str]:
    messages = (await admin.get(f"/accounts/{account['phone']}/messages"))["messages"]
    return [message["text"] for message in messages]


async def settled(client: Baileys, admin: Admin, name: str) -> None:
    """Return once a client has dealt with all that came before: somebody writes to it."""
    writer = await admin.create_account(f"{name} writer")
    await admin.send(writer["phone"], await number_of(client), f"{name} marker")
    await client.wait_text(f"{name} marker")


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
    await wait_refused(alice, refused, "463")
    assert await arrived(admin, dora) == []

    await admin.post(f"/accounts/{dora['phone']}/tokens", {"to": await number_of(alice)})
    await settled(alice, admin, unique_name)
    passed = await alice.send_text(dora["lid"], "with a token")
    await alice.wait_status(passed, 2)
    await settled(alice, admin, f"{unique_name} 2")
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
    await settled(alice, admin, unique_name)
    passed = await alice.send_text(dora["lid"], "with a token")
    await alice.wait_status(passed, 2)
    eve = await admin.create_account(f"{unique_name} Eve")
    await wait_refused(alice, await alice.send_text(eve["lid"], "without"), "463")
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
    await wait_refused(alice, refused, "475")
    info = await call(alice, "fetchNewChatMessageCap")
    assert (info["used_quota"], info["capping_status"]) == (1, "CAPPED")


async def test_a_guarded_picture_is_shown_with_the_token_that_baileys_holds(
    baileys: Launch, admin: Admin, unique_name: str
) -> None:
    dora = await admin.create_account(f"{unique_name} Dora")
    alice = await baileys(f"{unique_name} Alice")
    await admin.post(f"/accounts/{dora['phone']}/guard", {"guarded": True})
    await wait_refused(alice, await alice.send_text(dora["lid"], "hello"), "463")
    await admin.post(f"/accounts/{dora['phone']}/tokens", {"to": await number_of(alice)})
    await settled(alice, admin, unique_name)
    await alice.wait_status(await alice.send_text(dora["lid"], "hello again"), 2)
