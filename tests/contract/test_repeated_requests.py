"""Every POST route, under each of its names, called twice with one Idempotency-Key; on the way it
is seen that every answer tells both addresses of whom it names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.database import open_database
from support.fake_client import PEER
from support.fake_server import KEY
from support.who import people_of
from waport.api import create_app
from waport.api.app import all_operations
from waport.api.kept_answers import StoredAnswers
from waport.api.keys import KeyRing
from waport.api.webhook_guard import webhook_guard
from waport.api.webhook_service import WebhookService
from waport.client.addresses import AllowList
from waport.events import EventHub, WebhookBook
from waport.model import Contact, SessionState
from waport.store import Database
from waport.wire import Jid

from .older import CALLS, POLL
from .rules import GROUP, PERSON, RULES

HOOK = "http://127.0.0.1:9/hook"
OWN = {
    "/webhooks": {"url": HOOK},
    "/webhooks/{webhookId}/resend": {"all": True},
    "/message/vote/{sessionId}": {
        "chatId": PERSON,
        "messageId": POLL,
        "selectedOptions": ["yes"],
    },
    "/groupChat/setAddMembersAdminsOnly/{sessionId}": {"groupId": GROUP, "adminsOnly": True},
    "/apiKeys": {"name": "n", "scopes": ["read"]},
    "/session/requestPairingCode/{sessionId}": {"phoneNumber": "15550001111"},
}
"""Bodies of routes that neither table has."""
NEEDS_STATE = {"/session/passkey/{sessionId}", "/session/passkey/{sessionId}/confirm"}
"""Answered with 404 here: nobody asks for a passkey."""


LID = "99005550000@lid"


@pytest.fixture
def sessions(sessions: Any) -> Any:
    """The usual ones; of one person both addresses are known."""
    sessions.account.people[PEER] = Contact(PEER, name="Bob Smith", lid=Jid.parse(LID))
    return sessions


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(tmp_path / "kept")
    yield database
    await database.close()


def bodies() -> dict[str, Any]:
    """A body that works, by the path without the prefix of the older server."""
    found: dict[str, Any] = {f"{rule.path}/{{sessionId}}": dict(rule.body) for rule in RULES}
    found = {call.path: dict(call.body) for call in CALLS if call.method == "POST"} | found
    return found | OWN


def assert_both_addresses(response: httpx.Response, path: str) -> None:
    """An answer that names the person whose addresses are known tells both, and of nobody else."""
    if response.headers["content-type"] != "application/json; charset=utf-8":
        return
    answer = response.json()
    told = answer.pop("addresses", {})
    assert set(told) == {PERSON, LID} & set(people_of(answer)), path
    assert all(each == {"pn": PERSON, "lid": LID} for each in told.values())


async def test_every_list_and_look_up_tells_both_addresses(
    make_settings: Any, sessions: Any
) -> None:
    settings = make_settings(ENABLE_LEGACY_ROUTER="true")
    app = create_app(settings, sessions, EventHub())
    named = 0
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test", headers={"x-api-key": KEY}
    ) as api:
        for operation in all_operations(settings):
            if operation.method != "GET" or not operation.is_guarded:
                continue
            sessions.states["on"] = SessionState.CONNECTED
            path = operation.path.replace("{sessionId}", "on").replace("{messageId}", "B")
            response = await api.get(path)
            assert response.status_code in (200, 400, 404, 501), (path, response.text)
            assert_both_addresses(response, path)
            named += "addresses" in response.text
    assert named >= 3


async def test_the_second_answer_is_the_first_one_again(
    database: Database, make_settings: Any, sessions: Any
) -> None:
    guard = webhook_guard(AllowList.parse(["127.0.0.1:9"]))
    book = WebhookBook(database, lambda _: None)
    settings = make_settings(ENABLE_LEGACY_ROUTER="true", ENABLE_LOCAL_CALLBACK_EXAMPLE="true")
    app = create_app(
        settings,
        sessions,
        EventHub(),
        keys=KeyRing(KEY, database),
        webhooks=WebhookService(book, database, guard, lambda: None),
        answers=StoredAnswers(database),
    )
    known = bodies()
    replayed, refused = set(), set()
    headers = {"x-api-key": KEY}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test", headers=headers
    ) as api:
        hook = (await api.post("/webhooks", json={"url": HOOK})).json()["webhook"]["id"]
        for operation in all_operations(settings):
            if operation.method != "POST":
                continue
            sessions.states["on"] = SessionState.CONNECTED  # one route opens the connection anew
            is_linking = "requestPairingCode" in operation.path
            path = operation.path.replace("{sessionId}", "qr" if is_linking else "on")
            path = path.replace("{webhookId}", hook)
            own = {"Idempotency-Key": f"key of {operation.path}"}
            body = known.get(operation.path.removeprefix("/legacy"), {})
            first = await api.post(path, json=body, headers=own)
            asked = len(sessions.account.calls), len(sessions.calls)
            second = await api.post(path, json=body, headers=own)
            assert first.status_code < 500, (path, first.text)
            assert second.content == first.content, path
            assert_both_addresses(first, path)
            assert second.status_code == first.status_code, path
            assert "idempotent-replayed" not in first.headers
            if first.status_code >= 400:
                refused.add(operation.path)
                assert "idempotent-replayed" not in second.headers
                continue
            replayed.add(operation.path)
            assert second.headers["idempotent-replayed"] == "true", path
            assert second.headers["content-type"] == first.headers["content-type"]
            assert (len(sessions.account.calls), len(sessions.calls)) == asked, path
    assert refused == NEEDS_STATE
    assert len(replayed) > 250
