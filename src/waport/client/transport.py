"""The WebSocket to WhatsApp; the only file that opens one."""

from __future__ import annotations

import asyncio
import functools
import logging
import ssl
from collections.abc import AsyncIterator

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed as WebSocketClosed
from websockets.exceptions import InvalidStatus, WebSocketException

from ..errors import ConnectionClosed
from .config import ORIGIN, USER_AGENT, ClientConfig
from .threads import in_thread

log = logging.getLogger(__name__)

MAX_WEBSOCKET_MESSAGE = 2 * (1 << 24)
"""Bytes of one WebSocket message; a frame has less than 2^24, and one message may hold several."""

_RETRYABLE_STATUS = frozenset((408, 429, 500, 501, 502, 503, 504))


@functools.cache
def system_tls() -> ssl.SSLContext:
    """The context that trusts the system's authorities; one for all connections.

    Reading the authorities takes some 30 ms, so the first call belongs into a thread.
    """
    return ssl.create_default_context()


class Transport:
    """An open WebSocket that carries binary messages."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    @classmethod
    async def open(cls, config: ClientConfig) -> Transport:
        """Connect.

        Raises:
            ConnectionClosed: refused, unreachable, or not open in time.

        Source: docs/protocol/transport.md, "WebSocket".
        """
        url = config.websocket_url
        secure = url.lower().startswith("wss:")
        try:
            async with asyncio.timeout(config.connect_timeout_s):
                tls = (config.tls or await in_thread(system_tls)) if secure else None
                socket = await connect(
                    url,
                    origin=ORIGIN,  # type: ignore[arg-type]  # NewType of str in the library
                    user_agent_header=USER_AGENT,
                    ssl=tls,
                    proxy=config.proxy,
                    compression=None,
                    max_size=MAX_WEBSOCKET_MESSAGE,
                    open_timeout=None,
                    ping_interval=None,
                    close_timeout=1,
                )
        except InvalidStatus as exc:
            status = exc.response.status_code
            raise ConnectionClosed(
                f"upgrade answered {status}", will_retry=status in _RETRYABLE_STATUS
            ) from exc
        except (OSError, TimeoutError, WebSocketException) as exc:
            raise ConnectionClosed(f"cannot connect: {type(exc).__name__}") from exc
        return cls(socket)

    async def send(self, data: bytes) -> None:
        """Send one binary message.

        Raises:
            ConnectionClosed: the socket is closed.
        """
        try:
            await self._socket.send(data)
        except WebSocketClosed as exc:
            raise ConnectionClosed("socket closed") from exc

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The binary messages that come in, until the socket closes."""
        try:
            async for message in self._socket:
                if isinstance(message, bytes):
                    yield message
                else:
                    log.warning("ignored a text message on the WebSocket")
        except WebSocketClosed:
            return

    async def close(self) -> None:
        """Close with code 1000; waits a second at most for the peer."""
        await self._socket.close(1000)
