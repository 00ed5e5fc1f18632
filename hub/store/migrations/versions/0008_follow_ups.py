"""Follow-ups: what somebody promised to come back to."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "follow_up",
        sa.Column("interaction_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.Column("closed_at", sa.Float()),
        sa.Column("closed_by", sa.Text()),
        sa.PrimaryKeyConstraint("interaction_id"),
    )
    is_open = sa.text("closed_at IS NULL")
    op.create_index(
        "follow_up_open", "follow_up", ["due", "interaction_id"], sqlite_where=is_open, postgresql_where=is_open
    )
