"""The tables of the app state; see schema.py."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from .schema_base import metadata, row_id

app_state_keys = Table(
    "app_state_keys",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("key_id", LargeBinary, primary_key=True),
    Column("key_data", LargeBinary, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("fingerprint", LargeBinary),
    Column("other_data", LargeBinary),
    sqlite_with_rowid=False,
)
"""`other_data` is another key that was shared under the same id."""

app_state_key_requests = Table(
    "app_state_key_requests",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("key_id", LargeBinary, primary_key=True),
    Column("asked_at", BigInteger, nullable=False),
    Column("first_at", BigInteger, nullable=False, server_default="0"),
    Column("unknown", Boolean, nullable=False, server_default=false()),
    sqlite_with_rowid=False,
)
"""When a key that is missing was first missed and last asked for, and whether the phone lacks it
too."""

app_state_collections = Table(
    "app_state_collections",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("lthash", LargeBinary, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("synced", Boolean, nullable=False),
    Column("news", BigInteger, nullable=False),
    Column("broken", Boolean, nullable=False),
    Column("diverged", Boolean, nullable=False, server_default=false()),
    Column("failures", BigInteger, nullable=False, server_default="0"),
    Column("recovering", Boolean, nullable=False, server_default=false()),
    Column("recovery_id", Text, nullable=False, server_default=""),
    Column("recovery_at", BigInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
"""What is known of each collection (`StoredCollection` in app_state.py says what it means)."""

app_state_records = Table(
    "app_state_records",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("collection", Text, primary_key=True),
    Column("generation", BigInteger, primary_key=True),
    Column("index_mac", LargeBinary, primary_key=True),
    Column("value_mac", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""The value MAC of each record. Of another generation than the collection's are those that a
snapshot has put aside, or that it has not brought to its end."""

app_state_pending = Table(
    "app_state_pending",
    metadata,
    row_id("position"),
    Column("session_id", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("index", LargeBinary, nullable=False),
    Column("operation", Integer, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    UniqueConstraint("session_id", "collection", "index"),
    sqlite_autoincrement=True,
)
"""Changes of our own that the server has not taken yet, the latest of each record."""

app_state_applied = Table(
    "app_state_applied",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("index", LargeBinary, primary_key=True),
    Column("collection", Text, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Of each record that took effect: out of which collection, and when it was made."""

app_state_kept = Table(
    "app_state_kept",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("index", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("timestamp_ms", BigInteger, nullable=False),
    Index(None, "session_id", "name", "target"),
    sqlite_with_rowid=False,
)
"""Records that no other table has a place for: labels, settings, what this program cannot read, and
what speaks of a message (`target` is its id) that is not here yet."""
