"""Which mapping a connection's records are read by. Not known yet, it counts as another one: all is compared once."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("connection_state", sa.Column("mapping", sa.Text()))
    op.add_column("connection_state", sa.Column("remapped", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE connection_state SET mapping = '' WHERE started_at IS NOT NULL")
