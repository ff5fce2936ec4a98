"""Puts the API together."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp

from ..config import Settings
from ..events import EventHub
from .deps import Services
from .docs import docs_routes
from .framework import build_framework
from .gateway import Gateway
from .openapi import build_document
from .ports import SessionManager
from .routers import ALL
from .sockets import EventSocket


def create_app(
    settings: Settings,
    sessions: SessionManager,
    hub: EventHub,
    *,
    is_ready: Callable[[], bool] = lambda: True,
) -> ASGIApp:
    """The ASGI application.

    It starts and stops nothing: whoever runs it opens the database, the sessions and the webhook
    worker before, and closes them after.

    Args:
        settings: of this server.
        sessions: the accounts.
        hub: where event sockets get their events.
        is_ready: what `/readyz` says.
    """
    operations = [operation for routes in ALL for operation in routes.operations]
    if settings.has_docs:
        documented = tuple(operations)
        docs = docs_routes(
            lambda: build_document(documented, settings.base_path), settings.base_path
        )
        operations += docs.operations
    framework = build_framework(Services(settings, sessions, is_ready))
    return Gateway(settings, operations, framework, EventSocket(settings, hub))
