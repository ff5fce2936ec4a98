"""History of the phone: what is still to be taken in, and what chats know of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "history_notices",
        sa.Column("position", _ROW_ID, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("sync_type", sa.Integer(), nullable=False),
        sa.Column("chunk_order", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("notice", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_history_notices"),
        sa.UniqueConstraint(
            "session_id", "message_id", name="uq_history_notices_session_id_message_id"
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "history_kept",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "kind", "name", name="pk_history_kept"),
    )
    # With a default the rows that stand there need not be written again.
    for name in ("settled", "counted"):
        op.add_column(
            "chats", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.add_column(
        "chats", sa.Column("read_at", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column(
        "chats", sa.Column("history_end", sa.Integer(), nullable=False, server_default="-1")
    )
