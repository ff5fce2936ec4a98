"""The part of the admin API that is about files: what there is, and what is to go wrong."""

from __future__ import annotations

from typing import Literal, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .admin_requests import (
    Refused,
    body_of,
    delay_of,
    flag_of,
    guarded,
    number_of,
    optional_text,
    text_of,
)
from .faults import Faults
from .media_store import KINDS, StoredFile, direct_path
from .policy import MediaFault

_MAX_COUNT = 1_000_000


class MediaServer(Protocol):
    """What this part of the API needs from the server."""

    @property
    def faults(self) -> Faults:
        """Trouble to order."""
        ...

    def media_files(self) -> list[StoredFile]:
        """The files of the media host."""
        ...

    def ca_certificate(self) -> bytes:
        """The TLS authority, PEM."""
        ...


def media_routes(server: MediaServer) -> list[Route]:
    """The routes below `/admin/media`, and the TLS authority that media clients have to trust."""

    async def certificate(request: Request) -> Response:
        return Response(server.ca_certificate(), media_type="application/x-pem-file")

    async def files(request: Request) -> Response:
        return JSONResponse({"files": [_shown(file) for file in server.media_files()]})

    async def expire(request: Request) -> Response:
        body = await body_of(request)
        path = optional_text(body, "direct_path", 2048)
        count = server.faults.expire_media(path, forget=flag_of(body, "forget"))
        return JSONResponse({"expired": count})

    async def revoke(request: Request) -> Response:
        server.faults.revoke_media_tokens()
        return JSONResponse({})

    async def disturb(request: Request) -> Response:
        body = await body_of(request)
        kind = optional_text(body, "kind")
        if kind is not None and kind not in KINDS:
            raise Refused(400, "kind is no kind of file")
        status = number_of(body, "status", default=0, least=0, most=599)
        if 0 < status < 300:
            raise Refused(400, "status is no refusal")
        fault = MediaFault(
            _direction(text_of(body, "on")),
            kind,
            number_of(body, "count", default=1, least=1, most=_MAX_COUNT),
            status or None,
            delay_of(body.get("delay_s", 0)),
            flag_of(body, "corrupt"),
            flag_of(body, "cut"),
        )
        server.faults.disturb_media(fault)
        return JSONResponse({"ordered": fault.count})

    return [
        Route("/admin/ca.pem", guarded(certificate), methods=["GET"]),
        Route("/admin/media", guarded(files), methods=["GET"]),
        Route("/admin/media/expire", guarded(expire), methods=["POST"]),
        Route("/admin/media/revoke-tokens", guarded(revoke), methods=["POST"]),
        Route("/admin/media/faults", guarded(disturb), methods=["POST"]),
    ]


def _shown(file: StoredFile) -> dict[str, object]:
    return {
        "direct_path": direct_path(file),
        "kind": file.kind,
        "sha256": file.sha256,
        "size": file.size,
        "expired": file.is_gone,
    }


def _direction(text: str) -> Literal["upload", "download"]:
    if text == "upload":
        return "upload"
    if text == "download":
        return "download"
    raise Refused(400, "on is neither upload nor download")
