"""Messages whose files are still to be told of: rows among the counts of retries."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import and_, bindparam, delete, select

from ..wire import Jid
from .rows import Repository, jid_column, parse_jid
from .schema import retries
from .statements import Statement

WANTED_BY: Final = "media event"
"""Under which `Messages.bump_retry` counts a wanted file, and each failed try to fetch it."""

_IN_SESSION = and_(
    retries.c.session_id == bindparam("session_id"), retries.c.device == bindparam("device")
)
_FIRST = Statement(
    select(retries.c.chat, retries.c.id)
    .where(_IN_SESSION)
    .order_by(retries.c.updated_ms, retries.c.chat, retries.c.id)
    .limit(bindparam("limit"))
)
_DONE = Statement(
    delete(retries).where(
        _IN_SESSION, retries.c.chat == bindparam("chat"), retries.c.id == bindparam("id")
    )
)


class WantedFile(NamedTuple):
    """A message whose file is wanted."""

    chat: Jid
    id: str


class WantedFiles(Repository):
    """The wanted files of this session."""

    __slots__ = ()

    def first(self, limit: int) -> list[WantedFile]:
        """Those that have waited longest."""
        rows = self._db.all(_FIRST, session_id=self._session_id, device=WANTED_BY, limit=limit)
        return [WantedFile(parse_jid(chat), message_id) for chat, message_id in rows]

    def done(self, wanted: WantedFile) -> None:
        """This one is wanted no more."""
        self._db.change(
            _DONE,
            session_id=self._session_id,
            device=WANTED_BY,
            chat=jid_column(wanted.chat),
            id=wanted.id,
        )
