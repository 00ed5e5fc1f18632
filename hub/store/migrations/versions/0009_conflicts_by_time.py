"""Conflicts are found by their time, and counted by field and connection."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index("conflict_by_time", "conflict", ["at", "field", "connection", "state"])
