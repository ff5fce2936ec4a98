"""The tables of calls and of stanzas that nothing here can read; see schema.py."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from .schema_base import metadata, row_id

calls = Table(
    "calls",
    metadata,
    row_id("seq"),
    Column("session_id", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("creator", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("is_video", Boolean),
    Column("is_group", Boolean),
    Column("group", Text),
    Column("participants", Text, nullable=False),
    Column("is_offline", Boolean, nullable=False),
    UniqueConstraint("session_id", "caller", "call_id"),
    Index(None, "session_id", "seq"),
    sqlite_autoincrement=True,
)
"""The latest calls. Callers choose the ids, so an id counts beside its caller alone."""

raw_stanzas = Table(
    "raw_stanzas",
    metadata,
    row_id("seq"),
    Column("session_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("stanza_id", Text, nullable=False),
    Column("stanza", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    UniqueConstraint("session_id", "kind", "stanza_id"),
    Index(None, "session_id", "seq"),
    sqlite_autoincrement=True,
)
"""The latest stanzas that were acknowledged but mean nothing to this program, as they came."""
