"""An account of ours that talks as wwebjs-api's callers do: below `/legacy`, with its own words."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from .linked import Linked
from .stage import Stage, open_stage
from .talk import SESSION, Talk

SETTINGS = {"LEGACY_STRICT": "true"}


@dataclass
class Older(Talk):
    """The account, and what its callers ask."""

    stage: Stage
    prefix: ClassVar[str] = "/legacy"

    @property
    def ann(self) -> Linked:
        """Somebody with a device of her own, who can make groups and channels."""
        return self.stage.ann

    async def get(self, path: str, session_id: str = SESSION, method: str = "GET") -> Any:
        """Ask for something that needs no body."""
        at = f"/legacy{path}/{session_id}" if session_id else f"/legacy{path}"
        response = await self.stage.server.api.request(method, at)
        assert response.status_code == 200, response.text
        return response.json()

    async def refused(self, path: str, **body: Any) -> tuple[int, str]:
        """Call a route that refuses it; its status and text, which have nothing beside them."""
        response = await self.call(path, {"chatId": self.chat, **body})
        answer = response.json()
        assert list(answer) == ["success", "error"], answer
        assert answer["success"] is False
        return response.status_code, answer["error"]


@contextlib.asynccontextmanager
async def open_older(folder: Path, settings: dict[str, str]) -> AsyncIterator[Older]:
    """A server with `LEGACY_STRICT`, and an account that is not linked yet."""
    async with open_stage(folder, {**SETTINGS, **settings}) as stage:
        yield Older(stage, stage.own, stage.own_phone, stage.alice, stage.phone, stage)


async def link(older: Older) -> None:
    """Have the phone scan the session's QR code."""
    await older.get("/session/start")
    qr = (await older.stage.inbox.kind("qr"))["data"]["qr"]
    await older.own_phone.pair_by_qr(qr)
    await older.stage.inbox.kind("ready")
