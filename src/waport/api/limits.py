"""The rate limit: so many requests in a window of time, for each key or address."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from starlette.types import Scope as RequestScope

from ..model import ApiKey
from .errors import HttpError

MAX_CALLERS: Final = 10_000
"""Callers that are counted at a time; beyond that the oldest windows are dropped."""


class RateLimit:
    """Counts requests in fixed windows.

    Args:
        most: requests that a caller may make in one window.
        window_ms: how long a window is.
        clock: seconds, never going back.
    """

    def __init__(
        self, most: int, window_ms: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._window_s = window_ms / 1000
        self._clock = clock
        self._windows: dict[bytes, tuple[float, int]] = {}

    def take(self, caller: bytes) -> int | None:
        """Count a request; None lets it through, else the seconds to wait (at least 1)."""
        now = self._clock()
        start, count = self._windows.get(caller, (now, 0))
        if now - start >= self._window_s:
            start, count = now, 0
        if count >= self._most:
            return max(1, math.ceil(start + self._window_s - now))
        if count == 0:
            # At the end of the dictionary: its front has the oldest windows.
            self._windows.pop(caller, None)
            if len(self._windows) >= MAX_CALLERS:
                del self._windows[next(iter(self._windows))]
        self._windows[caller] = (start, count + 1)
        return None


def check_rate(limit: RateLimit, scope: RequestScope, key: ApiKey | None) -> None:
    """Count a request of a key's holder; without a key a caller is its address.

    Raises:
        HttpError: 429, it has made too many.
    """
    client = scope.get("client")
    caller = f"a{client[0] if client else '?'}" if key is None else f"k{key.id}"
    wait_s = limit.take(caller.encode())
    if wait_s is not None:
        headers = (("retry-after", str(wait_s)),)
        raise HttpError(429, "rate_limited", "Too many requests", headers)
