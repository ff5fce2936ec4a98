"""Outgoing stanzas, kept from before their first byte leaves until the server has them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, bindparam, delete, select, update

from ..wire import Jid
from .rows import Repository, jid_column, parse_jid
from .schema import send_queue as table
from .statements import Row, Statement, add_row


@dataclass(frozen=True, slots=True)
class QueuedSend:
    """A stanza that the server has not acknowledged.

    Attributes:
        message_id: the stanza id.
        chat: where it goes.
        stanza: the encoded stanza, ciphertext included; every attempt sends these bytes.
        created_ms: when it was queued, Unix milliseconds.
        attempts: how often it was sent.
    """

    message_id: str
    chat: Jid
    stanza: bytes
    created_ms: int
    attempts: int


_IN_SESSION = table.c.session_id == bindparam("session_id")
_ONE = and_(_IN_SESSION, table.c.message_id == bindparam("message_id"))
_COLUMNS = [table.c[name] for name in ("message_id", "chat", "stanza", "created_ms", "attempts")]

_ADD = add_row(table)
_GET = Statement(select(*_COLUMNS).where(_ONE))
_PENDING = Statement(select(*_COLUMNS).where(_IN_SESSION).order_by(table.c.position))
_ATTEMPT = Statement(update(table).where(_ONE).values(attempts=table.c.attempts + 1))
_DONE = Statement(delete(table).where(_ONE))


class SendQueue(Repository):
    """What this session still has to send, in order."""

    __slots__ = ()

    def add(self, message_id: str, chat: Jid, stanza: bytes, created_ms: int) -> None:
        """Queue a stanza.

        Raises:
            StoreError: one of that id waits already.
        """
        self._db.change(
            _ADD,
            session_id=self._session_id,
            message_id=message_id,
            chat=jid_column(chat),
            stanza=stanza,
            created_ms=created_ms,
            attempts=0,
        )

    def get(self, message_id: str) -> QueuedSend | None:
        """One stanza that still waits."""
        row = self._db.one(_GET, session_id=self._session_id, message_id=message_id)
        return None if row is None else _queued(row)

    def pending(self) -> list[QueuedSend]:
        """All that still waits, in the order in which it was queued."""
        return [_queued(row) for row in self._db.all(_PENDING, session_id=self._session_id)]

    def attempt(self, message_id: str) -> None:
        """Count one more time that the bytes left."""
        self._db.change(_ATTEMPT, session_id=self._session_id, message_id=message_id)

    def done(self, message_id: str) -> None:
        """The server has it, or refused it for good."""
        self._db.change(_DONE, session_id=self._session_id, message_id=message_id)


def _queued(row: Row) -> QueuedSend:
    message_id, chat, stanza, created_ms, attempts = row
    return QueuedSend(message_id, parse_jid(chat), stanza, created_ms, attempts)
