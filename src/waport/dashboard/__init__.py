"""A page for people, over the public API: which sessions run, their QR codes, start and end.

Served where `ENABLE_WEB_UI` is on. Its files need no key; what it shows comes with the key that its
reader types in.
"""

from __future__ import annotations

from importlib import resources
from typing import Annotated, Final

from fastapi import Path, Request
from starlette.responses import Response

from ..api.docs import PAGE_HEADERS
from ..api.errors import route_not_found
from ..api.gateway import raw_path_of
from ..api.routes import Operation, Routes
from ..config import Settings

__all__ = ["operations"]

_FILES: Final = {
    "app.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
}
_BASE: Final = b"{base}"
_HEADERS: Final = {
    **PAGE_HEADERS,
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
}


def operations(settings: Settings) -> list[Operation]:
    """The page and its files; none unless they are wanted."""
    return list(_routes(settings.base_path).operations) if settings.enable_web_ui else []


def _routes(base_path: str) -> Routes:
    routes = Routes("System")
    page = _file("index.html").replace(_BASE, base_path.encode())

    @routes.get("/dashboard", is_open=True, in_document=False)
    async def get_page() -> Response:
        # With a slash at its end, too; a redirect there would be one more request for nothing.
        return Response(page, media_type="text/html", headers=_HEADERS)

    @routes.get("/dashboard/{name}", is_open=True, in_document=False)
    async def get_file(request: Request, name: Annotated[str, Path()]) -> Response:
        if name not in _FILES:
            raise route_not_found("GET", raw_path_of(request.scope))
        return Response(_file(name), media_type=_FILES[name], headers=_HEADERS)

    return routes


def _file(name: str) -> bytes:
    return (resources.files(__name__) / name).read_bytes()
