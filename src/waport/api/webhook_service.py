"""What the routes about webhooks work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..events.http_post import Guard
from ..events.webhook_book import WebhookBook
from ..store import DeadLetter


class DeadLetterStore(Protocol):
    """The part of `Database` that keeps what was given up."""

    async def dead_letters(self, webhook: int, after: int, limit: int) -> list[DeadLetter]: ...

    async def raise_dead_letters(self, webhook: int, first: int, last: int) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class WebhookService:
    """Receivers, and what is kept for them.

    Attributes:
        book: the receivers.
        store: what they never took.
        guard: where they may be.
        look_again: has the deliverers look for work.
    """

    book: WebhookBook
    store: DeadLetterStore
    guard: Guard
    look_again: Callable[[], None]
