"""Webhooks: receivers of events that are made, changed and looked after at run time."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Final

from fastapi import Request

from ...config.values import checked_url
from ...errors import InvalidInput
from ...events import iso_ms
from ...events.feed import event_id
from ...events.http_post import Endpoint
from ...events.signing import Signer
from ...store import DeadLetter, StoredWebhook, WebhookSecret
from ..deps import Hooks, request_body
from ..errors import HttpError, InvalidRequest
from ..routes import Routes
from ..schemas.common import MessageAnswer, done
from ..schemas.webhooks import (
    DeadLetterJson,
    DeadLettersAnswer,
    ResendRequest,
    ResentAnswer,
    RotateRequest,
    SecretAnswer,
    WebhookAnswer,
    WebhookChange,
    WebhookJson,
    WebhookRequest,
    WebhooksAnswer,
)
from ..webhook_guard import ForbiddenAddress
from ..webhook_service import WebhookService

routes = Routes("Events")

ENVIRONMENT: Final = "environment"
"""Stands for the receivers that the settings name."""
DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
LAST_EVENT: Final = 2**46 - 1

_UNKNOWN = ((404, "webhook_not_found"),)
_SIGNINGS: Final = ("hmac", "ed25519")


@routes.get("/webhooks")
async def get_webhooks(hooks: Hooks) -> WebhooksAnswer:
    """List the webhooks that were set over the API."""
    return {"success": True, "webhooks": [_shape(each) for each in hooks.book.all]}


@routes.post("/webhooks")
async def make_webhook(
    hooks: Hooks, body: Annotated[WebhookRequest, request_body(WebhookRequest)]
) -> SecretAnswer:
    """Set a webhook; it gets what happens from now on."""
    await _check_url(hooks, body.url)
    if body.signing not in _SIGNINGS:
        raise InvalidRequest("signing must be hmac or ed25519")
    given = () if body.secret is None else (WebhookSecret(_checked_secret(body.secret)),)
    webhook = StoredWebhook(
        "",
        body.session or None,
        body.url,
        body.events,
        body.chats,
        body.types,
        body.headers,
        given,
    )
    try:
        made = await hooks.book.add(webhook, "ed25519" if body.signing == "ed25519" else "hmac")
    except InvalidInput as exc:
        raise InvalidRequest(str(exc)) from exc
    return {"success": True, "webhook": _shape(made), "secret": made.secrets[0].secret}


@routes.get("/webhooks/{webhookId}", errors=_UNKNOWN)
async def get_webhook(request: Request, hooks: Hooks) -> WebhookAnswer:
    """Show a webhook."""
    return {"success": True, "webhook": _shape(_found(request, hooks))}


@routes.patch("/webhooks/{webhookId}", errors=_UNKNOWN)
async def change_webhook(
    request: Request,
    hooks: Hooks,
    body: Annotated[WebhookChange, request_body(WebhookChange)],
) -> WebhookAnswer:
    """Change a webhook; `enabled` true also takes up again what waits for it."""
    number = _found(request, hooks).number
    if body.url is not None:
        await _check_url(hooks, body.url)

    def changed(webhook: StoredWebhook) -> StoredWebhook:
        return replace(
            webhook,
            url=webhook.url if body.url is None else body.url,
            events=webhook.events if body.events is None else body.events,
            chats=webhook.chats if body.chats is None else body.chats,
            types=webhook.types if body.types is None else body.types,
            headers=webhook.headers if body.headers is None else body.headers,
            disabled=_disabled(webhook.disabled, body.enabled),
        )

    return {"success": True, "webhook": _shape(_there(await hooks.book.change(number, changed)))}


@routes.delete("/webhooks/{webhookId}", errors=_UNKNOWN)
async def delete_webhook(request: Request, hooks: Hooks) -> MessageAnswer:
    """Remove a webhook, and whatever it had still to be told."""
    if not await hooks.book.delete(_found(request, hooks).number):
        raise _not_found()
    return done("Webhook deleted")


@routes.post("/webhooks/{webhookId}/rotate", errors=_UNKNOWN)
async def rotate_webhook_secret(
    request: Request,
    hooks: Hooks,
    body: Annotated[RotateRequest, request_body(RotateRequest)],
) -> SecretAnswer:
    """Give a webhook a new secret; for a day both sign."""
    secret = None if body.secret is None else _checked_secret(body.secret)
    changed = _there(await hooks.book.rotate(_found(request, hooks).number, secret))
    return {"success": True, "webhook": _shape(changed), "secret": changed.secrets[0].secret}


@routes.get(
    "/webhooks/{webhookId}/deadLetters",
    errors=_UNKNOWN,
    query=(
        ("after", "The id of the last event that is known; the next ones follow."),
        ("limit", f"So many at most: 1 to {MAX_LIMIT}."),
    ),
)
async def get_dead_letters(request: Request, hooks: Hooks) -> DeadLettersAnswer:
    """List the events that were given up; `environment` is the receivers of the settings."""
    number = _number(request, hooks)
    query = request.query_params
    try:
        after = event_id(query.get("after") or "0")
        limit = event_id(query.get("limit") or str(DEFAULT_LIMIT))
    except InvalidInput as exc:
        raise InvalidRequest("after and limit must be numbers") from exc
    if not 1 <= limit <= MAX_LIMIT or after > LAST_EVENT:
        raise InvalidRequest(f"limit must be a number from 1 to {MAX_LIMIT}")
    letters = await hooks.store.dead_letters(number, after, limit)
    following = letters[-1].event_id if letters else after
    return {
        "success": True,
        "deadLetters": [_letter(each) for each in letters],
        "next": str(following),
    }


@routes.post("/webhooks/{webhookId}/resend", errors=_UNKNOWN)
async def resend_dead_letters(
    request: Request,
    hooks: Hooks,
    body: Annotated[ResendRequest, request_body(ResendRequest)],
) -> ResentAnswer:
    """Deliver events again that were given up: by `ids`, `from` and `to`, or `all`."""
    number = _number(request, hooks)
    has_range = body.first is not None or body.last is not None
    if [body.ids is not None, has_range, body.all].count(True) != 1:
        raise InvalidRequest("ids, from and to, or all is required")
    ranges = [(body.first or 0, LAST_EVENT if body.last is None else body.last)]
    if body.ids is not None:
        ranges = [(each, each) for each in sorted(set(body.ids))]
    resent = 0
    for first, last in ranges:
        resent += len(await hooks.store.raise_dead_letters(number, first, min(last, LAST_EVENT)))
    hooks.look_again()
    return {"success": True, "resent": resent}


def _found(request: Request, hooks: WebhookService) -> StoredWebhook:
    return _there(hooks.book.get(request.path_params["webhookId"]))


def _there(webhook: StoredWebhook | None) -> StoredWebhook:
    if webhook is None:
        raise _not_found()
    return webhook


def _not_found() -> HttpError:
    return HttpError(404, "webhook_not_found", "Webhook not found")


def _number(request: Request, hooks: WebhookService) -> int:
    if request.path_params["webhookId"] == ENVIRONMENT:
        return 0
    return _found(request, hooks).number


async def _check_url(hooks: WebhookService, url: str) -> None:
    """A URL over HTTP, to a host that may be reached. One that is not known yet may become so."""
    try:
        endpoint = Endpoint.of(checked_url(url, "http", "https"))
        await hooks.guard(endpoint.host, endpoint.port)
    except (InvalidInput, ValueError) as exc:
        raise InvalidRequest("url must be an http or https URL") from exc
    except ForbiddenAddress as exc:
        raise InvalidRequest("url must not lead to a private address") from exc
    except OSError:
        return


def _checked_secret(secret: str) -> str:
    try:
        Signer(secret)
    except InvalidInput as exc:
        raise InvalidRequest(f"secret: {exc}") from exc
    return secret


def _disabled(before: str | None, enabled: bool | None) -> str | None:
    if enabled is None:
        return before
    return None if enabled else before or "switched off"


def _shape(webhook: StoredWebhook) -> WebhookJson:
    signer = Signer(webhook.secrets[0].secret)
    shape: WebhookJson = {
        "id": webhook.id,
        "sessionId": webhook.session,
        "url": webhook.url,
        "events": list(webhook.events),
        "chats": list(webhook.chats),
        "types": list(webhook.types),
        "headers": dict(webhook.headers),
        "signing": signer.signing,
        "enabled": webhook.disabled is None,
        "createdAt": iso_ms(webhook.created_ms / 1000),
    }
    if signer.public_key is not None:
        shape["publicKey"] = signer.public_key
    if webhook.disabled is not None:
        shape["disabledReason"] = webhook.disabled
    return shape


def _letter(letter: DeadLetter) -> DeadLetterJson:
    shape: DeadLetterJson = {
        "id": str(letter.event_id),
        "sessionId": letter.session_id,
        "dataType": letter.kind,
        "timestamp": iso_ms(letter.created_ms / 1000),
        "attempts": letter.attempts,
        "status": letter.status,
        "diedAt": iso_ms(letter.died_ms / 1000),
    }
    if letter.data:
        shape["data"] = json.loads(letter.data)
    return shape
