"""Old events leave the log: by age, by number and by size. What is still to be told stays."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, bindparam, delete, exists, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from .schema import dead_letters, deliveries, event_log
from .statements import Connection, Statement

SIZE_STEP: Final = 250
"""Events whose size is added up together; so exact is the limit of the log's size."""


class _Bytes(GenericFunction[int]):
    """How many bytes a text has in UTF-8."""

    type = BigInteger()
    name = "octet_length"
    inherit_cache = True


@compiles(_Bytes, "sqlite")
def _bytes_in_sqlite(element: _Bytes, compiler: SQLCompiler, **options: Any) -> str:
    # Its own `octet_length` came with 3.43.
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"


def _bytes(column: ColumnElement[str]) -> ColumnElement[int]:
    return _Bytes(column)


_OLDEST = Statement(
    select(event_log.c.id, event_log.c.created_ms)
    .where(event_log.c.id > bindparam("after"))
    .order_by(event_log.c.id)
    .limit(bindparam("limit"))
)
_STEP = (
    select(event_log.c.id, _bytes(event_log.c.data).label("bytes"))
    .where(event_log.c.id > bindparam("after"))
    .order_by(event_log.c.id)
    .limit(bindparam("limit"))
    .subquery()
)
_SIZE = Statement(select(func.max(_STEP.c.id), func.sum(_STEP.c.bytes), func.count(_STEP.c.id)))
_PRUNE = Statement(
    delete(event_log).where(
        event_log.c.id > bindparam("after"),
        event_log.c.id <= bindparam("upto"),
        ~exists().where(deliveries.c.event_id == event_log.c.id),
    )
)
_PRUNE_DEAD = Statement(
    delete(dead_letters).where(
        dead_letters.c.event_id > bindparam("after"), dead_letters.c.event_id <= bindparam("upto")
    )
)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What became of old events.

    Attributes:
        gone: so many are not in the log any more.
        owed: so many are old, and stay, since somebody still has to be told of them.
        letters: dead letters that went with their events, and can't be sent again.
    """

    gone: int = 0
    owed: int = 0
    letters: int = 0

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(self.gone + other.gone, self.owed + other.owed, self.letters + other.letters)


def prune_step(
    db: Connection, before_ms: int, spared: int, after: int, limit: int
) -> tuple[Pruned, int, bool]:
    """Remove old events that nobody waits for, a bounded number at a time.

    Args:
        before_ms: events from before that time go, Unix milliseconds.
        spared: events up to this number go, however young.
        after: the number to go on from; 0 to begin.

    Returns:
        what became of them, the number up to which that was, and whether there may be more.
    """
    rows = db.all(_OLDEST, after=after, limit=limit)
    old = 0
    upto = after
    for event_id, created_ms in rows:
        if created_ms >= before_ms and event_id > spared:
            break
        upto = event_id
        old += 1
    if not old:
        return Pruned(), after, False
    gone = db.change(_PRUNE, after=after, upto=upto)
    letters = db.change(_PRUNE_DEAD, after=after, upto=upto)
    return Pruned(gone, old - gone, letters), upto, old == len(rows) == limit


class LogSize:
    """How much the log holds, added up as it grows, so that nothing is read twice."""

    def __init__(self) -> None:
        self._steps: deque[tuple[int, int]] = deque()
        self._last = 0
        self._bytes = 0
        self._spared = 0

    async def spared(
        self, ask: Callable[[Callable[[Connection], Any]], Awaitable[Any]], max_bytes: int
    ) -> int:
        """The number of the newest event that has to go for the others to have room; 0: none.

        Args:
            ask: runs a question.
            max_bytes: of the contents of all events that stay, in UTF-8.
        """
        while True:
            last, size, count = await ask(self._next(self._last))
            if count:
                self._last = last
                self._bytes += int(size)
                self._steps.append((last, int(size)))
            if count < SIZE_STEP:
                break
        while self._bytes > max_bytes and self._steps:
            self._spared, size = self._steps.popleft()
            self._bytes -= size
        return self._spared

    def forget(self, upto: int) -> None:
        """Events up to a number are gone."""
        while self._steps and self._steps[0][0] <= upto:
            self._bytes -= self._steps.popleft()[1]

    @staticmethod
    def _next(after: int) -> Callable[[Connection], tuple[int, int, int]]:
        return lambda db: tuple(db.single(_SIZE, after=after, limit=SIZE_STEP))
