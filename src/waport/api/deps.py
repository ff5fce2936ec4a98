"""What a route asks for by its annotations: sessions, the guarded client, the read body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Request

from ..config import Settings
from .fields import BodyT, read_fields
from .ports import ClientPort, SessionManager

BODY_KEY = "waport.body"
"""Where the gateway puts the parsed body in the request's scope."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with.

    Attributes:
        settings: of this server.
        sessions: the accounts.
        is_ready: whether the server can do its work now.
    """

    settings: Settings
    sessions: SessionManager
    is_ready: Callable[[], bool]


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _sessions(request: Request) -> SessionManager:
    services: Services = request.app.state.services
    return services.sessions


async def _connected_client(request: Request) -> ClientPort:
    """The guard of all routes about an account: the session is known, and logged in."""
    services: Services = request.app.state.services
    return services.sessions.client(request.path_params["sessionId"])


ServicesDep = Annotated[Services, Depends(_services)]
Sessions = Annotated[SessionManager, Depends(_sessions)]
SessionId = Annotated[str, Path(alias="sessionId")]
ConnectedClient = Annotated[ClientPort, Depends(_connected_client)]
"""Name it before the body in a route: dependencies are resolved in their order, and the guard
comes before the fields."""


def request_body(cls: type[BodyT]) -> Any:
    """The dependency that reads a body class: `Annotated[ReactIn, request_body(ReactIn)]`."""

    async def read(request: Request) -> BodyT:
        return read_fields(cls, request.scope[BODY_KEY])

    return Depends(read)
