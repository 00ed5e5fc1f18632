"""The history of golden records, as it is written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hub.store import schema
from hub.store.db import Tx, insert_row_sql, loads

MERGED_AWAY = "merged away"  # detail: into which golden record, and what it brought in
SPLIT_AWAY = "split away"  # detail: from which golden record
MOVED_IN = "moved in by matching"  # detail: a record of which golden record, whose values it had been among
TELLING = (MERGED_AWAY, SPLIT_AWAY, MOVED_IN)  # say which golden records were one


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


def parted_from(tx: Tx, golden_ids: Collection[str]) -> tuple[list[str], float, float]:
    """Golden records that these, or a record of theirs, were one with and were parted from; since when, until when."""
    others: set[str] = set()
    since, until = float("inf"), 0.0
    for golden_id in sorted(golden_ids):
        merged = None
        for kind, at, detail in _merges(tx, [golden_id]):
            if kind == MERGED_AWAY:
                merged = at
                continue
            others.add(loads(detail)["from"])
            joined = merged or 0.0 if kind == SPLIT_AWAY else 0.0  # from the beginning, where it was never apart
            since, until = min(since, joined), max(until, at)
    layer = others
    while layer:
        layer = {loads(detail)["into"] for kind, _, detail in _merges(tx, layer) if kind == MERGED_AWAY} - others
        others |= layer
    return sorted(others - set(golden_ids)), since, until


def _merges(tx: Tx, golden_ids: Collection[str]) -> list[tuple[str, float, str]]:
    """(kind, when, detail), the oldest first."""
    rows = tx.all(
        "SELECT kind, at, detail FROM change WHERE golden_id IN :*ids AND kind IN :*kinds AND detail IS NOT NULL"
        " ORDER BY id",
        ids=sorted(golden_ids),
        kinds=list(TELLING),
    )
    return [(row[0], row[1], row[2]) for row in rows]
