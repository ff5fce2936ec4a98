"""Linking by other ways than the first QR code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import World

pytestmark = pytest.mark.e2e

SESSION = "main"


async def test_a_code_typed_on_the_phone_links_the_account(world: World) -> None:
    server, inbox = world.server, world.inbox
    account, phone = await world.person("Bot")
    _, alice = await world.person("Alice")
    answer = await server.post(
        f"/session/requestPairingCode/{SESSION}", {"phoneNumber": account.jid.user}
    )
    assert (await server.get(f"/session/status/{SESSION}"))["state"] == "PAIRING"
    await phone.enter_code(answer["pairingCode"])
    await inbox.kind("ready")
    await alice.send_text(account.jid, "hello")
    await inbox.text("hello")
    again = await server.api.post(
        f"/session/requestPairingCode/{SESSION}", json={"phoneNumber": account.jid.user}
    )
    assert again.status_code >= 400
    assert sorted(account.devices) == [0, 1]


async def test_a_qr_code_still_links_while_a_code_is_waiting(world: World) -> None:
    account, phone = await world.person("Bot")
    await world.server.post(
        f"/session/requestPairingCode/{SESSION}", {"phoneNumber": account.jid.user}
    )
    qr = await world.inbox.kind("qr")
    await phone.pair_by_qr(qr["data"]["qr"])
    await world.inbox.kind("ready")


async def test_many_texts_that_waited_come_in_order_and_once(world: World) -> None:
    account, _ = await world.link()
    _, alice = await world.person("Alice")
    assert await world.server.stop() == 0
    texts = [f"text {index}" for index in range(120)]
    for text in texts:
        await alice.send_text(account.jid, text)
    await world.server.start()
    await world.inbox.count("message", len(texts))
    for text in ("live", "and again"):
        await alice.send_text(account.jid, text)
        await world.inbox.text(text)
        assert await world.server.stop() == 0
        await world.server.start()
    assert world.inbox.received_texts() == [*texts, "live", "and again"]
