"""How often a delivery was taken alone by a process that then ended in the middle of it."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("inbox", sa.Column("tries", sa.BigInteger(), nullable=False, server_default="0"))
