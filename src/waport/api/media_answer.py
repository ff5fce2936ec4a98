"""The answer with a file as base64, written while the file is read: no file fills memory."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..client.features.media import DownloadedFile
from ..client.threads import in_thread
from ..model import Message
from .envelope import JSON_CONTENT_TYPE, json_bytes
from .ports import MediaPort

STEP: Final = 3 * 65_536
"""Bytes of the file that are encoded in one go; a multiple of three, so that nothing is padded
but the end."""

_NAMES: Final = ("media", "messageMedia")
"""The file stands under the name of each of the two servers that are imitated."""


class FileAnswer(Response):
    """`{"success": true, "media": {"data", "mimetype", ...}, "messageMedia": {...}}`.

    The file is downloaded first, so that what fails then is answered as an error.

    Args:
        media: downloads it.
        message: whose file it is.
    """

    media_type = JSON_CONTENT_TYPE

    def __init__(self, media: MediaPort, message: Message) -> None:
        super().__init__()
        self._media = media
        self._message = message

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._media.open_download(self._message) as file:
            gone = asyncio.create_task(_disconnected(receive))
            try:
                await self._send(file, send, gone)
            finally:
                gone.cancel()
                await asyncio.gather(gone, return_exceptions=True)

    async def _send(self, file: DownloadedFile, send: Send, gone: asyncio.Task[None]) -> None:
        heads = list(_heads(file))
        encoded_size = (file.size + 2) // 3 * 4
        size = sum(map(len, heads)) + len(_NAMES) * encoded_size + len(_END)
        headers = [
            (b"content-type", JSON_CONTENT_TYPE.encode("ascii")),
            (b"content-length", str(size).encode("ascii")),
        ]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        for head in heads:
            await _body(send, head)
            async with contextlib.aclosing(_encoded(file.path)) as pieces:
                async for piece in pieces:
                    # Nobody may be reading any more.
                    if gone.done():
                        return
                    await _body(send, piece)
        await send({"type": "http.response.body", "body": _END})


class RawFileAnswer(Response):
    """The file of a message, as it is.

    Args:
        media: downloads it.
        message: whose file it is.
    """

    def __init__(self, media: MediaPort, message: Message) -> None:
        super().__init__()
        self._media = media
        self._message = message

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._media.open_download(self._message) as file:
            headers = [
                (b"content-type", file.mimetype.encode("ascii", "replace")),
                (b"content-length", str(file.size).encode("ascii")),
                # Whoever opens the address in a browser must get no page of this server's.
                (b"x-content-type-options", b"nosniff"),
                (b"content-disposition", _disposition(file.file_name)),
            ]
            gone = asyncio.create_task(_disconnected(receive))
            try:
                start = {"status": self.status_code, "headers": headers}
                await send({"type": "http.response.start", **start})
                async with contextlib.aclosing(_pieces(file.path)) as pieces:
                    async for piece in pieces:
                        if gone.done():
                            return
                        await _body(send, piece)
                await send({"type": "http.response.body", "body": b""})
            finally:
                gone.cancel()
                await asyncio.gather(gone, return_exceptions=True)


def _disposition(file_name: str) -> bytes:
    name = f"; filename={quote(file_name, safe='')}" if file_name else ""
    return b"attachment" + name.encode("ascii")


_END: Final = b'"}}'


def _heads(file: DownloadedFile) -> Iterator[bytes]:
    """What stands before the base64 of each of both."""
    about: dict[str, object] = {"mimetype": file.mimetype, "filesize": file.size}
    if file.file_name:
        about["filename"] = file.file_name
    fields = json_bytes(about)[:-1] + b',"data":"'
    before = b'{"success":true'
    for name in _NAMES:
        yield before + b',"' + name.encode("ascii") + b'":' + fields
        before = b'"}'


async def _pieces(path: Path) -> AsyncGenerator[bytes, None]:
    """A file in pieces."""
    file: BinaryIO = await in_thread(path.open, "rb")
    try:
        while piece := await in_thread(file.read, STEP):
            yield piece
    finally:
        await in_thread(file.close)


async def _encoded(path: Path) -> AsyncGenerator[bytes, None]:
    """A file as base64, in pieces."""
    async with contextlib.aclosing(_pieces(path)) as pieces:
        async for piece in pieces:
            yield await in_thread(base64.b64encode, piece)


async def _body(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
