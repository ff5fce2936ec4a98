"""People's names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    literal_column,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.sql import ClauseElement

from ..model import Contact
from ..wire import Jid
from .rows import Repository, jid_column, parse_jid
from .schema import chats, lid_mappings
from .schema import contacts as table
from .statements import InsertFactory, Row, Statement, put_row, row_values

_SESSION = bindparam("session_id", type_=Text)
_IN_SESSION = table.c.session_id == _SESSION
_ONE = and_(_IN_SESSION, table.c.jid == bindparam("jid"))
_NAMES = ("name", "push_name", "verified_name", "first_name", "is_business", "verified_level")

CONTACT_COLUMNS = (
    *(table.c[name] for name in _NAMES),
    lid_mappings.c.lid,
)
"""What `read_contact` takes after the address."""

_EMPTY: dict[str, Any] = {
    "name": "",
    "push_name": "",
    "verified_name": "",
    "first_name": "",
    "is_business": False,
    "verified_level": "",
    "former": "",
}


def is_mapped(jid: ColumnElement[str]) -> ColumnElement[bool]:
    """Joins the hidden id of a phone number."""
    return and_(lid_mappings.c.session_id == _SESSION, lid_mappings.c.pn == jid)


def _known() -> Select[Any]:
    """Everybody with a name, or with a private chat."""
    chat = chats.c.jid
    is_person = and_(
        chats.c.session_id == _SESSION,
        chats.c.listed,
        chat.not_like(literal_column("'%@g.us'")),
        chat.not_like(literal_column("'%@broadcast'")),
    )
    people = union(select(table.c.jid).where(_IN_SESSION), select(chat).where(is_person)).subquery(
        "people"
    )
    names = [func.coalesce(table.c[name], literal_column("''")) for name in _NAMES[:4]]
    return (
        select(
            people.c.jid,
            *names,
            func.coalesce(table.c.is_business, false()),
            func.coalesce(table.c.verified_level, literal_column("''")),
            lid_mappings.c.lid,
        )
        .select_from(people)
        .outerjoin(table, and_(_IN_SESSION, table.c.jid == people.c.jid))
        .outerjoin(lid_mappings, is_mapped(people.c.jid))
        .order_by(people.c.jid)
    )


def _set(*names: str) -> Statement:
    """Set some columns of a person, who is added if need be; gives the address if that is news."""

    def build(insert_into: InsertFactory) -> ClauseElement:
        row = insert_into(table).values(row_values(table))
        is_news = or_(*(table.c[name] != row.excluded[name] for name in names))
        return row.on_conflict_do_update(
            index_elements=["session_id", "jid"],
            set_={name: row.excluded[name] for name in names},
            where=is_news,
        ).returning(table.c.jid)

    return Statement(build)


def _fill(insert_into: InsertFactory) -> ClauseElement:
    """Set the names of a person that are not known yet."""
    row = insert_into(table).values(row_values(table))
    new = row.excluded
    has_no_name = table.c.name == literal_column("''")
    has_no_push_name = table.c.push_name == literal_column("''")
    return row.on_conflict_do_update(
        index_elements=["session_id", "jid"],
        set_={
            "name": case((has_no_name, new.name), else_=table.c.name),
            "first_name": case((has_no_name, new.first_name), else_=table.c.first_name),
            "push_name": case((has_no_push_name, new.push_name), else_=table.c.push_name),
        },
        where=or_(has_no_name, has_no_push_name),
    )


_FILL = Statement(_fill)
_GET = Statement(
    select(table.c.jid, *CONTACT_COLUMNS)
    .select_from(table)
    .outerjoin(lid_mappings, is_mapped(table.c.jid))
    .where(_ONE)
)
_ALL = Statement(_known())
_STORED = Statement(select(table.c.jid, *(table.c[n] for n in _NAMES), table.c.former).where(_ONE))
_PUT = put_row(table)
_DELETE = Statement(delete(table).where(_ONE))
_SET_PUSH_NAME = _set("push_name")
_SET_NAME = _set("name", "first_name")
_SET_BUSINESS = _set("is_business", "verified_name", "verified_level")
_NOT_BUSINESS = Statement(
    update(table)
    .where(_ONE, table.c.is_business)
    .values(is_business=false(), verified_name="", verified_level="")
)


class Contacts(Repository):
    """The people whom this session knows."""

    __slots__ = ()

    def get(self, jid: Jid) -> Contact | None:
        """A person who has a name, by bare address."""
        row = self._db.one(_GET, **self._one(jid))
        return None if row is None else read_contact(row)

    def all(self) -> list[Contact]:
        """Everybody who has a name or a private chat, channels included, by address."""
        return [read_contact(row) for row in self._db.all(_ALL, session_id=self._session_id)]

    def set_push_name(self, jid: Jid, name: str) -> bool:
        """Remember what a person calls themselves. Whether that is news."""
        return self._set(_SET_PUSH_NAME, jid, push_name=name)

    def set_name(self, jid: Jid, name: str, first_name: str = "") -> bool:
        """Remember what a person is called in the address book; empty when they are not in it.

        Returns:
            whether that is news.
        """
        return self._set(_SET_NAME, jid, name=name, first_name=first_name)

    def fill(self, people: Iterable[Contact]) -> None:
        """Remember names of people; those that are known already stay."""
        self._db.many(
            _FILL,
            (
                {
                    **self._one(person.jid),
                    **_EMPTY,
                    "name": person.name,
                    "first_name": person.first_name,
                    "push_name": person.push_name,
                }
                for person in people
            ),
        )

    def set_business(self, jid: Jid, verified_name: str, verified_level: str = "") -> bool:
        """Remember that a person is a business. Whether that is news."""
        return self._set(
            _SET_BUSINESS,
            jid,
            is_business=True,
            verified_name=verified_name,
            verified_level=verified_level,
        )

    def set_no_business(self, jid: Jid) -> bool:
        """Remember that a person is no business. Whether that is news."""
        return self._db.change(_NOT_BUSINESS, **self._one(jid)) > 0

    def rename(self, old: Jid, new: Jid) -> None:
        """Give a person another address; what is known under that already goes first."""
        stored = None if old.bare == new.bare else self._stored(old)
        if stored is not None:
            self._move(stored, new)

    def change_number(self, old: Jid, new: Jid) -> bool:
        """A person has another number: what is known of them goes along.

        Returns:
            False if that was said before; nothing has changed then.
        """
        old, new = old.bare, new.bare
        stored, there = self._stored(old), self._stored(new)
        if stored is None and there is not None and there[1] == jid_column(old):
            return False
        self._move((Contact(old) if stored is None else stored[0], jid_column(old)), new)
        return True

    def _move(self, stored: tuple[Contact, str], new: Jid) -> None:
        contact, former = stored
        there = self._stored(new)
        if there is not None:
            contact = _merged(contact, into=there[0])
            former = former or there[1]
        self._db.change(_DELETE, **self._one(stored[0].jid))
        values = {name: getattr(contact, name) for name in _NAMES}
        self._db.change(_PUT, **self._one(new), **values, former=former)

    def _stored(self, jid: Jid) -> tuple[Contact, str] | None:
        """A row, and the address that the person had before."""
        row = self._db.one(_STORED, **self._one(jid))
        if row is None:
            return None
        *columns, former = row
        return read_contact((*columns, None)), former

    def _set(self, statement: Statement, jid: Jid, **values: Any) -> bool:
        return self._db.one(statement, **self._one(jid), **(_EMPTY | values)) is not None

    def _one(self, jid: Jid) -> dict[str, Any]:
        return {"session_id": self._session_id, "jid": jid_column(jid.bare)}


def read_contact(row: Row) -> Contact:
    """The person of a row: an address and `CONTACT_COLUMNS`.

    Raises:
        CorruptRecord: an address cannot be read.
    """
    jid, name, push_name, verified_name, first_name, is_business, level, lid = row
    person = parse_jid(jid)
    hidden = None if lid is None else parse_jid(lid)
    return Contact(
        person,
        name,
        push_name,
        verified_name,
        first_name,
        bool(is_business),
        level,
        person if person.is_lid else hidden,
    )


def _merged(contact: Contact, into: Contact) -> Contact:
    names = into if into.name else contact
    business = into if into.is_business else contact
    return replace(
        into,
        name=names.name,
        first_name=names.first_name,
        push_name=into.push_name or contact.push_name,
        is_business=business.is_business,
        verified_name=business.verified_name,
        verified_level=business.verified_level,
    )
