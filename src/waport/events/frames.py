"""One event as it goes out, in the form that its readers expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .rawdata import compact_json

SESSION_LANE = ""
"""The lane of events about the session itself."""


class PayloadForm(StrEnum):
    """Whose readers the payloads are made for (`EVENT_PAYLOADS`)."""

    FLAT = "flat"
    """Those of the server that this one replaces: what happened lies at the top."""
    WWEBJS = "wwebjs"
    """Those of the older one: it lies one level deeper, under a key that names its shape."""
    BOTH = "both"
    """The first form, and beside it the keys of the second that it lacks."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event as it goes out.

    Attributes:
        kind: the event's name, `dataType` outside.
        lane: frames of one session and lane keep their order: the chat, or `SESSION_LANE`.
        data: the payload.
        text: the payload as JSON, made once; empty for an event that goes out without one.
        logged: what the log keeps of a payload that is too large for it; empty for all of it.
    """

    kind: str
    lane: str
    data: Mapping[str, object] = field(repr=False)
    text: str = field(repr=False)
    logged: str = field(default="", repr=False)

    @classmethod
    def of(cls, kind: str, data: Mapping[str, object], lane: str = SESSION_LANE) -> Frame:
        """A frame whose text is the JSON of its data."""
        return cls(kind, lane, data, compact_json(data))

    @classmethod
    def bare(cls, kind: str) -> Frame:
        """A frame of the session without a payload."""
        return cls(kind, SESSION_LANE, {}, "")

    def with_more(self, key: str, value: object) -> Frame:
        """The same frame with one key more at the end of its payload, which is not empty."""
        end = f',"{key}":{compact_json(value)}}}'
        return replace(
            self,
            data={**self.data, key: value},
            text=self.text[:-1] + end,
            logged=self.logged and self.logged[:-1] + end,
        )


def payload(
    form: PayloadForm, flat: Mapping[str, object], wwebjs: Mapping[str, object]
) -> Mapping[str, object]:
    """The payload in one form, of an event that has two."""
    match form:
        case PayloadForm.FLAT:
            return flat
        case PayloadForm.WWEBJS:
            return wwebjs
        case PayloadForm.BOTH:
            return merged(flat, wwebjs)


def merged(first: Mapping[str, object], second: Mapping[str, object]) -> dict[str, object]:
    """One object with the keys of both, at every depth; where both have a value, the first's."""
    result = dict(first)
    for key, value in second.items():
        mine = result.get(key)
        if key not in result:
            result[key] = value
        elif isinstance(mine, Mapping) and isinstance(value, Mapping):
            result[key] = merged(mine, value)
    return result
