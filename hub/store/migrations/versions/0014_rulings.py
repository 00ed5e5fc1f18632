"""What people decided on single source records of held runs, and how many rows its plan had."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("hold", sa.Column("total", sa.Integer()))
    op.add_column("hold", sa.Column("last_row", sa.Integer()))
    op.create_table(
        "ruling",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("kept", sa.Text()),
        sa.Column("hold_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "gate", "external_id"),
    )
    op.create_index("ruling_by_hold", "ruling", ["hold_id"])
