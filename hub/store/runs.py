"""Past runs, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.store.db import Store, loads

_COLUMNS = "id, connection, started_at, ended_at, status, counts, error"


@dataclass(frozen=True, slots=True)
class PastRun:
    """A row of `run`; times in epoch seconds."""

    id: str
    connection: str
    started_at: float
    ended_at: float | None
    status: str
    counts: dict[str, int] = field(default_factory=dict)
    error: str | None = None


def past_runs(
    store: Store, connection: str | None, limit: int, skip: int = 0, *, before: tuple[float, str] | None = None
) -> list[PastRun]:
    """The newest first. before: (started at, id) of a run, those that come after it in this order"""
    conditions = [] if connection is None else ["connection = :c"]
    params: dict[str, Any] = {} if connection is None else {"c": connection}
    if before is not None:
        conditions.append("(started_at < :t OR (started_at = :t AND id < :i))")
        params |= {"t": before[0], "i": before[1]}
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    text = f"SELECT {_COLUMNS} FROM run{where} ORDER BY started_at DESC, id DESC LIMIT :n OFFSET :s"
    with store.read() as tx:
        rows = tx.all(text, n=limit, s=skip, **params)
    return [_run(row) for row in rows]


def run_detail(store: Store, run_id: str) -> tuple[PastRun, dict[str, dict[str, int]]] | None:
    """A run, and what it left behind: kind of entry → word → how many."""
    with store.read() as tx:
        row = tx.one(f"SELECT {_COLUMNS} FROM run WHERE id = :i", i=run_id)
        if row is None:
            return None
        left = {
            "history": "SELECT kind, count(*) FROM change WHERE run_id = :i GROUP BY kind ORDER BY kind",
            "conflict": "SELECT field, count(*) FROM conflict WHERE run_id = :i GROUP BY field",
            "set aside": "SELECT stage, count(*) FROM parked WHERE run_id = :i GROUP BY stage ORDER BY stage",
            "held": "SELECT gate, count(*) FROM hold WHERE run_id = :i GROUP BY gate ORDER BY gate",
        }
        counted = {title: _pairs(tx.all(text, i=run_id)) for title, text in left.items()}
    return _run(row), {title: counts for title, counts in counted.items() if counts}


def _pairs(rows: Sequence[Sequence[Any]]) -> dict[str, int]:
    """By base field, so that no address is told; other words have no slash."""
    counts: dict[str, int] = {}
    for word, n in rows:
        base = word.split("/")[0]
        counts[base] = counts.get(base, 0) + n
    return counts


def _run(row: Sequence[Any]) -> PastRun:
    run_id, connection, started_at, ended_at, status, counts, error = row
    return PastRun(run_id, connection, started_at, ended_at, status, loads(counts) if counts else {}, error)
