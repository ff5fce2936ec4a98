"""What the webhook worker holds in memory of one session's lanes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..store import Delivery
from .render import SESSION_LANE


@dataclass(slots=True, eq=False)
class Lane:
    """A lane in memory: its first events, of which none is struck out yet.

    Attributes:
        may_have_more: the database may hold more of it than `rows`.
    """

    name: str
    rows: list[Delivery]
    may_have_more: bool


@dataclass(slots=True, eq=False)
class SessionLanes:
    """What is known of one session's deliveries.

    Attributes:
        lanes: those in memory, by name: waiting for a place, or on their way.
        waiting: the ones that wait.
        in_flight: how many are on their way.
        is_stale: there may be more to read.
        has_news: new events came since the last reading.
        next_ms: when a lane that is not in memory is due, Unix milliseconds; None if none is known.
        is_ending: the event that ends the session waits until other lanes are through.
    """

    session_id: str
    lanes: dict[str, Lane] = field(default_factory=dict)
    waiting: deque[Lane] = field(default_factory=deque)
    in_flight: int = 0
    is_stale: bool = True
    has_news: bool = False
    next_ms: int | None = None
    is_ending: bool = False

    def drop_waiting(self) -> None:
        """Forget what has not left; it is read again."""
        for lane in self.waiting:
            del self.lanes[lane.name]
        self.is_stale = self.is_stale or bool(self.waiting)
        self.waiting.clear()


def ends_session(delivery: Delivery) -> bool:
    """Whether nothing of the session's earlier events may come after this one."""
    return delivery.lane == SESSION_LANE and delivery.kind == "disconnected"
