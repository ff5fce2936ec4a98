"""One port for everything: TLS or plain by the first byte, HTTP and WebSocket by the request.

Clients fetch media by https whatever the WebSocket speaks, so a port that speaks both spares them a
second one.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.server import ServerState

_log = logging.getLogger(__name__)

_TLS_HANDSHAKE = 0x16  # RFC 8446, section 5.1: the content type that opens every TLS connection
_FIRST_BYTE_TIMEOUT_S = 20.0
_TLS_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 2.0
_MAX_MESSAGE = 32 * 2**20  # one frame is below 16 MiB, and a message may hold several
_BACKLOG = 1024
_ACCEPT_PAUSE_S = 0.1


class Listener:
    """Accepts connections and hands each to the web server's protocol.

    Args:
        tls: for clients that open with a TLS handshake.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._config: uvicorn.Config | None = None
        self._state = ServerState()
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._opening: set[asyncio.Task[None]] = set()

    def bind(self, host: str, port: int) -> int:
        """Open the port; 0 takes a free one.

        Returns:
            the port's number.
        Raises:
            OSError: the address is not to be had.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        self._socket.setblocking(False)
        return int(self._socket.getsockname()[1])

    def start(self, app: Starlette) -> None:
        """Accept connections from now on, and serve `app`."""
        if self._socket is None:
            raise RuntimeError("bind comes first")
        self._config = uvicorn.Config(
            app,
            http="h11",
            ws="websockets-sansio",
            ws_max_size=_MAX_MESSAGE,
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
        )
        self._config.load()
        self._accepting = asyncio.create_task(self._accept(self._socket))

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()
        for opening in self._opening:
            opening.cancel()
        for protocol in list(self._state.connections):
            protocol.shutdown()
        if self._state.tasks:
            _, late = await asyncio.wait(self._state.tasks, timeout=_STOP_TIMEOUT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for protocol in list(self._state.connections):
            # A peer that does not answer the close frame would keep its socket for seconds more.
            if protocol.transport is not None:
                protocol.transport.abort()

    def cut_off(self, client: tuple[str, int]) -> None:
        """Break off the connection of one client, in the middle of whatever it does.

        Args:
            client: its address and port.
        """
        for protocol in list(self._state.connections):
            if getattr(protocol, "client", None) == client and protocol.transport is not None:
                protocol.transport.abort()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listening)
            except OSError as exc:
                # Out of files, or the peer's network failed: neither is the end of the port.
                _log.warning("cannot accept a connection: %s", exc)
                await asyncio.sleep(_ACCEPT_PAUSE_S)
                continue
            accepted.setblocking(False)
            task = asyncio.create_task(self._open(accepted))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, accepted: socket.socket) -> None:
        """Look at the first byte and leave it in the socket for whoever reads next."""
        loop = asyncio.get_running_loop()
        handed_over = False
        try:
            # asyncio does this for sockets of its own only; without it each small frame behind
            # another waits for the peer's delayed acknowledgement, some 40 ms.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(_FIRST_BYTE_TIMEOUT_S):
                first = await _peek(loop, accepted)
            if first:
                is_tls = first[0] == _TLS_HANDSHAKE
                await loop.connect_accepted_socket(
                    self._protocol,
                    accepted,
                    ssl=self._tls if is_tls else None,
                    ssl_handshake_timeout=_TLS_TIMEOUT_S if is_tls else None,
                )
                handed_over = True
        except (OSError, TimeoutError) as exc:  # ssl.SSLError is an OSError
            _log.info("a connection ended before its first request: %s", exc)
        finally:
            if not handed_over:
                accepted.close()

    def _protocol(self) -> asyncio.Protocol:
        assert self._config is not None  # nothing is accepted before `start`
        protocol_class: Any = self._config.http_protocol_class
        protocol: asyncio.Protocol = protocol_class(
            config=self._config, server_state=self._state, app_state={}
        )
        return protocol


async def _peek(loop: asyncio.AbstractEventLoop, accepted: socket.socket) -> bytes:
    """The first byte, still unread; empty when the peer has closed."""
    while True:
        readable = loop.create_future()
        loop.add_reader(accepted, _set, readable)
        try:
            await readable
        finally:
            loop.remove_reader(accepted)
        try:
            return accepted.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            continue


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
