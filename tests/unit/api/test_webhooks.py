"""Webhooks over the API: made, changed, given new secrets, and what they never took."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.database import open_database
from support.fake_server import KEY
from waport.api import create_app
from waport.api.webhook_guard import webhook_guard
from waport.api.webhook_service import WebhookService
from waport.client.addresses import AllowList
from waport.events import EventHub, WebhookBook
from waport.events.signing import Signer, new_secret
from waport.store import Database

URL = "http://127.0.0.1:9/hook"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(tmp_path / "hooks")
    yield database
    await database.close()


@pytest.fixture
def looks() -> list[None]:
    """One entry for each time that the deliverers were told to look for work."""
    return []


@pytest.fixture
async def api(
    database: Database, make_settings: Any, sessions: Any, looks: list[None]
) -> AsyncIterator[httpx.AsyncClient]:
    book = WebhookBook(database, lambda _: None)
    guard = webhook_guard(AllowList.parse(["127.0.0.1:9"]))
    service = WebhookService(book, database, guard, lambda: looks.append(None))
    app = create_app(make_settings(), sessions, EventHub(), webhooks=service)
    transport = httpx.ASGITransport(app)
    headers = {"x-api-key": KEY}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=headers
    ) as client:
        yield client


async def made(api: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    response = await api.post("/webhooks", json={"url": URL, **body})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_a_webhook_is_made_shown_changed_and_deleted(api: httpx.AsyncClient) -> None:
    answer = await made(
        api,
        sessionId="main",
        events=["message", "message_ack"],
        chats=["15550001111@c.us"],
        types=["chat"],
        headers={"X-Tenant": " t "},
    )
    hook = answer["webhook"]
    assert answer["secret"].startswith("whsec_")
    assert hook | {"id": "", "createdAt": ""} == {
        "id": "",
        "sessionId": "main",
        "url": URL,
        "events": ["message", "message_ack"],
        "chats": ["15550001111@c.us"],
        "types": ["chat"],
        "headers": {"X-Tenant": "t"},
        "signing": "hmac",
        "enabled": True,
        "createdAt": "",
    }
    path = f"/webhooks/{hook['id']}"
    assert (await api.get("/webhooks")).json() == {"success": True, "webhooks": [hook]}
    assert (await api.get(path)).json() == {"success": True, "webhook": hook}
    changed = await api.patch(path, json={"events": [], "enabled": False})
    off = {**hook, "events": [], "enabled": False, "disabledReason": "switched off"}
    assert changed.json() == {"success": True, "webhook": off}
    changed = await api.patch(path, json={"enabled": True})
    assert changed.json()["webhook"] == {**hook, "events": []}
    assert (await api.delete(path)).json()["success"] is True
    assert (await api.get(path)).json()["message"] == "webhook_not_found"
    assert (await api.get("/webhooks")).json()["webhooks"] == []


async def test_an_ed25519_webhook_shows_its_public_key(api: httpx.AsyncClient) -> None:
    answer = await made(api, signing="ed25519")
    assert answer["webhook"]["publicKey"] == Signer(answer["secret"]).public_key
    assert answer["webhook"]["signing"] == "ed25519"
    assert "secret" not in (await api.get("/webhooks")).text


async def test_a_secret_is_given_or_made_and_replaced(api: httpx.AsyncClient) -> None:
    own, later = new_secret("hmac"), new_secret("ed25519")
    answer = await made(api, secret=own)
    assert answer["secret"] == own
    path = f"/webhooks/{answer['webhook']['id']}/rotate"
    fresh = (await api.post(path, json={})).json()["secret"]
    assert fresh != own
    answer = (await api.post(path, json={"secret": later})).json()
    assert (answer["secret"], answer["webhook"]["signing"]) == (later, "ed25519")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "url is required"),
        ({"url": "ftp://example.com/"}, "url must be an http or https URL"),
        ({"url": "http://"}, "url must be an http or https URL"),
        ({"url": "http://127.0.0.1:8/"}, "url must not lead to a private address"),
        ({"url": "http://169.254.169.254/latest"}, "url must not lead to a private address"),
        ({"url": "http://[::1]/"}, "url must not lead to a private address"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "url must not lead to a private address"),
        ({"url": "http://2130706433/"}, "url must not lead to a private address"),
        ({"url": URL, "events": "message,qr" * 50}, "events must be an array of strings"),
        ({"url": URL, "events": [1]}, "events must be an array of strings"),
        ({"url": URL, "chats": ["nobody"]}, "chats must be an array of chat ids"),
        ({"url": URL, "chats": ["@c.us"]}, "chats must be an array of chat ids"),
        ({"url": URL, "headers": []}, "headers must be an object of strings"),
        ({"url": URL, "headers": {"x": "a\r\nb"}}, "headers must be an object of strings"),
        ({"url": URL, "headers": {"a b": "c"}}, "headers must have names of headers"),
        ({"url": URL, "headers": {"Webhook-Id": "c"}}, "headers must not have webhook-id"),
        ({"url": URL, "sessionId": "a/b"}, "sessionId must be the id of a session"),
        ({"url": URL, "signing": "rsa"}, "signing must be hmac or ed25519"),
        ({"url": URL, "secret": "x"}, "secret: a secret is base64 behind whsec_ or whsk_"),
    ],
)
async def test_what_cannot_be_used_is_refused(
    api: httpx.AsyncClient, problem: Any, body: dict[str, Any], error: str
) -> None:
    response = await api.post("/webhooks", json=body)
    assert problem(response) == (400, error, "validation_error")
    assert (await api.get("/webhooks")).json()["webhooks"] == []


async def test_too_many_are_refused_in_words(
    api: httpx.AsyncClient, problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waport.events.webhook_book.MAX_WEBHOOKS", 1)
    await made(api)
    response = await api.post("/webhooks", json={"url": URL})
    assert problem(response) == (400, "there are 1 webhooks already", "validation_error")


async def test_dead_letters_are_listed_and_sent_again(
    api: httpx.AsyncClient, database: Database, looks: list[None], problem: Any
) -> None:
    hook = (await made(api))["webhook"]["id"]
    (stored,) = await database.webhooks()

    def fill(work: Any) -> list[int]:
        return [
            work.event_log.append("message", "c", '{"n":1}', deliver=False, webhooks=[1])
            for _ in range(4)
        ]

    ids = await database.write("main", fill)
    numbers = [each + (stored.number << 46) for each in ids]
    await database.bury_deliveries(numbers, 1_700_000_000_000, 500)
    path = f"/webhooks/{hook}"
    answer = (await api.get(f"{path}/deadLetters?limit=3")).json()
    assert [each["id"] for each in answer["deadLetters"]] == [str(each) for each in ids[:3]]
    letter = answer["deadLetters"][0]
    assert (letter["sessionId"], letter["dataType"], letter["data"]) == (
        "main",
        "message",
        {"n": 1},
    )
    assert (letter["attempts"], letter["status"]) == (1, 500)
    assert letter["diedAt"] == "2023-11-14T22:13:20.000Z"
    answer = (await api.get(f"{path}/deadLetters?after={answer['next']}")).json()
    assert [each["id"] for each in answer["deadLetters"]] == [str(ids[3])]
    assert (await api.get("/webhooks/environment/deadLetters")).json()["deadLetters"] == []

    before = len(looks)
    for number in (2**46, str(2**46)):  # numbers of deliveries begin there
        response = await api.post(f"{path}/resend", json={"ids": [number]})
        assert problem(response)[0] == 400, response.text
    assert (await api.post(f"{path}/resend", json={"ids": [f"evt_{ids[2]}"]})).json()["resent"] == 1
    body = {"from": str(ids[0]), "to": str(ids[1])}
    assert (await api.post(f"{path}/resend", json=body)).json()["resent"] == 2
    assert (await api.post(f"{path}/resend", json={"all": True})).json()["resent"] == 1
    assert (await api.post(f"{path}/resend", json={"all": True})).json()["resent"] == 0
    assert len(looks) - before == 4
    (due,) = await database.due_deliveries({f"main/{stored.number}": ()}, 0, lanes=9, rows=9)
    assert [[each.event_id for each in lane] for lane in due.lanes] == [ids]
    for wrong in ({}, {"ids": [], "all": True}, {"ids": ["x"]}, {"ids": [1], "all": True}):
        response = await api.post(f"{path}/resend", json=wrong)
        assert problem(response)[0] == 400
    for query in ("limit=0", "limit=1001", "after=x"):
        assert problem(await api.get(f"{path}/deadLetters?{query}"))[0] == 400
    response = await api.post("/webhooks/wh_none/resend", json={"all": True})
    assert problem(response) == (404, "Webhook not found", "webhook_not_found")


async def test_a_dead_letter_may_have_no_data(api: httpx.AsyncClient, database: Database) -> None:
    hook = (await made(api))["webhook"]["id"]
    (stored,) = await database.webhooks()
    # `ready` and `authenticated` in the older form.
    event = await database.write(
        "main",
        lambda work: work.event_log.append("ready", "", "", deliver=False, webhooks=[1]),
    )
    await database.bury_deliveries([event + (stored.number << 46)], 1_700_000_000_000, 500)
    (letter,) = (await api.get(f"/webhooks/{hook}/deadLetters")).json()["deadLetters"]
    assert (letter["dataType"], "data" in letter) == ("ready", False)


async def test_a_form_switches_a_webhook_by_words(api: httpx.AsyncClient) -> None:
    hook = (await made(api))["webhook"]["id"]
    for word in ("false", "true"):
        answer = await api.patch(f"/webhooks/{hook}", data={"enabled": word})
        assert answer.json()["webhook"]["enabled"] is (word == "true")
    for word, status in (("true", 200), ("false", 400)):
        answer = await api.post(f"/webhooks/{hook}/resend", data={"all": word})
        assert answer.status_code == status


@pytest.mark.parametrize("chat", ["15550001111", "+1 (555) 000-1111", "15550001111:7@c.us"])
async def test_the_chats_of_a_webhook_are_named_as_everywhere(
    api: httpx.AsyncClient, chat: str
) -> None:
    hook = (await made(api, chats=[chat]))["webhook"]
    assert hook["chats"] == ["15550001111@c.us"]
