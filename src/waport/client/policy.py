"""Why a connection ended, and what to do then: one table.

Source: docs/protocol/transport.md, "failure", "stream:error" and "Reconnect policy".
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from ..crypto import RandomBytes
from ..stanza.login import Failure, StreamError


class Cause(Enum):
    """Why a connection ended."""

    STOPPED = auto()
    """We were asked to."""
    RESTART = auto()
    """515, or the close after pairing: normal."""
    DEAD = auto()
    """Keep-alive found no life."""
    LOST = auto()
    """Closed, unreachable, server trouble."""
    RATE_LIMITED = auto()
    LOGGED_OUT = auto()
    """The phone or the server removed this device; the credentials are worth nothing any more."""
    REPLACED = auto()
    """The same device is connected elsewhere."""
    BANNED = auto()
    """For a while."""
    OUTDATED = auto()
    """This client version is refused."""
    REFUSED = auto()
    """The server wants none of it, and trying again would not help."""
    UNTRUSTED = auto()
    """The certificate chain failed: not WhatsApp, or a wrong clock."""
    QR_EXPIRED = auto()
    """Nobody scanned."""


class Retry(Enum):
    """When to connect again."""

    NOW = auto()
    BACKOFF = auto()
    LONG_BACKOFF = auto()
    AFTER_WAIT = auto()
    NEVER = auto()


@dataclass(frozen=True, slots=True)
class Action:
    """What follows a cause.

    Attributes:
        retry: when to connect again.
        forget: delete the credentials; only on a confirmed logout.
        reason: the word that a `disconnected` event tells at once, None for none.
    """

    retry: Retry
    forget: bool = False
    reason: str | None = None


ACTIONS: Mapping[Cause, Action] = {
    Cause.STOPPED: Action(Retry.NEVER),
    Cause.RESTART: Action(Retry.NOW),
    Cause.DEAD: Action(Retry.NOW),
    Cause.LOST: Action(Retry.BACKOFF),
    Cause.RATE_LIMITED: Action(Retry.LONG_BACKOFF),
    Cause.LOGGED_OUT: Action(Retry.NEVER, forget=True, reason="logged_out"),
    Cause.REPLACED: Action(Retry.NEVER, reason="connection_replaced"),
    Cause.BANNED: Action(Retry.AFTER_WAIT, reason="banned"),
    Cause.OUTDATED: Action(Retry.BACKOFF, reason="client_outdated"),
    Cause.REFUSED: Action(Retry.NEVER, reason="connection_lost"),
    Cause.UNTRUSTED: Action(Retry.LONG_BACKOFF),
    Cause.QR_EXPIRED: Action(Retry.NOW),
}

_FAILURES: Mapping[int, Cause] = {
    401: Cause.LOGGED_OUT,
    402: Cause.BANNED,
    403: Cause.LOGGED_OUT,
    405: Cause.OUTDATED,
    406: Cause.LOGGED_OUT,
    500: Cause.LOST,
    503: Cause.LOST,
}

_STREAM_ERRORS: Mapping[int, Cause] = {
    401: Cause.LOGGED_OUT,
    409: Cause.REPLACED,
    429: Cause.RATE_LIMITED,
    440: Cause.REPLACED,
    515: Cause.RESTART,
    516: Cause.LOGGED_OUT,
}

_CONFLICTS: Mapping[str, Cause] = {
    "replaced": Cause.REPLACED,
    "device_removed": Cause.LOGGED_OUT,
}


UNEXPLAINED = 1
"""The suspicion of an end for which the server gives no reason that would excuse us."""
MALFORMED = 3
"""The suspicion of one by which it says that it could not read us."""


@dataclass(frozen=True, slots=True)
class Close:
    """How one connection ended.

    Attributes:
        cause: a row of the table.
        detail: for logs and error texts; never key material.
        code: the server's number, 0 when it gave none.
        wait_s: how long a ban lasts.
        raw: the server's own words, for the event; some of them are sent once only, and are not
            for logs.
        suspicion: how much the server's end looks like the answer to something that we sent.
    """

    cause: Cause
    detail: str = ""
    code: int = 0
    wait_s: int | None = None
    raw: str = ""
    suspicion: int = 0

    @property
    def action(self) -> Action:
        """What follows."""
        return ACTIONS[self.cause]


def close_for_failure(failure: Failure) -> Close:
    """The end that a `<failure>` means. A ban without cause or length is an unknown failure."""
    cause = _FAILURES.get(failure.reason, Cause.REFUSED)
    seconds = failure.ban_seconds
    if cause is Cause.BANNED and (failure.ban_code is None or seconds is None or seconds <= 0):
        cause = Cause.REFUSED
    return Close(cause, f"failure {failure.reason}", failure.reason, seconds, failure.raw)


def close_for_stream_error(error: StreamError) -> Close:
    """The end that a `<stream:error>` means. The conflict's type outweighs the code."""
    if error.conflict is not None:
        cause = _CONFLICTS.get(error.conflict, Cause.REFUSED)
        return Close(cause, f"conflict {error.conflict}", error.code, raw=error.raw)
    cause = _STREAM_ERRORS.get(error.code, Cause.LOST)
    suspicion = (MALFORMED if error.malformed else UNEXPLAINED) if cause is Cause.LOST else 0
    detail = f"stream error {error.code}"
    return Close(cause, detail, error.code, raw=error.raw, suspicion=suspicion)


class Backoff:
    """Growing delays between failed tries: base x 2^n, capped, with a fifth of jitter."""

    def __init__(self, base_s: float, cap_s: float, random_bytes: RandomBytes = os.urandom) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self._random_bytes = random_bytes
        self.failures = 0

    def next_delay(self, steps: int = 1) -> float:
        """Count a failure and return the seconds to wait before the next try."""
        self.failures += steps
        exponent = min(self.failures - 1, 32)
        delay = min(self._base_s * 2.0**exponent, self._cap_s)
        fraction = int.from_bytes(self._random_bytes(2), "big") / 0xFFFF
        return delay * (0.8 + 0.4 * fraction)

    def longest(self) -> float:
        """The cap, for tries after the caller was told that the connection is lost."""
        return self._cap_s

    def reset(self) -> None:
        """The connection proved stable."""
        self.failures = 0
