"""Pieces of sources that could not be read, as they stand there, and as a person has put them right."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

row_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("parked", sa.Column("raw", sa.Text()))
    op.create_table(
        "amended",
        sa.Column("id", row_id, primary_key=True, autoincrement=True),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column("own_run", sa.Text()),
        sa.UniqueConstraint("connection", "mark", "place"),
    )
    op.create_index("amended_by_record", "amended", ["connection", "external_id"])
