"""Deliveries whose time makes no sense any more."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select, update

from .schema import delivery_lanes
from .statements import Connection, Statement

_BEYOND: Any = delivery_lanes.c.due_ms > bindparam("latest_ms")
_ANY = Statement(select(delivery_lanes.c.lane).where(_BEYOND).limit(1))
_HASTEN = Statement(update(delivery_lanes).where(_BEYOND).values(due_ms=0))


def is_beyond(db: Connection, latest_ms: int) -> bool:
    """Whether a lane is put off beyond a time, Unix milliseconds."""
    return db.one(_ANY, latest_ms=latest_ms) is not None


def hasten(db: Connection, latest_ms: int) -> None:
    """Have the lanes that are put off beyond a time be due at once."""
    db.change(_HASTEN, latest_ms=latest_ms)
