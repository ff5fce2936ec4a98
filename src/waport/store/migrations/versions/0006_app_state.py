"""The collections of the app state, what is to be written to them, and what is kept of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_collections()
    op.create_table(
        "app_state_key_requests",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "key_id", name="pk_app_state_key_requests"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "app_state_pending",
        sa.Column("position", _ROW_ID, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("index", sa.LargeBinary(), nullable=False),
        sa.Column("operation", sa.Integer(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_app_state_pending"),
        sa.UniqueConstraint(
            "session_id",
            "collection",
            "index",
            name="uq_app_state_pending_session_id_collection_index",
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "app_state_kept",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("index", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "index", name="pk_app_state_kept"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_app_state_kept_session_id_name_target",
        "app_state_kept",
        ["session_id", "name", "target"],
    )


def _create_collections() -> None:
    op.create_table(
        "app_state_collections",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("lthash", sa.LargeBinary(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.Column("news", sa.BigInteger(), nullable=False),
        sa.Column("broken", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "name", name="pk_app_state_collections"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "app_state_records",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("index_mac", sa.LargeBinary(), nullable=False),
        sa.Column("value_mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "session_id", "collection", "generation", "index_mac", name="pk_app_state_records"
        ),
        sqlite_with_rowid=False,
    )
