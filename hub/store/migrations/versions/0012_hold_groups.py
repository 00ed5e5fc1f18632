"""What a held plan holds, counted by kind and by field, so that its page need not read every row;
and whether some of its rows were decided by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("hold", sa.Column("groups", sa.Text()))
    op.add_column("hold", sa.Column("in_part", sa.Integer(), nullable=False, server_default="0"))
