"""The HTTP server that the application runs in, set up for it."""

from __future__ import annotations

import asyncio
import logging
import math
import re
import socket
from resource import RLIMIT_NOFILE, getrlimit
from typing import Any, ClassVar, Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..config import Settings
from ..events import EventHub
from .envelope import problem_answer
from .errors import Problem
from .socket_protocol import BoundedSocket

log = logging.getLogger(__name__)

MAX_SOCKET_MESSAGE: Final = 65_536
"""Bytes of a text from an event socket's client; all it has to say is "ping"."""
SHUTDOWN_GRACE_S: Final = 10
"""How long requests that are being answered may take at the end."""
HEAD_TIMEOUT_S: Final = 20.0
"""A request's head that is not complete by then, counted from the connection or from the first
byte after an answer, ends the connection."""
STALL_TIMEOUT_S: Final = 120.0
"""A client that reads nothing of its answer for so long ends the connection."""
MAX_CONNECTIONS: Final = 10_000
"""Connections at a time, event sockets included, if the process may open that many files."""

CLOSE: Final = (b"connection", b"close")

_REFUSAL_LOG_INTERVAL_S: Final = 60.0
_KEY_IN_QUERY: Final = re.compile(r"(apiKey=)[^&\s\"']*", re.IGNORECASE)


class MaskKeys(logging.Filter):
    """Keeps `?apiKey=` out of the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if "apikey=" in text.lower():
            record.msg, record.args = _KEY_IN_QUERY.sub(r"\1***", text), None
        return True


def connection_limit() -> int:
    """How many connections to serve: a quarter of the files are left for everything else."""
    files, _ = getrlimit(RLIMIT_NOFILE)
    return MAX_CONNECTIONS if files < 0 else min(MAX_CONNECTIONS, files * 3 // 4)


class BoundedProtocol(H11Protocol):
    """A connection that must bring its requests in time, and is one of so many."""

    head_timeout_s: ClassVar[float] = HEAD_TIMEOUT_S
    stall_timeout_s: ClassVar[float] = STALL_TIMEOUT_S
    max_connections: ClassVar[int] = connection_limit()
    _refusal_logged_at: ClassVar[float] = -math.inf

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_deadline: asyncio.TimerHandle | None = None
        self._stall_deadline: asyncio.TimerHandle | None = None
        self._is_event_socket = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        is_one_too_many = len(self.connections) >= self.max_connections
        super().connection_made(transport)
        if is_one_too_many:
            self._log_refusal()
            transport.abort()
        else:
            self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._waits_for_head():
            self._expect_head()
        else:
            self._stop_clock()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._is_event_socket = True
        self._stop_clock()
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the envelope.

        What breaks in the middle of a body is being answered already: whoever does must learn that
        nobody listens any more.
        """
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            for event in _no_http():
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def pause_writing(self) -> None:
        """What was sent waits to be read; it does so as long as it gets less."""
        super().pause_writing()
        self._watch_reader()

    def _watch_reader(self, waiting: float = math.inf) -> None:
        """Look at it now and then.

        Args:
            waiting: bytes of it at the last look.
        """
        left = self.transport.get_write_buffer_size()
        if left >= waiting:
            self.transport.abort()
            return
        self._stall_deadline = self.loop.call_later(self.stall_timeout_s, self._watch_reader, left)

    def resume_writing(self) -> None:
        """It was read."""
        self._end_stall()
        super().resume_writing()

    def _end_stall(self) -> None:
        if self._stall_deadline is not None:
            self._stall_deadline.cancel()
            self._stall_deadline = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_stall()
        self._stop_clock()
        super().connection_lost(exc)

    def _waits_for_head(self) -> bool:
        """Whether no request is being read or answered.

        What is left of an answered request's body counts as waiting, too: nobody reads it.
        """
        if self._is_event_socket:
            return False
        is_answered = self.cycle is not None and self.cycle.response_complete
        return is_answered or self.conn.their_state is h11.IDLE

    def _expect_head(self) -> None:
        """Start the clock, unless it runs: more bytes of the same head give it no more time."""
        if self._head_deadline is None:
            self._head_deadline = self.loop.call_later(self.head_timeout_s, self.transport.abort)

    def _stop_clock(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _log_refusal(self) -> None:
        # Not for each of them: the log must not be what an attacker fills.
        now = self.loop.time()
        if now - self._refusal_logged_at > _REFUSAL_LOG_INTERVAL_S:
            BoundedProtocol._refusal_logged_at = now
            log.warning("refused a connection: %d are open already", self.max_connections)


def _no_http() -> tuple[h11.Response, h11.Data, h11.EndOfMessage]:
    answer = problem_answer(Problem(400, "bad_request", "Invalid HTTP request"), [CLOSE])
    start = answer.start
    head = h11.Response(status_code=start["status"], headers=start["headers"])
    return head, h11.Data(data=answer.body), h11.EndOfMessage()


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
        http=BoundedProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the gateway judges them
        ws=BoundedSocket,
        ws_max_size=MAX_SOCKET_MESSAGE,
        ws_ping_interval=None,
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
    )
