"""The list of chats: names, counts, and when something last happened."""

from __future__ import annotations

from sqlalchemy import Boolean, and_, bindparam, case, delete, select, update
from sqlalchemy.sql import ClauseElement

from ..model import Chat
from ..wire import Jid
from .rows import Repository, jid_column, parse_jid
from .schema import chats as table
from .statements import InsertFactory, Row, Statement, put_row, row_values

_IN_SESSION = table.c.session_id == bindparam("session_id")
_ONE = and_(_IN_SESSION, table.c.jid == bindparam("jid"))
_COLUMNS = [column for column in table.columns if column.name != "session_id"]


def _touch(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(table).values(row_values(table))
    new = row.excluded
    unread = table.c.unread + bindparam("unread_delta", type_=table.c.unread.type)
    later = table.c.timestamp < new.timestamp
    return row.on_conflict_do_update(
        index_elements=["session_id", "jid"],
        set_={
            "timestamp": case((later, new.timestamp), else_=table.c.timestamp),
            "unread": case((unread < 0, 0), else_=unread),
            "name": case((bindparam("named", type_=Boolean), new.name), else_=table.c.name),
        },
    )


_GET = Statement(select(*_COLUMNS).where(_ONE))
_ALL = Statement(
    select(*_COLUMNS).where(_IN_SESSION).order_by(table.c.timestamp.desc(), table.c.jid)
)
_TOUCH = Statement(_touch)
_MARK_READ = Statement(update(table).where(_ONE).values(unread=0))
_RENAME = Statement(update(table).where(_ONE).values(jid=bindparam("new_jid")))
_PUT = put_row(table)
_DELETE = Statement(delete(table).where(_ONE))


class Chats(Repository):
    """The chats of this session."""

    __slots__ = ()

    def get(self, jid: Jid) -> Chat | None:
        """One chat."""
        row = self._db.one(_GET, session_id=self._session_id, jid=jid_column(jid))
        return None if row is None else _chat(row)

    def all(self) -> list[Chat]:
        """Every chat, the one with the latest message first."""
        return [_chat(row) for row in self._db.all(_ALL, session_id=self._session_id)]

    def touch(
        self, jid: Jid, timestamp: int, unread_delta: int = 0, name: str | None = None
    ) -> None:
        """Note that something happened in a chat, which is created if need be.

        Args:
            timestamp: Unix seconds; an earlier one than is known changes nothing.
            unread_delta: added to the unread count, which never falls below 0.
            name: the chat's name; None leaves it.
        """
        self._db.change(
            _TOUCH,
            session_id=self._session_id,
            jid=jid_column(jid),
            name=name or "",
            named=name is not None,
            unread=max(unread_delta, 0),
            unread_delta=unread_delta,
            timestamp=timestamp,
            archived=False,
            pinned=False,
            muted_until=0,
        )

    def mark_read(self, jid: Jid) -> None:
        """Nothing in this chat is unread any more."""
        self._db.change(_MARK_READ, session_id=self._session_id, jid=jid_column(jid))

    def rename(self, old: Jid, new: Jid) -> None:
        """Give a chat another address; if that has a chat already, both become one."""
        if old == new:
            return
        chat, other = self.get(old), self.get(new)
        if chat is None:
            return
        where = {"session_id": self._session_id, "jid": jid_column(old)}
        if other is None:
            self._db.change(_RENAME, **where, new_jid=jid_column(new))
            return
        self._db.change(_DELETE, **where)
        self._db.change(
            _PUT,
            session_id=self._session_id,
            jid=jid_column(new),
            name=other.name or chat.name,
            unread=chat.unread + other.unread,
            timestamp=max(chat.timestamp, other.timestamp),
            archived=chat.archived and other.archived,
            pinned=chat.pinned or other.pinned,
            muted_until=other.muted_until or chat.muted_until,
        )


def _chat(row: Row) -> Chat:
    jid, name, unread, timestamp, archived, pinned, muted_until = row
    return Chat(parse_jid(jid), name, unread, timestamp, bool(archived), bool(pinned), muted_until)
