"""What is known of people besides their names; chats that were marked as unread."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # With a default the rows that stand there need not be written again.
    for name in ("first_name", "verified_level", "former"):
        op.add_column("contacts", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "contacts",
        sa.Column("is_business", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column(
        "chats",
        sa.Column("marked_unread", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
