"""People's messages under another address, once the phone number of a LID is learnt."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    select,
    tuple_,
    union_all,
    update,
)

from ..errors import InvalidInput
from ..wire import Jid
from .message_rows import PLACEHOLDER, REVOKED, in_chat
from .rows import jid_column
from .schema import is_lid, retries
from .schema import messages as table
from .statements import Connection, Statement

_OLD, _NEW = bindparam("old", type_=Text), bindparam("new", type_=Text)

_Rows = Callable[[FromClause], ColumnElement[bool]]
_Twins = Callable[[FromClause, FromClause], ColumnElement[bool]]


def _renamed(column: ColumnElement[str]) -> ColumnElement[str]:
    return case((column == _OLD, _NEW), else_=column)


def _says_more(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Which of two copies of a message is kept.

    What was taken back stays so, what can be read beats a placeholder, a later edit an earlier.
    """

    def worth(copy: FromClause) -> ColumnElement[tuple[int, int]]:
        rank = case((copy.c.kind == PLACEHOLDER, 0), (copy.c.kind == REVOKED, 2), else_=1)
        return tuple_(rank, copy.c.edited_ms)

    return worth(one) > worth(other)


def _merge(is_old: _Rows, is_twin: _Twins) -> Statement:
    """Keep one of each two messages that would be the same under the new name.

    If neither says more it is the one that has the new name already.
    """
    old, twin = table.alias("old_row"), table.alias("twin")
    worse = select(case((_says_more(old, twin), twin.c.seq), else_=old.c.seq)).where(
        is_old(old),
        twin.c.session_id == old.c.session_id,
        twin.c.id == old.c.id,
        is_twin(old, twin),
    )
    return Statement(delete(table).where(table.c.seq.in_(worse)))


def _is_in_old_chat(row: FromClause) -> ColumnElement[bool]:
    return in_chat(row, "old")


def _is_of_old_author(row: FromClause) -> ColumnElement[bool]:
    return and_(
        row.c.session_id == bindparam("session_id"), row.c.author == _OLD, is_lid(row.c.author)
    )


_TWIN_RETRIES = retries.alias("twin")
_RENAME_CHAT = [
    _merge(
        _is_in_old_chat,
        lambda old, twin: and_(twin.c.chat == _NEW, twin.c.author == _renamed(old.c.author)),
    ),
    # In a private chat the chat is the other person, whose address changes along with it.
    Statement(
        update(table)
        .where(_is_in_old_chat(table))
        .values(chat=_NEW, sender=_renamed(table.c.sender), author=_renamed(table.c.author))
    ),
    Statement(
        delete(retries).where(
            in_chat(retries, "old"),
            exists().where(
                in_chat(_TWIN_RETRIES, "new"),
                _TWIN_RETRIES.c.id == retries.c.id,
                _TWIN_RETRIES.c.device == retries.c.device,
            ),
        )
    ),
    Statement(update(retries).where(in_chat(retries, "old")).values(chat=_NEW)),
]

_HAS_CHAT = Statement(
    union_all(
        select(table.c.seq).where(_is_in_old_chat(table)),
        select(retries.c.count).where(in_chat(retries, "old")),
    ).limit(1)
)
_HAS_AUTHOR = Statement(select(table.c.seq).where(_is_of_old_author(table)).limit(1))
_RENAME_AUTHOR = [
    _merge(
        _is_of_old_author,
        lambda old, twin: and_(twin.c.chat == old.c.chat, twin.c.author == _NEW),
    ),
    Statement(update(table).where(_is_of_old_author(table)).values(author=_NEW, sender=_NEW)),
]


def rename_chat(db: Connection, session_id: str, old: Jid, new: Jid) -> None:
    """Move every message of a private chat, and what it counts, to another address."""
    if old == new:
        return
    names = {"session_id": session_id, "old": jid_column(old), "new": jid_column(new)}
    # Asked for everybody whose number is learnt, and mostly in vain.
    if db.one(_HAS_CHAT, **names) is None:
        return
    for statement in _RENAME_CHAT:
        db.change(statement, **names)


def rename_author(db: Connection, session_id: str, old: Jid, new: Jid) -> None:
    """Give the messages of a LID, in whatever chat, to another address.

    Raises:
        InvalidInput: `old` is no LID: only those are indexed.
    """
    if not old.is_lid:
        raise InvalidInput("only a LID is renamed")
    names = {"session_id": session_id, "old": jid_column(old)}
    if old == new or db.one(_HAS_AUTHOR, **names) is None:
        return
    for statement in _RENAME_AUTHOR:
        db.change(statement, **names, new=jid_column(new))
