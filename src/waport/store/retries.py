"""How often devices have asked for a message once more."""

from __future__ import annotations

from sqlalchemy import bindparam, delete
from sqlalchemy.sql import ClauseElement

from .message_rows import in_chat
from .schema import retries
from .statements import InsertFactory, Statement, row_values

FORGET_RETRIES = Statement(delete(retries).where(in_chat(retries), retries.c.id == bindparam("id")))


def _bump_retry(insert_into: InsertFactory) -> ClauseElement:
    row = insert_into(retries).values(row_values(retries))
    return row.on_conflict_do_update(
        index_elements=["session_id", "chat", "id", "device"],
        set_={"count": retries.c.count + 1, "updated_ms": row.excluded.updated_ms},
    ).returning(retries.c.count)


BUMP_RETRY = Statement(_bump_retry)
