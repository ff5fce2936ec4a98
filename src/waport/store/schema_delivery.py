"""The tables of what is still to be told, to the world and to the server; see schema.py."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from .schema_base import RowId, metadata, row_id

event_log = Table(
    "event_log",
    metadata,
    row_id("id"),
    Column("session_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index(None, "session_id", "id"),
    sqlite_autoincrement=True,
)
"""What happened, in the order of the commits. `data` is JSON."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("event_id", RowId, primary_key=True, autoincrement=False),
    Column("session_id", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Index(None, "session_id", "lane", "event_id"),
)
"""Events that somebody still has to be told, written once and deleted once."""

delivery_lanes = Table(
    "delivery_lanes",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("head_event_id", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("refused_ms", BigInteger, nullable=False),
    Column("status", Integer),
    Index(None, "session_id", "due_ms", "head_event_id"),
    sqlite_with_rowid=False,
)
"""The lanes that have deliveries, one row each: the first of them, when it may be tried, and how it
has fared (`Delivery` in event_log.py says what the counts mean)."""

send_queue = Table(
    "send_queue",
    metadata,
    row_id("position"),
    Column("session_id", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("chat", Text, nullable=False),
    Column("stanza", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    UniqueConstraint("session_id", "message_id"),
    sqlite_autoincrement=True,
)
"""Stanzas that the server has not acknowledged; what leaves is what stands here."""
