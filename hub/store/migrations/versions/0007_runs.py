"""What a run did, record by record; how far one under way has come; what people decided on single rows of a plan."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("run", sa.Column("first_change", sa.BigInteger()))
    op.add_column("run", sa.Column("last_change", sa.BigInteger()))
    op.add_column("run", sa.Column("progress", sa.Text()))
    op.add_column("run", sa.Column("stopped_by", sa.Text()))
    op.create_index("run_by_start", "run", ["started_at", "id"])
    under_way = sa.text("status = 'running'")
    op.create_index("run_under_way", "run", ["connection"], sqlite_where=under_way, postgresql_where=under_way)
    for table in ("parked", "conflict", "ask"):
        op.create_index(f"{table}_by_run", table, ["run_id"])
    op.add_column("parked", sa.Column("edit", sa.Text()))
    op.add_column("plan_row", sa.Column("golden_id", sa.Text()))
    op.add_column("plan_row", sa.Column("mark", sa.Text()))
    op.add_column("plan_row", sa.Column("verdict", sa.Text()))
    op.add_column("queue", sa.Column("agreed", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "declined",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("golden_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "golden_id"),
    )
    _fill_spans()


def _fill_spans() -> None:
    """Runs that were made before: from their first to their last line of history."""
    op.execute(
        "CREATE TEMPORARY TABLE span AS SELECT run_id, min(id) - 1 AS low, max(id) AS high FROM change"
        " WHERE run_id IS NOT NULL GROUP BY run_id"
    )
    op.execute("CREATE INDEX span_by_run ON span (run_id)")
    op.execute(
        "UPDATE run SET first_change = coalesce((SELECT low FROM span WHERE run_id = run.id), 0),"
        " last_change = coalesce((SELECT high FROM span WHERE run_id = run.id), 0)"
    )
    op.execute("DROP TABLE span")
