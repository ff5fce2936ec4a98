"""A webhook receiver that keeps what it took, with its headers, and now and then takes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

REFUSED = 0.02
"""The share of events that are refused, with a status that says so or says "overloaded"."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event that was answered by 2xx."""

    webhook_id: str
    kind: str
    data: dict[str, Any]
    text: str


class Receiver:
    """Attributes:
    told: what was taken, in order, repeats included.
    """

    def __init__(self, chosen: random.Random) -> None:
        self.told: list[Told] = []
        self.url = ""
        self.is_kind = False
        """Set to refuse nothing any more."""
        self._chosen = chosen
        self._changed = asyncio.Condition()

    async def receive(self, request: Request) -> Response:
        text = (await request.body()).decode()
        if not self.is_kind and self._chosen.random() < REFUSED:
            return Response(status_code=self._chosen.choice((500, 503)))
        event = json.loads(text)
        told = Told(request.headers["webhook-id"], event["dataType"], event["data"], text)
        async with self._changed:
            self.told.append(told)
            self._changed.notify_all()
        return Response(status_code=204)

    def message_ids(self, kind: str) -> set[str]:
        """The messages that events of a kind were about."""
        return {told.data["id"]["id"] for told in self.told if told.kind == kind}

    async def until(self, is_so: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait until something is so; it is looked at after each event."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(is_so)
        except TimeoutError:
            raise AssertionError(f"not within {timeout_s} s: {what}") from None

    async def first(self, kind: str, timeout_s: float = 30.0) -> Told:
        """The first event of a kind, past or future."""
        await self.until(lambda: any(told.kind == kind for told in self.told), timeout_s, kind)
        return next(told for told in self.told if told.kind == kind)


@contextlib.asynccontextmanager
async def receiver(chosen: random.Random) -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    inbox = Receiver(chosen)
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
