"""Groups, what is added to messages, privacy tokens; edits, stars, and the timers of chats."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _add_columns()
    op.create_table(
        "groups",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("jid", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "jid", name="pk_groups"),
    )
    op.create_table(
        "privacy_tokens",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "user", name="pk_privacy_tokens"),
        sqlite_with_rowid=False,
    )
    _create_add_ons()


def _add_columns() -> None:
    # With a default the rows that stand there need not be written again.
    for table, column in (
        ("messages", sa.Column("edited_ms", sa.BigInteger(), nullable=False, server_default="0")),
        ("messages", sa.Column("edit_id", sa.Text(), nullable=False, server_default="")),
        ("messages", sa.Column("starred", sa.Boolean(), nullable=False, server_default=sa.false())),
        ("chats", sa.Column("expiration_s", sa.BigInteger(), nullable=False, server_default="0")),
        ("chats", sa.Column("timer_set_at", sa.BigInteger(), nullable=False, server_default="0")),
        ("chats", sa.Column("listed", sa.Boolean(), nullable=False, server_default=sa.true())),
    ):
        op.add_column(table, column)
    _create_lid_index("messages", "author")


def _create_add_ons() -> None:
    op.create_table(
        "add_ons",
        sa.Column("position", _ROW_ID, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("chat", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Text(), nullable=False),
        sa.Column("target_author", sa.Text(), nullable=False),
        sa.Column("target_sender", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("key_chat", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_add_ons"),
        sa.UniqueConstraint(
            "session_id",
            "chat",
            "target_id",
            "target_author",
            "kind",
            "author",
            name="uq_add_ons_session_id_chat_target_id_target_author_kind_author",
        ),
        sqlite_autoincrement=True,
    )
    _create_lid_index("add_ons", "author")
    _create_lid_index("add_ons", "target_author")
    op.create_table(
        "waiting_add_ons",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("message_seq", sa.BigInteger(), nullable=False),
        sa.Column("chat", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "message_seq", name="pk_waiting_add_ons"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_waiting_add_ons_session_id_chat_target_id_message_seq",
        "waiting_add_ons",
        ["session_id", "chat", "target_id", "message_seq"],
    )


def _create_lid_index(table: str, column: str) -> None:
    where = sa.text(f"{column} LIKE '%@lid'")
    op.create_index(
        f"ix_{table}_session_id_{column}",
        table,
        ["session_id", column],
        sqlite_where=where,
        postgresql_where=where,
    )
