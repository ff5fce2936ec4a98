"""The account itself: who it is, what it shows."""

from __future__ import annotations

from typing import Any

import pytest

from support.fake_client import OWN, PEER
from waport.appstate.actions import EditLabel
from waport.model import OwnAccount
from waport.wire import Jid

ID = "15559990000@c.us"


async def ok(call: Any, path: str, **body: object) -> dict[str, Any]:
    response = await call("POST", f"{path}/on", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert answer.pop("success") is True
    return answer


async def test_whose_account_it_is(call: Any, problem: Any, sessions: Any) -> None:
    wid = {"_serialized": "15550001111@c.us", "user": "15550001111", "server": "c.us"}
    own = OwnAccount(OWN, Jid("99000001111", "lid"), "Bot", "android")
    sessions.account.own = own
    assert await ok(call, "/client/getInfo") == {
        "info": {
            "pushname": "Bot",
            "wid": wid,
            "me": wid,
            "platform": "android",
            "lid": "99000001111@lid",
        }
    }
    sessions.account.own = None
    text = "Client info not available"
    assert problem(await call("POST", "/client/getInfo/on", json={})) == (404, text, text)


async def test_labels_have_their_colour(call: Any, sessions: Any) -> None:
    sessions.account.settings.all_labels = [EditLabel("7", "New", 1)]
    (label,) = (await ok(call, "/client/getLabels"))["labels"]
    assert label == {
        "id": "7",
        "name": "New",
        "hexColor": "#64c4ff",
        "color": 1,
        "deleted": False,
    }


@pytest.mark.parametrize(
    ("path", "body", "message", "made"),
    [
        ("/client/setStatus", {"status": "Busy"}, "Status updated", ("about", "Busy")),
        ("/client/setDisplayName", {"displayName": "Shop"}, "Display name updated", None),
    ],
)
async def test_what_the_account_shows_is_changed(
    call: Any, sessions: Any, path: str, body: Any, message: str, made: Any
) -> None:
    assert (await ok(call, path, **body))["message"] == message
    assert sessions.account.calls == [made or ("name", "Shop")]


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/client/setStatus", {}, "status is required"),
        ("/client/setStatus", {"status": ""}, "status is required"),
        ("/client/setStatus", {"status": 5}, "status must be a string"),
        (
            "/client/setStatus",
            {"status": "x" * 140},
            "status must be a string of at most 139 characters",
        ),
        ("/client/setDisplayName", {}, "displayName is required"),
        ("/client/setDisplayName", {"displayName": 5}, "displayName must be a string"),
        (
            "/client/setDisplayName",
            {"displayName": " "},
            "displayName must be a string of 1 to 100 characters",
        ),
        ("/client/sendPresenceUpdate", {}, "presence is required"),
        (
            "/client/sendPresenceUpdate",
            {"presence": "asleep"},
            "presence must be one of available, unavailable, composing, recording, paused",
        ),
        (
            "/client/sendPresenceUpdate",
            {"presence": "composing", "chatId": "status@broadcast"},
            "chatId must be a person or a group",
        ),
    ],
)
async def test_unusable_values_are_named(
    call: Any, problem: Any, sessions: Any, path: str, body: Any, text: str
) -> None:
    response = await call("POST", f"{path}/on", json=body)
    assert problem(response) == (400, text, "validation_error")
    assert sessions.account.calls == []


async def test_presence_is_shown(call: Any, sessions: Any) -> None:
    for word in ("available", "unavailable"):
        answer = await ok(call, "/client/sendPresenceUpdate", presence=word)
        assert answer == {"message": "Presence updated"}
    for word in ("composing", "recording", "paused"):
        await ok(call, "/client/sendPresenceUpdate", presence=word, chatId=ID)
        # In no chat it is seen by nobody.
        await ok(call, "/client/sendPresenceUpdate", presence=word)
    assert sessions.account.calls == [
        ("available",),
        ("unavailable",),
        ("composing", PEER),
        ("recording", PEER),
        ("paused", PEER),
    ]
