"""Requests made out of the API document for what lives in the database: events and webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.generation import GenerationMode

from support.database import open_database
from support.fake_server import KEY, serve
from waport.api.webhook_guard import webhook_guard
from waport.api.webhook_service import WebhookService
from waport.client.addresses import AllowList
from waport.events import EventFeed, EventHub, Frame, WebhookBook

from .document import check_operation, operations

__all__ = ["serve"]

OPERATIONS = [
    each
    for each in operations()
    if each.path.startswith(("/events", "/webhooks")) and each.path != "/events/stream"
]
"""All but the stream, which never ends."""


@pytest.fixture
async def url(tmp_path: Path, serve: Any) -> AsyncIterator[str]:
    """A server with events and a webhook; nothing is delivered."""
    database = await open_database(tmp_path / "events")
    try:
        frames = [Frame.of("message", {"body": str(number)}, "c") for number in range(3)]
        await database.write(
            "main",
            lambda work: [
                work.event_log.append(frame.kind, frame.lane, frame.text, deliver=False)
                for frame in frames
            ],
        )
        book = WebhookBook(database, lambda _: None)
        guard = webhook_guard(AllowList.parse(["127.0.0.1"]))
        service = WebhookService(book, database, guard, lambda: None)
        hub = EventHub(feed=EventFeed(database))
        async with serve(hub, webhooks=service) as port:
            yield f"http://127.0.0.1:{port}"
    finally:
        await database.close()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
async def test_the_server_answers_as_the_document_says(
    url: str, operation: Any, mode: GenerationMode
) -> None:
    headers = {"x-api-key": KEY}
    body = {"url": "http://127.0.0.1:9/hook"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
        hook = (await client.post("/webhooks", json=body)).json()["webhook"]["id"]

    def ask(case: schemathesis.Case) -> Any:
        if "webhookId" in (case.path_parameters or {}):
            case.path_parameters["webhookId"] = hook
        return case.call(headers=headers, base_url=url)

    await asyncio.to_thread(check_operation, operation, mode, ask)
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
        page = (await client.get("/events")).json()
        assert [event["data"]["body"] for event in page["events"]] == ["0", "1", "2"]


async def test_a_query_that_cannot_be_read_is_refused_as_the_document_says(url: str) -> None:
    by_path = {(each.path, each.method.upper()): each for each in operations()}
    headers = {"x-api-key": KEY}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
        hook = (await client.post("/webhooks", json={"url": "http://127.0.0.1:9/"})).json()
        for path, query in (
            ("/events", "limit=x"),
            ("/events", "after=x"),
            ("/events/stream", "after=x"),
            ("/webhooks/{webhookId}/deadLetters", "limit=x"),
        ):
            at = path.replace("{webhookId}", hook["webhook"]["id"])
            response = await client.get(f"{at}?{query}")
            assert response.json()["message"] == "validation_error"
            documented = by_path[path, "GET"].definition.raw["responses"]
            assert str(response.status_code) in documented
            assert "validation_error" in documented[str(response.status_code)]["description"]
