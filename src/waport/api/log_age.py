"""How old events may get in the log, whatever the calendar does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

JUMP_S: Final = 3600.0
"""A calendar that is set forward by so much makes young events look old."""


class LogAge:
    """Says which events have been kept for long enough.

    After the calendar was set forward none has, until the time to keep has passed anew: readers who
    come back find everything since. The limit on their number holds meanwhile.

    Args:
        keep_s: how long events are kept.
        clock: Unix time in seconds.
        monotonic: seconds that only ever rise.
    """

    def __init__(
        self,
        keep_s: float,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep_s = keep_s
        self._clock = clock
        self._monotonic = monotonic
        self._offset = clock() - monotonic()
        self._spared_until = 0.0

    def before_ms(self) -> int:
        """Events from before that time may go, Unix milliseconds; to be asked every hour or so."""
        now, passed = self._clock(), self._monotonic()
        ahead_s = now - passed - self._offset
        self._offset = now - passed
        if ahead_s > JUMP_S:
            log.warning("the calendar was set forward by %.0f s; old events are kept", ahead_s)
            self._spared_until = passed + self._keep_s
        return 0 if passed < self._spared_until else int((now - self._keep_s) * 1000)
