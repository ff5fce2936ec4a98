"""The privacy tokens that people gave us, and when they were given ours."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, case, select
from sqlalchemy.sql import ClauseElement

from ..model import PrivacyToken
from ..wire import Jid
from .rows import Repository, jid_column, parse_jid
from .schema import privacy_tokens as table
from .statements import InsertFactory, Statement, row_values

_KEY = ["session_id", "user"]
_COLUMNS = [column for column in table.columns if column.name != "session_id"]


def _put(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(table).values(row_values(table))
    return row.on_conflict_do_update(
        index_elements=_KEY,
        set_={"token": row.excluded.token, "timestamp": row.excluded.timestamp},
        where=table.c.timestamp <= row.excluded.timestamp,
    ).returning(table.c.user)


def _mark_given(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(table).values(row_values(table))
    new = row.excluded.given_at
    return row.on_conflict_do_update(
        index_elements=_KEY,
        set_={"given_at": case((table.c.given_at < new, new), else_=table.c.given_at)},
    )


_GET = Statement(
    select(*_COLUMNS).where(
        and_(table.c.session_id == bindparam("session_id"), table.c.user == bindparam("user"))
    )
)
_PUT = Statement(_put)
_MARK_GIVEN = Statement(_mark_given)


class Tokens(Repository):
    """The privacy tokens of this session, by a person's bare address."""

    __slots__ = ()

    def get(self, user: Jid) -> PrivacyToken | None:
        """What is known of a person's token; None if nothing is."""
        row = self._db.one(_GET, **self._user(user))
        if row is None:
            return None
        name, token, timestamp, given_at = row
        return PrivacyToken(parse_jid(name), token, timestamp, given_at)

    def put(self, user: Jid, token: bytes, timestamp: int) -> bool:
        """Keep the token that a person gave.

        Args:
            timestamp: when it was made, Unix seconds.

        Returns:
            False if a younger one is here already; nothing has changed then.
        """
        row = self._db.one(_PUT, **self._user(user), token=token, timestamp=timestamp, given_at=0)
        return row is not None

    def mark_given(self, user: Jid, at: int) -> None:
        """Remember that a person was given ours at a time, Unix seconds; the latest counts."""
        self._db.change(_MARK_GIVEN, **self._user(user), token=b"", timestamp=0, given_at=at)

    def _user(self, user: Jid) -> dict[str, Any]:
        return {"session_id": self._session_id, "user": jid_column(user.bare)}
