"""Delivers logged events to webhooks, from the database and until they are taken.

Events of one session and lane go out one after the other, lanes side by side. An event that its
receiver refuses is tried again with growing delays; while nothing gets through to a receiver,
everything for it waits behind one probe (breaker.py). Nothing is held in memory that the database
does not have, so a restart goes on where this stopped.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from ..errors import StoreError
from ..store import Delivery, DueLanes
from .breaker import MAX_DELAY_S, Attempt, Breaker
from .delivery_store import DeliveryStore
from .giving_up import MAX_AGE_S, GivingUp
from .lane_poster import BASE_DELAY_S, LanePoster
from .lanes import Lane, SessionLanes, ends_session
from .render import SESSION_LANE, Frame
from .strikes import STORE_PAUSE_S, Strikes
from .webhook_sender import MAX_WAIT_S, WebhookSender

MAX_IN_FLIGHT: Final = 64
"""Posts at a time, over all sessions."""
MAX_PER_SESSION: Final = 8
"""Posts at a time for one session, so that a slow receiver never takes every place."""
LANES: Final = 8
"""Lanes of a session that are read together."""
ROWS: Final = 16
"""Events of a lane that are read together."""
LOOK_AROUND_S: Final = 60.0
"""How often every session is looked at, whether or not there was news of it."""

LONGEST_WAIT_S: Final = max(MAX_DELAY_S, MAX_WAIT_S) + 60.0
"""Nothing is put off for longer, so what is due later was put off before the calendar was set back.
"""

log = logging.getLogger(__name__)


def _only(session_id: str) -> Iterable[str]:
    return (session_id,)


async def _nothing(_: Delivery) -> None:
    """Nobody has to be told that a receiver is gone."""


class WebhookWorker:
    """Posts what is due; `run` it as a task for as long as the server lives.

    Args:
        store: the database.
        sender: posts one event.
        url_of: the receiver of a queue; None while it has none.
        queues_of: the queues that an event of a session may go to.
        on_gone: called when a receiver says that it wants nothing any more.
        max_age_s: older events are given up if they still fail.
        clock: Unix time in seconds.
        monotonic: seconds that only ever rise.
        jitter: a number from 0 up to 1, for the delays.
        base_delay_s: the longest delay after a first failure.
    """

    def __init__(
        self,
        store: DeliveryStore,
        sender: WebhookSender,
        url_of: Callable[[str], str | None],
        *,
        max_age_s: float = MAX_AGE_S,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        base_delay_s: float = BASE_DELAY_S,
        queues_of: Callable[[str], Iterable[str]] = _only,
        on_gone: Callable[[Delivery], Awaitable[None]] = _nothing,
    ) -> None:
        self._store = store
        self._sender = sender
        self._url_of = url_of
        self._queues_of = queues_of
        self._clock = clock
        self._monotonic = monotonic
        self._jitter = jitter
        self._base_delay_s = base_delay_s
        self._giving_up = GivingUp(store, max_age_s)
        self._strikes = Strikes(store.finish_deliveries)
        self._poster = LanePoster(
            store,
            sender,
            self._strikes,
            self._giving_up,
            clock=clock,
            monotonic=monotonic,
            jitter=jitter,
            base_delay_s=base_delay_s,
            on_gone=on_gone,
        )
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._reset()

    def _reset(self) -> None:
        self._sessions: dict[str, SessionLanes] = {}
        self._breakers: dict[str, Breaker] = {}
        self._unwanted: dict[str, float] = {}
        self._in_flight = 0
        self._look_around_at = 0.0
        self._giving_up.started_at = self._monotonic()

    def on_events(self, session_id: str, frames: Sequence[Frame]) -> None:
        """Look for work: a listener of the bus."""
        for queue in self._queues_of(session_id):
            if self._url_of(queue) is not None:
                session = self._session(queue)
                session.is_stale = session.has_news = True
                self._wake.set()

    def look_again(self) -> None:
        """Look at everything: webhooks or dead letters have changed."""
        self._look_around_at = 0.0
        self._wake.set()

    def stop(self) -> None:
        """Start nothing new; `run` returns once what is in flight is done."""
        self._is_stopping = self._poster.is_stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Deliver until `stop` is called or the task is cancelled."""
        self._reset()
        await self._strikes.flush_once()
        try:
            async with asyncio.TaskGroup() as group:
                striking = group.create_task(self._strikes.run())
                async with asyncio.TaskGroup() as lanes:
                    while not self._is_stopping:
                        self._wake.clear()
                        await self._sleep(await self._turn(lanes))
                striking.cancel()
        finally:
            # Whatever ends this: what was told must not be told again after the next start.
            await self._strikes.flush_once()

    async def give_up_old(self) -> None:
        """Strike out events beyond the age limit whose receiver is away; to be called now and then.

        Raises:
            StoreError: the database refused.
        """
        for session_id in await self._store.queues_with_deliveries():
            url = self._url_of(session_id)
            away_since = self._unwanted.get(session_id)
            if url is not None:
                breaker = self._breakers.get(url)
                away_since = None if breaker is None else breaker.down_since
            if away_since is None or not self._giving_up.is_away(away_since, self._monotonic()):
                continue
            if await self._giving_up.strike_old(session_id, self._now_ms()):
                self._refresh(session_id)
                self._wake.set()

    async def _turn(self, tasks: asyncio.TaskGroup) -> float:
        """Read and start what is due; returns seconds until there can be more."""
        try:
            await self._read()
        except StoreError:
            log.exception("webhooks: the database refused; trying again")
            await asyncio.sleep(STORE_PAUSE_S)  # whatever else would wake it
            return 0.0
        self._start_lanes(tasks)
        return self._pause_s()

    async def _sleep(self, pause_s: float) -> None:
        """Wait for the time to pass, or for news."""
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            return

    # --- taking from the database ---

    async def _read(self) -> None:
        """Take due lanes of some sessions into memory."""
        if self._monotonic() >= self._look_around_at:
            await self._look_around()
        sessions = self._readable()
        if not sessions:
            return
        busy = {session.session_id: set(session.lanes) for session in sessions}
        held: set[int] = set()
        for session in sessions:
            session.is_stale = session.has_news = False
            for lane in session.lanes.values():
                lane.may_have_more = True
                held.update(row.number for row in lane.rows)
        now_ms = self._now_ms()
        try:
            found = await self._store.due_deliveries(busy, now_ms, lanes=LANES, rows=ROWS)
        except StoreError:
            for session in sessions:
                session.is_stale = session.has_news = True
            raise
        for session, due in zip(sessions, found, strict=True):
            self._take(session, due, held, now_ms)

    async def _look_around(self) -> None:
        """Look at all sessions: at the start, and in case that news of one were missed."""
        now = self._monotonic()
        # Before the questions: who asks for a look meanwhile gets another one.
        self._look_around_at = now + LOOK_AROUND_S
        unwanted: dict[str, float] = {}
        try:
            await self._store.hasten_deliveries(self._now_ms() + int(LONGEST_WAIT_S * 1000))
            queues = await self._store.queues_with_deliveries()
        except StoreError:
            self._look_around_at = 0.0
            raise
        for session_id in queues:
            if self._url_of(session_id) is not None:
                self._refresh(session_id)
                continue
            unwanted[session_id] = self._unwanted.get(session_id, now)
            if session_id not in self._unwanted:
                log.warning("session %s has events to deliver, but no webhook URL", session_id)
        self._unwanted = unwanted

    def _readable(self) -> list[SessionLanes]:
        """Sessions whose due lanes could leave now, no more than there are places."""
        now, now_ms = self._monotonic(), self._now_ms()
        free = MAX_IN_FLIGHT - self._in_flight
        probed: set[str] = set()
        found: list[SessionLanes] = []
        for session in self._sessions.values():
            if len(found) >= free:
                break
            if session.waiting:
                free -= 1
            elif session.in_flight < MAX_PER_SESSION and (
                session.is_stale or (session.next_ms is not None and session.next_ms <= now_ms)
            ):
                url = self._url_of(session.session_id)
                if url is None or url in probed or not self._is_open(url, session, now):
                    continue
                if self._breaker(url).failures:
                    probed.add(url)
                found.append(session)
        return found

    def _is_open(self, url: str, session: SessionLanes, now: float) -> bool:
        breaker = self._breaker(url)
        return breaker.admits(now) or (session.has_news and breaker.wants_witnesses)

    def _take(self, session: SessionLanes, due: DueLanes, held: set[int], now_ms: int) -> None:
        session.next_ms = due.next_ms
        for rows in due.lanes:
            name = rows[0].lane
            if not held.isdisjoint(row.number for row in rows):
                # A lane got another name while its first events are on their way under the old one.
                session.is_stale = session.is_stale or not session.lanes
                continue
            if session.is_ending and ends_session(rows[0]):
                continue
            lane = session.lanes[name] = Lane(name, rows, len(rows) == ROWS)
            session.waiting.append(lane)
        if due.next_ms is not None and due.next_ms <= now_ms:  # there was more than could be read
            session.next_ms = None
            session.is_stale = session.is_stale or bool(session.waiting)

    def _session(self, session_id: str) -> SessionLanes:
        session = self._sessions.get(session_id)
        if session is None:
            session = self._sessions[session_id] = SessionLanes(session_id)
        return session

    def _refresh(self, session_id: str) -> None:
        session = self._session(session_id)
        session.is_stale = True
        session.is_ending = False

    def _breaker(self, url: str) -> Breaker:
        breaker = self._breakers.get(url)
        if breaker is None:
            breaker = self._breakers[url] = Breaker(self._base_delay_s, self._jitter)
        return breaker

    # --- giving out places ---

    def _start_lanes(self, tasks: asyncio.TaskGroup) -> None:
        """Give free places to waiting lanes, one session after the other."""
        now = self._monotonic()
        candidates = deque(each for each in self._sessions.values() if each.waiting)
        while candidates and self._in_flight < MAX_IN_FLIGHT and not self._is_stopping:
            session = candidates.popleft()
            url = self._url_of(session.session_id)
            if session.in_flight >= MAX_PER_SESSION:
                continue
            breaker = None if url is None else self._breaker(url)
            chosen = None if breaker is None else self._choose(session, breaker, now)
            if url is None or breaker is None or chosen is None:
                session.drop_waiting()  # nothing of it is kept while it cannot leave
                continue
            lane, attempt = chosen
            session.waiting.remove(lane)
            session.in_flight += 1
            self._in_flight += 1
            tasks.create_task(self._run_lane(session, lane, url, breaker, attempt))
            # To the end of the row: with more sessions than places, each gets its turn.
            self._sessions[session.session_id] = self._sessions.pop(session.session_id)
            if session.waiting:
                candidates.append(session)

    def _choose(
        self, session: SessionLanes, breaker: Breaker, now: float
    ) -> tuple[Lane, Attempt] | None:
        """The next lane that may leave, and the permission; None if none may."""
        if breaker.failures:
            # Any of them: an event that the receiver chokes on must not be the probe each time.
            session.waiting.rotate(-int(self._jitter() * len(session.waiting)))
        for lane in session.waiting:
            attempt = breaker.begin(now, lane.rows[0].number)
            if attempt is not None:
                return lane, attempt
        return None

    def _pause_s(self) -> float:
        """Seconds until something can be due; forgets sessions that have nothing."""
        if not self._is_stopping and self._readable():
            return 0.0
        now, now_ms = self._monotonic(), self._now_ms()
        until = self._look_around_at
        for session in tuple(self._sessions.values()):
            is_waiting = session.is_stale or bool(session.waiting)
            if not (is_waiting or session.lanes or session.next_ms):
                del self._sessions[session.session_id]
                continue
            times = [now + ((session.next_ms or 0) - now_ms) / 1000]
            if is_waiting and (url := self._url_of(session.session_id)) is not None:
                times.append(self._breaker(url).retry_at or 0.0)
            # What is in the past waits for a place or for a probe, and the end of that wakes us.
            until = min((until, *(time for time in times if time > now)))
        return max(0.0, until - now)

    # --- one lane ---

    async def _run_lane(
        self, session: SessionLanes, lane: Lane, url: str, breaker: Breaker, attempt: Attempt
    ) -> None:
        is_through = False
        try:
            is_through = await self._poster.deliver(session, lane, url, breaker, attempt)
            await self._strikes.flush()
        except StoreError:
            # A failed try that was not noted: it is made again, without a delay of its own.
            log.exception("webhooks: the database refused while delivering")
            await asyncio.sleep(STORE_PAUSE_S)
        finally:
            self._release(session, lane, is_through)

    def _release(self, session: SessionLanes, lane: Lane, is_through: bool) -> None:
        self._in_flight -= 1
        session.in_flight -= 1
        del session.lanes[lane.name]
        session.is_stale = session.is_stale or lane.may_have_more or not is_through
        if session.is_ending and lane.name != SESSION_LANE:
            session.is_ending = False
            session.is_stale = True
        self._wake.set()

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
