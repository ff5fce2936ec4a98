"""The media host: uploads and downloads of encrypted files, on the same port as all the rest.

Source: docs/protocol/messages.md, "Media upload" and "Media download".
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from ..errors import MediaError
from .business import cover_token
from .media_conn import MediaConn
from .media_store import (
    FILES,
    HANDLE,
    KINDS,
    NEWSLETTER,
    MediaStore,
    StoredFile,
    StoreFull,
    direct_path,
    name_in,
)
from .media_upload import StoredBytes, Upload
from .policy import MediaFault, PendingFaults, Policy

_COVER_PHOTO = "biz-cover-photo"
_PIECE = 256 * 1024
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}=?")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_OFFSET = re.compile(r"[0-9]{1,18}")
_NO_FAULT = MediaFault("upload")

CutOff = Callable[[tuple[str, int]], None]
"""Breaks off the connection of the client with this address and port."""


@dataclass(frozen=True, slots=True)
class MediaHost:
    """Serves files over HTTP.

    Attributes:
        store: the files.
        conn: knows the tokens.
        policy: the size of the largest file.
        faults: what is to go wrong.
        authority: `HOST:PORT` for the URLs of answers.
        cut_off: used by faults.
    """

    store: MediaStore
    conn: MediaConn
    policy: Policy
    faults: PendingFaults
    authority: str
    cut_off: CutOff

    def routes(self) -> list[BaseRoute]:
        """What clients post to, and get from."""
        folders = {
            "/mms/{kind}": "",
            "/newsletter/{kind}": "",
            "/product/image": "product-catalog-image",
            "/pps/biz-cover-photo": _COVER_PHOTO,
        }
        return [
            *(self._upload_route(folder, kind) for folder, kind in folders.items()),
            Route(f"{FILES}/{{file}}", self._download, methods=["GET"]),
        ]

    def _upload_route(self, folder: str, only: str) -> Route:
        async def take(request: Request) -> Response:
            kind = only or str(request.path_params["kind"])
            for_newsletter = folder.startswith("/newsletter")
            if kind not in KINDS or kind.startswith(NEWSLETTER) is not for_newsletter:
                return _refusal(404, "there is no such kind of file")
            if not self.conn.allows(request.query_params.get("auth", "")):
                return _refusal(401, "the upload token is not good")
            sha256 = _sha256(str(request.path_params["token"]))
            if sha256 is None or _sha256(request.query_params.get("token", "")) != sha256:
                return _refusal(400, "token is no base64url of a SHA-256")
            if request.method == "DELETE":
                self.store.delete(kind, sha256)
                return JSONResponse({})
            if "resume" in request.query_params:
                return self._probe(kind, sha256)
            return await self._upload(request, kind, sha256)

        return Route(f"{folder}/{{token}}", take, methods=["POST", "DELETE"])

    # --- uploads ---------------------------------------------------------------------------------

    def _probe(self, kind: str, sha256: str) -> Response:
        file = self.store.find_upload(kind, sha256)
        if file is None:
            return JSONResponse({"resume": self.store.held(kind, sha256)})
        return JSONResponse({"resume": "complete", **self._answer(file)})

    async def _upload(self, request: Request, kind: str, sha256: str) -> Response:
        fault = self.faults.take_media("upload", kind) or _NO_FAULT
        await asyncio.sleep(fault.delay_s)
        if fault.status is not None:
            return _refusal(fault.status, "refused by order")
        offset_text = request.query_params.get("file_offset", "0")
        length_text = request.headers.get("content-length", "0")
        if not _OFFSET.fullmatch(offset_text) or not _OFFSET.fullmatch(length_text):
            return _refusal(400, "file_offset or Content-Length is no number")
        offset, length = int(offset_text), int(length_text)
        if offset + length > self.policy.media_file_limit:
            return _refusal(413, "the file is too large")
        try:
            file = await self._receive(
                request, kind, sha256, offset, length // 2 if fault.cut else None
            )
        except (StoreFull, OSError) as exc:
            return _refusal(507, str(exc))
        except _TooLarge:
            return _refusal(413, "the file is too large")
        except MediaError as exc:
            return _refusal(400, str(exc))
        except ClientDisconnect:
            return _refusal(400, "nobody hears this")
        if fault.corrupt:
            self.store.damage(file)
        return JSONResponse(self._answer(file))

    async def _receive(
        self, request: Request, kind: str, sha256: str, offset: int, cut_at: int | None
    ) -> StoredFile:
        """Stream a body into the store.

        Raises:
            ClientDisconnect: what came before is kept for the next attempt.
            MediaError, _TooLarge, OSError: it is dropped.
        """
        upload = await self.store.begin(kind, sha256, offset)
        held = bytearray()
        is_cut = False
        try:
            async for chunk in request.stream():
                if is_cut:
                    continue  # until the disconnection is noticed
                held += chunk
                size = upload.size + len(held)
                if size > self.policy.media_file_limit:
                    raise _TooLarge
                if cut_at is not None and size - offset > cut_at and request.client is not None:
                    del held[cut_at + offset - size :]
                    self.cut_off((request.client.host, request.client.port))
                    is_cut = True
                if len(held) >= _PIECE:
                    await upload.write(bytes(held))
                    held.clear()
            await upload.write(bytes(held))
        except ClientDisconnect:
            await _keep(upload, bytes(held))
            raise
        except BaseException:
            upload.drop()
            raise
        return self.store.complete(upload)

    def _answer(self, file: StoredFile) -> dict[str, str | int]:
        path = direct_path(file)
        answer: dict[str, str | int] = {
            "url": f"https://{self.authority}{path}",
            "direct_path": path,
            "handle": f"{HANDLE}{file.name}",
            "object_id": str(int(file.name, 16)),
        }
        if file.kind == _COVER_PHOTO:
            photo_id, timestamp = int(file.name, 16) % 10**15, int(time.time())
            token = cover_token(str(photo_id), str(timestamp))
            answer |= {"fbid": photo_id, "meta_hmac": token, "ts": timestamp}
        return answer

    # --- downloads -------------------------------------------------------------------------------

    async def _download(self, request: Request) -> Response:
        name = name_in(request.url.path)
        file = None if name is None else self.store.find(name)
        if file is None:
            return _refusal(404, "there is no such file")
        if file.is_gone:
            return _refusal(410, "the file has expired")
        fault = self.faults.take_media("download", file.kind) or _NO_FAULT
        await asyncio.sleep(fault.delay_s)
        if fault.status is not None:
            return _refusal(fault.status, "refused by order")
        asked = _asked(request.headers.get("range"), file.size)
        span = range(file.size) if asked is None else asked
        headers = {"Accept-Ranges": "bytes", "Content-Length": str(len(span))}
        status = 200
        if asked is not None and not asked:
            headers = {"Accept-Ranges": "bytes", "Content-Range": f"bytes */{file.size}"}
            return Response(status_code=416, headers=headers)
        if asked is not None:
            headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{file.size}"
            status = 206
        opened = self.store.open(file, is_damaged=fault.corrupt)
        cut_at = span.start + len(span) // 2 if fault.cut else None
        return StreamingResponse(
            self._pieces(request, opened, span, cut_at),
            status,
            headers,
            media_type="application/octet-stream",
        )

    async def _pieces(
        self, request: Request, opened: StoredBytes, span: range, cut_at: int | None
    ) -> AsyncIterator[bytes]:
        try:
            end = span.stop if cut_at is None else cut_at
            for start in range(span.start, end, _PIECE):
                yield await asyncio.to_thread(opened.read, start, min(_PIECE, end - start))
            if cut_at is not None and request.client is not None:
                self.cut_off((request.client.host, request.client.port))
                await asyncio.Event().wait()  # the disconnection ends this response
        finally:
            opened.close()


async def _keep(upload: Upload, rest: bytes) -> None:
    """Keep an interrupted upload, with what has come but is not written yet."""
    try:
        await upload.write(rest)
    except BaseException:
        upload.drop()
        raise
    upload.keep()


class _TooLarge(Exception):
    """The body goes on beyond what is allowed."""


def _refusal(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status_code=status)


def _sha256(token: str) -> str | None:
    """The hash that a token names, hex; clients write it with and without the `=` at its end."""
    if not _TOKEN.fullmatch(token):
        return None
    try:
        return base64.urlsafe_b64decode(token.rstrip("=") + "=").hex()
    except binascii.Error:
        return None


def _asked(header: str | None, size: int) -> range | None:
    """Which bytes a Range header asks for, empty when there are none such.

    None without a usable header: several ranges, or other units, may be ignored (RFC 9110, section
    14.2).
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return range(max(size - int(match[2]), 0), size)
    start, last = int(match[1]), int(match[2] or size)
    return range(start, min(last + 1, size)) if start <= last else None
