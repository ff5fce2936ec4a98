"""An account that demands a passkey is linked over REST, with its events on the webhook."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import World

pytestmark = pytest.mark.e2e

SESSION = "main"
PATH = f"/session/passkey/{SESSION}"


async def test_the_challenge_goes_out_and_the_answer_links(world: World) -> None:
    server, inbox = world.server, world.inbox
    account, phone = await world.person("Bot")
    world.emulator.passkeys.demand(account, wanted=True)
    await server.get(f"/session/start/{SESSION}")
    assert (await server.api.get(PATH)).status_code == 404
    qr = await inbox.kind("qr")
    linking = asyncio.create_task(phone.pair_by_qr(qr["data"]["qr"]))
    event = await inbox.kind("passkey")
    state = await server.get(PATH)
    assert state == {"success": True, **event["data"]}
    assert (state["stage"], state["code"]) == ("challenge", None)
    assert (await server.get(f"/session/status/{SESSION}"))["state"] == "PAIRING"
    refused = await server.api.post(PATH, json={"assertion": {"type": "public-key"}})
    assert refused.status_code == 400
    assertion = world.emulator.passkeys.of(account).assertion(state["publicKey"])
    assert (await server.post(PATH, {"assertion": assertion}))["message"] == "Passkey accepted"
    await inbox.kind("ready")
    assert await linking == account.jid.with_device(1)
    stages = [event["data"]["stage"] for event in inbox.of("passkey")]
    assert stages == ["challenge", "waiting", "linking"]
    assert (await server.api.get(PATH)).status_code == 404
