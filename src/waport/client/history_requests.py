"""Who waits for history that was asked of the phone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from ..errors import WhatsAppError
from ..model import OlderHistory
from ..stanza.history import FullAnswer


class Waiter:
    """Waits for one answer.

    Attributes:
        came: set once there is an answer, or a failure.
        outcome: the answer.
        failure: why there is none.
    """

    __slots__ = ("came", "failure", "outcome")

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.outcome: OlderHistory | FullAnswer | None = None
        self.failure: WhatsAppError | None = None


class HistoryRequests:
    """The requests of one account that wait, by id; answers to others are dropped."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiter] = {}

    @contextlib.contextmanager
    def waiting(self, request_id: str, waiter: Waiter) -> Iterator[None]:
        """Wait for the answer to a request, for as long as the context lasts."""
        self._waiting[request_id] = waiter
        try:
            yield
        finally:
            self._waiting.pop(request_id, None)

    def came(self, request_id: str, outcome: OlderHistory) -> None:
        """What was asked for is stored."""
        self._settle(request_id, outcome)

    def answered(self, answer: FullAnswer) -> None:
        """The phone says whether it will send what was asked for."""
        self._settle(answer.message_id, answer)

    def _settle(self, request_id: str, outcome: OlderHistory | FullAnswer) -> None:
        waiter = self._waiting.get(request_id)
        if waiter is not None:
            waiter.outcome = outcome
            waiter.came.set()

    def failed(self, request_id: str, failure: WhatsAppError) -> None:
        """What was asked for came, but can't be used."""
        waiter = self._waiting.get(request_id)
        if waiter is not None:
            waiter.failure = failure
            waiter.came.set()
