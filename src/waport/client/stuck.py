"""Sessions on which a device asks for a message again and again: they have to be replaced.

Source: docs/protocol/signal.md, "Repair of sessions".
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeVar

from .clock import Clock

K = TypeVar("K")
V = TypeVar("V")

RECREATE_INTERVAL_S: Final = 3600
"""A session that only seems stuck is replaced at most this often for each device."""

MAX_REMEMBERED: Final = 1000
"""Devices, and messages of devices, that are kept in mind; the oldest go first."""


class StuckSessions:
    """Keeps in mind on which base key devices have asked, and whose sessions were replaced."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._base_keys: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._replaced: OrderedDict[str, float] = OrderedDict()

    def is_stuck(self, address: str, message_id: str, count: int, base_key: bytes) -> bool:
        """Whether the session has to go; it counts as replaced then.

        Args:
            address: the device's.
            count: the how manieth request for this message it is, from 1.
            base_key: of the session.
        """
        key = (address, message_id)
        if count == 2:
            _remember(self._base_keys, key, base_key)
        stuck = count > 2 and self._base_keys.get(key) == base_key
        now = self._clock.monotonic()
        if count > 1 and not stuck:
            last = self._replaced.get(address)
            stuck = last is None or now - last >= RECREATE_INTERVAL_S
        if stuck:
            _remember(self._replaced, address, now)
            self._base_keys.pop(key, None)
        return stuck

    @property
    def size(self) -> int:
        """How much is kept in mind."""
        return len(self._base_keys) + len(self._replaced)


def _remember(known: OrderedDict[K, V], key: K, value: V) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > MAX_REMEMBERED:
        known.popitem(last=False)
