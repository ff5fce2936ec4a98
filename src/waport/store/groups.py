"""What is known of each group: one row each, the group as JSON."""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from typing import Any, get_type_hints

from sqlalchemy import bindparam, delete, select

from ..errors import CorruptRecord, InvalidInput
from ..model import AddressingMode, Group, GroupMember, MemberRole
from ..wire import Jid
from .rows import Repository, jid_column
from .schema import groups as table
from .statements import Statement, put_row

log = logging.getLogger(__name__)

_IN_SESSION = table.c.session_id == bindparam("session_id")
_ONE = _IN_SESSION & (table.c.jid == bindparam("jid"))

_GET = Statement(select(table.c.jid, table.c.data).where(_ONE))
_ALL = Statement(select(table.c.jid, table.c.data).where(_IN_SESSION).order_by(table.c.jid))
_PUT = put_row(table)
_DELETE = Statement(delete(table).where(_ONE))

_TYPES = get_type_hints(Group)
_SIMPLE = {name: kind for name, kind in _TYPES.items() if kind in (str, int, bool)}
_LISTS = [name for name, kind in _TYPES.items() if kind == tuple[str, ...]]
_JIDS = [name for name, kind in _TYPES.items() if kind == Jid | None]
_ROLES = {role.value: role for role in MemberRole}


class Groups(Repository):
    """The groups of this session."""

    __slots__ = ()

    def get(self, jid: Jid) -> Group | None:
        """One group.

        One that cannot be read counts as none, since the server has it too: it must not hold up
        every message of the group.
        """
        row = self._db.one(_GET, session_id=self._session_id, jid=jid_column(jid))
        return None if row is None else _read_or_none(*row)

    def put(self, group: Group) -> None:
        """Store a group in place of what was known of it.

        Raises:
            InvalidInput: one of its addresses cannot be stored.
        """
        self._db.change(
            _PUT,
            session_id=self._session_id,
            jid=jid_column(group.jid),
            data=_write(group),
        )

    def delete(self, jid: Jid) -> None:
        """Forget a group, if it is known."""
        self._db.change(_DELETE, session_id=self._session_id, jid=jid_column(jid))

    def all(self) -> list[Group]:
        """Every group that can be read, by address."""
        rows = self._db.all(_ALL, session_id=self._session_id)
        return [group for row in rows if (group := _read_or_none(*row)) is not None]


def _write(group: Group) -> str:
    """The group without its address; what is empty, zero or off is left out."""
    data: dict[str, Any] = {
        name: value for name in (*_SIMPLE, *_LISTS) if (value := getattr(group, name))
    }
    data |= {name: jid_column(jid) for name in _JIDS if (jid := getattr(group, name)) is not None}
    data["addressing"] = group.addressing.value
    data["members"] = [_write_member(member) for member in group.members]
    return json.dumps(data, separators=(",", ":"))


def _write_member(member: GroupMember) -> list[str | int | None]:
    """A member's columns in order; 1 for an address that is the first one again.

    The last one, when they joined, is left out where it is not known.
    """
    pn, lid = (
        None if jid is None else 1 if jid == member.jid else jid_column(jid)
        for jid in (member.pn, member.lid)
    )
    row = [jid_column(member.jid), pn, lid, member.role.value, member.label]
    return [*row, member.since] if member.since else row


def _read_or_none(jid: str, data: str) -> Group | None:
    try:
        return _read(jid, data)
    except CorruptRecord:
        log.error("a stored group cannot be read; it is asked for anew")
        return None


@lru_cache(maxsize=32)
def _read(jid: str, data: str) -> Group:
    """Parse a row; every message of a group asks for the same one, so the last few are kept."""
    try:
        found = json.loads(data)
        values: dict[str, Any] = {
            name: _typed(found[name], kind) for name, kind in _SIMPLE.items() if name in found
        }
        values |= {
            name: tuple([_typed(each, str) for each in _typed(found[name], list)])
            for name in _LISTS
            if name in found
        }
        values |= {name: Jid.parse(found[name]) for name in _JIDS if name in found}
        return Group(
            Jid.parse(jid),
            addressing=AddressingMode(found["addressing"]),
            members=tuple([_read_member(*member) for member in found["members"]]),
            **values,
        )
    except (ValueError, TypeError, LookupError, RecursionError, InvalidInput) as exc:
        raise CorruptRecord("a stored group cannot be read") from exc


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


def _read_member(jid: Any, pn: Any, lid: Any, role: Any, label: Any, since: Any = 0) -> GroupMember:
    named = Jid.parse(jid)
    return GroupMember(
        named,
        None if pn is None else named if pn == 1 else Jid.parse(pn),
        None if lid is None else named if lid == 1 else Jid.parse(lid),
        _ROLES[role],
        _typed(label, str),
        _typed(since, int),
    )
