"""When an event is no longer worth a try, so that nothing waits for ever."""

from __future__ import annotations

import logging
from typing import Final

from ..store import Delivery
from .delivery_store import DeliveryStore

MAX_AGE_S: Final = 96 * 3600.0
PATIENCE_S: Final = 1800.0
"""Nothing is given up for its age before the server has run for so long, or before its receiver has
been away for so long: both may have been off for days, and one starts a little later."""
POISON_TRIES: Final = 20
POISON_MS: Final = 3_600_000
STEP: Final = 500
NOT_A_NO: Final = frozenset({408, 425, 429})
"""Statuses from 400 to 499 that ask for another try."""

log = logging.getLogger(__name__)


class GivingUp:
    """The limits.

    Args:
        store: the database.
        max_age_s: older events are given up if they still fail.
    """

    def __init__(self, store: DeliveryStore, max_age_s: float = MAX_AGE_S) -> None:
        self._store = store
        self._max_age_ms = int(max_age_s * 1000)
        self.started_at = 0.0
        """When deliveries began, in seconds that only ever rise."""

    def is_too_old(self, delivery: Delivery, now_ms: int, now: float) -> bool:
        """Whether an event that failed once more has waited for long enough."""
        age_ms = now_ms - delivery.created_ms
        return age_ms > self._max_age_ms and now - self.started_at >= PATIENCE_S

    def is_away(self, since: float, now: float) -> bool:
        """Whether nothing has got through to a receiver for so long that old events may go."""
        return now - since >= PATIENCE_S

    def is_poison(self, delivery: Delivery, status: int | None, now_ms: int, taken_ms: int) -> bool:
        """Whether the receiver works and will never take this one event.

        Args:
            status: what it answered now, an HTTP status; None without an answer.
            taken_ms: when it last took any event.
        """
        return (
            status is not None
            and 400 <= status < 500
            and status not in NOT_A_NO
            and delivery.refusals + 1 >= POISON_TRIES
            and now_ms - delivery.refused_ms >= POISON_MS
            # Without this, a receiver that is set up wrongly for some hours would lose events.
            and taken_ms > delivery.refused_ms
        )

    async def strike_old(self, queue: str, now_ms: int) -> int:
        """Give up a queue's events beyond the age limit, tried or not; returns how many.

        Raises:
            StoreError: the database refused.
        """
        total, start = 0, ""
        while True:
            numbers, following = await self._store.old_deliveries(
                queue, now_ms - self._max_age_ms, start, STEP
            )
            if numbers:
                await self._store.bury_deliveries(numbers, now_ms)
                total += len(numbers)
            if following is None:
                break
            start = following
        if total:
            log.warning(
                "webhook of session %s: %d events are given up, nothing got through for too long",
                queue,
                total,
            )
        return total
