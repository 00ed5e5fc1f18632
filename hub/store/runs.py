"""Runs: begun and ended, past ones and those under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.store.db import Store, Tx, dumps, loads

_COLUMNS = (
    "id, connection, started_at, ended_at, status, counts, error, progress, stopped_by, first_change, last_change"
)
_LAST_CHANGE = "(SELECT coalesce(max(id), 0) FROM change)"
NO_END = 2**62  # number of no line of history
MOST_COUNTED = 20_000  # lines of history that `run_detail` counts; its `counts` have them all


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. done, total: records of this phase, None: not known; since, at: epoch seconds

    since  when the phase began; at: when this was written
    """

    phase: str
    done: int
    total: int | None
    since: float
    at: float
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Records a second in this phase."""
        return self.done / max(0.001, self.at - self.since) if self.at > self.since else 0.0


@dataclass(frozen=True, slots=True)
class PastRun:
    """A row of `run`; times in epoch seconds.

    progress     while it is under way, once it has told of itself
    stopped_by   who has asked it to end after its page
    low, high    what it wrote into the history has numbers above and up to these
    """

    id: str
    connection: str
    started_at: float
    ended_at: float | None
    status: str
    counts: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    progress: Progress | None = None
    stopped_by: str | None = None
    low: int = 0
    high: int = NO_END


def start(tx: Tx, run_id: str, connection: str, at: float) -> None:
    tx.run(
        f"UPDATE run SET status = 'interrupted', ended_at = :a, last_change = {_LAST_CHANGE}"
        " WHERE connection = :c AND status = 'running'",
        c=connection,
        a=at,
    )
    tx.run(
        "INSERT INTO run (id, connection, started_at, status, first_change)"
        f" VALUES (:i, :c, :a, 'running', {_LAST_CHANGE})",
        i=run_id,
        c=connection,
        a=at,
    )


def end(tx: Tx, run_id: str, at: float, status: str, counts: Mapping[str, int], error: str | None) -> None:
    tx.run(
        f"UPDATE run SET ended_at = :a, status = :s, counts = :c, error = :e, last_change = {_LAST_CHANGE},"
        " progress = NULL WHERE id = :i",
        i=run_id,
        a=at,
        s=status,
        c=dumps(dict(counts)),
        e=error,
    )


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


def one_run(tx: Tx, run_id: str) -> PastRun | None:
    row = tx.one(f"SELECT {_COLUMNS} FROM run WHERE id = :i", i=run_id)
    return None if row is None else _run(row)


def gates_of(tx: Tx, run_id: str) -> list[str]:
    """What of a run was held."""
    return [row[0] for row in tx.all("SELECT DISTINCT gate FROM hold WHERE run_id = :i ORDER BY gate", i=run_id)]


def run_detail(store: Store, run_id: str) -> tuple[PastRun, dict[str, dict[str, int]]] | None:
    """A run, and what it left behind: kind of entry → word → how many, of the first `MOST_COUNTED` lines of history."""
    with store.read() as tx:
        run = one_run(tx, run_id)
        if run is None:
            return None
        left = {
            "history": "SELECT kind, count(*) FROM (SELECT kind FROM change WHERE id > :low"
            " AND id <= :high AND run_id = :i ORDER BY id LIMIT :most) x GROUP BY kind ORDER BY kind",
            "conflict": "SELECT field, count(*) FROM conflict WHERE run_id = :i GROUP BY field",
            "set aside": "SELECT stage, count(*) FROM parked WHERE run_id = :i GROUP BY stage ORDER BY stage",
            "held": "SELECT gate, count(*) FROM hold WHERE run_id = :i GROUP BY gate ORDER BY gate",
        }
        span = {"low": run.low, "high": run.high, "most": MOST_COUNTED}
        counted = {
            title: _pairs(tx.all(text, i=run_id, **(span if title == "history" else {})))
            for title, text in left.items()
        }
    return run, {title: counts for title, counts in counted.items() if counts}


def _pairs(rows: Sequence[Sequence[Any]]) -> dict[str, int]:
    """By base field, so that no address is told; other words have no slash."""
    counts: dict[str, int] = {}
    for word, n in rows:
        base = word.split("/")[0]
        counts[base] = counts.get(base, 0) + n
    return counts


def save_progress(tx: Tx, run_id: str, progress: Progress) -> str | None:
    """Of a run under way. Who has asked it to stop."""
    said = {
        "phase": progress.phase,
        "done": progress.done,
        "total": progress.total,
        "since": progress.since,
        "at": progress.at,
        "counts": dict(progress.counts),
    }
    row = tx.one(
        "UPDATE run SET progress = :p WHERE id = :i AND status = 'running' RETURNING stopped_by",
        p=dumps(said),
        i=run_id,
    )
    return row[0] if row else None


def ask_to_stop(tx: Tx, run_id: str, person: str) -> bool:
    """A run under way ends after its page. False: it is not under way any more, or was asked before."""
    return bool(
        tx.touched(
            "UPDATE run SET stopped_by = :p WHERE id = :i AND status = 'running' AND stopped_by IS NULL",
            p=person,
            i=run_id,
        )
    )


def under_way(tx: Tx) -> list[PastRun]:
    """Runs that have begun and not ended, the oldest first."""
    return [_run(row) for row in tx.all(f"SELECT {_COLUMNS} FROM run WHERE status = 'running' ORDER BY started_at")]


def _run(row: Sequence[Any]) -> PastRun:
    run_id, connection, started_at, ended_at, status, counts, error, progress, stopped_by, low, high = row
    step = Progress(**loads(progress)) if progress else None
    found = loads(counts) if counts else dict(step.counts) if step else {}
    return PastRun(
        run_id,
        connection,
        started_at,
        ended_at,
        status,
        found,
        error,
        step,
        stopped_by,
        low or 0,
        NO_END if high is None else high,
    )
