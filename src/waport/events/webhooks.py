"""Delivers logged events to webhooks, from the database and until they are taken.

Events of one session and lane go out one after the other, lanes side by side. What a receiver does
not take is tried again with growing delays, for as long as the log keeps it. Nothing is held in
memory that the database does not have, so a restart goes on where this stopped.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from ..errors import StoreError
from ..store import Delivery, Lane
from .render import Frame
from .webhook_sender import Outcome, Verdict, WebhookSender

MAX_IN_FLIGHT: Final = 64
"""Posts at a time, over all sessions."""
MAX_PER_SESSION: Final = 8
"""Posts at a time for one session, so that a slow receiver never takes every place."""
MAX_LANES: Final = 1000
"""Lanes that are held in memory at a time."""
FETCH: Final = 200
FINISH_EVERY: Final = 16
"""Deliveries of one lane that are reported to the database together."""
BASE_DELAY_S: Final = 1.0
MAX_DELAY_S: Final = 600.0
STORE_PAUSE_S: Final = 1.0

log = logging.getLogger(__name__)


class DeliveryStore(Protocol):
    """What the worker needs of the database."""

    async def due_deliveries(
        self, now_ms: int, limit: int, busy_lanes: Collection[Lane] = ()
    ) -> list[Delivery]: ...

    async def finish_deliveries(self, event_ids: Sequence[int]) -> None: ...

    async def postpone_delivery(self, event_id: int, due_ms: int, status: int | None) -> None: ...

    async def next_delivery_due(self, busy_lanes: Collection[Lane] = ()) -> int | None: ...


@dataclass(slots=True)
class _Receiver:
    """One session's receiver: lanes that wait for a place, and how it has behaved."""

    waiting: deque[Lane] = field(default_factory=deque)
    in_flight: int = 0
    failures: int = 0


