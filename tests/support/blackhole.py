"""A wire between a client and a server that can go dead without a word."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Wire:
    """Passes bytes on in both directions; when it is dead it takes them and passes nothing on.

    Attributes:
        connections: how many were opened.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._lives = asyncio.Event()
        self._lives.set()
        self.connections = 0
        self.port = 0

    def die(self) -> None:
        """Swallow everything, on every connection, old and new."""
        self._lives.clear()

    def revive(self) -> None:
        """Pass on what comes over connections from now on; the old ones stay dead."""
        self._lives = asyncio.Event()
        self._lives.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client."""
        self.connections += 1
        lives = self._lives
        upstream_reader, upstream = await asyncio.open_connection(self._host, self._port)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pass_on(reader, upstream, lives))
                tasks.create_task(_pass_on(upstream_reader, writer, lives))
        except* OSError:
            pass
        finally:
            for end in (upstream, writer):
                end.close()


async def _pass_on(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, lives: asyncio.Event
) -> None:
    while data := await source.read(65_536):
        if lives.is_set():
            target.write(data)
            await target.drain()
    raise ConnectionResetError


@contextlib.asynccontextmanager
async def dead_wire(host: str, port: int) -> AsyncIterator[Wire]:
    """A wire to a server, alive at first."""
    wire = Wire(host, port)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
