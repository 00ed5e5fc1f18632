"""Care for a store as a whole: backup, restore, and whether all in it hangs together."""

from __future__ import annotations

from hub.store.db import Store


def record_failure(store: Store, run_id: str, connection: str, now: float, error: str) -> None:
    """Put a run on record that ended without its own record."""
    with store.write() as tx:
        tx.run(
            "INSERT INTO run (id, connection, started_at, ended_at, status, error)"
            " VALUES (:i, :c, :now, :now, 'failed', :e)"
            " ON CONFLICT (id) DO UPDATE SET ended_at = :now, status = 'failed', error = :e",
            i=run_id,
            c=connection,
            now=now,
            e=error,
        )
