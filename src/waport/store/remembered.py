"""What was worked out from a session's rows, for as long as these rows stay as they are.

A message to a group of hundreds goes to the same devices as the one before, nearly always; finding
them takes longer than all the rest of it. So the result is kept beside the one connection that
writes, which sees every change:

- each INSERT, UPDATE or DELETE on one of the `WATCHED` tables counts for its session;
- what is undone counts for all sessions, since results may have been drawn from it.

A result is good while nothing has been counted since it was kept.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable
from typing import Final

WATCHED: Final = frozenset(
    ("credentials", "device_lists", "groups", "lid_mappings", "sender_key_memory")
)
"""Tables that results may be drawn from."""

MAX_KEPT: Final = 32
"""Results of all sessions together; one of a large group has some hundred kilobytes."""

_Stamp = tuple[int, int]


class Remembered:
    """The results that one connection keeps.

    Args:
        is_sole: nobody else writes to the database meanwhile; without that nothing is kept.
    """

    __slots__ = ("_changes", "_is_sole", "_kept", "_undone")

    def __init__(self, *, is_sole: bool) -> None:
        self._is_sole = is_sole
        self._changes: Counter[str] = Counter()
        self._undone = 0
        self._kept: OrderedDict[tuple[str, Hashable], tuple[_Stamp, object]] = OrderedDict()

    def changed(self, session_id: object) -> None:
        """Rows of a session changed; those of any when it is no text."""
        if isinstance(session_id, str):
            self._changes[session_id] += 1
        else:
            self._undone += 1

    def undone(self) -> None:
        """A transaction, or a part of one, was rolled back."""
        self._undone += 1

    def get(self, session_id: str, key: Hashable) -> object | None:
        """A result; None when there is none, or none that is still good."""
        found = self._kept.get((session_id, key))
        if found is None:
            return None
        stamp, result = found
        if stamp != self._stamp(session_id):
            del self._kept[session_id, key]
            return None
        self._kept.move_to_end((session_id, key))
        return result

    def keep(self, session_id: str, key: Hashable, result: object) -> None:
        """Keep what was drawn from the rows as they are now."""
        if not self._is_sole:
            return
        self._kept[session_id, key] = self._stamp(session_id), result
        self._kept.move_to_end((session_id, key))
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    def _stamp(self, session_id: str) -> _Stamp:
        return self._undone, self._changes[session_id]
