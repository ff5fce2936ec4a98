"""People's add-ons under another address: the phone number of a LID is learnt, or it changes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    Column,
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
from .rows import jid_column
from .schema import add_ons as table
from .schema import is_lid
from .schema import waiting_add_ons as waiting
from .statements import Connection, Statement

_OLD, _NEW = bindparam("old", type_=Text), bindparam("new", type_=Text)
_NAME = ("chat", "target_id", "target_author", "kind", "author")
_SESSION = bindparam("session_id", type_=Text)


def _is_old(row: FromClause, column: str) -> ColumnElement[bool]:
    named = and_(row.c.session_id == _SESSION, row.c[column] == _OLD)
    return named if column == "chat" else and_(named, is_lid(row.c[column]))


def _renamed(column: Column[str]) -> ColumnElement[str]:
    return case((column == _OLD, _NEW), else_=column)


def _rename(column: str, along: Sequence[str]) -> list[Statement]:
    """Put the new name into one column of the key, and into what says the same elsewhere.

    Of two rows that would have one key the newer is kept; of the same age, the later one.
    """
    old, twin = table.alias("old_row"), table.alias("twin")
    is_newer = tuple_(old.c.timestamp_ms, old.c.position) > tuple_(
        twin.c.timestamp_ms, twin.c.position
    )
    older = select(case((is_newer, twin.c.position), else_=old.c.position)).where(
        _is_old(old, column),
        twin.c.session_id == old.c.session_id,
        twin.c[column] == _NEW,
        *(twin.c[other] == old.c[other] for other in _NAME if other != column),
    )
    return [
        Statement(delete(table).where(table.c.position.in_(older))),
        Statement(
            update(table)
            .where(_is_old(table, column))
            .values({column: _NEW} | {name: _renamed(table.c[name]) for name in along})
        ),
    ]


_COLUMNS = ("chat", "author", "target_author")
_HAS_OLD = Statement(
    union_all(
        *(select(table.c.position).where(_is_old(table, column)) for column in _COLUMNS)
    ).limit(1)
)
_RENAME = [
    *_rename("chat", ("key_chat",)),
    *_rename("author", ("key_chat", "sender")),
    *_rename("target_author", ("target_sender",)),
]
_RENAME_WAITING = Statement(
    update(waiting)
    .where(waiting.c.session_id == _SESSION, waiting.c.chat == _OLD)
    .values(chat=_NEW)
)


_TWIN = table.alias("twin")
_MOVE_CHAT = [
    Statement(
        delete(table).where(
            _is_old(table, "chat"),
            exists().where(
                _TWIN.c.session_id == _SESSION,
                _TWIN.c.chat == _NEW,
                *(_TWIN.c[name] == _renamed(table.c[name]) for name in _NAME if name != "chat"),
            ),
        )
    ),
    Statement(
        update(table)
        .where(_is_old(table, "chat"))
        .values(
            chat=_NEW,
            **{
                name: _renamed(table.c[name])
                for name in ("key_chat", "author", "sender", "target_author", "target_sender")
            },
        )
    ),
]


def move_chat(db: Connection, session_id: str, old: Jid, new: Jid) -> None:
    """Move everything of a private chat to another address of the same person.

    What stands there already under the same key stays.
    """
    if old == new:
        return
    names = {"session_id": session_id, "old": jid_column(old), "new": jid_column(new)}
    for statement in (_RENAME_WAITING, *_MOVE_CHAT):
        db.change(statement, **names)


def rename_add_ons(db: Connection, session_id: str, old: Jid, new: Jid) -> None:
    """Give what a LID added, what was added to its messages and in its chat, to another address.

    What waits in its chat goes along.

    Raises:
        InvalidInput: `old` is no LID: only those are indexed.
    """
    if not old.is_lid:
        raise InvalidInput("only a LID is renamed")
    if old == new:
        return
    names = {"session_id": session_id, "old": jid_column(old), "new": jid_column(new)}
    db.change(_RENAME_WAITING, **names)
    if db.one(_HAS_OLD, **names) is None:
        return
    for statement in _RENAME:
        db.change(statement, **names)
