"""What people decided on single source records of held runs, until a run has acted on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hub.store import schema
from hub.store.db import Tx, dumps, insert_sql, loads

INTAKE, ABSENCE = "intake", "absence"
APPROVED, REFUSED, WAITS = "approved", "refused", "waits"
_PUT = (
    insert_sql(schema.ruling, ["connection", "gate", "external_id", "verdict", "mark", "kept", "hold_id"])
    + " ON CONFLICT (connection, gate, external_id) DO UPDATE SET verdict = excluded.verdict, mark = excluded.mark,"
    " kept = NULL, hold_id = excluded.hold_id"
)
_UNLESS = insert_sql(schema.ruling, ["connection", "gate", "external_id", "verdict", "mark", "kept", "hold_id"])


@dataclass(frozen=True, slots=True)
class Ruling:
    """verdict: approved, refused, or waits beside others that are decided; mark: of what was looked at

    kept  hashes of refused values; None: what was refused has not been read since
    """

    external_id: str
    verdict: str
    mark: str
    kept: frozenset[str] | None = None


def gates(tx: Tx, connection: str) -> frozenset[str]:
    """Gates of which anything was decided record by record."""
    found = set()
    for gate in (INTAKE, ABSENCE):
        if tx.one("SELECT 1 FROM ruling WHERE connection = :c AND gate = :g LIMIT 1", c=connection, g=gate):
            found.add(gate)
    return frozenset(found)


def put(tx: Tx, connection: str, gate: str, verdict: str, marks: Mapping[str, str], hold_id: int) -> None:
    """External id → mark of what was looked at. In place of what was decided before."""
    tx.many(_PUT, _rows(connection, gate, verdict, marks, hold_id))


def let_wait(tx: Tx, connection: str, gate: str, marks: Mapping[str, str], hold_id: int) -> None:
    """As `put`, where nothing is decided."""
    text = _UNLESS + " ON CONFLICT (connection, gate, external_id) DO NOTHING"
    tx.many(text, _rows(connection, gate, WAITS, marks, hold_id))


def _rows(connection: str, gate: str, verdict: str, marks: Mapping[str, str], hold_id: int) -> list[dict[str, object]]:
    return [
        {
            "connection": connection,
            "gate": gate,
            "external_id": external_id,
            "verdict": verdict,
            "mark": mark,
            "kept": None,
            "hold_id": hold_id,
        }
        for external_id, mark in marks.items()
    ]


def of_records(tx: Tx, connection: str, gate: str, external_ids: Collection[str]) -> dict[str, Ruling]:
    rows = tx.all(
        "SELECT external_id, verdict, mark, kept FROM ruling WHERE connection = :c AND gate = :g"
        " AND external_id IN :*ids",
        c=connection,
        g=gate,
        ids=list(external_ids),
    )
    return {r[0]: Ruling(r[0], r[1], r[2], frozenset(loads(r[3])) if r[3] is not None else None) for r in rows}


def of_gate(tx: Tx, connection: str, gate: str) -> list[Ruling]:
    rows = tx.all(
        "SELECT external_id, verdict, mark FROM ruling WHERE connection = :c AND gate = :g ORDER BY external_id",
        c=connection,
        g=gate,
    )
    return [Ruling(*row) for row in rows]


def keep(tx: Tx, connection: str, rows: Sequence[tuple[str, Collection[str]]]) -> None:
    """(external id, hashes of the values that are kept out of it); none: nothing of what was refused is left."""
    kept = [{"c": connection, "e": external_id, "k": dumps(sorted(hashes))} for external_id, hashes in rows if hashes]
    drop(tx, connection, INTAKE, [external_id for external_id, hashes in rows if not hashes])
    tx.many(
        "UPDATE ruling SET kept = :k WHERE connection = :c AND gate = 'intake' AND external_id = :e",
        kept,
    )


def drop(tx: Tx, connection: str, gate: str, external_ids: Sequence[str]) -> None:
    tx.run(
        "DELETE FROM ruling WHERE connection = :c AND gate = :g AND external_id IN :*ids",
        c=connection,
        g=gate,
        ids=list(external_ids),
    )


def drop_all(tx: Tx, connection: str, external_id: str) -> None:
    """Whatever was decided of this id: it is another record by now."""
    tx.run("DELETE FROM ruling WHERE connection = :c AND external_id = :e", c=connection, e=external_id)


def end_waiting(tx: Tx, connection: str, gate: str) -> None:
    """The hold is closed, or shows others: nothing waits beside what was decided."""
    tx.run("DELETE FROM ruling WHERE connection = :c AND gate = :g AND verdict = 'waits'", c=connection, g=gate)


def forget_approved(tx: Tx, connection: str, marks: Mapping[str, str]) -> None:
    """External id → mark: of what is read, those with another mark are not what was approved any more."""
    tx.many(
        "DELETE FROM ruling WHERE connection = :c AND gate = 'intake' AND verdict = 'approved' AND external_id = :e"
        " AND mark <> :m",
        [{"c": connection, "e": external_id, "m": mark} for external_id, mark in marks.items()],
    )


def refused_of(tx: Tx, hold_id: int) -> list[tuple[str, str, str]]:
    """(connection, gate, external id) of what was refused in a hold and is kept so."""
    rows = tx.all(
        "SELECT connection, gate, external_id FROM ruling WHERE hold_id = :h AND verdict = 'refused'"
        " ORDER BY connection, gate, external_id",
        h=hold_id,
    )
    return [(r[0], r[1], r[2]) for r in rows]


def count_refused(tx: Tx, hold_id: int) -> int:
    row = tx.one("SELECT count(*) FROM ruling WHERE hold_id = :h AND verdict = 'refused'", h=hold_id)
    return int(row[0]) if row else 0
