"""The tables of the history that the phone sends; see schema.py."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text, UniqueConstraint

from .schema_base import metadata, row_id

history_notices = Table(
    "history_notices",
    metadata,
    row_id("position"),
    Column("session_id", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("sync_type", Integer, nullable=False),
    Column("chunk_order", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("notice", LargeBinary, nullable=False),
    UniqueConstraint("session_id", "message_id"),
    sqlite_autoincrement=True,
)
"""Pieces of history that are announced and not yet told the phone as handled (`StoredNotice` in
history.py says what the columns mean)."""

history_kept = Table(
    "history_kept",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
"""What the history told that no other table has a place for, and what of it can't be read."""
