"""FastAPI behind the gateway: it resolves what a route asks for and runs it, nothing else."""

from __future__ import annotations

import logging
from typing import Final

from fastapi import FastAPI
from starlette.routing import BaseRoute, Match
from starlette.types import Message, Receive, Scope, Send

from ..errors import WhatsAppError
from .deps import Services
from .envelope import problem_answer
from .errors import INTERNAL, INVALID, HttpError, describe
from .gateway import ROUTE_KEY
from .routes import Operation

log = logging.getLogger(__name__)


def build_framework(services: Services) -> FastAPI:
    """The FastAPI application. Its only route is whatever the gateway chose."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.services = services
    app.router.routes.append(_CHOSEN)
    return app


class _ChosenRoute(BaseRoute):
    """Runs the operation that the gateway found, and turns what it raises into an answer.

    So no path is matched twice, and the framework has no answers of its own to give.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return Match.FULL, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation: Operation = scope[ROUTE_KEY]
        # The method was judged already; the framework must not judge HEAD anew.
        if scope["method"] == "HEAD":
            scope["method"] = "GET"
        has_started = False

        async def watched(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await operation.route.handle(scope, receive, watched)
        except (WhatsAppError, HttpError) as exc:
            problem = describe(exc)
            if problem is INTERNAL:
                log.error("%s %s failed", operation.method, operation.path, exc_info=exc)
            elif problem is INVALID:
                log.info("%s %s was refused: %s", operation.method, operation.path, exc)
        except Exception:
            # The last place that can answer: the caller gets the envelope, the log the reason.
            log.exception("%s %s failed", operation.method, operation.path)
            problem = INTERNAL
        else:
            return
        if has_started:
            raise ConnectionError("the answer broke off")
        if operation.dialect is not None:
            problem = operation.dialect.refuse(problem)
        await problem_answer(problem).send(send)


_CHOSEN: Final = _ChosenRoute()
