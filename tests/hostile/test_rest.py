"""Damaged requests to every route of a server whose account is alive; damaged event sockets."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from support.fake_server import KEY, FakeSessions
from waport.api import create_app
from waport.api.keys import KeyRing
from waport.api.webhook_guard import webhook_guard
from waport.api.webhook_service import WebhookService
from waport.client.addresses import AllowList
from waport.config import Settings
from waport.events import EventFeed, EventHub
from waport.events.webhook_book import WebhookBook
from waport.model import SessionState
from waport.sessions.session import Session

from .requests import Requests, check
from .scene import Scene, logged_in
from .watch import Growth

MAX_GROWTH = 20_000
EACH = 3
"""Requests to each route, in each of three rounds."""


def no_names(*_: Any, **__: Any) -> NoReturn:
    """Nothing is looked up from here."""
    raise socket.gaierror(socket.EAI_NONAME, "no names in tests")


class LiveSessions(FakeSessions):
    """The session "on" is a live client; the others are told of."""

    def revive(self, scene: Scene) -> None:
        """Whatever was stopped is there again."""
        self.states = {"on": SessionState.CONNECTED, "qr": SessionState.QR}
        self.calls.clear()
        self.account = Session("on", scene.client, on_end=lambda *_: None)  # type: ignore[assignment]


async def test_no_request_makes_the_server_fail(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    growth, tried = Growth(), 0
    async with logged_in(tmp_path, 61) as scene:
        environ = {"API_KEY": KEY, "SESSIONS_PATH": str(tmp_path / "sessions")}
        settings = Settings.load(tmp_path / "none.env", environ)
        sessions = LiveSessions()
        book = WebhookBook(scene.database, settings.webhook_url)
        guard = webhook_guard(AllowList.parse(["127.0.0.1"]))
        keys = KeyRing(KEY, scene.database)
        app = create_app(
            settings,
            sessions,  # type: ignore[arg-type]
            EventHub(feed=EventFeed(scene.database)),
            keys=keys,
            webhooks=WebhookService(book, scene.database, guard, lambda: None),
        )
        for _ in range(3):
            requests = Requests(settings, random.Random(62))
            for method, template in requests.routes:
                for _ in range(EACH):
                    sessions.revive(scene)
                    request = requests.damaged(method, template)
                    check(request, await answered(scene, request.send(app)))
                    tried += 1
            growth.mark()
        assert await scene.is_alive()
        await scene.receives()
    assert growth.last < MAX_GROWTH, growth.marks
    record_property("hostile", ("REST requests", tried))


async def answered(scene: Scene, work: Any) -> Any:
    """The answer, however long the account waits for something."""
    task = asyncio.ensure_future(work)
    while not task.done():
        done, _ = await asyncio.wait((task,), timeout=0.05)
        if not done:
            scene.clock.advance(30)
    return await task
