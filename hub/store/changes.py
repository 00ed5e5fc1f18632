"""The history of golden records, as it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.store import schema
from hub.store.db import Tx, insert_row_sql


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the history of a golden record. `detail`: JSON text."""

    golden_id: str
    at: float
    kind: str
    connection: str | None
    detail: str | None


_COLUMNS = ("golden_id", "at", "kind", "connection", "detail", "run_id")
_LOG = insert_row_sql(schema.change, _COLUMNS)


def log(tx: Tx, rows: Sequence[Change], run_id: str | None) -> None:
    tx.many(_LOG, [(c.golden_id, c.at, c.kind, c.connection, c.detail, run_id) for c in rows])
