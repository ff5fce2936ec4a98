"""Failures to sync a collection: how often in a row, and when to try again."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..appstate import Collection
from .clock import Clock

MAX_TRIES = 6
"""Failures in a row after which a collection is left alone until there is news of it."""

MAX_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Failures in a row.

    Attributes:
        tries: how many.
        until: when to try again, on the monotonic clock; infinite for not by itself.
    """

    tries: int
    until: float


class Troubles:
    """The failures of all collections; pauses double with each, from one second on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[Collection, _Trouble] = {}

    def note(self, collection: Collection, *, at_once: bool = False) -> None:
        """It failed once more.

        Args:
            at_once: it may be tried again without a pause.
        """
        known = self._known.get(collection)
        tries = 1 if known is None else known.tries + 1
        pause = 0.0 if at_once else min(2.0 ** (tries - 1), MAX_PAUSE_S)
        until = math.inf if tries > MAX_TRIES else self._clock.monotonic() + pause
        self._known[collection] = _Trouble(tries, until)

    def end(self, collection: Collection) -> None:
        """It went well, or there is nothing to be done."""
        self._known.pop(collection, None)

    def clear(self) -> None:
        """Begin anew with all."""
        self._known.clear()

    def forgive(self) -> None:
        """Those that were given up may be tried again."""
        for collection, trouble in list(self._known.items()):
            if math.isinf(trouble.until):
                del self._known[collection]

    def is_over(self, collection: Collection) -> bool:
        """Whether a collection may be tried now."""
        known = self._known.get(collection)
        return known is None or known.until <= self._clock.monotonic()

    def pause_s(self) -> float | None:
        """Seconds until one may be tried again; None when none will be by itself."""
        until = min((each.until for each in self._known.values()), default=math.inf)
        return None if math.isinf(until) else max(until - self._clock.monotonic(), 0.0)
