"""The tables about channels."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text

from .schema_base import metadata

newsletters = Table(
    "newsletters",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("jid", Text, primary_key=True),
    Column("data", Text, nullable=False),
)
"""What is known of each channel; `data` is JSON (newsletters.py)."""

newsletter_posts = Table(
    "newsletter_posts",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("jid", Text, primary_key=True),
    Column("server_id", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", Text, nullable=False),
    Column("counts", Text, nullable=False),
    Index(None, "session_id", "jid", "message_id"),
    sqlite_with_rowid=False,
)
"""Which message a post of a channel is, and its counters as JSON. `message_id` is empty where only
the number is known."""
