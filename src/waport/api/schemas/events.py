"""Events of the log."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from .common import SuccessEnvelope


class EventJson(TypedDict):
    """One event; `timestamp` says when it happened, ISO 8601 in UTC.

    In the older form `ready` and `authenticated` have no `data`.
    """

    id: str
    sessionId: str
    dataType: str
    data: NotRequired[dict[str, Any]]
    timestamp: str


class EventsAnswer(SuccessEnvelope):
    """Some events in order, and the id to go on from."""

    events: list[EventJson]
    next: str
