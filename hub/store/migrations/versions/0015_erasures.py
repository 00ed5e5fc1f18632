"""Erasures, what each system was told, and who is not to come in again."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("opt_in", sa.Column("withheld", sa.Text()))
    _erasure()
    _erasure_step()
    op.create_table(
        "suppression",
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("erasure_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("mark", "erasure_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("suppression_by_erasure", "suppression", ["erasure_id"], unique=False)


def _erasure() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("golden_id", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text()),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("emptied_at", sa.Float()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Float()),
        sa.Column("ended_by", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("erasure_by_state", "erasure", ["state", "at"], unique=False)
    op.create_index("erasure_by_golden", "erasure", ["golden_id"], unique=False)


def _erasure_step() -> None:
    op.create_table(
        "erasure_step",
        sa.Column("id", RowId, autoincrement=True, nullable=False),
        sa.Column("erasure_id", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text()),
        sa.Column("hub_key", sa.Text()),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("shown", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("person", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("erasure_step_by_erasure", "erasure_step", ["erasure_id"], unique=False)
    op.create_index("erasure_step_due", "erasure_step", ["connection", "state", "next_at"], unique=False)
    op.create_index("erasure_step_by_mark", "erasure_step", ["mark"], unique=False)
