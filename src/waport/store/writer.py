"""The one thread that writes: many jobs, one transaction, one wait for the disk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from ..crashpoints import crash_point
from ..errors import StoreError
from .backend import Backend
from .statements import Connection

MAX_BATCH = 256
"""Jobs that share one transaction at most; bounds how long the first of them waits."""

WriteJob = Callable[[Connection], Any]


class _Entry(NamedTuple):
    job: WriteJob
    future: asyncio.Future[Any]


class _Outcome(NamedTuple):
    future: asyncio.Future[Any]
    result: Any
    error: BaseException | None


class Writer:
    """Runs write jobs in the order in which they were put, on a thread of its own.

    The jobs that wait are taken together and run in one transaction, each in a savepoint, so that
    one that raises is undone alone. Their futures resolve after the commit.
    """

    def __init__(self, backend: Backend, loop: asyncio.AbstractEventLoop) -> None:
        self._backend = backend
        self._loop = loop
        self._queue: SimpleQueue[_Entry | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._opened: asyncio.Future[None] = loop.create_future()
        self._closed: asyncio.Future[None] = loop.create_future()
        self._thread = threading.Thread(target=self._main, name="waport-store-writer", daemon=True)

    async def open(self) -> None:
        """Start the thread, which prepares the database first.

        Raises:
            StoreError: the database cannot be used; the thread has ended.
        """
        self._thread.start()
        try:
            await asyncio.shield(self._opened)
        except asyncio.CancelledError:
            self._queue.put(None)  # the thread ends as soon as the database is ready
            raise
        except Exception:
            self._thread.join()
            raise

    def put(self, job: WriteJob) -> asyncio.Future[Any]:
        """Queue a job."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._queue.put(_Entry(job, future))
        return future

    @property
    def waiting(self) -> int:
        """How many jobs were not begun yet."""
        return self._queue.qsize()

    async def close(self) -> None:
        """Finish what was put, then end the thread and let the database go."""
        self._queue.put(None)
        await asyncio.shield(self._closed)
        self._thread.join()

    def _main(self) -> None:
        try:
            self._backend.prepare()
            self._connection = self._backend.connect(read_only=False)
        except Exception as exc:  # noqa: BLE001 - whoever opens must hear of it, whatever it is
            self._backend.release()
            self._tell(self._opened.set_exception, exc)
            return
        self._tell(self._opened.set_result, None)
        while batch := self._take():
            self._tell(_settle, self._run(batch))
            del batch  # nothing of it is kept while the thread waits
        self._disconnect()
        self._backend.release()
        self._tell(self._closed.set_result, None)

    def _take(self) -> list[_Entry]:
        """Wait for a job and take all that are there; none at the end."""
        first = self._queue.get()
        if first is None:
            return []
        batch = [first]
        while len(batch) < MAX_BATCH:
            try:
                entry = self._queue.get_nowait()
            except Empty:
                break
            if entry is None:
                self._queue.put(None)  # for the next call
                break
            batch.append(entry)
        return batch

    def _run(self, batch: list[_Entry]) -> list[_Outcome]:
        try:
            db = self._connection = self._backend.begin(self._connection, read_only=False)
            if len(batch) == 1:
                # Alone, a job needs no savepoint: undoing it is undoing everything.
                outcomes = [_attempt(db, batch[0])]
                if outcomes[0].error is None:
                    _commit(db)
                else:
                    self._roll_back(db)
            else:
                outcomes = [_attempt_in_savepoint(db, entry) for entry in batch]
                _commit(db)
        except Exception as exc:  # noqa: BLE001 - the thread serves every session: it must go on
            # The transaction is lost as a whole, and the connection may be too.
            self._disconnect()
            return [_Outcome(entry.future, None, _nothing_stored(exc)) for entry in batch]
        return outcomes

    def _roll_back(self, db: Connection) -> None:
        try:
            db.run("ROLLBACK")
        except StoreError:
            self._disconnect()  # that rolls back too

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.discard()

    def _tell(self, callback: Callable[..., object], *values: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(callback, *values)


def _commit(db: Connection) -> None:
    crash_point("store.committing")
    db.commit()
    crash_point("store.committed")


def _attempt(db: Connection, entry: _Entry) -> _Outcome:
    try:
        return _Outcome(entry.future, entry.job(db), None)
    except StopIteration as exc:
        # A future refuses this one, and the other futures would go without their results.
        error = RuntimeError("a job raised StopIteration")
        error.__cause__ = exc
        return _Outcome(entry.future, None, error)
    except BaseException as exc:  # noqa: BLE001 - it belongs to whoever waits for this job
        return _Outcome(entry.future, None, exc)


def _attempt_in_savepoint(db: Connection, entry: _Entry) -> _Outcome:
    db.run("SAVEPOINT job")
    outcome = _attempt(db, entry)
    if outcome.error is None:
        try:
            db.run("RELEASE SAVEPOINT job")
        except StoreError as exc:
            # The job went on after an error that PostgreSQL does not forgive.
            outcome = _Outcome(entry.future, None, exc)
        else:
            return outcome
    try:
        db.run("ROLLBACK TO SAVEPOINT job")
        db.run("RELEASE SAVEPOINT job")
    except StoreError as exc:
        # The transaction is gone. If the database refused the job, that error says why.
        raise outcome.error if isinstance(outcome.error, StoreError) else exc from None
    return outcome


def _settle(outcomes: list[_Outcome]) -> None:
    for future, result, error in outcomes:
        if future.done():  # its caller gave up waiting
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _nothing_stored(exc: Exception) -> StoreError:
    # One for each caller: an exception gathers the traceback of everybody who raises it.
    error = StoreError(f"nothing was stored: {exc}")
    error.__cause__ = exc
    return error
