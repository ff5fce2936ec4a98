"""An event that somebody still has to be told, and what of such events is due."""

from __future__ import annotations

from dataclasses import dataclass

from .delivery_names import delivery_number, queue_name


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that somebody still has to be told.

    Attributes:
        event_id: its number in the log.
        session_id: whose event.
        lane: events of one session and lane are told in order.
        kind: the event's name.
        data: its content, JSON text.
        created_ms: when it happened, Unix milliseconds.
        attempts: how often telling it has failed, for whatever reason.
        refusals: how many of those failures were its own, not a receiver's that nothing reached.
        refused_ms: when the first of these was, Unix milliseconds; 0 before it.
        webhook: the number of the webhook to be told; 0 is the receiver that the settings name.
    """

    event_id: int
    session_id: str
    lane: str
    kind: str
    data: str
    created_ms: int
    attempts: int = 0
    refusals: int = 0
    refused_ms: int = 0
    webhook: int = 0

    @property
    def number(self) -> int:
        """Names this delivery among all."""
        return delivery_number(self.event_id, self.webhook)

    @property
    def queue(self) -> str:
        """What the receiver has to be told of this session."""
        return queue_name(self.session_id, self.webhook)


@dataclass(frozen=True, slots=True)
class DueLanes:
    """What of one queue may be told.

    Attributes:
        queue: its name: a session, or one webhook's part of it (delivery_names.py).
        lanes: of each lane its first deliveries, in order.
        next_ms: when there may be more in lanes that are not here, Unix milliseconds. A time that
            has passed means now; None that nothing else waits.
    """

    queue: str
    lanes: list[list[Delivery]]
    next_ms: int | None
