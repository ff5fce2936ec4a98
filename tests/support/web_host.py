"""A web server over TLS, on this machine, that answers as a test says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from waport.emulator.certificates import TlsAuthority


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = field(repr=False)


Answer = Callable[[Asked], Response | Awaitable[Response]]


class WebHost:
    """Records what is asked, and gives the answer of the test."""

    def __init__(self, port: int, scheme: str, client_tls: ssl.SSLContext | None) -> None:
        self.port = port
        self.name = f"127.0.0.1:{port}"
        self.url = f"{scheme}://{self.name}"
        self.client_tls = client_tls
        self.asked: list[Asked] = []
        self.answer: Answer = _hello

    def reset(self) -> None:
        """Forget what was asked, and answer everything as in the beginning."""
        self.asked = []
        self.answer = _hello

    async def handle(self, request: Request) -> Response:
        asked = Asked(
            request.method,
            request.scope["raw_path"].decode(),
            request.url.query,
            dict(request.headers),
            await request.body(),
        )
        self.asked.append(asked)
        answer = self.answer(asked)
        return answer if isinstance(answer, Response) else await answer


@contextlib.asynccontextmanager
async def web_host(
    folder: Path | None, *, certified: str = "127.0.0.1", address: str = "127.0.0.1"
) -> AsyncIterator[WebHost]:
    """A server on a free port.

    Args:
        folder: for certificates; None speaks plain HTTP.
        certified: the host name that the certificate is for.
    """
    with socket.create_server((address, 0)) as listener:
        port = listener.getsockname()[1]
        client_tls = None
        if folder is not None:
            authority = TlsAuthority(folder)
            authority.server_context(certified)
            client_tls = ssl.create_default_context(cafile=str(authority.ca_file))
        host = WebHost(port, "http" if folder is None else "https", client_tls)
        methods = ["GET", "POST", "DELETE"]
        config = uvicorn.Config(
            Starlette(routes=[Route("/{path:path}", host.handle, methods=methods)]),
            log_config=None,
            access_log=False,
            lifespan="off",
            ssl_certfile=None if folder is None else folder / "server.pem",
        )
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield host
        finally:
            server.should_exit = True
            await task


def _hello(asked: Asked) -> Response:
    return Response(b"hello", media_type="text/plain")


def cut_off(body: bytes, announced: int) -> Response:
    """A body that ends before it should."""
    return StreamingResponse(_once(body), headers={"content-length": str(announced)})


def endless(piece: bytes) -> Response:
    """A body without a length that never ends."""

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield piece
            await asyncio.sleep(0)  # lets the server notice that nobody listens any more

    return StreamingResponse(pieces())


def stalled(body: bytes, announced: int) -> Response:
    """A body that stops in the middle; the connection stays."""

    async def pieces() -> AsyncIterator[bytes]:
        yield body
        await asyncio.Event().wait()

    return StreamingResponse(pieces(), headers={"content-length": str(announced)})


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