class WebhookWorker:
    """Posts what is due; `run` it as a task for as long as the server lives.

    Args:
        store: the database.
        sender: posts one event.
        url_of: the receiver of a session; None when it has none (any more).
        clock: Unix time in seconds.
        jitter: a number from 0 up to 1, for the delays.
    """

    def __init__(
        self,
        store: DeliveryStore,
        sender: WebhookSender,
        url_of: Callable[[str], str | None],
        *,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
        base_delay_s: float = BASE_DELAY_S,
    ) -> None:
        self._store = store
        self._sender = sender
        self._url_of = url_of
        self._clock = clock
        self._jitter = jitter
        self._base_delay_s = base_delay_s
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._lanes: dict[Lane, deque[Delivery]] = {}
        self._receivers: dict[str, _Receiver] = {}
        self._in_flight = 0

    def on_events(self, session_id: str, frames: Sequence[Frame]) -> None:
        """Look for work: a listener of the bus."""
        self._wake.set()

    def stop(self) -> None:
        """Start nothing new; `run` returns once what is in flight is done."""
        self._is_stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Deliver until `stop` is called or the task is cancelled."""
        async with asyncio.TaskGroup() as lanes:
            while not self._is_stopping:
                self._wake.clear()
                try:
                    pause_s = await self._take_due()
                except StoreError:
                    log.exception("webhooks: the database refused; trying again")
                    pause_s = STORE_PAUSE_S
                self._start_lanes(lanes)
                await self._sleep(pause_s)

    async def _sleep(self, pause_s: float | None) -> None:
        """Wait for the time to pass, or for news. None waits for news alone."""
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            return

    # --- taking from the database ---

    async def _take_due(self) -> float | None:
        """Take due deliveries into memory; returns seconds until there can be more."""
        if len(self._lanes) >= MAX_LANES:
            return None  # a lane that ends wakes the loop
        due = await self._store.due_deliveries(self._now_ms(), FETCH, tuple(self._lanes))
        for delivery in due:
            lane = (delivery.session_id, delivery.lane)
            if lane not in self._lanes:
                self._lanes[lane] = deque()
                self._receiver(lane).waiting.append(lane)
            self._lanes[lane].append(delivery)
        if len(due) == FETCH:
            return 0.0
        next_ms = await self._store.next_delivery_due(tuple(self._lanes))
        return None if next_ms is None else max(0.0, (next_ms - self._now_ms()) / 1000)

    def _receiver(self, lane: Lane) -> _Receiver:
        return self._receivers.setdefault(lane[0], _Receiver())

    def _start_lanes(self, tasks: asyncio.TaskGroup) -> None:
        """Give free places to waiting lanes, one receiver after the other."""
        candidates = deque(each for each in self._receivers.values() if each.waiting)
        while candidates and self._in_flight < MAX_IN_FLIGHT and not self._is_stopping:
            receiver = candidates.popleft()
            if receiver.in_flight >= MAX_PER_SESSION:
                continue
            lane = receiver.waiting.popleft()
            receiver.in_flight += 1
            self._in_flight += 1
            tasks.create_task(self._run_lane(lane, receiver))
            if receiver.waiting:
                candidates.append(receiver)

    # --- one lane ---

    async def _run_lane(self, lane: Lane, receiver: _Receiver) -> None:
        try:
            await self._deliver(lane, receiver)
        except StoreError:
            # Told but not marked as told: the receiver gets it again, under the same id.
            log.exception("webhooks: the database refused while delivering")
            await asyncio.sleep(STORE_PAUSE_S)
        finally:
            self._in_flight -= 1
            receiver.in_flight -= 1
            self._release(lane)
            self._wake.set()

    async def _deliver(self, lane: Lane, receiver: _Receiver) -> None:
        queue = self._lanes[lane]
        told: list[int] = []
        failed: tuple[Delivery, Outcome] | None = None
        while queue and not self._is_stopping:
            delivery = queue.popleft()
            outcome = await self._send(delivery)
            if outcome.verdict is not Verdict.DONE:
                failed = delivery, outcome
                break
            receiver.failures = 0
            told.append(delivery.event_id)
            if len(told) == FINISH_EVERY:
                await self._store.finish_deliveries(told)
                told = []
        if told:
            await self._store.finish_deliveries(told)
        if failed is not None:
            await self._postpone(*failed, receiver)

    async def _send(self, delivery: Delivery) -> Outcome:
        url = self._url_of(delivery.session_id)
        if url is None:
            return Outcome(Verdict.DONE, None)  # the receiver was taken out of the settings
        return await self._sender.send(url, delivery)

    async def _postpone(self, delivery: Delivery, outcome: Outcome, receiver: _Receiver) -> None:
        """Put off a lane; an unreachable receiver puts off all its waiting lanes."""
        attempts = delivery.attempts
        if outcome.verdict is Verdict.UNREACHABLE:
            receiver.failures += 1
            attempts = max(attempts, receiver.failures - 1)
        delay_s = self._delay_s(attempts)
        due_ms = self._now_ms() + int(delay_s * 1000)
        log.warning(
            "webhook of session %s: status %s for event %d, next try in %.1f s",
            delivery.session_id,
            outcome.status,
            delivery.event_id,
            delay_s,
        )
        await self._store.postpone_delivery(delivery.event_id, due_ms, outcome.status)
        if outcome.verdict is not Verdict.UNREACHABLE:
            return
        # Trying each of a dead receiver's lanes would only hold up the others.
        waiting, receiver.waiting = receiver.waiting, deque()
        heads = [self._lanes[lane][0].event_id for lane in waiting]
        postponing = (self._store.postpone_delivery(head, due_ms, outcome.status) for head in heads)
        try:
            await asyncio.gather(*postponing)
        finally:
            for lane in waiting:
                self._release(lane)

    def _release(self, lane: Lane) -> None:
        self._lanes.pop(lane, None)
        receiver = self._receivers.get(lane[0])
        if receiver and not receiver.waiting and not receiver.in_flight and not receiver.failures:
            del self._receivers[lane[0]]

    def _delay_s(self, attempts: int) -> float:
        """Doubles with each failure up to ten minutes; between half of that and all of it."""
        longest = min(MAX_DELAY_S, self._base_delay_s * float(2 ** min(attempts, 20)))
        return longest * (0.5 + self._jitter() / 2)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
