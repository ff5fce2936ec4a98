"""All messages of one chat: which are unread, and removing them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy import literal_column as literal

from ..model import Ack, MessageKey, MessageKind
from ..wire import Jid
from .message_rows import OWN, author_column, exact, in_chat
from .rows import jid_column, parse_jid
from .schema import add_ons, retries, waiting_add_ons
from .schema import messages as table
from .statements import Connection, Statement

END_OF_TIME = 2**62
"""Unix seconds after every message."""

READABLE = table.c.kind.in_(
    [literal(f"'{kind.value}'") for kind in (MessageKind.TEXT, MessageKind.OTHER)]
)
"""Messages that people see and read."""
IS_UNREAD = and_(
    table.c.author != OWN, table.c.ack.between(literal("0"), literal(str(Ack.READ.value - 1)))
)
"""Messages of others that were not read."""
_UNREAD = Statement(
    select(table.c.chat, table.c.id, table.c.sender)
    .where(in_chat(table), IS_UNREAD, READABLE)
    .order_by(table.c.timestamp.desc(), table.c.seq.desc())
    .limit(bindparam("limit"))
)
_MARK_READ = Statement(
    update(table).where(exact(), IS_UNREAD).values(ack=literal(str(Ack.READ.value)))
)

_NEWEST = Statement(select(func.max(table.c.seq)).where(in_chat(table)))
_UP_TO = bindparam("up_to", type_=BigInteger)
_UNTIL = bindparam("until", type_=BigInteger)


def _clear(keep_starred: bool) -> Statement:
    wanted = select(table.c.seq).where(
        in_chat(table), table.c.seq <= _UP_TO, table.c.timestamp <= _UNTIL
    )
    if keep_starred:
        wanted = wanted.where(~table.c.starred)
    return Statement(delete(table).where(table.c.seq.in_(wanted.limit(bindparam("limit")))))


_CLEAR, _CLEAR_UNSTARRED = _clear(keep_starred=False), _clear(keep_starred=True)


def _has_no_message(row_id: ColumnElement[str]) -> ColumnElement[bool]:
    there = table.alias("there")
    return ~exists().where(in_chat(there), there.c.id == row_id)


_FORGET = [
    Statement(delete(add_ons).where(in_chat(add_ons), _has_no_message(add_ons.c.target_id))),
    Statement(delete(retries).where(in_chat(retries), _has_no_message(retries.c.id))),
    Statement(
        delete(waiting_add_ons).where(
            in_chat(waiting_add_ons),
            ~exists().where(table.c.seq == waiting_add_ons.c.message_seq),
        )
    ),
]


def unread(db: Connection, session_id: str, chat: Jid, limit: int) -> list[MessageKey]:
    """The newest messages of others that nobody of us has read, the newest first."""
    rows = db.all(_UNREAD, session_id=session_id, chat=jid_column(chat), limit=limit)
    return [
        MessageKey(parse_jid(where), message_id, False, parse_jid(sender))
        for where, message_id, sender in rows
    ]


def mark_read(db: Connection, session_id: str, keys: Iterable[MessageKey]) -> None:
    """These messages were read."""
    db.many(
        _MARK_READ,
        (
            {
                "session_id": session_id,
                "chat": jid_column(key.chat),
                "id": key.id,
                "author": author_column(key),
            }
            for key in keys
        ),
    )


def newest(db: Connection, session_id: str, chat: Jid) -> int:
    """The number of the message of a chat that was stored last; 0 when there is none."""
    (seq,) = db.single(_NEWEST, session_id=session_id, chat=jid_column(chat))
    return int(seq or 0)


def clear(
    db: Connection,
    session_id: str,
    chat: Jid,
    up_to: int,
    *,
    until: int,
    keep_starred: bool,
    limit: int,
) -> int:
    """Remove messages of a chat; how many there were.

    Once nothing is left to be removed, what belonged to them goes, too.
    """
    where = {"session_id": session_id, "chat": jid_column(chat)}
    statement = _CLEAR_UNSTARRED if keep_starred else _CLEAR
    removed = db.change(statement, **where, up_to=up_to, until=until, limit=limit)
    if removed < limit:
        for forget in _FORGET:
            db.change(forget, **where)
    return removed
