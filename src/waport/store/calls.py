"""The latest calls of a session."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.sql import ClauseElement

from ..model.call import Call, CallStatus
from ..wire import Jid
from .rows import Repository, jid_column, parse_jid
from .schema import calls as table
from .statements import InsertFactory, Row, Statement, row_values

KEPT = 1000
"""Calls that are remembered."""

_KEY = ["session_id", "caller", "call_id"]
_IN_SESSION = table.c.session_id == bindparam("session_id")
_ONE = (_IN_SESSION, table.c.caller == bindparam("caller"), table.c.call_id == bindparam("call_id"))
_COLUMNS = [column for column in table.columns if column.name not in ("seq", "session_id")]


def _put(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(table).values(row_values(table))
    names = [column.name for column in _COLUMNS if column.name not in _KEY]
    return row.on_conflict_do_update(
        index_elements=_KEY, set_={name: row.excluded[name] for name in names}
    )


_GET = Statement(select(*_COLUMNS).where(*_ONE))
_LATEST = Statement(
    select(*_COLUMNS).where(_IN_SESSION).order_by(table.c.seq.desc()).limit(bindparam("limit"))
)
_WITH_ID = Statement(
    select(*_COLUMNS)
    .where(_IN_SESSION, table.c.call_id == bindparam("call_id"))
    .order_by(table.c.seq.desc())
    .limit(1)
)
_PUT = Statement(_put)
_PRUNE = Statement(
    delete(table).where(
        _IN_SESSION,
        table.c.seq
        <= select(table.c.seq)
        .where(_IN_SESSION)
        .order_by(table.c.seq.desc())
        .limit(1)
        .offset(bindparam("kept"))
        .scalar_subquery(),
    )
)


class Calls(Repository):
    """The calls of this session."""

    __slots__ = ()

    def get(self, caller: Jid, call_id: str) -> Call | None:
        """A call by its caller, bare, and its id."""
        row = self._db.one(_GET, **self._name(caller, call_id))
        return None if row is None else _call(row)

    def find(self, call_id: str) -> Call | None:
        """The latest call of an id, whoever chose it."""
        row = self._db.one(_WITH_ID, session_id=self._session_id, call_id=call_id)
        return None if row is None else _call(row)

    def latest(self, limit: int) -> list[Call]:
        """The calls that came last, the latest first."""
        return [
            _call(row) for row in self._db.all(_LATEST, session_id=self._session_id, limit=limit)
        ]

    def put(self, call: Call) -> None:
        """Keep a call as it is now; of too many the oldest are forgotten."""
        self._db.change(
            _PUT,
            **self._name(call.caller, call.id),
            creator=jid_column(call.creator),
            status=call.status.value,
            timestamp=call.timestamp,
            is_video=call.is_video,
            is_group=call.is_group,
            group=None if call.group is None else jid_column(call.group),
            participants=" ".join(jid_column(each) for each in call.participants),
            is_offline=call.is_offline,
        )
        self._db.change(_PRUNE, session_id=self._session_id, kept=KEPT)

    def _name(self, caller: Jid, call_id: str) -> dict[str, Any]:
        return {
            "session_id": self._session_id,
            "caller": jid_column(caller.bare),
            "call_id": call_id,
        }


def _call(row: Row) -> Call:
    caller, call_id, creator, status, timestamp, is_video, is_group, group, people, offline = row
    return Call(
        call_id,
        parse_jid(creator),
        parse_jid(caller),
        CallStatus(status),
        timestamp,
        None if is_video is None else bool(is_video),
        None if group is None else parse_jid(group),
        None if is_group is None else bool(is_group),
        tuple(parse_jid(each) for each in people.split()),
        bool(offline),
    )
