"""Deliveries that were given up, until they are sent again or their event is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, delete, select

from .deliveries import settle_lane
from .delivery_names import delivery_number
from .schema import dead_letters, deliveries, delivery_lanes, event_log
from .statements import Connection, Statement, add_row, row_values

STEP = 500
"""Dead letters that are sent again in one job."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that was given up.

    Attributes:
        event_id: its event's number in the log.
        session_id: whose event.
        kind: the event's name.
        data: its content, JSON text.
        created_ms: when it happened, Unix milliseconds.
        attempts: how often it was tried.
        status: what the receiver answered last, an HTTP status; None without an answer.
        died_ms: when it was given up, Unix milliseconds.
    """

    event_id: int
    session_id: str
    kind: str
    data: str
    created_ms: int
    attempts: int
    status: int | None
    died_ms: int


_DEAD = dead_letters.c
_ADD = Statement(
    lambda insert_into: (
        insert_into(dead_letters).values(row_values(dead_letters)).on_conflict_do_nothing()
    )
)
_TAKE = Statement(
    delete(deliveries)
    .where(deliveries.c.number == bindparam("number"))
    .returning(*(deliveries.c[name] for name in ("event_id", "session_id", "webhook", "lane")))
)
_TRIES = Statement(
    select(delivery_lanes.c.attempts, delivery_lanes.c.status).where(
        delivery_lanes.c.session_id == bindparam("session_id"),
        delivery_lanes.c.webhook == bindparam("webhook"),
        delivery_lanes.c.lane == bindparam("lane"),
        delivery_lanes.c.head == bindparam("number"),
    )
)
_RANGE = and_(
    _DEAD.webhook == bindparam("webhook"),
    _DEAD.number >= bindparam("first"),
    _DEAD.number <= bindparam("last"),
)
_LIST = Statement(
    select(
        _DEAD.event_id,
        _DEAD.session_id,
        event_log.c.kind,
        event_log.c.data,
        event_log.c.created_ms,
        _DEAD.attempts,
        _DEAD.status,
        _DEAD.died_ms,
    )
    .join(event_log, event_log.c.id == _DEAD.event_id)
    .where(_RANGE)
    .order_by(_DEAD.webhook, _DEAD.number)
    .limit(bindparam("limit"))
)
_PLACES = Statement(
    select(_DEAD.number, _DEAD.event_id, _DEAD.session_id, _DEAD.lane)
    .where(_RANGE)
    .order_by(_DEAD.webhook, _DEAD.number)
    .limit(bindparam("limit"))
)
_RAISE = Statement(delete(dead_letters).where(_DEAD.number == bindparam("number")))


_SEND_AGAIN = add_row(deliveries)


def bury(db: Connection, numbers: Sequence[int], now_ms: int, status: int | None) -> None:
    """Give deliveries up; what they held back is due.

    Args:
        status: what the receiver answered last; None: what is known of the lane's tries.
    """
    for number in numbers:
        taken = db.one(_TAKE, number=number)
        if taken is None:
            continue
        event_id, session_id, webhook, lane = taken
        place = {"session_id": session_id, "webhook": webhook, "lane": lane}
        attempts, known = db.one(_TRIES, **place, number=number) or (0, None)
        db.change(
            _ADD,
            number=number,
            event_id=event_id,
            **place,
            attempts=attempts if status is None else attempts + 1,
            status=known if status is None else status,
            died_ms=now_ms,
        )
        settle_lane(db, session_id, webhook, lane)


def dead_after(db: Connection, webhook: int, after: int, limit: int) -> list[DeadLetter]:
    """A webhook's dead letters behind an event's number, in order."""
    rows = db.all(
        _LIST,
        webhook=webhook,
        first=delivery_number(after + 1, webhook),
        last=delivery_number(0, webhook + 1) - 1,
        limit=limit,
    )
    return [DeadLetter(*row) for row in rows]


def raise_dead(db: Connection, webhook: int, first: int, last: int) -> tuple[list[str], int | None]:
    """Have dead letters delivered again, a bounded number at a time.

    Args:
        first, last: the numbers of the events, both included.

    Returns:
        the sessions that have something to deliver, one entry for each letter; and the event to go
        on with, None when that was all.
    """
    highest = delivery_number(0, webhook + 1) - 1
    rows = db.all(
        _PLACES,
        webhook=webhook,
        first=delivery_number(first, webhook),
        last=min(delivery_number(0, webhook) + last, highest),
        limit=STEP,
    )
    lanes = set()
    for number, event_id, session_id, lane in rows:
        db.change(_RAISE, number=number)
        place = {"session_id": session_id, "webhook": webhook, "lane": lane}
        db.change(_SEND_AGAIN, number=number, event_id=event_id, **place)
        lanes.add((session_id, lane))
    for session_id, lane in lanes:
        settle_lane(db, session_id, webhook, lane)
    following = rows[-1][1] + 1 if len(rows) == STEP else None
    return [row[2] for row in rows], following
