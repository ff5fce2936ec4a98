"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only in a column of exactly this type.
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "app_state_keys",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("key_data", sa.LargeBinary(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "key_id", name="pk_app_state_keys"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "chats",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("jid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("muted_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "jid", name="pk_chats"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "contacts",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("jid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("push_name", sa.Text(), nullable=False),
        sa.Column("verified_name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "jid", name="pk_contacts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "credentials",
        sa.Column("position", _ROW_ID, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("noise_private", sa.LargeBinary(), nullable=False),
        sa.Column("noise_public", sa.LargeBinary(), nullable=False),
        sa.Column("identity_private", sa.LargeBinary(), nullable=False),
        sa.Column("identity_public", sa.LargeBinary(), nullable=False),
        sa.Column("registration_id", sa.Integer(), nullable=False),
        sa.Column("signed_pre_key_id", sa.Integer(), nullable=False),
        sa.Column("signed_pre_key_private", sa.LargeBinary(), nullable=False),
        sa.Column("signed_pre_key_public", sa.LargeBinary(), nullable=False),
        sa.Column("signed_pre_key_signature", sa.LargeBinary(), nullable=False),
        sa.Column("adv_secret", sa.LargeBinary(), nullable=False),
        sa.Column("next_pre_key_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("pn", sa.Text(), nullable=True),
        sa.Column("lid", sa.Text(), nullable=True),
        sa.Column("account", sa.LargeBinary(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("push_name", sa.Text(), nullable=False),
        sa.Column("routing_info", sa.LargeBinary(), nullable=False),
        sa.Column("pre_keys_uploaded", sa.Boolean(), nullable=False),
        sa.Column("login_counter", sa.BigInteger(), nullable=False),
        sa.Column("checksum", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_credentials"),
        sa.UniqueConstraint("session_id", name="uq_credentials_session_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deliveries",
        sa.Column("event_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_due_ms_event_id", "deliveries", ["due_ms", "event_id"])
    op.create_index(
        "ix_deliveries_session_id_lane_due_ms", "deliveries", ["session_id", "lane", "due_ms"]
    )
    op.create_table(
        "device_lists",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("devices", sa.Text(), nullable=False),
        sa.Column("raw_id", sa.BigInteger(), nullable=True),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "user", name="pk_device_lists"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_log",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event_log"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_log_session_id_id", "event_log", ["session_id", "id"])
    op.create_table(
        "lid_mappings",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("pn", sa.Text(), nullable=False),
        sa.Column("lid", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "pn", name="pk_lid_mappings"),
        sa.UniqueConstraint("session_id", "lid", name="uq_lid_mappings_session_id_lid"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "messages",
        sa.Column("seq", _ROW_ID, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("chat", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("push_name", sa.Text(), nullable=False),
        sa.Column("ack", sa.Integer(), nullable=False),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_messages"),
        sa.UniqueConstraint(
            "session_id", "id", "chat", "author", name="uq_messages_session_id_id_chat_author"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_messages_session_id_chat_timestamp_seq",
        "messages",
        ["session_id", "chat", "timestamp", "seq"],
    )
    op.create_table(
        "pre_keys",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "id", name="pk_pre_keys"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "retries",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("chat", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "chat", "id", "device", name="pk_retries"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "send_queue",
        sa.Column("position", _ROW_ID, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("chat", sa.Text(), nullable=False),
        sa.Column("stanza", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_send_queue"),
        sa.UniqueConstraint("session_id", "message_id", name="uq_send_queue_session_id_message_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "signal_identities",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("device", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "name", "device", name="pk_signal_identities"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "signal_quarantine",
        sa.Column("position", _ROW_ID, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("device", sa.Integer(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_signal_quarantine"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_signal_quarantine_session_id", "signal_quarantine", ["session_id"])
    op.create_table(
        "signal_sessions",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("device", sa.Integer(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "name", "device", name="pk_signal_sessions"),
    )
    op.create_table(
        "signed_pre_keys",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "id", name="pk_signed_pre_keys"),
    )
