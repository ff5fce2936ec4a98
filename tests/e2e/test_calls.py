"""Calls that come in, as the webhook is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import World

pytestmark = pytest.mark.e2e


async def test_a_call_is_told_step_by_step_and_then_stands_in_the_chat(world: World) -> None:
    account, _ = await world.link()
    alice, phone = await world.person("Alice")
    call_id = await phone.calls.call([account.lid], video=True)
    offer = await world.inbox.until(
        lambda event: event["dataType"] == "call" and event["data"]["status"] == "offer"
    )
    timestamp = offer["data"]["timestamp"]
    assert offer["data"] == {
        "id": call_id,
        "from": f"{alice.number}@c.us",
        "isVideo": True,
        "isGroup": False,
        "status": "offer",
        "timestamp": timestamp,
        "fromMe": False,
        "participants": {},
    }
    assert isinstance(timestamp, int)
    await phone.calls.act(call_id, "cancel")
    ended = await world.inbox.until(
        lambda event: event["dataType"] == "call" and event["data"]["status"] == "terminate"
    )
    assert ended["data"] == {**offer["data"], "status": "terminate"}
    entry = (await world.inbox.kind("message"))["data"]
    assert (entry["type"], entry["id"]["id"], entry["from"]) == (
        "call_log",
        call_id,
        f"{alice.number}@c.us",
    )
    assert entry["_data"]["message"]["callLogMesssage"] == {
        "isVideo": True,
        "callOutcome": "MISSED",
        "callType": "REGULAR",
    }
    kinds = [event["dataType"] for event in world.inbox.events]
    assert kinds.index("message_create") < kinds.index("message")
