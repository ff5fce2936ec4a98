"""A server over fake sessions, called in process."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from starlette.types import ASGIApp

from waport.api import create_app
from waport.api.http_server import HttpServer
from waport.api.keys import KeyRing
from waport.api.webhook_service import WebhookService
from waport.config import Settings
from waport.errors import (
    PasskeyNotRequested,
    QrNotAvailable,
    SessionAlreadyConnected,
    SessionNotConnected,
    SessionNotFound,
)
from waport.events import EventHub
from waport.model import Evidence, Message, PasskeyState, SessionState

from .fake_client import FakeClient, text_message

KEY = "test_api_key"


@dataclass
class FakeSessions:
    """Sessions as a dictionary of states; every call is remembered."""

    states: dict[str, SessionState] = field(default_factory=dict)
    account: FakeClient = field(default_factory=FakeClient)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    error: Exception | None = None
    passkey_state: PasskeyState | None = None
    assertions: list[object] = field(default_factory=list)
    unlinked: bool | None = None
    proofs: dict[str, Evidence] = field(default_factory=dict)

    async def _call(self, *call: str) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error

    def _must_exist(self, session_id: str) -> SessionState:
        if session_id not in self.states:
            raise SessionNotFound(session_id)
        return self.states[session_id]

    async def start(self, session_id: str) -> None:
        await self._call("start", session_id)
        self.states.setdefault(session_id, SessionState.CONNECTING)

    async def stop(self, session_id: str) -> None:
        await self._call("stop", session_id)
        self._must_exist(session_id)
        del self.states[session_id]

    async def restart(self, session_id: str) -> None:
        await self._call("restart", session_id)
        self.states[session_id] = SessionState.CONNECTING

    async def terminate(self, session_id: str) -> bool | None:
        await self._call("terminate", session_id)
        self.states.pop(session_id, None)
        return self.unlinked

    async def logout(self, session_id: str) -> None:
        await self._call("logout", session_id)
        self._must_exist(session_id)
        del self.states[session_id]

    def state(self, session_id: str) -> SessionState | None:
        return self.states.get(session_id)

    def evidence(self, session_id: str) -> Evidence | None:
        return self.proofs.get(session_id)

    def list(self) -> Sequence[tuple[str, SessionState]]:
        return list(self.states.items())

    def qr(self, session_id: str) -> str:
        if self._must_exist(session_id) is not SessionState.QR:
            raise QrNotAvailable(session_id)
        return "2@ref,bm9pc2U=,aWRlbnRpdHk=,c2VjcmV0"

    def passkey(self, session_id: str) -> PasskeyState:
        self._must_exist(session_id)
        if self.passkey_state is None:
            raise PasskeyNotRequested(session_id)
        return self.passkey_state

    async def answer_passkey(self, session_id: str, assertion: object) -> None:
        self.passkey(session_id)
        self.assertions.append(assertion)
        await self._call("answer_passkey", session_id)

    async def confirm_passkey(self, session_id: str) -> None:
        self.passkey(session_id)
        await self._call("confirm_passkey", session_id)

    async def known(self) -> Sequence[str]:
        return [*self.states, "stored"]

    async def choose(self, session_id: str, name: str, value: bool) -> None:
        await self._call("choose", session_id, name, str(value))

    async def web_version(self) -> str:
        return "2.3000.1"

    async def request_pairing_code(
        self, session_id: str, phone: str, *, show_notification: bool = True
    ) -> str:
        if not show_notification:
            await self._call("quietly")
        await self._call("code", session_id, phone)
        if self.states.get(session_id) is SessionState.CONNECTED:
            raise SessionAlreadyConnected(session_id)
        return "ABCD1234"

    def client(self, session_id: str) -> FakeClient:
        if self._must_exist(session_id) is not SessionState.CONNECTED:
            raise SessionNotConnected(session_id)
        return self.account


Serve = Callable[..., "contextlib.AbstractAsyncContextManager[int]"]


class Call(Protocol):
    """Sends one request; a path that is a str goes out byte for byte as given."""

    async def __call__(
        self, method: str, path: str, *, key: str | None = KEY, **options: Any
    ) -> httpx.Response: ...


@pytest.fixture
def sessions() -> FakeSessions:
    """Sessions "on" (logged in) and "qr" (waiting to be scanned)."""
    return FakeSessions(states={"on": SessionState.CONNECTED, "qr": SessionState.QR})


@pytest.fixture
def hub() -> EventHub:
    """A hub with a fixed clock."""
    return EventHub(clock=lambda: 1_770_891_630.0)


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """Settings with a key; keyword arguments are environment variables."""
    (tmp_path / "empty.env").touch()

    def make(**environ: str) -> Settings:
        own = {"API_KEY": KEY, "SESSIONS_PATH": str(tmp_path / "sessions")}
        return Settings.load(tmp_path / "empty.env", {**own, **environ})

    return make


@pytest.fixture
def make_app(
    sessions: FakeSessions, hub: EventHub, make_settings: Callable[..., Settings]
) -> Callable[..., ASGIApp]:
    """An application; keyword arguments are environment variables."""

    def make(keys: KeyRing | None = None, **environ: str) -> ASGIApp:
        return create_app(make_settings(**environ), sessions, hub, keys=keys)

    return make


@pytest.fixture
def serve(make_settings: Any, sessions: Any) -> Serve:
    """A server on a free port; gives the port."""

    @contextlib.asynccontextmanager
    async def run(
        hub: EventHub,
        keys: KeyRing | None = None,
        webhooks: WebhookService | None = None,
        **environ: str,
    ) -> AsyncIterator[int]:
        settings = make_settings(PORT="0", HOST="127.0.0.1", **environ)
        app = create_app(settings, sessions, hub, keys=keys, webhooks=webhooks)
        server = HttpServer(settings, app, hub)
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup()
        port: int = server.servers[0].sockets[0].getsockname()[1]
        ticking = asyncio.create_task(server.main_loop())
        try:
            yield port
        finally:
            server.should_exit = True
            await ticking
            await server.shutdown()

    return run


@pytest.fixture
async def make_call(make_app: Callable[..., ASGIApp]) -> AsyncIterator[Callable[..., Call]]:
    """Callers of applications; keyword arguments are environment variables."""
    clients: list[httpx.AsyncClient] = []

    def make(keys: KeyRing | None = None, **environ: str) -> Call:
        app = make_app(keys, **environ)
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        client = httpx.AsyncClient(transport=transport, base_url="http://test")
        clients.append(client)

        async def call(
            method: str, path: str, *, key: str | None = KEY, **options: Any
        ) -> httpx.Response:
            headers = dict(options.pop("headers", {}))
            if key is not None:
                headers["x-api-key"] = key
            url = httpx.URL("http://test").copy_with(raw_path=path.encode())
            return await client.request(method, url, headers=headers, **options)

        return call

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
def call(make_call: Callable[..., Call]) -> Call:
    """A caller of an application with a key and otherwise default settings."""
    return make_call()


@pytest.fixture
def problem() -> Callable[[httpx.Response], tuple[int, str, str]]:
    """Status, error and message of an error answer, whose shape is checked on the way."""

    def read(response: httpx.Response) -> tuple[int, str, str]:
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        body = json.loads(response.content)
        assert set(body) == {"success", "error", "message"}
        assert body["success"] is False
        return response.status_code, body["error"], body["message"]

    return read


@pytest.fixture
def make_message() -> Callable[..., Message]:
    """Builds text messages of the chat with 15559990000."""
    return text_message
