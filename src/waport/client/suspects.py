"""A message over which the server closes the stream must not be sent at every login for ever.

It answers messages in their order, so that the first one without an answer when it ends the stream
is the one that it was at. One end says little, since servers restart; the same message again and
again says enough. The count is kept with the messages, so that it goes on after a restart.

Source: docs/protocol/messages.md, "Server ack": stanzas are answered in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..store import QueuedSend, UnitOfWork
from .policy import Close

LIMIT = 9
"""So much suspicion against one message, and it is given up: nine ends of the stream that the
server did not explain, or three by which it said that it could not read us."""


@dataclass(frozen=True, slots=True)
class SuspiciousEnd:
    """A connection over which messages went has ended, and one of them may be the reason.

    Attributes:
        weight: of the suspicion.
        at_ms: Unix milliseconds; what was queued later did not go over it.
        excused: messages that the server has answered, and that wait all the same.
    """

    weight: int
    at_ms: int
    excused: frozenset[str]

    @classmethod
    def of(cls, close: Close | None, at_ms: int, excused: Iterable[str]) -> SuspiciousEnd | None:
        """What an end of a connection says of messages; None when nothing.

        Args:
            close: how it ended; None when it was we who ended it.
        """
        if close is None or not close.suspicion:
            return None
        return cls(close.suspicion, at_ms, frozenset(excused))


def judge(
    store: UnitOfWork, end: SuspiciousEnd, waiting: Sequence[QueuedSend]
) -> QueuedSend | None:
    """Before what waits is sent again: the one that must not be, if there is one.

    Args:
        waiting: everything without an answer, in its order.
    """
    first = next((row for row in waiting if row.message_id not in end.excused), None)
    if first is None or first.created_ms > end.at_ms:
        store.suspicion.clear()
        return None
    weight = store.suspicion.add(first.chat, first.message_id, end.weight)
    return first if weight >= LIMIT else None
