"""Calls, and stanzas that this version cannot read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("seq", _ROW_ID, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("creator", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("is_video", sa.Boolean()),
        sa.Column("is_group", sa.Boolean()),
        sa.Column("group", sa.Text()),
        sa.Column("participants", sa.Text(), nullable=False),
        sa.Column("is_offline", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_calls"),
        sa.UniqueConstraint(
            "session_id", "caller", "call_id", name="uq_calls_session_id_caller_call_id"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_calls_session_id_seq", "calls", ["session_id", "seq"])
    op.create_table(
        "raw_stanzas",
        sa.Column("seq", _ROW_ID, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("stanza_id", sa.Text(), nullable=False),
        sa.Column("stanza", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_raw_stanzas"),
        sa.UniqueConstraint(
            "session_id", "kind", "stanza_id", name="uq_raw_stanzas_session_id_kind_stanza_id"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_raw_stanzas_session_id_seq", "raw_stanzas", ["session_id", "seq"])
