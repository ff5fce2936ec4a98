"""Channels, and the numbers that their posts have there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "newsletters",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("jid", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "jid", name="pk_newsletters"),
    )
    op.create_table(
        "newsletter_posts",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("jid", sa.Text(), nullable=False),
        sa.Column("server_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "jid", "server_id", name="pk_newsletter_posts"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_newsletter_posts_session_id_jid_message_id",
        "newsletter_posts",
        ["session_id", "jid", "message_id"],
    )
