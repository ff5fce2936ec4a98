"""Webhooks that are set at run time, and receivers that die and come back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks.webhooks import Webhook

from crash.receiver import receiver
from support.talk import Talk
from support.waport_server import WaportServer

if TYPE_CHECKING:
    from .conftest import World

pytestmark = pytest.mark.e2e


@pytest.fixture
def server_settings() -> dict[str, str]:
    return {"OUTBOUND_ALLOW": "127.0.0.1"}


async def post(server: WaportServer, path: str, **body: Any) -> Any:
    return await server.post(path, body)


async def test_a_webhook_that_was_away_gets_everything_in_order_and_only_what_it_wants(
    talk: Talk, world: World
) -> None:
    async with receiver() as inbox:
        port = inbox.port
        made = await post(world.server, "/webhooks", url=inbox.url, events=["message"])
        await talk.received("one")
        await inbox.until(lambda: len(inbox.told) == 1, 20, "the first")
    # Its port is closed now; the receiver of the settings goes on getting everything.
    for text in ("two", "three"):
        await talk.received(text)
    await world.inbox.text("three")
    await world.server.kill()
    await world.server.start()
    await talk.received("four")
    async with receiver(port=port) as inbox:
        await inbox.until(lambda: len(inbox.told) >= 3, 60, "what it missed")
        assert [told.data["body"] for told in inbox.told] == ["two", "three", "four"]
        assert {told.kind for told in inbox.told} == {"message"}
        for told in inbox.told:
            assert Webhook(made["secret"]).verify(told.text, told.headers)["sessionId"] == "main"


async def test_a_client_that_was_away_reads_on_by_its_cursor(talk: Talk, world: World) -> None:
    await talk.received("one")
    page = await world.server.get("/events?limit=1000")
    seen = [event["data"].get("body") for event in page["events"]]
    assert "one" in seen
    await talk.received("two")
    await world.server.kill()
    await world.server.start()
    await talk.received("three")
    await world.inbox.text("three")
    page = await world.server.get(f"/events?after={page['next']}&sessionId=main")
    texts = [e["data"]["body"] for e in page["events"] if e["dataType"] == "message"]
    assert texts == ["two", "three"]
    ids = [int(event["id"]) for event in page["events"]]
    assert ids == sorted(set(ids))


async def test_a_receiver_that_says_gone_is_switched_off(talk: Talk, world: World) -> None:
    async with receiver() as inbox:
        inbox.status = 410
        made = await post(world.server, "/webhooks", url=inbox.url, events=["message"])
        path = f"/webhooks/{made['webhook']['id']}"
        await talk.received("one")
        await inbox.until(lambda: inbox.refused == 1, 20, "the first try")
        # The answer is on its way back: what comes before it is noted would still wait.
        async with asyncio.timeout(20):
            while (hook := (await world.server.get(path))["webhook"])["enabled"]:
                pass
        assert hook["disabledReason"] == "the receiver answered 410"
        await talk.received("two")
        await world.inbox.text("two")
        # Switched on again it gets what waited for it, and not what came meanwhile.
        inbox.status = 204
        response = await world.server.api.patch(path, json={"enabled": True})
        assert response.is_success
        await talk.received("three")
        await inbox.until(lambda: len(inbox.told) == 2, 20, "what waited")
        assert [told.data["body"] for told in inbox.told] == ["one", "three"]
