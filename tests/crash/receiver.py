"""A webhook receiver that keeps what it took, with its headers, and now and then takes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .patience import Patience

REFUSED = 0.02
"""The share of events that are refused, with a status that says so or says "overloaded"."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event that was answered by 2xx."""

    webhook_id: str
    kind: str
    data: dict[str, Any]
    text: str
    headers: Mapping[str, str]


class Receiver:
    """Keeps what it takes.

    Attributes:
        told: what was taken, in order, repeats included.
        status: its answer.
        refused: how often that was something else than a 2xx.
    """

    def __init__(self, chosen: random.Random | None) -> None:
        self.told: list[Told] = []
        self.url = ""
        self.port = 0
        self.status = 204
        self.refused = 0
        self.messages: set[str] = set()
        """The messages that `message` events were about."""
        self.is_kind = chosen is None
        """Set to refuse nothing any more."""
        self.on_message: Callable[[], None] = lambda: None
        """Called for each event of a message: whoever waits knows that something goes on."""
        self._chosen = chosen
        self._changed = asyncio.Condition()

    async def receive(self, request: Request) -> Response:
        text = (await request.body()).decode()
        chosen, status = self._chosen, self.status
        if chosen is not None and not self.is_kind and chosen.random() < REFUSED:
            status = chosen.choice((500, 503))
        if status >= 300:
            self.refused += 1
            async with self._changed:
                self._changed.notify_all()
            return Response(status_code=status)
        event = json.loads(text)
        told = Told(
            request.headers["webhook-id"], event["dataType"], event["data"], text, request.headers
        )
        if told.kind.startswith("message"):
            self.on_message()
        if told.kind == "message":
            self.messages.add(told.data["id"]["id"])
        async with self._changed:
            self.told.append(told)
            self._changed.notify_all()
        return Response(status_code=status)

    async def until(self, is_so: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait until something is so; it is looked at after each event."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(is_so)
        except TimeoutError:
            raise AssertionError(f"not within {timeout_s} s: {what}") from None

    async def patiently(self, is_so: Callable[[], bool], patience: Patience, what: str) -> None:
        """Wait until something is so, for as long as anything goes on."""
        try:
            async with self._changed:
                await patience.wait(self._changed, is_so)
        except TimeoutError:
            raise AssertionError(f"nothing goes on any more: {what}") from None

    async def first(self, kind: str, timeout_s: float = 30.0) -> Told:
        """The first event of a kind, past or future."""
        await self.until(lambda: any(told.kind == kind for told in self.told), timeout_s, kind)
        return next(told for told in self.told if told.kind == kind)


@contextlib.asynccontextmanager
async def receiver(
    chosen: random.Random | None = None, *, port: int = 0
) -> AsyncIterator[Receiver]:
    """A receiver on a port, by default a free one.

    Args:
        chosen: what it refuses now and then; None: nothing.
    """
    inbox = Receiver(chosen)
    app = Starlette(routes=[Route("/hook", inbox.receive, methods=["POST"])])
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    with socket.create_server(("127.0.0.1", port)) as listener:
        inbox.port = listener.getsockname()[1]
        inbox.url = f"http://127.0.0.1:{inbox.port}/hook"
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield inbox
        finally:
            server.should_exit = True
            await task
