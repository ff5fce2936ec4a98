"""A large file through our server: from a URL to WhatsApp, and from WhatsApp to a caller.

What counts is how far the server's memory rises meanwhile; a file that passes through must not fill
it. Nothing stands beside it: a library has no server, and where a file lies is its user's choice.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .baileys import BenchError
from .figures import Figure, number
from .http_tools import Endpoint, Receiver, call, request
from .servers import Emulator, OurServer, link

SENDER, RECEIVER = "sender", "receiver"
ARRIVAL_TIMEOUT_S = 60.0
MB = 1_000_000

_STEP = 1 << 20
_MARK = b'"data":"'
_COPIES = 2  # the answer holds the file under the names of both servers that are imitated


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure.

    Attributes:
        size_mb: of the file.
    """

    size_mb: int


async def measure(folder: Path, effort: Effort) -> tuple[Sequence[Figure], str]:
    """All figures of this module, and a remark for those who read them.

    Args:
        folder: for the file, databases, state and logs; on the disk whose speed is meant.
        effort: how much to measure.
    Raises:
        BenchError: a part does not start, or the file does not come back as it was.
    """
    size = effort.size_mb * MB
    path, digest = await asyncio.to_thread(_make_file, folder, size)
    async with AsyncExitStack() as stack:
        emulator = await Emulator.start(folder)
        stack.push_async_callback(emulator.process.stop)
        files = await asyncio.start_server(partial(_serve, path, size), "127.0.0.1", 0)
        stack.callback(files.close)
        port = files.sockets[0].getsockname()[1]
        arrivals = await stack.enter_async_context(Receiver())
        settings = {
            "OUTBOUND_ALLOW": f"127.0.0.1:{port}",
            "URL_MEDIA_MAX_BYTES": str(size),
            "MEDIA_TEMP_DIR": str(folder / "passing"),
        }
        server = await OurServer.start(emulator, folder, arrivals.url, settings)
        stack.push_async_callback(server.process.stop)
        people = []
        for place, name in enumerate((SENDER, RECEIVER)):
            account = await emulator.account(f"1557000{place:04}", name)
            side = server.another(name)
            await side.begin()
            await link(side, emulator, str(account["jid"]))
            people.append(str(account["jid"]).replace("@s.whatsapp.net", "@c.us"))
        await server.process.quiet()
        before_mb = server.process.reset_peak()  # of what was needed to start

        began = time.perf_counter()
        message = await _send(server.endpoint, people[1], f"http://127.0.0.1:{port}/film.bin")
        out_s = time.perf_counter() - began
        peak_out_mb = server.process.peak_mb()
        await arrivals.wait_for(1, ARRIVAL_TIMEOUT_S)

        began = time.perf_counter()
        received = await _download(server.endpoint, people[0], message)
        back_s = time.perf_counter() - began
        if received != [digest] * _COPIES:
            raise BenchError("the file did not come back as it was")
        peak_mb = server.process.peak_mb()
    remark = (
        f"  the server's memory: {number(before_mb)} MB before, at most {number(peak_out_mb)} MB "
        f"until the ack, {number(peak_mb)} MB in all; the file is the same on the other side"
    )
    return _figures(effort, out_s, back_s, peak_mb - before_mb), remark


def _figures(effort: Effort, out_s: float, back_s: float, growth_mb: float) -> Sequence[Figure]:
    what = f"{effort.size_mb} MB document"
    key = f"media-{effort.size_mb}"
    return [
        Figure(f"{key}-out", f"{what}: from a URL to the ack, s", out_s, lower_is_better=True),
        Figure(f"{key}-back", f"{what}: from the message to REST, s", back_s, lower_is_better=True),
        Figure(
            f"{key}-growth",
            f"{what}: growth of the server's peak memory, MB",
            growth_mb,
            target="< 30",
            lower_is_better=True,
        ),
    ]


def _make_file(folder: Path, size: int) -> tuple[Path, bytes]:
    """A file of random bytes, and its SHA-256."""
    path, digest = folder / "film.bin", hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, _STEP):
            piece = os.urandom(min(_STEP, size - start))
            digest.update(piece)
            file.write(piece)
    return path, digest.digest()


async def _serve(
    path: Path, size: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer whatever is asked with the file."""
    head = (
        "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\nconnection: close\r\n"
        f"content-length: {size}\r\n\r\n"
    )
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head.encode())
        await writer.drain()
        with path.open("rb") as file:
            await asyncio.get_running_loop().sendfile(writer.transport, file)
    finally:
        writer.close()


async def _send(endpoint: Endpoint, to: str, url: str) -> str:
    """Have the server fetch and send the file; the message's id once WhatsApp has it."""
    body = {
        "chatId": to,
        "contentType": "MessageMediaFromURL",
        "content": url,
        # The receiver of the webhook knows arrivals by such a mark.
        "options": {"sendMediaAsDocument": True, "caption": "in-0. the film"},
    }
    sent = await call(endpoint, "POST", f"/client/sendMessage/{SENDER}", body)
    return str(sent["message"]["id"]["id"])


async def _download(endpoint: Endpoint, chat: str, message: str) -> list[bytes]:
    """Ask the server for a message's file; the SHA-256 of each copy that is in the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port, limit=_STEP)
    try:
        path = f"/message/downloadMedia/{RECEIVER}"
        writer.write(request("POST", path, {"chatId": chat, "messageId": message}))
        head = await reader.readuntil(b"\r\n\r\n")
        if int(head[9:12]) != 200:
            raise BenchError(f"POST {path}: {head[9:12].decode()} {await reader.read(300)!r}")
        return await _hash_copies(reader)
    finally:
        writer.close()


async def _hash_copies(reader: asyncio.StreamReader) -> list[bytes]:
    """The SHA-256 of every base64 text of a JSON answer, without holding any."""
    found: list[bytes] = []
    digest: hashlib._Hash | None = None
    held = b""
    while len(found) < _COPIES:
        piece = await reader.read(_STEP)
        if not piece:
            break
        held += piece
        while digest is not None or _MARK in held:
            if digest is None:
                digest, held = hashlib.sha256(), held.partition(_MARK)[2]
            text, quote, behind = held.partition(b'"')
            whole = len(text) // 4 * 4
            await asyncio.to_thread(_feed, digest, text[:whole])
            held = behind if quote else text[whole:]
            if not quote:
                break
            found.append(digest.digest())
            digest = None
    return found


def _feed(digest: hashlib._Hash, text: bytes) -> None:
    digest.update(base64.b64decode(text))
