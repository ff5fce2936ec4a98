"""What goes wrong with the app state, and what is asked of the phone because of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # With a default the rows that stand there need not be written again.
    for name in ("fingerprint", "other_data"):
        op.add_column("app_state_keys", sa.Column(name, sa.LargeBinary()))
    _add_number("app_state_key_requests", "first_at")
    _add_flag("app_state_key_requests", "unknown")
    for name in ("failures", "recovery_at"):
        _add_number("app_state_collections", name)
    for name in ("diverged", "recovering"):
        _add_flag("app_state_collections", name)
    op.add_column(
        "app_state_collections",
        sa.Column("recovery_id", sa.Text(), nullable=False, server_default=""),
    )
    op.create_table(
        "app_state_applied",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("index", sa.LargeBinary(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "index", name="pk_app_state_applied"),
        sqlite_with_rowid=False,
    )


def _add_number(table: str, name: str) -> None:
    op.add_column(table, sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))


def _add_flag(table: str, name: str) -> None:
    op.add_column(table, sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
