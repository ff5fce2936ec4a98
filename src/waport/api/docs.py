"""The API document and its page; everything that the page needs is served from here."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Annotated, Final

import swagger_ui_bundle
from fastapi import Path
from starlette.responses import Response

from .envelope import JsonAnswer
from .errors import route_not_found
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
    "favicon-32x32.png": "image/png",
}
_SCRIPT_TYPE: Final = "text/javascript; charset=utf-8"

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Baileys API Docs</title>
  <link rel="icon" type="image/png" href="{base}/docs/assets/favicon-32x32.png">
  <link rel="stylesheet" href="{base}/docs/assets/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="{base}/docs/assets/swagger-ui-bundle.js"></script>
  <script src="{base}/docs/assets/start.js"></script>
</body>
</html>
"""

# The bundled page reads OpenAPI 3.0 only; what the document uses of 3.1 means the same to it.
_START: Final = """const url = {url};
const ui = SwaggerUIBundle({{
  spec: {{}},
  dom_id: "#swagger-ui",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
}});
fetch(url)
  .then((answer) => answer.json())
  .then((document) => {{
    ui.specActions.updateUrl(url);
    ui.specActions.updateSpec(JSON.stringify({{ ...document, openapi: "3.0.3" }}));
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
    made = lru_cache(maxsize=1)(document)

    @routes.get("/openapi.json", is_open=True, in_document=False)
    async def get_document() -> Response:
        return JsonAnswer(made())

    @routes.get("/docs", is_open=True, in_document=False)
    @routes.get("/api-docs", is_open=True, in_document=False)
    async def get_page() -> Response:
        return Response(page, media_type="text/html", headers=PAGE_HEADERS)

    @routes.get("/docs/assets/{name}", is_open=True, in_document=False)
    async def get_asset(name: Annotated[str, Path()]) -> Response:
        if name == "start.js":
            return Response(start, media_type=_SCRIPT_TYPE, headers=_ASSET_HEADERS)
        kind = _ASSETS.get(name)
        if kind is None:
            raise route_not_found("GET", f"{base_path}/docs/assets/{name}")
        return Response(_asset(name), media_type=kind, headers=_ASSET_HEADERS)

    return routes


@lru_cache(maxsize=len(_ASSETS))
def _asset(name: str) -> bytes:
    (folder,) = (FilePath(swagger_ui_bundle.__file__).parent / "vendor").glob("swagger-ui-*")
    return (folder / name).read_bytes()
