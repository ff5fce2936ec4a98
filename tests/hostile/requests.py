"""Requests to the whole application in this process, with paths and bodies byte for byte."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message

from contract.older import CALLS
from contract.rules import RULES
from fuzz.mutate import mutate
from support.fake_server import KEY
from waport.api.app import all_operations
from waport.config import Settings

from .damage import TEXTS, damage_json

BODIES: Mapping[str, Mapping[str, object]] = {
    **{call.path: call.body for call in CALLS},
    **{f"{rule.path}/{{sessionId}}": rule.body for rule in RULES},
    "/webhooks": {"url": "http://127.0.0.1:9/", "events": ["message"], "sessionId": "on"},
    "/apiKeys": {"name": "bot", "scopes": ["read"], "sessions": ["on"]},
}
"""A body that works, by route; the others get one with fields of everything."""

ANY_BODY: Mapping[str, object] = {
    "chatId": "15559990000@c.us",
    "messageId": "A",
    "url": "http://127.0.0.1:9/",
    "value": True,
    "name": "x",
    "method": "getChats",
    "options": {"a": [1]},
    "limit": 5,
}
TYPES = (
    "application/json",
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "",
)
IDS = ("on", "on", "on", "qr", "nowhere", "..", "%2e%2e", "%", "%00", "a%20b", "%FF", "x" * 300)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Request:
    """One request, as it goes over the wire."""

    method: str
    path: bytes
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    async def send(self, app: ASGIApp) -> Answer:
        """Have it answered; what the application raises is raised here."""
        status, headers, parts = 0, {}, []
        is_sent = False

        async def receive() -> Message:
            nonlocal is_sent
            if is_sent:
                return {"type": "http.disconnect"}
            is_sent = True
            return {"type": "http.request", "body": self.body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers.update(
                    {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
                )
            else:
                parts.append(message.get("body", b""))

        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path.decode("latin-1"),
            "raw_path": self.path,
            "query_string": self.query,
            "headers": list(self.headers),
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 3000),
            "root_path": "",
        }
        await app(scope, receive, send)
        return Answer(status, headers, b"".join(parts))


def check(request: Request, answer: Answer) -> None:
    """No failure of the server's own, and errors in the envelope.

    Raises:
        AssertionError: it is otherwise.
    """
    told = (request, answer.status, answer.body[:500])
    assert 200 <= answer.status < 600, told
    kind = answer.headers.get("content-type", "")
    if answer.status >= 400 and request.method != "HEAD":
        assert kind.startswith("application/json"), told
    if kind.startswith("application/json") and answer.body:
        body = json.loads(answer.body)
        is_document = "openapi" in body
        assert is_document or isinstance(body.get("success"), bool), told
        if answer.status >= 400:
            assert body["success"] is False, told
            assert isinstance(body["error"], str), told
            # The contract has 500 for what WhatsApp refuses, too; that names its reason.
            assert body.get("message") != "internal_error", told


class Requests:
    """Damaged requests to every route."""

    def __init__(self, settings: Settings, chosen: random.Random) -> None:
        self._chosen = chosen
        operations = all_operations(settings)
        self.routes = sorted({(each.method, each.path) for each in operations})

    def damaged(self, method: str, template: str) -> Request:
        """One for a route."""
        chosen = self._chosen
        if chosen.random() < 0.05:
            method = chosen.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
        path = self._path(template)
        headers = [(b"host", b"test"), (b"x-api-key", KEY.encode())]
        if chosen.random() < 0.03:
            headers[1] = (b"x-api-key", chosen.choice(TEXTS).encode()[:200])
        if chosen.random() < 0.1:
            headers.append((b"idempotency-key", b"%d" % chosen.randrange(3)))
        body = self._body(template)
        kind = TYPES[0] if chosen.random() < 0.85 else chosen.choice(TYPES)
        headers += [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        if chosen.random() < 0.03:
            headers.append((b"content-encoding", chosen.choice((b"gzip", b"br", b"deflate", b"x"))))
        return Request(method, path, self._query(), headers, body)

    def _path(self, template: str) -> bytes:
        chosen = self._chosen
        parts = []
        for part in template.split("/"):
            if part.startswith("{"):
                part = chosen.choice(IDS)
                if chosen.random() < 0.1:
                    part = quote(chosen.choice(TEXTS)[:400], safe="")
            parts.append(part)
        path = "/".join(parts).encode()
        if chosen.random() < 0.03:
            path = b"/" + mutate(path, chosen).lstrip(b"/")
        return path

    def _query(self) -> bytes:
        chosen = self._chosen
        if chosen.random() < 0.6:
            return b""
        name = chosen.choice(("limit", "after", "sessionId", "apiKey", "chatId", "refresh", "x"))
        query = f"{name}={quote(chosen.choice(TEXTS)[:300])}".encode()
        return mutate(query, chosen) if chosen.random() < 0.2 else query

    def _body(self, template: str) -> bytes:
        chosen = self._chosen
        plain = template.removeprefix("/legacy")
        body = BODIES.get(plain) or ANY_BODY
        made = json.dumps(damage_json(dict(body), chosen)).encode()
        return mutate(made, chosen) if chosen.random() < 0.1 else made
