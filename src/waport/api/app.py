"""Puts the API together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.types import ASGIApp

from ..config import Settings
from ..events import EventHub
from .deps import Services
from .docs import docs_routes
from .framework import build_framework
from .gateway import Gateway
from .kept_answers import AnswerStore
from .keys import KeyRing
from .legacy import legacy_operations
from .limits import RateLimit
from .openapi import build_document
from .ports import SessionManager
from .routers import ALL, callback_example
from .routes import Operation
from .sockets import EventSocket
from .webhook_service import WebhookService


def create_app(
    settings: Settings,
    sessions: SessionManager,
    hub: EventHub,
    *,
    is_ready: Callable[[], bool] = lambda: True,
    keys: KeyRing | None = None,
    webhooks: WebhookService | None = None,
    answers: AnswerStore | None = None,
    pages: Sequence[Operation] = (),
) -> ASGIApp:
    """The ASGI application.

    It starts and stops nothing: whoever runs it opens the database, the sessions and the webhook
    worker before, and closes them after.

    Args:
        settings: of this server.
        sessions: the accounts.
        hub: where event sockets get their events.
        is_ready: what `/readyz` says.
        keys: who may call; None: whoever has `API_KEY`, and nobody else.
        webhooks: what the routes about webhooks work with.
        answers: keeps those that may be asked for again; None: until the end of the process.
        pages: for people, served beside the API.
    """
    operations = [*all_operations(settings), *pages]
    keys = keys or KeyRing(settings.api_key)
    limit = None if settings.rate_limit is None else RateLimit(*settings.rate_limit)
    framework = build_framework(Services(settings, sessions, is_ready, keys, hub, webhooks))
    socket = EventSocket(settings, hub, keys, limit)
    return Gateway(settings, operations, framework, socket, keys, limit, answers)


def all_operations(settings: Settings) -> list[Operation]:
    """Every route of a server with these settings, under each of its names."""
    operations = [operation for routes in ALL for operation in routes.operations]
    if settings.enable_local_callback_example:
        operations += callback_example.routes.operations
    own = tuple(operations)
    operations += legacy_operations(own, settings)
    if settings.has_docs:
        docs = docs_routes(lambda: build_document(own, settings.base_path), settings.base_path)
        operations += docs.operations
    return operations
