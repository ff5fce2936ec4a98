"""Posts the events of one lane, in order, and notes how each of them fared."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ..crashpoints import crash_point
from ..store import Delivery
from .breaker import Attempt, Breaker, backoff_s
from .delivery_store import DeliveryStore
from .giving_up import GivingUp
from .lanes import Lane, SessionLanes, ends_session
from .strikes import Strikes
from .webhook_sender import Outcome, Verdict, WebhookSender

BASE_DELAY_S: Final = 1.0
HOLDING_REFUSALS: Final = 5
"""A lane that was refused so often does not hold back the end of its session while it waits."""

log = logging.getLogger(__name__)


class LanePoster:
    """Posts lanes for the worker.

    Args:
        store: the database.
        sender: posts one event.
        strikes: takes what is through.
        giving_up: says when a failed event is not tried again.
        clock: Unix time in seconds.
        monotonic: seconds that only ever rise.
        jitter: a number from 0 up to 1, for the delays.
        base_delay_s: the longest delay after a first failure.
        on_gone: called when a receiver says that it wants nothing any more.
    """

    def __init__(
        self,
        store: DeliveryStore,
        sender: WebhookSender,
        strikes: Strikes,
        giving_up: GivingUp,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        jitter: Callable[[], float],
        base_delay_s: float,
        on_gone: Callable[[Delivery], Awaitable[None]],
    ) -> None:
        self._store = store
        self._sender = sender
        self._strikes = strikes
        self._giving_up = giving_up
        self._clock = clock
        self._monotonic = monotonic
        self._jitter = jitter
        self._base_delay_s = base_delay_s
        self._on_gone = on_gone
        self.is_stopping = False
        """Set to post nothing more."""

    async def deliver(
        self,
        session: SessionLanes,
        lane: Lane,
        url: str,
        breaker: Breaker,
        reserved: Attempt | None,
    ) -> bool:
        """Post a lane's events, each when the one before is through.

        Args:
            reserved: the permission to post the first one.

        Returns:
            whether all of them are through.

        Raises:
            StoreError: the database refused to note a failed try.
        """
        for delivery in lane.rows:
            attempt = reserved or breaker.begin(self._monotonic(), delivery.number)
            reserved = None
            if attempt is None:
                return False
            try:
                if self.is_stopping or await self._must_wait(session, delivery):
                    return False
                crash_point("webhook.posting")
                outcome = await self._send(url, delivery)
                crash_point("webhook.answered")
                is_through = await self._judge(delivery, outcome, breaker, attempt)
            finally:
                breaker.abandon(attempt)  # unless it was told how it went
            if not is_through:
                return False
        return True

    async def _must_wait(self, session: SessionLanes, delivery: Delivery) -> bool:
        """Whether this is the end of a session and other lanes have earlier events."""
        if not ends_session(delivery):
            return False
        # Set before the question: a lane that gets through meanwhile takes it back.
        session.is_ending = True
        if await self._store.has_earlier_deliveries(
            delivery, self._now_ms(), refusals=HOLDING_REFUSALS
        ):
            return True
        session.is_ending = False
        return False

    async def _send(self, url: str, delivery: Delivery) -> Outcome:
        try:
            return await self._sender.send(url, delivery)
        except Exception as exc:
            # One delivery that nobody thought of must not end the loop that serves all of them.
            log.exception("webhooks: event %d could not be posted", delivery.event_id)
            return Outcome(Verdict.REFUSED, None, type(exc).__name__)

    async def _judge(
        self, delivery: Delivery, outcome: Outcome, breaker: Breaker, attempt: Attempt
    ) -> bool:
        """Note how a post went; returns whether the lane goes on."""
        number, rounds = delivery.number, breaker.failures
        if outcome.verdict is Verdict.UNREACHABLE and breaker.failed(
            attempt, number, self._monotonic(), outcome.wait_s
        ):
            if breaker.failures > rounds:
                log.warning(
                    "webhook of session %s is out of reach (%s, round %d)",
                    delivery.session_id,
                    outcome,
                    breaker.failures,
                )
            await self._strikes.flush()
            if self._is_hopeless(delivery, outcome, breaker):
                await self._give_up(delivery, outcome, breaker)
            else:
                await self._store.count_failed_try(number, outcome.status)
                crash_point("webhook.put_off")
            return False
        if outcome.status is not None and outcome.verdict is not Verdict.UNREACHABLE:
            breaker.answered(attempt, number)
        if outcome.verdict is Verdict.DONE:
            breaker.taken_ms = self._now_ms()
            self._strikes.add(number)
            return True
        if outcome.verdict is Verdict.GONE:
            await self._strikes.flush()
            await self._on_gone(delivery)
            return False
        return await self._refused(delivery, outcome, breaker)

    async def _refused(self, delivery: Delivery, outcome: Outcome, breaker: Breaker) -> bool:
        """Put off a lane, or give up its first event so that it goes on."""
        if self._is_hopeless(delivery, outcome, breaker):
            await self._strikes.flush()
            await self._give_up(delivery, outcome, breaker)
            return True
        delay_s = backoff_s(delivery.refusals + 1, self._base_delay_s, self._jitter)
        delay_s = max(delay_s, outcome.wait_s)
        log.warning(
            "webhook of session %s refused event %d (%s), next try in %.1f s",
            delivery.session_id,
            delivery.event_id,
            outcome,
            delay_s,
        )
        await self._strikes.flush()  # only the first event of a lane can be postponed
        now_ms = self._now_ms()
        due_ms = now_ms + int(delay_s * 1000)
        await self._store.postpone_delivery(delivery.number, due_ms, now_ms, outcome.status)
        crash_point("webhook.put_off")
        return False

    def _is_hopeless(self, delivery: Delivery, outcome: Outcome, breaker: Breaker) -> bool:
        now_ms = self._now_ms()
        return self._giving_up.is_too_old(
            delivery, now_ms, self._monotonic()
        ) or self._giving_up.is_poison(delivery, outcome.status, now_ms, breaker.taken_ms)

    async def _give_up(self, delivery: Delivery, outcome: Outcome, breaker: Breaker) -> None:
        log.warning(
            "webhook of session %s: event %d (%s) is given up after %d tries (%s)",
            delivery.session_id,
            delivery.event_id,
            delivery.kind,
            delivery.attempts + 1,
            outcome,
        )
        breaker.forget(delivery.number)
        status = outcome.status
        await self._store.bury_deliveries([delivery.number], self._now_ms(), status)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
