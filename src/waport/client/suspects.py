"""A message over which the server closes the stream must not be sent at every login for ever.

Source: docs/protocol/messages.md, "Server ack": stanzas are answered in their order.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..store import QueuedSend
from .policy import Close

LIMIT = 9
"""So much suspicion against one message, and it is given up: nine ends of the stream that the
server did not explain, or three by which it said that it could not read us."""


class Suspects:
    """Keeps in mind which message the server seems to choke on.

    It answers messages in their order, so that the first one without an answer when it ends the
    stream is the one that it was at. One end says little, since servers restart; the same message
    again and again says enough. Nothing is kept over a restart of this program.
    """

    def __init__(self) -> None:
        self._id = ""
        self._weight = 0
        self._pending: tuple[int, int, frozenset[str]] | None = None

    def ended(self, close: Close | None, now_ms: int, excused: Sequence[str]) -> None:
        """A connection over which messages went has ended.

        Args:
            close: how; None when it was we who ended it.
            now_ms: Unix milliseconds; what was queued later did not go over it.
            excused: messages that the server has answered, and that wait all the same.
        """
        if close is not None and close.suspicion:
            self._pending = (close.suspicion, now_ms, frozenset(excused))

    def judge(self, waiting: Sequence[QueuedSend]) -> QueuedSend | None:
        """Before what waits is sent again: the one that must not be, if there is one.

        Args:
            waiting: everything without an answer, in its order.
        """
        if self._pending is None:
            return None
        (weight, until_ms, excused), self._pending = self._pending, None
        first = next((row for row in waiting if row.message_id not in excused), None)
        if first is None or first.created_ms > until_ms:
            self._id, self._weight = "", 0
            return None
        self._weight = weight + (self._weight if self._id == first.message_id else 0)
        self._id = first.message_id
        return first if self._weight >= LIMIT else None
