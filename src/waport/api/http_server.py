"""The HTTP server that the application runs in, set up for it."""

from __future__ import annotations

import logging
import re
import socket
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from ..config import Settings
from ..events import EventHub

MAX_SOCKET_MESSAGE: Final = 65_536
"""Bytes of a text from an event socket's client; all it has to say is "ping"."""
SHUTDOWN_GRACE_S: Final = 10
"""How long requests that are being answered may take at the end."""

_KEY_IN_QUERY: Final = re.compile(r"(apiKey=)[^&\s\"']*", re.IGNORECASE)


class MaskKeys(logging.Filter):
    """Keeps `?apiKey=` out of the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if "apikey=" in text.lower():
            record.msg, record.args = _KEY_IN_QUERY.sub(r"\1***", text), None
        return True


class HttpServer(uvicorn.Server):
    """Serves the application; on shutdown event sockets are told so before they are closed.

    Args:
        settings: address and port.
        app: from `create_app`.
        hub: the hub that the application was made with.
    """

    def __init__(self, settings: Settings, app: ASGIApp, hub: EventHub) -> None:
        super().__init__(server_config(settings, app))
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the event sockets with 1001, then everything else."""
        await self._hub.close()
        await super().shutdown(sockets)


def server_config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    """The server's set-up; logging is left as it is, save that keys are masked."""
    logging.getLogger("uvicorn.error").addFilter(MaskKeys())
    return uvicorn.Config(
        app,
        host=settings.listen_host,
        port=settings.port,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the gateway judges them
        ws="websockets-sansio",
        ws_max_size=MAX_SOCKET_MESSAGE,
        ws_ping_interval=None,
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
    )
