"""One event as it goes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .rawdata import compact_json

SESSION_LANE = ""
"""The lane of events about the session itself."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event as it goes out.

    Attributes:
        kind: the event's name, `dataType` outside.
        lane: frames of one session and lane keep their order: the chat, or `SESSION_LANE`.
        data: the payload.
        text: the payload as JSON, made once.
    """

    kind: str
    lane: str
    data: Mapping[str, object] = field(repr=False)
    text: str = field(repr=False)

    @classmethod
    def of(cls, kind: str, data: Mapping[str, object], lane: str = SESSION_LANE) -> Frame:
        """A frame whose text is the JSON of its data."""
        return cls(kind, lane, data, compact_json(data))
