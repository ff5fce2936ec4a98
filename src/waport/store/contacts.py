"""People's names."""

from __future__ import annotations

from sqlalchemy import bindparam, select
from sqlalchemy.sql import ClauseElement

from ..model import Contact
from ..wire import Jid
from .rows import Repository, jid_column, parse_jid
from .schema import contacts as table
from .statements import InsertFactory, Row, Statement, row_values

_IN_SESSION = table.c.session_id == bindparam("session_id")
_COLUMNS = [column for column in table.columns if column.name != "session_id"]


def _set_push_name(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(table).values(row_values(table))
    return row.on_conflict_do_update(
        index_elements=["session_id", "jid"],
        set_={"push_name": row.excluded.push_name},
        where=table.c.push_name != row.excluded.push_name,
    ).returning(table.c.jid)


_GET = Statement(select(*_COLUMNS).where(_IN_SESSION, table.c.jid == bindparam("jid")))
_ALL = Statement(select(*_COLUMNS).where(_IN_SESSION).order_by(table.c.jid))
_SET_PUSH_NAME = Statement(_set_push_name)


class Contacts(Repository):
    """The people whom this session knows."""

    __slots__ = ()

    def get(self, jid: Jid) -> Contact | None:
        """One person, by bare address."""
        row = self._db.one(_GET, session_id=self._session_id, jid=jid_column(jid.bare))
        return None if row is None else _contact(row)

    def all(self) -> list[Contact]:
        """Everybody, by address."""
        return [_contact(row) for row in self._db.all(_ALL, session_id=self._session_id)]

    def set_push_name(self, jid: Jid, name: str) -> bool:
        """Remember what a person calls themselves. Whether that is news."""
        row = self._db.one(
            _SET_PUSH_NAME,
            session_id=self._session_id,
            jid=jid_column(jid.bare),
            name="",
            push_name=name,
            verified_name="",
        )
        return row is not None


def _contact(row: Row) -> Contact:
    jid, name, push_name, verified_name = row
    return Contact(parse_jid(jid), name, push_name, verified_name)
