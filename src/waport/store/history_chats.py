"""Chats as the history tells them, beside what is known of them by later news."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, case, false, func, select
from sqlalchemy.sql import ClauseElement

from ..model import ChatHistory
from ..wire import Jid
from .chat_marks import MARK_COLUMNS, NO_MARKS, ChatMarks
from .chat_messages import IS_UNREAD, READABLE
from .message_rows import in_chat
from .rows import jid_column
from .schema import chats as table
from .schema import messages
from .statements import Connection, InsertFactory, Statement, put_row, row_values

MAX_UNREAD = 2000
"""Unread messages of a chat that are looked at."""

_ONE = and_(table.c.session_id == bindparam("session_id"), table.c.jid == bindparam("jid"))
_EMPTY = {
    "name": "",
    "unread": 0,
    "timestamp": 0,
    "archived": False,
    "pinned": False,
    "muted_until": 0,
    "expiration_s": 0,
    "timer_set_at": 0,
    "listed": False,
    "marked_unread": False,
    **NO_MARKS._asdict(),
}


def _note_read(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(table).values(row_values(table))
    new = row.excluded.read_at
    return row.on_conflict_do_update(
        index_elements=["session_id", "jid"],
        set_={
            "read_at": case((table.c.read_at < new, new), else_=table.c.read_at),
            "marked_unread": false(),
        },
    )


_NOTE_READ = Statement(_note_read)
_GET = Statement(select(*(table.c[name] for name in _EMPTY)).where(_ONE))
_MARKS = Statement(select(*MARK_COLUMNS).where(_ONE))
_PUT = put_row(table)
_IS_UNREAD = and_(in_chat(messages), IS_UNREAD, READABLE)
_UNREAD_IDS = Statement(
    select(messages.c.id)
    .where(_IS_UNREAD, messages.c.timestamp <= bindparam("until"))
    .limit(bindparam("limit"))
)
_UNREAD_SINCE = Statement(
    select(func.count()).where(_IS_UNREAD, messages.c.timestamp > bindparam("until"))
)


def marks(db: Connection, session_id: str, chat: Jid) -> ChatMarks:
    """The bounds of what history may say of a chat."""
    row = db.one(_MARKS, session_id=session_id, jid=jid_column(chat))
    if row is None:
        return NO_MARKS
    settled, counted, read_at, end = row
    return ChatMarks(bool(settled), bool(counted), read_at, end)


def note_read(db: Connection, session_id: str, chat: Jid, until: int) -> None:
    """Whatever was written in a chat until then is read."""
    values = {**_EMPTY, "read_at": until}
    db.change(_NOTE_READ, session_id=session_id, jid=jid_column(chat), **values)


def unread_ids(db: Connection, session_id: str, chat: Jid, until: int) -> list[str]:
    """Ids of the unread messages of a chat, up to a time."""
    where = {"session_id": session_id, "chat": jid_column(chat)}
    return [row[0] for row in db.all(_UNREAD_IDS, **where, until=until, limit=MAX_UNREAD)]


def put_chat(db: Connection, session_id: str, jid: Jid, chat: ChatHistory) -> None:
    """Take in what the history says of a chat."""
    where = {"session_id": session_id, "jid": jid_column(jid)}
    row = db.one(_GET, **where)
    known = dict(zip(_EMPTY, row, strict=True)) if row is not None else dict(_EMPTY)
    now = dict(known)
    now["name"] = known["name"] or (chat.name if jid.is_group else "")
    now["listed"] = bool(known["listed"]) or chat.is_listed
    now["timestamp"] = max(known["timestamp"], chat.timestamp)
    if not known["settled"] and not known["counted"]:
        now |= {
            "archived": chat.archived,
            "pinned": chat.pinned,
            "muted_until": chat.muted_until,
        }
    if chat.timer_set_at > known["timer_set_at"]:
        now |= {"expiration_s": chat.expiration_s, "timer_set_at": chat.timer_set_at}
    if chat.end >= 0:
        now["history_end"] = max(chat.end, 0)
    if not known["counted"] and chat.is_listed:
        is_read = known["read_at"] >= chat.timestamp > 0
        # What has come since the history was made is not in its count.
        since = 0
        if known["unread"]:
            (since,) = db.single(
                _UNREAD_SINCE,
                session_id=session_id,
                chat=jid_column(jid),
                until=chat.timestamp,
            )
        now["unread"] = int(since) + (0 if is_read else chat.unread)
        now["marked_unread"] = bool(known["marked_unread"]) or (chat.marked_unread and not is_read)
        now["counted"] = True
    if now != known or row is None:
        db.change(_PUT, **where, **now)
