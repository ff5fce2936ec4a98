"""Unreadable messages that the phone is still to be asked for: rows among the counts of retries."""

from __future__ import annotations

from typing import Final

from sqlalchemy import and_, bindparam, delete, select

from ..model import MessageKey
from .rows import Repository, parse_jid
from .schema import retries
from .statements import Statement

_PREFIX: Final = "to be asked of the phone "

_IN_SESSION = retries.c.session_id == bindparam("session_id")
_FIRST = Statement(
    select(retries.c.id, retries.c.device)
    .where(_IN_SESSION, retries.c.device.like(f"{_PREFIX}%"))
    .order_by(retries.c.updated_ms, retries.c.chat, retries.c.id)
    .limit(bindparam("limit"))
)
_DONE = Statement(
    delete(retries).where(
        and_(_IN_SESSION, retries.c.id == bindparam("id"), retries.c.device == bindparam("device"))
    )
)


def wanted_as(key: MessageKey) -> str:
    """Under which `Messages.bump_retry` counts a message that the phone is to be asked for.

    Args:
        key: in the addressing of its stanza, which may be another than that of its place.
    """
    return f"{_PREFIX}{int(key.from_me)} {key.chat} {key.sender}"


class WantedPlaceholders(Repository):
    """The messages of this session that the phone is to be asked for."""

    __slots__ = ()

    def first(self, limit: int) -> list[MessageKey]:
        """Those that have waited longest, as their stanzas named them."""
        rows = self._db.all(_FIRST, session_id=self._session_id, limit=limit)
        return [_key(message_id, device) for message_id, device in rows]

    def done(self, key: MessageKey) -> None:
        """This one was asked for, or is wanted no more.

        Args:
            key: in the addressing of its stanza.
        """
        self._db.change(_DONE, session_id=self._session_id, id=key.id, device=wanted_as(key))


def _key(message_id: str, device: str) -> MessageKey:
    from_me, chat, sender = device.removeprefix(_PREFIX).split(" ")
    return MessageKey(parse_jid(chat), message_id, from_me == "1", parse_jid(sender))
