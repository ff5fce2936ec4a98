"""Which message the server seems to choke on: a row among the counts of retries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import bindparam, delete, select

from ..wire import Jid
from .rows import Repository, jid_column
from .schema import retries
from .statements import Connection, Statement, add_row

_BY: Final = "ends of the stream"

_IN_SESSION = (
    retries.c.session_id == bindparam("session_id"),
    retries.c.device == bindparam("device"),
)
_GET = Statement(select(retries.c.id, retries.c.count).where(*_IN_SESSION))
_CLEAR = Statement(delete(retries).where(*_IN_SESSION))
_ADD = add_row(retries)


class Suspicion(Repository):
    """The one message of this session that is under suspicion, and how much."""

    __slots__ = ("_now_ms",)

    def __init__(self, db: Connection, session_id: str, now_ms: Callable[[], int]) -> None:
        super().__init__(db, session_id)
        self._now_ms = now_ms

    def add(self, chat: Jid, message_id: str, weight: int) -> int:
        """Suspect a message, more than before if it is the same; the weight of it all."""
        rows = self._db.all(_GET, session_id=self._session_id, device=_BY)
        weight += sum(count for name, count in rows if name == message_id)
        self.clear()
        self._db.change(
            _ADD,
            session_id=self._session_id,
            chat=jid_column(chat),
            id=message_id,
            device=_BY,
            count=weight,
            updated_ms=self._now_ms(),
        )
        return weight

    def clear(self) -> None:
        """Nothing is under suspicion any more."""
        self._db.change(_CLEAR, session_id=self._session_id, device=_BY)
