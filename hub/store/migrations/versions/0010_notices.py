"""Notifications: what each receiver knows of, and messages that wait for their webhook."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("matter", sa.Text(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("told_at", sa.Float()),
        sa.Column("gone_at", sa.Float()),
        sa.PrimaryKeyConstraint("receiver", "matter"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notice_receiver",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.Float(), nullable=False),
        sa.Column("told_at", sa.Float()),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "notice_out",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
