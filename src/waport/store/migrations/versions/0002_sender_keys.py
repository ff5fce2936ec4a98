"""Sender keys of groups, and who was told ours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sender_keys",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("group_jid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("device", sa.Integer(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "group_jid", "name", "device", name="pk_sender_keys"),
    )
    op.create_index(
        "ix_sender_keys_session_id_name_device", "sender_keys", ["session_id", "name", "device"]
    )
    op.create_table(
        "sender_key_memory",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("group_jid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("device", sa.Integer(), nullable=False),
        sa.Column("warm", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "session_id", "group_jid", "name", "device", name="pk_sender_key_memory"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_sender_key_memory_session_id_name_device",
        "sender_key_memory",
        ["session_id", "name", "device"],
    )
