"""Who is told our sender keys by messages that are under way."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from .group_encryption import ToldDevices

MAX_TOLD: Final = 10_000
"""Unacknowledged messages whose readers of the sender key are remembered."""


class Told:
    """Which devices are told our sender keys by messages that the server has not acknowledged.

    Lost in a crash, without harm: they are told again then.
    """

    def __init__(self) -> None:
        # Added to on the event loop, taken from on the store's thread.
        self._by_id: OrderedDict[str, ToldDevices] = OrderedDict()

    def add(self, message_id: str, told: ToldDevices) -> None:
        """Remember until the ack."""
        while len(self._by_id) >= MAX_TOLD:
            self._by_id.popitem(last=False)
        self._by_id[message_id] = told

    def take(self, message_id: str) -> ToldDevices | None:
        """Whom a message told; asked once, with its ack."""
        return self._by_id.pop(message_id, None)
