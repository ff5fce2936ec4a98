"""Who still has to be told of which event.

Deliveries of one session to one receiver stand in lanes (a chat, say), and lanes keep their order:
only the first of a lane, its head, is ever tried, and while it waits for another try everything
behind it waits too. All that a try changes is therefore in one row, the lane's; and what is due is
read off an index of the lanes, however many events have gathered behind the heads.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.sql import ClauseElement

from .delivery import Delivery, DueLanes
from .delivery_names import delivery_number, parts_of, queue_name
from .schema import deliveries, delivery_lanes, event_log
from .statements import Connection, InsertFactory, Row, Statement, add_row, row_values

_LANE = delivery_lanes.c
_FRESH = {"due_ms": 0, "attempts": 0, "refusals": 0, "refused_ms": 0, "status": None}
_STATE = tuple(_LANE[name] for name in ("head", *_FRESH))
_ORDER = ("session_id", "webhook", "lane", "number")


def _open_lane(insert_into: InsertFactory) -> ClauseElement:
    return insert_into(delivery_lanes).values(row_values(delivery_lanes)).on_conflict_do_nothing()


def _in_queue(table: Table) -> ColumnElement[bool]:
    return and_(
        table.c.session_id == bindparam("session_id"), table.c.webhook == bindparam("webhook")
    )


def _is_lane(table: Table, name: str = "lane") -> ColumnElement[bool]:
    return and_(_in_queue(table), table.c.lane == bindparam(name))


def _is_head() -> ColumnElement[bool]:
    return and_(_is_lane(delivery_lanes), _LANE.head == bindparam("number"))


def _later(column: ColumnElement[int], name: str) -> ColumnElement[int]:
    """The column's value or the parameter's, whichever is greater."""
    given = bindparam(name, type_=BigInteger)
    return case((column < given, given), else_=column)


_ADD = add_row(deliveries)
_OPEN_LANE = Statement(_open_lane)
_SESSION_AFTER = Statement(
    select(func.min(_LANE.session_id)).where(_LANE.session_id > bindparam("session_id"))
)
_WEBHOOK_AFTER = Statement(
    select(func.min(_LANE.webhook)).where(
        _LANE.session_id == bindparam("session_id"), _LANE.webhook > bindparam("webhook")
    )
)
_DUE = Statement(
    select(_LANE.lane, _LANE.attempts, _LANE.refusals, _LANE.refused_ms)
    .where(_in_queue(delivery_lanes), _LANE.due_ms <= bindparam("now_ms"))
    .order_by(_LANE.due_ms, _LANE.head)
    .limit(bindparam("limit"))
)
_NEXT_DUE = Statement(
    select(func.min(_LANE.due_ms)).where(
        _in_queue(delivery_lanes), _LANE.due_ms > bindparam("now_ms")
    )
)
_FIRST_OF_LANE = Statement(
    select(deliveries.c.event_id, event_log.c.kind, event_log.c.data, event_log.c.created_ms)
    .join(event_log, event_log.c.id == deliveries.c.event_id)
    .where(_is_lane(deliveries))
    .order_by(*(deliveries.c[name] for name in _ORDER))
    .limit(bindparam("limit"))
)
_PLACE = tuple(deliveries.c[name] for name in ("session_id", "webhook", "lane"))
_STRIKE = Statement(
    delete(deliveries).where(deliveries.c.number == bindparam("number")).returning(*_PLACE)
)
_HEAD = Statement(select(func.min(deliveries.c.number)).where(_is_lane(deliveries)))
_ADVANCE = Statement(
    update(delivery_lanes)
    .where(_is_lane(delivery_lanes), _LANE.head != bindparam("number"))
    .values(head=bindparam("number"), **_FRESH)
)
_CLOSE_LANE = Statement(
    delete(delivery_lanes).where(_is_lane(delivery_lanes)).returning(*_STATE),
)
_WHERE_IS = Statement(select(*_PLACE).where(deliveries.c.number == bindparam("number")))
_COUNT_TRY = Statement(
    update(delivery_lanes)
    .where(_is_head())
    .values(attempts=_LANE.attempts + 1, status=bindparam("new_status"))
)
_POSTPONE = Statement(
    update(delivery_lanes)
    .where(_is_head())
    .values(
        attempts=_LANE.attempts + 1,
        refusals=_LANE.refusals + 1,
        refused_ms=case((_LANE.refusals == 0, bindparam("now_ms")), else_=_LANE.refused_ms),
        due_ms=_later(_LANE.due_ms, "new_due_ms"),
        status=bindparam("new_status"),
    )
)
_EARLIER = Statement(
    select(_LANE.lane)
    .where(
        _in_queue(delivery_lanes),
        _LANE.lane != bindparam("lane"),
        _LANE.head < bindparam("number"),
        or_(_LANE.refusals < bindparam("refusals"), _LANE.due_ms <= bindparam("now_ms")),
    )
    .limit(1)
)
_LANES_FROM = Statement(
    select(_LANE.lane)
    .where(_in_queue(delivery_lanes), _LANE.lane >= bindparam("lane"))
    .order_by(_LANE.session_id, _LANE.lane)
    .limit(bindparam("limit"))
)
_AGES = Statement(
    select(deliveries.c.number, event_log.c.created_ms)
    .join(event_log, event_log.c.id == deliveries.c.event_id)
    .where(_is_lane(deliveries))
    .order_by(*(deliveries.c[name] for name in _ORDER))
    .limit(bindparam("limit"))
)
_MOVE = Statement(
    update(deliveries).where(_is_lane(deliveries, "old")).values(lane=bindparam("new"))
)
_LANE_HEAD = Statement(select(_LANE.head).where(_is_lane(delivery_lanes)))
_PUT_STATE = Statement(
    update(delivery_lanes)
    .where(_is_lane(delivery_lanes))
    .values({name: bindparam(f"new_{name}") for name in ("head", *_FRESH)})
)


_RECEIVERS = Statement(
    select(_LANE.webhook).where(
        _LANE.session_id == bindparam("session_id"), _LANE.lane == bindparam("lane")
    )
)


def add_delivery(
    db: Connection, session_id: str, lane: str, event_id: int, webhook: int = 0
) -> None:
    """Somebody has to be told of the newest event, after the earlier ones of its lane."""
    number = delivery_number(event_id, webhook)
    place: dict[str, Any] = {"session_id": session_id, "webhook": webhook, "lane": lane}
    db.change(_ADD, number=number, event_id=event_id, **place)
    db.change(_OPEN_LANE, **place, head=number, **_FRESH)


def rename_lane(db: Connection, session_id: str, old: str, new: str) -> None:
    """Put what waits in one lane into another, all in the order of the events."""
    if old == new:
        return
    for (webhook,) in db.all(_RECEIVERS, session_id=session_id, lane=old):
        queue: dict[str, Any] = {"session_id": session_id, "webhook": webhook}
        state = db.one(_CLOSE_LANE, **queue, lane=old)
        if state is None:
            continue
        db.change(_MOVE, **queue, old=old, new=new)
        values = dict(zip(("head", *_FRESH), state, strict=True))
        there = db.one(_LANE_HEAD, **queue, lane=new)
        if there is None:
            db.change(_OPEN_LANE, **queue, lane=new, **values)
        elif values["head"] < there[0]:
            named = {f"new_{name}": value for name, value in values.items()}
            db.change(_PUT_STATE, **queue, lane=new, **named)


def settle_lane(db: Connection, session_id: str, webhook: int, lane: str) -> None:
    """After deliveries of a lane came or went: it begins with its first one, or is gone."""
    place: dict[str, Any] = {"session_id": session_id, "webhook": webhook, "lane": lane}
    (head,) = db.single(_HEAD, **place)
    if head is None:
        db.change(_CLOSE_LANE, **place)
        return
    db.change(_OPEN_LANE, **place, head=head, **_FRESH)
    db.change(_ADVANCE, **place, number=head)


class Deliveries:
    """What is still to be told, of all sessions together."""

    __slots__ = ("_db",)

    def __init__(self, db: Connection) -> None:
        self._db = db

    def queues(self) -> list[str]:
        """The queues that have deliveries; a look or two into an index for each."""
        found: list[str] = []
        (session_id,) = self._db.single(_SESSION_AFTER, session_id="")
        while session_id is not None:
            (webhook,) = self._db.single(_WEBHOOK_AFTER, session_id=session_id, webhook=-1)
            while webhook is not None:
                found.append(queue_name(session_id, webhook))
                (webhook,) = self._db.single(_WEBHOOK_AFTER, session_id=session_id, webhook=webhook)
            (session_id,) = self._db.single(_SESSION_AFTER, session_id=session_id)
        return found

    def due(
        self, queue: str, now_ms: int, busy: Collection[str], lanes: int, rows: int
    ) -> DueLanes:
        """Lanes of a queue whose time has come, the ones that wait longest first.

        Args:
            busy: lanes to leave out, since the caller is at work on them.
            lanes: so many lanes at most.
            rows: so many deliveries of each at most.
        """
        session_id, webhook = parts_of(queue)
        # What is busy is taken out here: a condition in SQL would keep the index from being used.
        found = self._db.all(
            _DUE,
            session_id=session_id,
            webhook=webhook,
            now_ms=now_ms,
            limit=lanes + len(busy) + 1,
        )
        free = [row for row in found if row[0] not in busy]
        due = [self._first(session_id, webhook, row, rows) for row in free[:lanes]]
        next_ms: int | None = now_ms
        if len(free) <= lanes:
            (next_ms,) = self._db.single(
                _NEXT_DUE, session_id=session_id, webhook=webhook, now_ms=now_ms
            )
        return DueLanes(queue, due, next_ms)

    def _first(self, session_id: str, webhook: int, row: Row, limit: int) -> list[Delivery]:
        lane, *counts = row
        tries = dict(zip(("attempts", "refusals", "refused_ms"), counts, strict=True))
        found = self._db.all(
            _FIRST_OF_LANE, session_id=session_id, webhook=webhook, lane=lane, limit=limit
        )
        return [
            # Only the head was ever tried.
            Delivery(
                event_id,
                session_id,
                lane,
                kind,
                data,
                created_ms,
                webhook=webhook,
                **({} if place else tries),
            )
            for place, (event_id, kind, data, created_ms) in enumerate(found)
        ]

    def finish(self, numbers: Sequence[int]) -> None:
        """These were told, or are given up: what they held back is due at once."""
        lanes = {self._db.one(_STRIKE, number=number) for number in numbers}
        for row in lanes:
            if row is not None:
                settle_lane(self._db, *row)

    def count_try(self, number: int, status: int | None) -> None:
        """Telling a lane's head failed, and not for its own reasons: it stays due."""
        self._change_head(_COUNT_TRY, number, new_status=status)

    def postpone(self, number: int, due_ms: int, now_ms: int, status: int | None) -> None:
        """Telling a lane's head failed for its own reasons: try the lane again later.

        Args:
            due_ms: Unix milliseconds; a time before the one that was set changes nothing.
            status: what the receiver answered, an HTTP status; None without an answer.
        """
        self._change_head(_POSTPONE, number, new_due_ms=due_ms, now_ms=now_ms, new_status=status)

    def _change_head(self, statement: Statement, number: int, **values: int | None) -> None:
        # The lane is looked up: it may have got another name since the delivery was read.
        row = self._db.one(_WHERE_IS, number=number)
        if row is not None:
            session_id, webhook, lane = row
            self._db.change(
                statement,
                session_id=session_id,
                webhook=webhook,
                lane=lane,
                number=number,
                **values,
            )

    def has_earlier(self, delivery: Delivery, now_ms: int, refusals: int) -> bool:
        """Whether other lanes of the queue hold earlier events.

        Args:
            refusals: a lane that was refused so often does not count while it waits.
        """
        row = self._db.one(
            _EARLIER,
            session_id=delivery.session_id,
            webhook=delivery.webhook,
            lane=delivery.lane,
            number=delivery.number,
            refusals=refusals,
            now_ms=now_ms,
        )
        return row is not None

    def old(
        self, queue: str, before_ms: int, start: str, limit: int
    ) -> tuple[list[int], str | None]:
        """A queue's deliveries of events from before a time, a bounded number of them.

        Args:
            start: the lane to begin with; "" the first time.

        Returns:
            their numbers, and the lane to go on with; None when that was all.
        """
        session_id, webhook = parts_of(queue)
        place: dict[str, Any] = {"session_id": session_id, "webhook": webhook}
        numbers: list[int] = []
        lanes = self._db.all(_LANES_FROM, **place, lane=start, limit=limit + 1)
        for position, (lane,) in enumerate(lanes):
            if position == limit or len(numbers) >= limit:
                return numbers, lane
            rows = self._db.all(_AGES, **place, lane=lane, limit=limit)
            old = [number for number, created_ms in rows if created_ms < before_ms]
            numbers += old
            if len(old) == limit:
                return numbers, lane  # it may have more
        return numbers, None
