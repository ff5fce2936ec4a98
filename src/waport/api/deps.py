"""What a route asks for by its annotations: sessions, the guarded client, the read body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Request

from ..config import Settings
from ..events import EventFeed, EventHub
from ..model import ApiKey
from .fields import BodyT, read_fields
from .keys import KeyRing
from .ports import ClientPort, SessionManager
from .restricted import seen_by
from .webhook_service import WebhookService

BODY_KEY = "waport.body"
"""Where the gateway puts the parsed body in the request's scope."""
CALLER_KEY = "waport.caller"
"""Likewise whose key came with it."""
RAW_BODY_KEY = "waport.raw_body"
"""Likewise the whole body, also when it is an array."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with.

    Attributes:
        settings: of this server.
        sessions: the accounts.
        is_ready: whether the server can do its work now.
        keys: who may call.
        hub: has the log of events.
        webhooks: the receivers of events; None where there are none to look after.
    """

    settings: Settings
    sessions: SessionManager
    is_ready: Callable[[], bool]
    keys: KeyRing
    hub: EventHub
    webhooks: WebhookService | None = None


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _sessions(request: Request) -> SessionManager:
    services: Services = request.app.state.services
    return seen_by(request.scope[CALLER_KEY], services.sessions)


async def _keys(request: Request) -> KeyRing:
    services: Services = request.app.state.services
    return services.keys


async def _caller(request: Request) -> ApiKey:
    caller: ApiKey = request.scope[CALLER_KEY]
    return caller


async def _hooks(request: Request) -> WebhookService:
    services: Services = request.app.state.services
    assert services.webhooks is not None, "this application was made without webhooks"
    return services.webhooks


async def _feed(request: Request) -> EventFeed:
    services: Services = request.app.state.services
    return services.hub.feed


async def _connected_client(request: Request) -> ClientPort:
    """The guard of all routes about an account: the session is known, and logged in."""
    services: Services = request.app.state.services
    return services.sessions.client(request.path_params["sessionId"])


ServicesDep = Annotated[Services, Depends(_services)]
Hooks = Annotated[WebhookService, Depends(_hooks)]
Feed = Annotated[EventFeed, Depends(_feed)]
Sessions = Annotated[SessionManager, Depends(_sessions)]
"""Lists of them have only what the caller's key is for."""
Keys = Annotated[KeyRing, Depends(_keys)]
Caller = Annotated[ApiKey, Depends(_caller)]
"""Whose key the request brought."""
SessionId = Annotated[str, Path(alias="sessionId")]
ConnectedClient = Annotated[ClientPort, Depends(_connected_client)]
"""Name it before the body in a route: dependencies are resolved in their order, and the guard
comes before the fields."""


def request_body(cls: type[BodyT]) -> Any:
    """The dependency that reads a body class: `Annotated[ReactIn, request_body(ReactIn)]`."""

    async def read(request: Request) -> BodyT:
        return read_fields(cls, request.scope[BODY_KEY])

    return Depends(read)
