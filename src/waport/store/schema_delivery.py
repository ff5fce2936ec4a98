"""The tables of what goes out: events, who is told of them, webhooks, stanzas; see schema.py."""

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
    Column("number", RowId, primary_key=True, autoincrement=False),
    Column("event_id", BigInteger, nullable=False, index=True),
    Column("session_id", Text, nullable=False),
    Column("webhook", BigInteger, nullable=False),
    Column("lane", Text, nullable=False),
    Index(None, "session_id", "webhook", "lane", "number"),
)
"""Events that a receiver still has to be told, written once and deleted once. `number` rises with
the event within one receiver (delivery_names.py); `webhook` is the number of a webhook, 0 the
receiver that the settings name."""

delivery_lanes = Table(
    "delivery_lanes",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("webhook", BigInteger, primary_key=True, autoincrement=False),
    Column("head", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("refused_ms", BigInteger, nullable=False),
    Column("status", Integer),
    Index(None, "session_id", "webhook", "due_ms", "head"),
    sqlite_with_rowid=False,
)
"""The lanes that have deliveries, one row each: the number of the first of them, when it may be
tried, and how it has fared (`Delivery` in deliveries.py says what the counts mean)."""

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("number", RowId, primary_key=True, autoincrement=False),
    Column("event_id", BigInteger, nullable=False, index=True),
    Column("session_id", Text, nullable=False),
    Column("webhook", BigInteger, nullable=False),
    Column("lane", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("status", Integer),
    Column("died_ms", BigInteger, nullable=False),
    Index(None, "webhook", "number"),
)
"""Deliveries that were given up. They can be sent again for as long as the log has their event."""

webhooks = Table(
    "webhooks",
    metadata,
    row_id("number"),
    Column("id", Text, nullable=False, unique=True),
    Column("session", Text),
    Column("url", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("secrets", Text, nullable=False),
    Column("disabled", Text),
    Column("created_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""Receivers that were set over the API. `session` NULL is all of them; `options` and `secrets` are
JSON (webhooks.py); `disabled` says why nothing is sent to it, NULL that it is on."""

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
