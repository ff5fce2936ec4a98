"""The server as a process of its own, and a webhook receiver that remembers what it was told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .ready_python import ReadyProcess

API_KEY = "test-key"
EVENT_TIMEOUT_S = 30.0
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 20.0

Event = Mapping[str, Any]


class Inbox:
    """A webhook receiver. Every event that it answered with 2xx is kept, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.url = ""
        self._changed = asyncio.Condition()

    async def receive(self, request: Request) -> Response:
        event = await request.json()
        async with self._changed:
            self.remember(event)
            self._changed.notify_all()
        return Response(status_code=204)

    def remember(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)

    async def until(
        self,
        matches: Callable[[Event], bool],
        *,
        since: int = 0,
        timeout_s: float = EVENT_TIMEOUT_S,
        what: str = "event",
    ) -> Event:
        """The first event that matches, past or future."""
        position = since
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                while True:
                    while position < len(self.events):
                        position += 1
                        if matches(self.events[position - 1]):
                            return self.events[position - 1]
                    await self._changed.wait()
        except TimeoutError:
            kinds = [event["dataType"] for event in self.events[-12:]]
            raise AssertionError(f"no {what} within {timeout_s} s; last: {kinds}") from None

    async def kind(self, kind: str, **wait: Any) -> Event:
        """The first event of this kind."""
        return await self.until(lambda event: event["dataType"] == kind, what=kind, **wait)

    def of(self, kind: str) -> list[Event]:
        """All events of this kind so far."""
        return [event for event in self.events if event["dataType"] == kind]

    def received_texts(self) -> list[str]:
        """Bodies of the `message` events, in order."""
        return [event["data"]["body"] for event in self.of("message")]

    async def text(self, body: str, **wait: Any) -> Event:
        """The `message` event of an incoming text."""
        return await self.until(
            lambda event: event["dataType"] == "message" and event["data"]["body"] == body,
            what=f"message {body!r}",
            **wait,
        )

    async def count(self, kind: str, number: int, *, timeout_s: float = EVENT_TIMEOUT_S) -> None:
        """Wait until there are that many events of a kind."""
        await self.until(
            lambda _: len(self.of(kind)) >= number,
            timeout_s=timeout_s,
            what=f"{number} {kind} events (have {len(self.of(kind))})",
        )

    async def acked(self, message_id: str, level: int, **wait: Any) -> Event:
        """Wait until a message of ours has at least this ack."""
        return await self.until(
            lambda event: (
                event["dataType"] == "message_ack"
                and event["data"]["message"]["id"]["id"] == message_id
                and event["data"]["ack"] >= level
            ),
            what=f"ack {level} of {message_id}",
            **wait,
        )


@contextlib.asynccontextmanager
async def webhook_inbox() -> AsyncIterator[Inbox]:
    """A receiver on a free port."""
    inbox = Inbox()
    app = Starlette(routes=[Route("/hook", inbox.receive, methods=["POST"])])
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        inbox.url = f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield inbox
        finally:
            server.should_exit = True
            await task


def server_environment(folder: Path, sessions: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a server: a free port, no settings file but an empty one, and these."""
    no_settings = folder / "empty.env"
    no_settings.touch()
    return {
        **os.environ,
        "HOST": "127.0.0.1",
        "PORT": "0",
        "API_KEY": API_KEY,
        "SESSIONS_PATH": str(sessions),
        "ENV_PATH": str(no_settings),
        "RECONNECT_INTERVAL": "100",
        **settings,
    }


class WaportServer:
    """`waport serve`; it can be stopped, killed and started again on the same folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.sessions = folder / "sessions"
        self.log = folder / "server.log"
        self._environment = server_environment(folder, self.sessions, environment)
        self._process: ReadyProcess | None = None
        self._reader: asyncio.Task[None] | None = None
        self._api: httpx.AsyncClient | None = None
        self.url = ""

    @property
    def api(self) -> httpx.AsyncClient:
        """A client with the right key."""
        assert self._api is not None
        return self._api

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    @property
    def listens_at(self) -> str:
        """Its URL; "" while it is down."""
        return self.url if self._api is not None else ""

    @property
    def died_by(self) -> int | None:
        """The signal that ended the process; None if none did."""
        code = None if self._process is None else self._process.returncode
        return -code if code is not None and code < 0 else None

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:]

    async def wait(self) -> None:
        """Wait until the process has ended, and take leave of it."""
        assert self._process is not None
        await self._process.wait()
        await self._ended()

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start and wait until it listens.

        Args:
            environment: settings for this life alone.
        """
        self._process = await ReadyProcess.start(
            ["serve"], {**self._environment, **(environment or {})}
        )
        listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read(listening))
        async with asyncio.timeout(START_TIMEOUT_S):
            self.url = await listening
        self._api = httpx.AsyncClient(
            base_url=self.url, headers={"x-api-key": API_KEY}, timeout=30, trust_env=False
        )

    async def _read(self, listening: asyncio.Future[str]) -> None:
        assert self._process is not None
        with self.log.open("ab") as log:
            while line := await self._process.stderr.readline():
                log.write(line)
                log.flush()
                if b"listening on " in line and not listening.done():
                    listening.set_result(line.decode().rsplit("listening on ", 1)[1].strip())
        if not listening.done():
            listening.set_exception(AssertionError(f"no start:\n{self.last_words}"))

    async def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.terminate()
        return await self._ended()

    async def kill(self) -> None:
        """SIGKILL: nothing is flushed, nothing is closed."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._ended()

    async def _ended(self) -> int:
        if self._process is None:
            return 0
        async with asyncio.timeout(STOP_TIMEOUT_S):
            code = await self._process.wait()
        if self._reader is not None:
            await self._reader
        if self._api is not None:
            await self._api.aclose()
            self._api = None
        return code

    # --- the API -----------------------------------------------------------------------------

    async def get(self, path: str) -> Any:
        """GET; anything but 2xx fails the test."""
        return self._json(await self.api.get(path))

    async def post(self, path: str, body: Any) -> Any:
        """POST JSON; anything but 2xx fails the test."""
        return self._json(await self.api.post(path, json=body))

    async def send_text(self, session_id: str, chat: str, text: str) -> dict[str, Any]:
        """Send a text; returns the message."""
        body = {"chatId": chat, "contentType": "string", "content": text}
        message: dict[str, Any] = (await self.post(f"/client/sendMessage/{session_id}", body))[
            "message"
        ]
        return message

    async def messages(self, session_id: str, chat: str, limit: int = 500) -> list[Any]:
        """Stored messages, newest first."""
        body = {"chatId": chat, "limit": limit}
        messages: list[Any] = (await self.post(f"/chat/fetchMessages/{session_id}", body))[
            "messages"
        ]
        return messages

    @staticmethod
    def _json(response: httpx.Response) -> Any:
        assert response.is_success, (
            f"{response.request.url}: {response.status_code} {response.text}"
        )
        return response.json()
