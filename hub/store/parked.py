"""Records set aside, with the reason and the original: parked, sent back, corrected, come through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hub.store import schema
from hub.store.db import Tx, insert_sql

_COLUMNS = ("connection", "external_id", "stage", "reason", "original", "raw", "at", "state", "run_id")
_PARK = (
    insert_sql(schema.parked, _COLUMNS)
    + " ON CONFLICT (connection, external_id, stage) DO UPDATE SET reason = excluded.reason,"
    " original = excluded.original, raw = excluded.raw, at = excluded.at, run_id = excluded.run_id,"
    " state = CASE WHEN parked.state = 'dropped' AND parked.original = excluded.original THEN 'dropped'"
    # what was put right while it was read is taken in by the next run
    " WHEN parked.state = 'retry' AND parked.raw = excluded.raw THEN 'retry' ELSE 'open' END"
)


@dataclass(frozen=True, slots=True)
class Parked:
    """A record set aside, with the reason and the original. raw: see `hub.sync.lines.raw_text`"""

    external_id: str
    stage: str
    reason: str
    original: str
    raw: str | None = None


class Returned(NamedTuple):
    """A parked record that a person sent back."""

    number: int
    external_id: str
    stage: str
    original: str
    raw: str | None


def park(tx: Tx, connection: str, rows: Sequence[Parked], at: float, run_id: str) -> None:
    tx.many(
        _PARK,
        [
            {
                "connection": connection,
                "external_id": p.external_id,
                "stage": p.stage,
                "reason": p.reason,
                "original": p.original,
                "raw": p.raw,
                "at": at,
                "state": "open",
                "run_id": run_id,
            }
            for p in rows
        ],
    )


def waits(tx: Tx, connection: str, stages: Sequence[str]) -> bool:
    """Whether any record of a connection is set aside at one of these."""
    return bool(
        tx.one(
            "SELECT 1 FROM parked WHERE connection = :c AND stage IN :*s AND state IN ('open', 'retry') LIMIT 1",
            c=connection,
            s=list(stages),
        )
    )


def unpark(tx: Tx, connection: str, ids: Sequence[str], stages: Sequence[str]) -> None:
    """These came through now."""
    tx.run(
        "UPDATE parked SET state = 'resolved' WHERE connection = :c AND stage IN :*s AND state IN ('open', 'retry')"
        " AND external_id IN :*ids",
        c=connection,
        s=list(stages),
        ids=list(ids),
    )


def move(tx: Tx, connection: str, external_id: str, former: str) -> None:
    """The id is somebody else's by now: what was set aside of who had it is over, and no correction of it counts."""
    tx.run(
        "UPDATE parked SET external_id = :f,"
        " state = CASE WHEN state IN ('open', 'retry') THEN 'resolved' ELSE state END"
        " WHERE connection = :c AND external_id = :e AND stage IN ('map', 'value', 'write')",
        f=former,
        c=connection,
        e=external_id,
    )


def corrections(tx: Tx, connection: str, ids: Iterable[str], stages: Sequence[str]) -> list[tuple[str, str, str]]:
    """(external id, stage, correction) of parked records that a person corrected."""
    rows = tx.all(
        "SELECT external_id, stage, edit FROM parked WHERE connection = :c AND external_id IN :*ids AND stage IN :*s"
        " AND edit IS NOT NULL ORDER BY id",
        c=connection,
        ids=list(ids),
        s=list(stages),
    )
    return [(r[0], r[1], r[2]) for r in rows]


def correct(tx: Tx, rows: Sequence[tuple[int, str]]) -> None:
    """(number, correction): they are tried again with it."""
    tx.many("UPDATE parked SET edit = :e, state = 'retry' WHERE id = :i", [{"i": n, "e": text} for n, text in rows])


def refused_opt_outs(tx: Tx) -> list[tuple[str, float]]:
    """(connection, since when) of opt-outs that a system has refused to take, the oldest of each: still owed."""
    rows = tx.all(
        "SELECT connection, min(at) FROM parked WHERE state IN ('open', 'retry') AND stage = 'write'"
        " AND original LIKE '%\"status\":\"denied\"%' AND external_id NOT LIKE 'golden:%' GROUP BY connection"
    )
    return [(r[0], r[1]) for r in rows]


def to_retry(tx: Tx, connection: str, above: int = 0, limit: int = 500) -> list[Returned]:
    """What people sent back, of a greater number than `above`."""
    rows = tx.all(
        "SELECT id, external_id, stage, original, raw FROM parked WHERE connection = :c AND state = 'retry'"
        " AND id > :a ORDER BY id LIMIT :n",
        c=connection,
        a=above,
        n=limit,
    )
    return [Returned(*row) for row in rows]


def forget_spam(tx: Tx, connection: str, before: float) -> int:
    """What was taken for spam, and by nobody for anything else; how many."""
    return tx.touched(
        "DELETE FROM parked WHERE connection = :c AND stage = 'spam' AND at < :before", c=connection, before=before
    )


def mark(tx: Tx, numbers: Sequence[int], state: str) -> None:
    tx.run("UPDATE parked SET state = :s WHERE id IN :*ids", s=state, ids=list(numbers))
