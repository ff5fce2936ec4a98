"""The API document and its page; everything that the page needs is served from here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from importlib import resources
from typing import Annotated, Final

from fastapi import Path, Request
from starlette.responses import Response

from .envelope import JSON_CONTENT_TYPE, json_bytes
from .errors import route_not_found
from .gateway import raw_path_of
from .openapi import Document
from .routes import Routes

PAGE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "frame-ancestors 'none'"
    ),
}
_ASSET_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "public, max-age=3600",
}
_ASSETS: Final = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}
_SCRIPT_TYPE: Final = "text/javascript; charset=utf-8"

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Baileys API Docs</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="{base}/docs/assets/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="{base}/docs/assets/swagger-ui-bundle.js"></script>
  <script src="{base}/docs/assets/start.js"></script>
</body>
</html>
"""

_START: Final = """SwaggerUIBundle({{
  url: {url},
  dom_id: "#swagger-ui",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
}});
"""


def docs_routes(document: Callable[[], Document], base_path: str) -> Routes:
    """The routes of the document and its page.

    Args:
        document: makes the document; asked once, at the first request for it.
        base_path: the server's, for the addresses on the page.
    """
    routes = Routes("System")
    page = _PAGE.format(base=base_path).encode()
    start = _START.format(url=json.dumps(f"{base_path}/openapi.json")).encode()
    made = _Once(lambda: json_bytes(document()))
    assets = {name: _Once(partial(_read_asset, name)) for name in _ASSETS}

    @routes.get("/openapi.json", is_open=True, in_document=False)
    async def get_document() -> Response:
        return Response(await made.get(), media_type=JSON_CONTENT_TYPE)

    @routes.get("/docs", is_open=True, in_document=False)
    @routes.get("/api-docs", is_open=True, in_document=False)
    async def get_page() -> Response:
        return Response(page, media_type="text/html", headers=PAGE_HEADERS)

    @routes.get("/docs/assets/{name}", is_open=True, in_document=False)
    async def get_asset(request: Request, name: Annotated[str, Path()]) -> Response:
        if name == "start.js":
            return Response(start, media_type=_SCRIPT_TYPE, headers=_ASSET_HEADERS)
        asset = assets.get(name)
        if asset is None:
            raise route_not_found("GET", raw_path_of(request.scope))
        return Response(await asset.get(), media_type=_ASSETS[name], headers=_ASSET_HEADERS)

    return routes


class _Once:
    """Bytes that are made at the first request for them, beside the event loop."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._made: bytes | None = None
        self._lock = asyncio.Lock()

    async def get(self) -> bytes:
        """The bytes."""
        async with self._lock:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
            return self._made


def _read_asset(name: str) -> bytes:
    return (resources.files("fastapi_offline") / "static" / name).read_bytes()
