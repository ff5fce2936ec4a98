"""Keys of the app state: the phone shares them once."""

from __future__ import annotations

from sqlalchemy import bindparam, select
from sqlalchemy.sql import ClauseElement

from .rows import Repository
from .schema import app_state_keys as table
from .statements import InsertFactory, Statement, row_values


def _put_key(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(table).values(row_values(table))
    return row.on_conflict_do_update(
        index_elements=["session_id", "key_id"],
        set_={"key_data": row.excluded.key_data, "timestamp": row.excluded.timestamp},
        where=table.c.timestamp <= row.excluded.timestamp,
    )


_KEYS = Statement(
    select(table.c.key_id, table.c.key_data).where(table.c.session_id == bindparam("session_id"))
)
_PUT_KEY = Statement(_put_key)


class AppState(Repository):
    """What this session needs to read the account's app state."""

    __slots__ = ()

    def keys(self) -> dict[bytes, bytes]:
        """Every key, 32 bytes, by its id."""
        rows = self._db.all(_KEYS, session_id=self._session_id)
        return {bytes(key_id): bytes(key_data) for key_id, key_data in rows}

    def put_key(self, key_id: bytes, key_data: bytes, timestamp: int) -> None:
        """Keep a key; of two with one id the newer stays."""
        self._db.change(
            _PUT_KEY,
            session_id=self._session_id,
            key_id=key_id,
            key_data=key_data,
            timestamp=timestamp,
        )
