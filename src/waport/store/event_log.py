"""The log of outgoing events, and who still has to be told.

An event is in a lane (a chat, say) of its session. Lanes keep their order: while one row waits for
another try, everything behind it in the lane waits too. That rule is kept by the rows themselves.
Along a lane `due_ms` never falls: a new row takes the latest `due_ms` of its lane, and postponing a
row postpones what is behind it. So what is due can be read off an index without looking at what is
in front, however long a dead receiver's lane has grown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    true,
    tuple_,
    update,
)

from .rows import Repository
from .schema import deliveries, event_log, retries
from .statements import Connection, Statement, row_values

Lane = tuple[str, str]
"""A session id and the name of one of its lanes."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that somebody still has to be told.

    Attributes:
        event_id: its number in the log.
        session_id: whose event.
        lane: events of one lane are told in order.
        kind: the event's name.
        data: its content, JSON text.
        created_ms: when it happened, Unix milliseconds.
        attempts: how often telling it has failed.
    """

    event_id: int
    session_id: str
    lane: str
    kind: str
    data: str
    created_ms: int
    attempts: int


_APPEND = Statement(insert(event_log).values(row_values(event_log)).returning(event_log.c.id))
_WAITING = deliveries.alias("waiting")
_DELIVER = Statement(
    insert(deliveries).from_select(
        ["event_id", "session_id", "lane", "attempts", "due_ms"],
        select(
            bindparam("event_id", type_=BigInteger),
            bindparam("session_id", type_=Text),
            bindparam("lane", type_=Text),
            literal(0),
            func.coalesce(func.max(_WAITING.c.due_ms), 0),
        ).where(
            _WAITING.c.session_id == bindparam("session_id", type_=Text),
            _WAITING.c.lane == bindparam("lane", type_=Text),
        ),
    )
)

_DUE = (
    select(
        deliveries.c.event_id,
        deliveries.c.session_id,
        deliveries.c.lane,
        event_log.c.kind,
        event_log.c.data,
        event_log.c.created_ms,
        deliveries.c.attempts,
    )
    .join(event_log, event_log.c.id == deliveries.c.event_id)
    .order_by(deliveries.c.due_ms, deliveries.c.event_id)
)
_NEXT_DUE = select(func.min(deliveries.c.due_ms))
_FINISH = Statement(delete(deliveries).where(deliveries.c.event_id == bindparam("event_id")))
_FAILED = Statement(
    update(deliveries)
    .where(deliveries.c.event_id == bindparam("event_id"))
    .values(attempts=deliveries.c.attempts + 1, status=bindparam("new_status"))
    .returning(deliveries.c.session_id, deliveries.c.lane)
)
_HOLD_LANE = Statement(
    update(deliveries)
    .where(
        deliveries.c.session_id == bindparam("session_id"),
        deliveries.c.lane == bindparam("lane"),
        deliveries.c.event_id >= bindparam("event_id"),
        deliveries.c.due_ms < bindparam("new_due_ms", type_=BigInteger),
    )
    .values(due_ms=bindparam("new_due_ms", type_=BigInteger))
)

_OLDEST = Statement(
    select(event_log.c.id, event_log.c.created_ms)
    .where(event_log.c.id > bindparam("after"))
    .order_by(event_log.c.id)
    .limit(bindparam("limit"))
)
_PRUNE = Statement(
    delete(event_log).where(
        event_log.c.id > bindparam("after"),
        event_log.c.id <= bindparam("upto"),
        ~exists().where(deliveries.c.event_id == event_log.c.id),
    )
)
_PRUNE_RETRIES = Statement(delete(retries).where(retries.c.updated_ms < bindparam("before_ms")))


class EventLog(Repository):
    """The events of this session."""

    __slots__ = ("_now_ms",)

    def __init__(self, db: Connection, session_id: str, now_ms: Callable[[], int]) -> None:
        super().__init__(db, session_id)
        self._now_ms = now_ms

    def append(self, kind: str, lane: str, data: str, *, deliver: bool) -> int:
        """Log an event.

        Args:
            kind: its name.
            lane: what it must stay in order with, such as a chat.
            data: its content, JSON text.
            deliver: somebody has to be told; the lane's earlier events come first.

        Returns:
            the event's number. Numbers rise in the order of the commits.
        """
        (event_id,) = self._db.single(
            _APPEND,
            session_id=self._session_id,
            kind=kind,
            lane=lane,
            data=data,
            created_ms=self._now_ms(),
        )
        if deliver:
            self._db.change(_DELIVER, event_id=event_id, session_id=self._session_id, lane=lane)
        return int(event_id)


class Deliveries:
    """What is still to be told, of all sessions together."""

    __slots__ = ("_db",)

    def __init__(self, db: Connection) -> None:
        self._db = db

    def due(self, now_ms: int, limit: int, busy_lanes: Collection[Lane] = ()) -> list[Delivery]:
        """Deliveries whose time has come: of each lane its head and what follows without a gap.

        Rows of one lane stand in their order, and never without the rows in front of them.

        Args:
            busy_lanes: lanes to leave out, since the caller is at work on them.
        """
        question = _DUE.where(deliveries.c.due_ms <= now_ms, _not_in(busy_lanes)).limit(limit)
        rows = self._db.ask_once(question)
        return [Delivery(*row) for row in rows]

    def next_due(self, busy_lanes: Collection[Lane] = ()) -> int | None:
        """When the next delivery is due, Unix milliseconds; None if nothing waits.

        0 and every other time that has passed mean now.
        """
        rows = self._db.ask_once(_NEXT_DUE.where(_not_in(busy_lanes)))
        due_ms: int | None = rows[0][0]
        return due_ms

    def finish(self, event_ids: Sequence[int]) -> None:
        """These were told, or are given up. What they held back keeps its time."""
        self._db.many(_FINISH, [{"event_id": event_id} for event_id in event_ids])

    def postpone(self, event_id: int, due_ms: int, status: int | None) -> None:
        """Telling it failed: try again later, and hold back the rest of its lane until then.

        Args:
            due_ms: Unix milliseconds; a time before the one that was set changes nothing.
            status: what the receiver answered, an HTTP status; None without an answer.
        """
        row = self._db.one(_FAILED, event_id=event_id, new_status=status)
        if row is not None:
            session_id, lane = row
            self._db.change(
                _HOLD_LANE,
                session_id=session_id,
                lane=lane,
                event_id=event_id,
                new_due_ms=due_ms,
            )

    def prune(self, before_ms: int, after: int, limit: int) -> tuple[int, int | None]:
        """Remove old events that nobody waits for, a bounded number at a time.

        Args:
            after: the number to go on from; 0 to begin.

        Returns:
            how many went, and the number to go on from; None when that was all.
        """
        rows = self._db.all(_OLDEST, after=after, limit=limit)
        upto = after
        for event_id, created_ms in rows:
            if created_ms >= before_ms:
                break
            upto = event_id
        gone = self._db.change(_PRUNE, after=after, upto=upto) if upto > after else 0
        is_all = len(rows) < limit or upto < rows[-1][0]
        return gone, None if is_all else upto

    def prune_retries(self, before_ms: int) -> None:
        """Forget how often messages were asked for again that nobody asked for since."""
        self._db.change(_PRUNE_RETRIES, before_ms=before_ms)


def _not_in(lanes: Collection[Lane]) -> ColumnElement[bool]:
    if not lanes:
        return true()
    return tuple_(deliveries.c.session_id, deliveries.c.lane).not_in(list(lanes))
