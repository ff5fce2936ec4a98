"""A row for each lane of deliveries: a failed try and the search for what is due touch only these.

The table of deliveries is made anew without what stands in the lane's row now.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# On SQLite the number of the event is the row's own number: one tree less to keep.
_EVENT_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "delivery_lanes",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("head_event_id", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("refused_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("session_id", "lane", name="pk_delivery_lanes"),
        sqlite_with_rowid=False,
    )
    # Whatever waited for another try is tried at once: the counts of old were of rounds, not tries.
    op.execute(
        "INSERT INTO delivery_lanes"
        " (session_id, lane, head_event_id, due_ms, attempts, refusals, refused_ms, status)"
        " SELECT session_id, lane, min(event_id), 0, 0, 0, 0, NULL FROM deliveries"
        " GROUP BY session_id, lane"
    )
    op.create_index(
        "ix_delivery_lanes_session_id_due_ms_head_event_id",
        "delivery_lanes",
        ["session_id", "due_ms", "head_event_id"],
    )
    op.create_table(
        "deliveries_new",
        sa.Column("event_id", _EVENT_ID, autoincrement=False, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_deliveries_new"),
    )
    op.execute(
        "INSERT INTO deliveries_new (event_id, session_id, lane)"
        " SELECT event_id, session_id, lane FROM deliveries ORDER BY event_id"
    )
    op.drop_table("deliveries")
    op.rename_table("deliveries_new", "deliveries")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_deliveries_new RENAME TO pk_deliveries")
    op.create_index(
        "ix_deliveries_session_id_lane_event_id",
        "deliveries",
        ["session_id", "lane", "event_id"],
    )
