"""The door to everything that is stored: group commit for writers, snapshots for readers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ..errors import StoreError
from ..model import ApiKey
from .add_ons import prune_waiting
from .api_keys import add_api_key, all_api_keys, delete_api_key
from .backend import Backend
from .deliveries import Deliveries, Delivery, DueLanes
from .devices import session_ids
from .event_log import LoggedEvent, events_after, last_event_id, prune, prune_retries
from .statements import Connection
from .unit_of_work import UnitOfWork
from .vault import NO_SECRETS, Secrets
from .writer import Writer

T = TypeVar("T")

READERS = 2
"""Threads that read. SQLite lets them read while the writer writes."""

MAX_WAITING = 8192
"""Write jobs that may wait at a time."""

WAITING_AGE_MS = 14 * 24 * 3600 * 1000
"""How long an add-on waits for the message that it speaks of."""

_PRUNE_STEP = 1000  # events per write job, so that pruning never holds up anybody for long


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000


class Database:
    """One open database. It belongs to the event loop that opened it.

    Writes are jobs: plain functions that get a `UnitOfWork` of one session. They run on one thread,
    in the order in which they were handed in, and what waits together is committed together. A
    result is given out only after its commit is on the disk.
    """

    def __init__(
        self,
        backend: Backend,
        writer: Writer,
        loop: asyncio.AbstractEventLoop,
        now_ms: Callable[[], int],
        max_waiting: int,
    ) -> None:
        self._backend = backend
        self._writer = writer
        self._loop = loop
        self._now_ms = now_ms
        self._max_waiting = max_waiting
        self._room = asyncio.Semaphore(max_waiting)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="waport-store-reader")
        self._idle: list[Connection] = []
        self._reading: set[asyncio.Future[Any]] = set()
        self._is_closed = False

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        secrets: Secrets = NO_SECRETS,
        now_ms: Callable[[], int] = _unix_ms,
        max_waiting: int = MAX_WAITING,
    ) -> Database:
        """Open a database, creating it or bringing its tables up to date if need be.

        Args:
            url: "sqlite:////folder/waport.db" or "postgresql://user:password@host/name".
            secrets: the keys for what is secret in it; a database that is not sealed with
                `secrets.now` is converted, if it can be.
            now_ms: the clock for the rows that say when they were made, Unix milliseconds.
            max_waiting: write jobs that may wait at a time.

        Raises:
            StoreError: it cannot be used; the text says why. Another process that has the same
                SQLite file open is such a reason.
        """
        loop = asyncio.get_running_loop()
        backend = Backend(url, secrets)
        writer = Writer(backend, loop)
        await writer.open()
        return cls(backend, writer, loop, now_ms, max_waiting)

    async def close(self) -> None:
        """Finish every job that was handed in, then let the database go."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._reading:
            await asyncio.wait(self._reading)
        self._readers.shutdown()
        while self._idle:
            self._idle.pop().discard()
        await self._writer.close()

    async def write(self, session_id: str, job: Callable[[UnitOfWork], T]) -> T:
        """Run a job that writes, and wait until it is committed.

        If too many jobs wait already, this one waits for its turn to be handed in. Cancelling the
        caller does not take a job back.

        Raises:
            StoreError: the database refused the job or the commit; nothing of the job is stored.
            Exception: whatever the job raised; nothing of it is stored either.
        """
        async with self._room:
            return await self._put(session_id, job)

    def submit(self, session_id: str, job: Callable[[UnitOfWork], T]) -> asyncio.Future[T]:
        """Like `write`, but the job is handed in before this returns: for several in a row.

        Raises:
            StoreError: too many jobs wait already. `write` waits for room instead.
        """
        if self._writer.waiting >= self._max_waiting:
            raise StoreError("too many writes are waiting for the database")
        return self._put(session_id, job)

    async def read(self, session_id: str, job: Callable[[UnitOfWork], T]) -> T:
        """Run a job that only reads. It sees the state after some commit, and no change since.

        Raises:
            StoreError: the database refused, as it does when the job tries to write.
        """
        return await self._read(lambda db: job(UnitOfWork(db, session_id, self._now_ms)))

    async def session_ids(self) -> list[str]:
        """The sessions that have credentials, in the order in which they were created."""
        return await self._read(session_ids)

    async def ping(self) -> None:
        """Prove that the writer is alive and can open a transaction.

        Raises:
            StoreError: it can not.
        """
        await self._submit(lambda _db: None)

    async def api_keys(self) -> dict[bytes, ApiKey]:
        """The keys of callers by the SHA-256 of their secrets, the oldest first."""
        return await self._read(all_api_keys)

    async def add_api_key(self, key: ApiKey, digest: bytes) -> None:
        """Store a key that was just made."""
        await self._submit(lambda db: add_api_key(db, key, digest))

    async def delete_api_key(self, key_id: str) -> bool:
        """Remove a key. Whether there was one."""
        return await self._submit(lambda db: delete_api_key(db, key_id))

    async def sessions_with_deliveries(self) -> list[str]:
        """The sessions that have events which somebody still has to be told."""
        return await self._read(lambda db: Deliveries(db).sessions())

    async def due_deliveries(
        self, busy: Mapping[str, Collection[str]], now_ms: int, *, lanes: int, rows: int
    ) -> list[DueLanes]:
        """What of some sessions may be told now.

        A lane's deliveries are here with every one in front of them: the first ones of the lane,
        and none of a lane whose head waits for another try.

        Args:
            busy: the sessions to look at, and the lanes of each to leave out, since the caller is
                at work on them.
            lanes: so many lanes of each session at most.
            rows: so many deliveries of each lane at most.
        """
        return await self._read(
            lambda db: [
                Deliveries(db).due(session_id, now_ms, lanes_out, lanes, rows)
                for session_id, lanes_out in busy.items()
            ]
        )

    async def finish_deliveries(self, event_ids: Sequence[int]) -> None:
        """Strike out deliveries that arrived or are given up; what they held back is due."""
        await self._submit(lambda db: Deliveries(db).finish(event_ids))

    async def count_failed_try(self, event_id: int, status: int | None = None) -> None:
        """Count a try that failed since nothing reaches the receiver; the lane stays due.

        Args:
            status: what the receiver answered, an HTTP status; None without an answer.
        """
        await self._submit(lambda db: Deliveries(db).count_try(event_id, status))

    async def postpone_delivery(
        self, event_id: int, due_ms: int, now_ms: int, status: int | None = None
    ) -> None:
        """Count a try that failed, and hold its lane back until `due_ms`.

        Args:
            event_id: the first of its lane; for others nothing happens.
            status: what the receiver answered, an HTTP status; None without an answer.
        """
        await self._submit(lambda db: Deliveries(db).postpone(event_id, due_ms, now_ms, status))

    async def has_earlier_deliveries(
        self, delivery: Delivery, now_ms: int, *, refusals: int
    ) -> bool:
        """Whether other lanes of the session still hold events from before this one.

        Args:
            refusals: a lane whose head was refused so often does not count while it waits.
        """
        return await self._read(lambda db: Deliveries(db).has_earlier(delivery, now_ms, refusals))

    async def old_deliveries(
        self, session_id: str, before_ms: int, start: str, limit: int
    ) -> tuple[list[int], str | None]:
        """Some of a session's deliveries of events from before a time.

        Args:
            start: the lane to begin with, "" the first time.

        Returns:
            their events, and the lane to go on with, None when that was all.
        """
        return await self._read(lambda db: Deliveries(db).old(session_id, before_ms, start, limit))

    async def events_after(
        self, after: int, limit: int, session_id: str | None = None
    ) -> list[LoggedEvent]:
        """The committed events behind a number, in order; of one session, or of all with None."""
        return await self._read(lambda db: events_after(db, after, limit, session_id))

    async def last_event_id(self) -> int:
        """The number of the newest committed event; 0 of an empty log."""
        return await self._read(last_event_id)

    async def prune(self, before_ms: int, max_events: int | None = None) -> int:
        """Remove events from before that time, but none that still has to be delivered.

        Events that have `max_events` newer ones go as well. Old retry counts go along, and add-ons
        that have waited too long for their message.

        Returns:
            how many events went.
        """
        total, after = 0, 0
        while True:
            gone, last = await self._submit(_prune_step(before_ms, after, max_events))
            total += gone
            if last is None:
                break
            after = last
        await self._submit(lambda db: prune_retries(db, before_ms))
        waiting_since_ms = self._now_ms() - WAITING_AGE_MS
        await self._submit(lambda db: prune_waiting(db, waiting_since_ms))
        return total

    def _put(self, session_id: str, job: Callable[[UnitOfWork], T]) -> asyncio.Future[T]:
        now_ms = self._now_ms

        def run(db: Connection) -> T:
            work = UnitOfWork(db, session_id, now_ms)
            work.fence()
            return job(work)

        return self._submit(run)

    def _submit(self, job: Callable[[Connection], T]) -> asyncio.Future[T]:
        self._check_open()
        return self._writer.put(job)

    async def _read(self, job: Callable[[Connection], T]) -> T:
        self._check_open()
        future = self._loop.run_in_executor(self._readers, self._run_reader, job)
        self._reading.add(future)
        future.add_done_callback(self._reading.discard)
        return await future

    def _run_reader(self, job: Callable[[Connection], T]) -> T:
        # The list is shared by the reader threads; its single operations are atomic.
        idle = self._idle.pop() if self._idle else None
        db = self._backend.begin(idle, read_only=True)
        try:
            result = job(db)
            db.run("ROLLBACK")
        except BaseException:
            # Whatever went wrong, the next reader starts with a connection in a known state.
            db.discard()
            raise
        self._idle.append(db)
        return result

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreError("the database is closed")


def _prune_step(
    before_ms: int, after: int, max_events: int | None
) -> Callable[[Connection], tuple[int, int | None]]:
    return lambda db: prune(db, before_ms, after, _PRUNE_STEP, max_events)
