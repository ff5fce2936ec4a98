"""What the port serves: the WebSocket, a page with the version, pictures, files, the admin API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from ..wire import Jid
from .accounts import Directory
from .admin_requests import refuse_path
from .policy import Policy

SOCKET_PATH = "/ws/chat"

Serve = Callable[[WebSocket], Awaitable[None]]


def build_app(
    serve: Serve, directory: Directory, policy: Policy, more: Sequence[BaseRoute]
) -> Starlette:
    """The application behind the port.

    Args:
        serve: takes each WebSocket at `/ws/chat`.
        directory: whose pictures are served.
        policy: names the client revision.
        more: the routes of the admin API and the media host.
    """

    async def front(request: Request) -> Response:
        # One of the places where clients look for the revision (docs/protocol/transport.md,
        # "Version and build hash"); for everybody else it says that the server is there.
        return PlainTextResponse(f'waport emulator {{"client_revision":{policy.revision},}}\n')

    async def service_worker(request: Request) -> Response:
        body = (
            "/* waport emulator */ self.__swData=JSON.parse("
            f'"{{\\"dynamic_data\\":{{\\"client_revision\\":{policy.revision},'
            '\\"server_revision\\":1}}");\n'
        )
        return Response(body, media_type="application/javascript")

    async def picture(request: Request) -> Response:
        account = directory.by_jid(Jid(request.path_params["lid"], "lid"))
        if account is None or account.picture is None:
            return Response(status_code=404)
        picture_id, data = account.picture
        if request.path_params["name"] != f"{picture_id}.jpg":
            return Response(status_code=404)
        return Response(data, media_type="image/jpeg")

    return Starlette(
        routes=[
            Route("/", front),
            Route("/sw.js", service_worker),
            Route("/v/t61/{lid}/{name}", picture),
            WebSocketRoute(SOCKET_PATH, serve),
            *more,
        ],
        exception_handlers={HTTPException: refuse_path},
    )
