"""A webhook receiver on loopback that answers as the test wants, and messages of every kind."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from waport.model import Ack, Message, MessageKey, MessageKind
from waport.proto import pb
from waport.wire import Jid

OWN = Jid("15550001111", "s.whatsapp.net")
BOB = Jid("15559990000", "s.whatsapp.net")


@dataclass
class Request:
    """What the receiver got."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = bytes
Script = Callable[[Request], "Awaitable[Answer] | Answer"]


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    """An HTTP answer."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@dataclass
class Receiver:
    """Collects requests; `script` decides each answer. b"" closes without one.

    A connection is closed after an answer with `connection: close`.
    """

    script: Script = lambda request: answer(200)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    async def wait_for(self, count: int) -> list[Request]:
        """Wait until so many requests came."""
        async with asyncio.timeout(20):
            while len(self.requests) < count:
                self.news.clear()
                await self.news.wait()
        return self.requests

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            # The one who cancels is `close`, and streams complain about a handler that is.
            ends = (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError)
            with contextlib.suppress(*ends):
                while await self._answer_one(reader, writer):
                    pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def close(self) -> None:
        """End what is still going on."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Returns whether the connection stays open."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(head[0].split(" ")[1], headers, body.decode())
        self.requests.append(request)
        self.news.set()
        reply = self.script(request)
        data = reply if isinstance(reply, bytes) else await reply
        writer.write(data)
        await writer.drain()
        return bool(data) and b"connection: close" not in data


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port, at `/hook`."""
    it = Receiver()
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    yield it
    server.close()
    await it.close()


@pytest.fixture
def make_answer() -> Callable[..., Answer]:
    """Builds HTTP answers."""
    return answer


@pytest.fixture
def make_message() -> Callable[..., Message]:
    """Builds a message from a content."""

    def make(
        content: pb.Message,
        *,
        message_id: str = "AAA1",
        chat: Jid = BOB,
        sender: Jid | None = None,
        from_me: bool = False,
        kind: MessageKind = MessageKind.OTHER,
        ack: Ack = Ack.PENDING,
        push_name: str = "",
    ) -> Message:
        author = OWN if from_me else sender or chat
        return Message(
            MessageKey(chat, message_id, from_me, author),
            1_700_000_100,
            content.SerializeToString(),
            kind,
            push_name,
            ack,
        )

    return make
