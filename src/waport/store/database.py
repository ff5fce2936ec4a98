"""The door to everything that is stored: group commit for writers, snapshots for readers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from ..errors import StoreError
from ..model import ApiKey
from .add_ons import prune_waiting
from .api_keys import add_api_key, all_api_keys, delete_api_key
from .backend import Backend
from .devices import session_ids
from .event_log import last_event_id, prune_retries
from .event_pruning import LogSize, Pruned, prune_step
from .event_store import EventStore
from .statements import Connection
from .unit_of_work import UnitOfWork
from .vault import NO_SECRETS, Secrets
from .writer import Writer

log = logging.getLogger(__name__)

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


class Database(EventStore):
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
        self._log_size = LogSize()
        self._owed = 0
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

    async def ask(self, question: Callable[[Connection], T]) -> T:
        """Run a question that concerns no single session.

        Raises:
            StoreError: the database refused.
        """
        return await self._read(question)

    async def change(self, job: Callable[[Connection], T]) -> T:
        """Run a job that writes and concerns no single session; returns once it is committed.

        Raises:
            StoreError: the database refused; nothing of the job is stored.
        """
        return await self._submit(job)

    async def prune(
        self, before_ms: int, max_events: int | None = None, max_bytes: int | None = None
    ) -> int:
        """Remove events from before that time, but none that still has to be delivered.

        Events that have `max_events` newer ones go as well, and the oldest ones until what stays
        has at most `max_bytes` (of content, give or take a few hundred events). The log says when
        dead letters went along, and how many events stay since they are still to be delivered.
        Old retry counts go along, and add-ons that have waited too long for their message.

        Returns:
            how many events went.
        """
        spared = 0
        if max_events is not None:
            spared = await self._read(last_event_id) - max_events
        if max_bytes is not None:
            spared = max(spared, await self._log_size.spared(self._read, max_bytes))
        total, after, has_more = Pruned(), 0, True
        while has_more:
            step, after, has_more = await self._submit(
                partial(_prune_step, before_ms, spared, after)
            )
            total += step
            self._log_size.forget(after)
        self._tell(total)
        await self._submit(lambda db: prune_retries(db, before_ms))
        waiting_since_ms = self._now_ms() - WAITING_AGE_MS
        await self._submit(lambda db: prune_waiting(db, waiting_since_ms))
        return total.gone

    def _tell(self, pruned: Pruned) -> None:
        """Nobody loses an event without a word, and nobody is owed much without one."""
        if pruned.letters:
            log.warning("%d dead letters went with events that are too old", pruned.letters)
        if pruned.owed and pruned.owed != self._owed:
            log.warning(
                "%d events are beyond the limits of the log and stay: they are still to be "
                "delivered, or to be given up",
                pruned.owed,
            )
        self._owed = pruned.owed

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
    before_ms: int, spared: int, after: int, db: Connection
) -> tuple[Pruned, int, bool]:
    return prune_step(db, before_ms, spared, after, _PRUNE_STEP)
