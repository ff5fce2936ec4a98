"""Events in the forms of both older servers: what they should be, made of the newer form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .stage import Data, Mark, Stage


class Forms:
    """A stage whose events come in one form, and what they should be."""

    def __init__(self, stage: Stage, form: str) -> None:
        self.stage = stage
        self.is_older = form == "wwebjs"

    async def told(
        self,
        kind: str,
        since: Mark,
        flat: Callable[[Data], Data],
        older: Callable[[Data], Data],
        matches: Callable[[Data], bool] = lambda _: True,
    ) -> Data:
        """An event, which must be what its data's own ids and times make of the two forms."""
        data = await self.stage.told(kind, since, matches)
        wanted = older(data) if self.is_older else joined(flat(data), older(data))
        assert data == wanted, kind
        return data

    async def same(
        self, kind: str, since: Mark, wanted: Data, strangers: tuple[str, ...] = ()
    ) -> None:
        """An event that looks alike in all forms."""
        assert await self.stage.told(kind, since, strangers=strangers) == wanted

    async def about_message(self, kind: str, since: Mark, flat: Data, **more: Any) -> None:
        """An event that has its message in the same place in all forms."""
        message = in_older_form(flat) if self.is_older else flat
        await self.same(kind, since, {"message": message, **more})


def joined(flat: Data, older: Data) -> Data:
    """Both forms in one: what both have is the newer one's."""
    both = {**older, **flat}
    for name in flat.keys() & older.keys():
        if isinstance(flat[name], dict) and isinstance(older[name], dict):
            both[name] = joined(flat[name], older[name])
    return both


def older_id(shape: Data) -> Data:
    """A message's id whose text names the author."""
    author = f"_{shape['participant']}" if "participant" in shape else ""
    return {**shape, "_serialized": shape["_serialized"] + author}


def in_older_form(message: Data) -> Data:
    kind = message.get("wwebjsType", message["type"])
    shape = {**message, "id": older_id(message["id"]), "type": kind}
    if kind == "document":
        shape["body"] = ""  # its caption, and here none has one
    for name in ("latestEditMsgKey", "protocolMessageKey"):
        if "participant" in shape.get(name, {}) and "_serialized" in shape[name]:
            shape[name] = older_id(shape[name])
    return shape


def older_chat(chat: Data) -> Data:
    return {**chat, "lastMessage": in_older_form(chat["lastMessage"])}
