"""Runs that people asked for and that the end of the hub came before."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "run_order",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("is_full", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("connection"),
    )
