"""The receivers of events: those that the settings name, and those that were set over the API."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from ..errors import InvalidInput
from ..store import Delivery, StoredWebhook, WebhookSecret, parts_of, queue_name
from ..wire import Jid
from .frames import Frame
from .http_post import Header
from .signing import Signer, Signing, new_secret
from .webhook_sender import Receiver

MAX_WEBHOOKS: Final = 200
OLD_SECRET_S: Final = 24 * 3600.0
"""How long the secret before the present one goes on signing."""
GONE: Final = "the receiver answered 410"

UrlOf = Callable[[str], str | None]
"""Session id to the receiver that the settings name."""


class WebhookStore(Protocol):
    """The part of `Database` that keeps webhooks."""

    async def webhooks(self) -> list[StoredWebhook]: ...
    async def add_webhook(self, webhook: StoredWebhook) -> StoredWebhook: ...
    async def put_webhook(self, webhook: StoredWebhook) -> None: ...
    async def disable_webhook(self, number: int, why: str) -> None: ...
    async def delete_webhook(self, number: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _Entry:
    """A webhook, ready for use."""

    webhook: StoredWebhook
    signers: tuple[tuple[Signer, int | None], ...]
    headers: tuple[Header, ...]
    events: frozenset[str]
    chats: frozenset[str]
    types: frozenset[str]

    def wants(self, session_id: str, frame: Frame) -> bool:
        """Whether an event is to be posted there."""
        webhook = self.webhook
        if webhook.disabled is not None or webhook.session not in (None, session_id):
            return False
        if self.events and frame.kind not in self.events:
            return False
        if self.chats and frame.lane not in self.chats:
            return False
        kind = _message_type(frame.data) if self.types else None
        return kind is None or kind in self.types


class WebhookBook:
    """Knows every receiver, and changes those of the API.

    Lives on the event loop's thread, save `wanting`, which the store's thread asks: what it reads
    is replaced as a whole.

    Args:
        store: keeps the webhooks.
        url_of: the receivers that the settings name.
        clock: Unix time in seconds.
    """

    def __init__(
        self, store: WebhookStore, url_of: UrlOf, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._url_of = url_of
        self._clock = clock
        self._entries: Mapping[int, _Entry] = {}
        # Changes take turns: each is made of what the one before has left.
        self._changing = asyncio.Lock()
        self.on_change: Callable[[], None] = lambda: None
        """Called when a webhook is new, changed or gone."""

    async def load(self) -> None:
        """Read what is stored.

        Raises:
            StoreError: it can't be read.
        """
        self._entries = {each.number: _entry(each) for each in await self._store.webhooks()}

    # --- who is told ---

    def wanting(self, session_id: str, frame: Frame) -> list[int]:
        """The numbers of the webhooks that an event is for."""
        return [number for number, each in self._entries.items() if each.wants(session_id, frame)]

    def queues_of(self, session_id: str) -> Iterable[str]:
        """The queues that an event of a session may go to."""
        yield session_id
        for number, each in self._entries.items():
            if each.webhook.session in (None, session_id):
                yield queue_name(session_id, number)

    def url_of(self, queue: str) -> str | None:
        """Where a queue is posted to; None while that is nowhere."""
        session_id, number = parts_of(queue)
        if not number:
            return self._url_of(session_id)
        found = self._entries.get(number)
        if found is None or found.webhook.disabled is not None:
            return None
        return found.webhook.url

    def receiver_of(self, number: int) -> Receiver | None:
        """How a webhook is spoken to now; None when it is gone."""
        found = self._entries.get(number)
        if found is None:
            return None
        now_ms = self._clock() * 1000
        signers = tuple(s for s, until in found.signers if until is None or until > now_ms)
        return Receiver(found.headers, signers)

    async def on_gone(self, delivery: Delivery) -> None:
        """A receiver says that it wants nothing any more: it is switched off.

        Raises:
            StoreError: it was not noted.
        """
        async with self._changing:
            found = self._entries.get(delivery.webhook)
            if found is None or found.webhook.disabled is not None:
                return
            await self._store.disable_webhook(delivery.webhook, GONE)
            self._keep(replace(found.webhook, disabled=GONE))

    # --- changing them ---

    @property
    def all(self) -> Sequence[StoredWebhook]:
        """The webhooks of the API, the oldest first."""
        return [each.webhook for each in self._entries.values()]

    def get(self, webhook_id: str) -> StoredWebhook | None:
        """One of them by its id."""
        return next((each for each in self.all if each.id == webhook_id), None)

    async def add(self, webhook: StoredWebhook, signing: Signing = "hmac") -> StoredWebhook:
        """Store a new one; it gets what happens from now on.

        Args:
            webhook: without secrets, it is given one; its id, number and time are set here.

        Raises:
            InvalidInput: there are too many, or something about it can't be used.
            StoreError: it was not stored.
        """
        webhook = replace(
            webhook,
            id=f"wh_{secrets.token_hex(8)}",
            created_ms=int(self._clock() * 1000),
            secrets=webhook.secrets or (WebhookSecret(new_secret(signing)),),
        )
        _entry(webhook)
        async with self._changing:
            if len(self._entries) >= MAX_WEBHOOKS:
                raise InvalidInput(f"there are {MAX_WEBHOOKS} webhooks already")
            return self._keep(await self._store.add_webhook(webhook))

    async def change(
        self, number: int, how: Callable[[StoredWebhook], StoredWebhook]
    ) -> StoredWebhook | None:
        """Store a change of one; gives it as it is now, None when it is gone.

        Args:
            how: makes the changed webhook of the present one.

        Raises:
            InvalidInput: something about it can't be used.
            StoreError: it was not stored.
        """
        async with self._changing:
            found = self._entries.get(number)
            if found is None:
                return None
            webhook = how(found.webhook)
            _entry(webhook)
            await self._store.put_webhook(webhook)
            return self._keep(webhook)

    async def rotate(self, number: int, secret: str | None = None) -> StoredWebhook | None:
        """Give one a new secret; for a day the one before signs as well. None when it is gone.

        Raises:
            InvalidInput: the secret can't be used.
            StoreError: it was not stored.
        """

        def rotated(webhook: StoredWebhook) -> StoredWebhook:
            before = webhook.secrets[0]
            fresh = secret or new_secret(Signer(before.secret).signing)
            until_ms = int((self._clock() + OLD_SECRET_S) * 1000)
            kept = (WebhookSecret(fresh), WebhookSecret(before.secret, until_ms))
            return replace(webhook, secrets=kept)

        return await self.change(number, rotated)

    async def delete(self, number: int) -> bool:
        """Remove one with everything that it had still to be told; whether it was there.

        Raises:
            StoreError: it was not removed.
        """
        async with self._changing:
            entries = dict(self._entries)
            found = entries.pop(number, None)
            if found is None:
                return False
            # First: no event is meant for it any more when its rows go.
            self._entries = entries
            try:
                await self._store.delete_webhook(number)
            except BaseException:
                self._keep(found.webhook)
                raise
            self.on_change()
            return True

    def _keep(self, webhook: StoredWebhook) -> StoredWebhook:
        self._entries = {**self._entries, webhook.number: _entry(webhook)}
        self.on_change()
        return webhook


def _entry(webhook: StoredWebhook) -> _Entry:
    return _Entry(
        webhook,
        tuple((Signer(each.secret), each.until_ms) for each in webhook.secrets),
        tuple((name.encode("ascii"), value.encode("latin-1")) for name, value in webhook.headers),
        frozenset(webhook.events),
        frozenset(map(chat_lane, webhook.chats)),
        frozenset(webhook.types),
    )


def chat_lane(text: str) -> str:
    """The lane of a chat as people name it.

    Raises:
        InvalidInput: that is no address.
    """
    return str(Jid.parse(text.replace("@c.us", "@s.whatsapp.net")))


def _message_type(data: Mapping[str, object]) -> str | None:
    """The type of the message that an event is about; None if it is about none."""
    message = data.get("message", data)
    kind = message.get("type") if isinstance(message, Mapping) else None
    is_message = isinstance(message, Mapping) and "hasMedia" in message
    return kind if is_message and isinstance(kind, str) else None
