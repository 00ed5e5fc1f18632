"""Interactions, the contact points they are found by, and what they said about consent."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_interaction()
    create_index_tables()
    create_statement()


def create_interaction() -> None:
    op.create_table(
        "interaction",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("record_ref", sa.Text()),
        sa.Column("points", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text()),
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("connection", "external_id"),
    )
    op.create_index(
        "interaction_by_record",
        "interaction",
        ["connection", "record_ref"],
        unique=False,
        sqlite_where=sa.text("record_ref IS NOT NULL"),
        postgresql_where=sa.text("record_ref IS NOT NULL"),
    )


def create_index_tables() -> None:
    for table, column, kind in (
        ("interaction_point", "point", sa.Text()),
        ("interaction_kept", "record_id", sa.BigInteger()),
    ):
        op.create_table(
            table,
            sa.Column(column, kind, nullable=False),
            sa.Column("at", sa.Float(), nullable=False),
            sa.Column("interaction_id", sa.BigInteger(), nullable=False),
            sa.PrimaryKeyConstraint(column, "at", "interaction_id"),
            sqlite_with_rowid=False,
        )


def create_statement() -> None:
    op.create_table(
        "statement",
        sa.Column("point", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("point", "channel", "purpose", "connection"),
        sqlite_with_rowid=False,
    )
