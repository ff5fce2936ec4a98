"""Whether anything gets through to one webhook receiver now. Pure: the time is passed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_DELAY_S: Final = 600.0
MAX_SUSPECTS: Final = 1000
WITNESSES: Final = 3
"""So many different events have to fail before a receiver counts as down for untried ones, too."""
_GUILTY: Final = -1


def backoff_s(failures: int, base_s: float, jitter: Callable[[], float]) -> float:
    """How long to wait after so many failures in a row.

    It doubles with each one, up to ten minutes; the wait is between half of that and all of it.

    Args:
        failures: 1 or more.
        base_s: the longest wait after the first.
        jitter: a number from 0 up to 1.
    """
    longest = min(MAX_DELAY_S, base_s * float(2 ** min(failures - 1, 20)))
    return longest * (0.5 + jitter() / 2)


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """One post that is under way; `turn` counts the openings and closings before it."""

    turn: int


class Breaker:
    """Keeps everybody off a receiver that is down, but for one probe now and then.

    A failure opens it. Then nothing is posted until the pause is over, and after that one event
    only. If the receiver answers that one, everything goes on; if not, the next pause is longer.
    Posts that were under way together and fail together count as one failure.

    One event that the receiver always chokes on must not look like a receiver that is down: while
    hardly any other has failed, a new one may try at once, and an event that fails again although
    others were answered meanwhile is from then on judged alone.

    Args:
        base_s: the longest first pause.
        jitter: a number from 0 up to 1, for the pauses.
    """

    def __init__(self, base_s: float, jitter: Callable[[], float]) -> None:
        self._base_s = base_s
        self._jitter = jitter
        self._turn = 0
        self._probe: Attempt | None = None
        self._answers = 0
        self._suspects: dict[int, int] = {}
        self._failed_now: set[int] = set()
        self.failures = 0
        """Failed rounds in a row; 0 while the receiver answers."""
        self.retry_at: float | None = None
        """When the next probe may leave; None while the receiver answers."""
        self.down_since: float | None = None
        """When it stopped answering; None while it does."""
        self.taken_ms = 0
        """When it last took an event, Unix milliseconds; kept by whoever posts."""

    def admits(self, now: float) -> bool:
        """Whether any post may leave now."""
        return self.retry_at is None or (self._probe is None and now >= self.retry_at)

    @property
    def wants_witnesses(self) -> bool:
        """Whether a post of an event that has not failed yet may leave in any case."""
        return self._probe is None and len(self._failed_now) < WITNESSES

    def begin(self, now: float, event_id: int) -> Attempt | None:
        """Note that a post leaves; None if it must not. Tell afterwards how it went."""
        is_witness = self.wants_witnesses and event_id not in self._failed_now
        if not (self.admits(now) or is_witness):
            return None
        attempt = Attempt(self._turn)
        if self.retry_at is not None:
            self._probe = attempt
        return attempt

    def abandon(self, attempt: Attempt) -> None:
        """The post did not happen, or says nothing about the receiver."""
        if self._probe is attempt:
            self._probe = None

    def answered(self, attempt: Attempt, event_id: int) -> None:
        """The receiver answered, whatever it thinks of this event."""
        self._answers += 1
        self._suspects.pop(event_id, None)
        # What was sent before it went down says nothing about now.
        if attempt.turn == self._turn and self.retry_at is not None:
            self._turn += 1
            self._probe = self.retry_at = self.down_since = None
            self.failures = 0
            self._failed_now.clear()

    def failed(self, attempt: Attempt, event_id: int, now: float, wait_s: float = 0.0) -> bool:
        """Nothing came back.

        Args:
            wait_s: the receiver itself asks for a pause of at least that.

        Returns:
            whether that is the receiver's fault; False if it seems to be this event's.
        """
        answers_then = self._suspects.pop(event_id, None)
        self._suspects[event_id] = self._answers
        if len(self._suspects) > MAX_SUSPECTS:
            del self._suspects[next(iter(self._suspects))]
        if answers_then is not None and answers_then < self._answers:
            self._suspects[event_id] = _GUILTY
            self.abandon(attempt)
            return False
        self._failed_now.add(event_id)
        if attempt.turn == self._turn:
            self._turn += 1
            self._probe = None
            self.failures += 1
            pause_s = backoff_s(self.failures, self._base_s, self._jitter)
            self.retry_at = now + max(pause_s, wait_s)
            self.down_since = now if self.down_since is None else self.down_since
        return True

    def forget(self, event_id: int) -> None:
        """The event is given up."""
        self._suspects.pop(event_id, None)
