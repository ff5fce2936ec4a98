"""The connection of an event socket; it ends in bounded time even if its client never reads."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

ABORT_AFTER_S: Final = 10.0
"""From the end of a socket's service until its connection is cut, if it did not close by itself."""


class BoundedSocket(WebSocketsSansIOProtocol):
    """A connection that closes waits until what is on its way was read; here not for ever.

    A client that never reads, but lives, would else keep its connection and what waits in it.
    """

    abort_after_s: ClassVar[float] = ABORT_AFTER_S
    _abort: asyncio.TimerHandle | None = None

    async def run_asgi(self) -> None:
        """Serve the socket, then see to its end."""
        try:
            await super().run_asgi()
        finally:
            if not self.disconnected:
                self._abort = self.loop.call_later(self.abort_after_s, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if self._abort is not None:
            self._abort.cancel()
            self._abort = None
        super().connection_lost(exc)
