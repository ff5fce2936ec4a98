"""Webhooks that are set over the API: each has deliveries of its own, and dead letters are kept.

The tables of deliveries are made anew with the receiver in their keys; what waits comes along.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("number", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Text(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_webhooks"),
        sa.UniqueConstraint("id", name="uq_webhooks_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "dead_letters",
        sa.Column("number", _ROW_ID, autoincrement=False, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("webhook", sa.BigInteger(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("died_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_dead_letters"),
    )
    op.create_index("ix_dead_letters_event_id", "dead_letters", ["event_id"])
    op.create_index("ix_dead_letters_webhook_number", "dead_letters", ["webhook", "number"])

    op.create_table(
        "deliveries_new",
        sa.Column("number", _ROW_ID, autoincrement=False, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("webhook", sa.BigInteger(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_deliveries_new"),
    )
    op.execute(
        "INSERT INTO deliveries_new (number, event_id, session_id, webhook, lane)"
        " SELECT event_id, event_id, session_id, 0, lane FROM deliveries ORDER BY event_id"
    )
    op.drop_table("deliveries")
    op.rename_table("deliveries_new", "deliveries")
    op.create_table(
        "delivery_lanes_new",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("webhook", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("refused_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("session_id", "lane", "webhook", name="pk_delivery_lanes_new"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO delivery_lanes_new (session_id, lane, webhook, head, due_ms, attempts,"
        " refusals, refused_ms, status) SELECT session_id, lane, 0, head_event_id, due_ms,"
        " attempts, refusals, refused_ms, status FROM delivery_lanes"
    )
    op.drop_table("delivery_lanes")
    op.rename_table("delivery_lanes_new", "delivery_lanes")
    if op.get_bind().dialect.name == "postgresql":
        for name in ("deliveries", "delivery_lanes"):
            op.execute(f"ALTER INDEX pk_{name}_new RENAME TO pk_{name}")
    op.create_index("ix_deliveries_event_id", "deliveries", ["event_id"])
    op.create_index(
        "ix_deliveries_session_id_webhook_lane_number",
        "deliveries",
        ["session_id", "webhook", "lane", "number"],
    )
    op.create_index(
        "ix_delivery_lanes_session_id_webhook_due_ms_head",
        "delivery_lanes",
        ["session_id", "webhook", "due_ms", "head"],
    )
