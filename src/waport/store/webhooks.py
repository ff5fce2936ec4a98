"""Receivers of events that were set over the API."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from sqlalchemy import and_, bindparam, delete, select, update

from ..errors import StoreError
from .deliveries import Deliveries
from .delivery_names import MAX_WEBHOOK, parts_of
from .schema import dead_letters, deliveries, delivery_lanes
from .schema import webhooks as table
from .statements import Connection, Row, Statement, row_values
from .vault import WEBHOOK, Vault, open_text, seal_text


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """One of the secrets that sign; `until_ms` is when it stops, Unix milliseconds, None: never."""

    secret: str
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    """A receiver.

    Attributes:
        id: names it in the API.
        session: whose events it gets; None: all sessions'.
        url: where they are posted to.
        events: names of events; empty: all.
        chats: addresses of chats; empty: all.
        types: types of messages; empty: all.
        headers: sent along with each post.
        secrets: sign the posts, the newest first.
        disabled: why nothing is sent; None: it is on.
        created_ms: Unix milliseconds.
        number: names it in the tables of deliveries; 0 before it is stored.
    """

    id: str
    session: str | None
    url: str
    events: tuple[str, ...] = ()
    chats: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    secrets: tuple[WebhookSecret, ...] = ()
    disabled: str | None = None
    created_ms: int = 0
    number: int = 0


_NAMES = ("number", "id", "session", "url", "options", "secrets", "disabled", "created_ms")
_ALL = Statement(select(*(table.c[name] for name in _NAMES)).order_by(table.c.number))
_ADD = Statement(
    lambda insert_into: insert_into(table).values(row_values(table)).returning(table.c.number)
)
_PUT = Statement(
    update(table)
    .where(table.c.number == bindparam("of_number"))
    .values({name: bindparam(f"new_{name}") for name in ("url", "options", "secrets", "disabled")})
)
_DISABLE = Statement(
    update(table)
    .where(table.c.number == bindparam("of_number"), table.c.disabled.is_(None))
    .values(disabled=bindparam("why"))
)
_DELETE = Statement(delete(table).where(table.c.number == bindparam("of_number")))
_DROP_QUEUE = [
    Statement(
        delete(each).where(
            and_(
                each.c.session_id == bindparam("session_id"),
                each.c.webhook == bindparam("webhook"),
            )
        )
    )
    for each in (deliveries, delivery_lanes)
]
_DROP_DEAD = Statement(delete(dead_letters).where(dead_letters.c.webhook == bindparam("webhook")))


def all_webhooks(db: Connection) -> list[StoredWebhook]:
    """All of them, the oldest first."""
    return [_webhook(row, db.vault) for row in db.all(_ALL)]


def add_webhook(db: Connection, webhook: StoredWebhook) -> StoredWebhook:
    """Store a new one; gives it with its number.

    Raises:
        StoreError: there is one of that id, or there have been as many as can be numbered.
    """
    values = _columns(webhook, db.vault)
    (number,) = db.single(
        _ADD,
        id=webhook.id,
        session=webhook.session,
        created_ms=webhook.created_ms,
        **values,
    )
    if number > MAX_WEBHOOK:
        raise StoreError("no more webhooks can be numbered")
    return replace(webhook, number=int(number))


def put_webhook(db: Connection, webhook: StoredWebhook) -> None:
    """Store a change of one."""
    values = {f"new_{name}": value for name, value in _columns(webhook, db.vault).items()}
    db.change(_PUT, of_number=webhook.number, **values)


def disable_webhook(db: Connection, number: int, why: str) -> None:
    """Send nothing more to one, unless that is so already."""
    db.change(_DISABLE, of_number=number, why=why)


def delete_webhook(db: Connection, number: int) -> None:
    """Remove one with all that it still had to be told."""
    db.change(_DELETE, of_number=number)
    for queue in Deliveries(db).queues():
        session_id, webhook = parts_of(queue)
        if webhook == number:
            for statement in _DROP_QUEUE:
                db.change(statement, session_id=session_id, webhook=webhook)
    db.change(_DROP_DEAD, webhook=number)


def _columns(webhook: StoredWebhook, vault: Vault) -> dict[str, str | None]:
    options = {
        "events": webhook.events,
        "chats": webhook.chats,
        "types": webhook.types,
        "headers": webhook.headers,
    }
    secrets = [[each.secret, each.until_ms] for each in webhook.secrets]
    return {
        "url": seal_text(vault, WEBHOOK, webhook.url),
        "options": seal_text(vault, WEBHOOK, json.dumps(options)),
        "secrets": seal_text(vault, WEBHOOK, json.dumps(secrets)),
        "disabled": webhook.disabled,
    }


def _webhook(row: Row, vault: Vault) -> StoredWebhook:
    number, webhook_id, session, *sealed, disabled, created_ms = row
    url, options, secrets = (open_text(vault, WEBHOOK, text) for text in sealed)
    read = json.loads(options)
    return StoredWebhook(
        id=webhook_id,
        session=session,
        url=url,
        events=tuple(read["events"]),
        chats=tuple(read["chats"]),
        types=tuple(read["types"]),
        headers=tuple((name, value) for name, value in read["headers"]),
        secrets=tuple(WebhookSecret(secret, until) for secret, until in json.loads(secrets)),
        disabled=disabled,
        created_ms=created_ms,
        number=number,
    )
