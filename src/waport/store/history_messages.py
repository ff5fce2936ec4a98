"""Many messages at once, as the phone's history brings them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Text, and_, bindparam, literal_column, select
from sqlalchemy.sql import ClauseElement

from ..model import Message, MessageKind
from ..wire import Jid
from .many import asked_texts, chunks
from .message_rows import COLUMNS, author_column, in_chat, message_or_none, message_values
from .messages import add_message
from .rows import jid_column
from .schema import app_state_kept, messages, waiting_add_ons
from .statements import Connection, InsertFactory, Statement, row_values

_SESSION = bindparam("session_id", type_=Text)
_ASKED = asked_texts()
_KNOWN = Statement(
    select(messages.c.chat, messages.c.id, messages.c.author, messages.c.kind).select_from(
        _ASKED.join(
            messages, and_(messages.c.session_id == _SESSION, messages.c.id == _ASKED.c.value)
        )
    )
)
_SPOKEN_OF = (
    Statement(select(waiting_add_ons.c.target_id).where(waiting_add_ons.c.session_id == _SESSION)),
    Statement(
        select(app_state_kept.c.target).where(
            app_state_kept.c.session_id == _SESSION,
            app_state_kept.c.name.in_(
                [literal_column("'star'"), literal_column("'deleteMessageForMe'")]
            ),
        )
    ),
)


def _add(insert_into: InsertFactory) -> ClauseElement:
    return insert_into(messages).values(row_values(messages)).on_conflict_do_nothing()


_ADD = Statement(_add)
_OLDEST = Statement(
    select(*COLUMNS)
    .where(in_chat(messages), messages.c.kind != MessageKind.ADD_ON.value)
    .order_by(messages.c.timestamp, messages.c.seq)
    .limit(1)
)


def add_messages(db: Connection, session_id: str, wanted: Sequence[Message]) -> list[Message]:
    """Store messages that are not here already; the new ones."""
    known: dict[tuple[str, str, str], str] = {}
    for values in chunks(message.key.id for message in wanted):
        for chat, message_id, author, kind in db.all(_KNOWN, session_id=session_id, **values):
            known[chat, message_id, author] = kind
    new: dict[tuple[str, str, str], Message] = {}
    filled: list[Message] = []
    for message in wanted:
        name = (jid_column(message.key.chat), message.key.id, author_column(message.key))
        kind = known.get(name)
        if kind is None:
            new.setdefault(name, message)
        elif kind == MessageKind.CIPHERTEXT and add_message(db, session_id, message) is not None:
            filled.append(message)
    db.many(_ADD, (_row(session_id, message) for message in new.values()))
    return [*new.values(), *filled]


def _row(session_id: str, message: Message) -> dict[str, Any]:
    return {"session_id": session_id, **message_values(message)}


def waited_for(db: Connection, session_id: str, ids: Iterable[str]) -> set[str]:
    """Those of some message ids that something stored has spoken of."""
    spoken_of = {
        row[0] for statement in _SPOKEN_OF for row in db.all(statement, session_id=session_id)
    }
    return spoken_of.intersection(ids)


def oldest(db: Connection, session_id: str, chat: Jid) -> Message | None:
    """The oldest message of a chat."""
    return message_or_none(db.one(_OLDEST, session_id=session_id, chat=jid_column(chat)))
