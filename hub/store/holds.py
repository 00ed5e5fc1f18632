"""Plans that wait for a person: holds by gate, their rows, and what was decided on each."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from hub.store import schema
from hub.store.db import Tx, dumps, insert_sql, loads


def open_hold(
    tx: Tx, connection: str, run_id: str, gate: str, counts: Mapping[str, int], reason: str, at: float
) -> int:
    """One open hold a connection and gate: a newer one brings its counts up to date."""
    row = tx.one("SELECT id FROM hold WHERE connection = :c AND gate = :g AND state = 'open'", c=connection, g=gate)
    if row:
        tx.run(
            "UPDATE hold SET counts = :n, reason = :r WHERE id = :i",
            n=dumps(dict(counts)),
            r=reason,
            i=row[0],
        )
        return int(row[0])
    tx.run(
        "INSERT INTO hold (connection, run_id, gate, counts, reason, at, state)"
        " VALUES (:c, :i, :g, :n, :r, :a, 'open')",
        c=connection,
        i=run_id,
        g=gate,
        n=dumps(dict(counts)),
        r=reason,
        a=at,
    )
    row = tx.one("SELECT id FROM hold WHERE connection = :c AND gate = :g AND state = 'open'", c=connection, g=gate)
    return int(row[0]) if row else 0


def close_in_part(tx: Tx, connection: str, gate: str, at: float) -> None:
    """What was left of a hold that people decided in part is not there any more."""
    tx.run(
        "UPDATE hold SET state = 'overtaken', decided_at = :a WHERE connection = :c AND gate = :g"
        " AND state = 'open' AND in_part = 1",
        c=connection,
        g=gate,
        a=at,
    )


def overtake(tx: Tx, connection: str) -> None:
    """A complete run has replaced what a person refused: what had waited for it goes on."""
    tx.run("UPDATE hold SET state = 'overtaken' WHERE connection = :c AND state = 'refused'", c=connection)


def open_gates(tx: Tx, connection: str) -> set[str]:
    return {r[0] for r in tx.all("SELECT gate FROM hold WHERE connection = :c AND state = 'open'", c=connection)}


_PLAN_ROW = ("hold_id", "number", "connection", "op", "subject", "detail", "golden_id", "mark", "verdict")


def add_plan_rows(tx: Tx, hold_id: int, rows: Sequence[Mapping[str, Any]], total: int | None = None) -> None:
    """In place of those that it had. golden_id, mark and verdict of a row may be missing.

    total  rows in all, these are kept

    A row that is there again, and stands for the same, keeps its number and what was decided on it; all others get
    numbers that none had: what somebody chose by number never means another row by now.
    """
    last, numbers = _numbers(tx, hold_id)
    placed = []
    for row in rows:
        again = numbers.get(_sense(row["connection"], row["op"], row["subject"], row.get("mark")))
        number, verdict = again.pop(0) if again else (last + 1, None)
        last = max(last, number)
        decided = {"hold_id": hold_id, "number": number, "verdict": verdict or row.get("verdict")}
        placed.append({"golden_id": None, "mark": None, **row, **decided})
    tx.run("DELETE FROM plan_row WHERE hold_id = :h", h=hold_id)
    tx.many(insert_sql(schema.plan_row, _PLAN_ROW), placed)
    tx.run(
        "UPDATE hold SET groups = :g, total = :t, last_row = :l WHERE id = :h",
        h=hold_id,
        g=dumps(_groups(rows)),
        t=len(rows) if total is None else total,
        l=last,
    )


def _numbers(tx: Tx, hold_id: int) -> tuple[int, dict[Any, list[tuple[int, str | None]]]]:
    """The highest number that a row of this hold has had; and the rows by what they stand for."""
    found: dict[Any, list[tuple[int, str | None]]] = {}
    for number, connection, op, subject, mark, verdict in tx.all(
        "SELECT number, connection, op, subject, mark, verdict FROM plan_row WHERE hold_id = :h ORDER BY number",
        h=hold_id,
    ):
        found.setdefault(_sense(connection, op, subject, mark), []).append((number, verdict))
    row = tx.one("SELECT last_row FROM hold WHERE id = :h", h=hold_id)
    highest = max((number for some in found.values() for number, _ in some), default=0)
    return max(highest, row[0] if row and row[0] else 0), found


def _sense(connection: str, op: str, subject: str, mark: str | None) -> tuple[str, str, str, str | None]:
    return connection, op, subject, mark


def _groups(rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """[connection, op, rows, {base field: rows}], in the order in which they first come."""
    found: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        group = found.setdefault((row["connection"], row["op"]), [row["connection"], row["op"], 0, {}])
        group[2] += 1
        fields = loads(row["detail"]).get("fields")
        for base in sorted({key.split("/", 1)[0] for key in fields or ()}):
            group[3][base] = group[3].get(base, 0) + 1
    return list(found.values())


def decide_in_part(
    tx: Tx, hold_id: int, counts: Mapping[str, int], state: str, person: str | None, at: float | None
) -> None:
    """Some rows of a hold were decided: what is left of it."""
    tx.run(
        "UPDATE hold SET counts = :n, in_part = 1, state = :s, person = :p, decided_at = :a WHERE id = :i",
        n=dumps(dict(counts)),
        s=state,
        p=person,
        a=at,
        i=hold_id,
    )


def gates_in_part(tx: Tx, connection: str) -> set[str]:
    """Gates with an open hold of which a person has decided a part: the rest waits, however little it is."""
    rows = tx.all("SELECT gate FROM hold WHERE connection = :c AND state = 'open' AND in_part = 1", c=connection)
    return {r[0] for r in rows}


def gates_decided(tx: Tx, connection: str) -> set[str]:
    """Gates with an open hold of which rows were decided that no run has acted on yet."""
    rows = tx.all(
        "SELECT DISTINCT h.gate FROM hold h JOIN plan_row p ON p.hold_id = h.id WHERE h.connection = :c"
        " AND h.state = 'open' AND p.verdict IN ('approved', 'refused')",
        c=connection,
    )
    return {r[0] for r in rows}


def rows_left(tx: Tx, hold_id: int) -> bool:
    """Whether a hold has rows that can be decided by themselves and are not, or has more than are kept."""
    row = tx.one(
        "SELECT 1 FROM plan_row WHERE hold_id = :h AND verdict IS NULL AND mark IS NOT NULL LIMIT 1", h=hold_id
    )
    return row is not None or has_more(tx, hold_id)


def has_more(tx: Tx, hold_id: int) -> bool:
    """Whether the plan of a hold has more rows than are kept."""
    row = tx.one(
        "SELECT 1 FROM hold WHERE id = :h AND total > (SELECT count(*) FROM plan_row p WHERE p.hold_id = :h)",
        h=hold_id,
    )
    return row is not None


def is_to_be_decided(tx: Tx, connection: str, gate: str) -> bool:
    """Whether a hold of this gate is open and shows rows that wait for a person, or none at all."""
    row = tx.one(
        "SELECT 1 FROM hold h WHERE h.connection = :c AND h.gate = :g AND h.state = 'open' AND (h.in_part = 0"
        " OR EXISTS (SELECT 1 FROM plan_row p WHERE p.hold_id = h.id AND p.verdict IS NULL))",
        c=connection,
        g=gate,
    )
    return row is not None


def undecided_marks(tx: Tx, hold_id: int, besides: Container[int] = ()) -> list[str]:
    rows = tx.all(
        "SELECT number, mark FROM plan_row WHERE hold_id = :h AND verdict IS NULL AND mark IS NOT NULL ORDER BY number",
        h=hold_id,
    )
    return [mark for number, mark in rows if number not in besides]


def set_verdict(tx: Tx, hold_id: int, numbers: Sequence[int], verdict: str) -> None:
    tx.run(
        "UPDATE plan_row SET verdict = :v WHERE hold_id = :h AND number IN :*ids",
        v=verdict,
        h=hold_id,
        ids=list(numbers),
    )


def replace_plan_row(tx: Tx, hold_id: int, number: int, row: Mapping[str, Any]) -> None:
    """What would be done has changed since: to be looked at again."""
    tx.run(
        "UPDATE plan_row SET subject = :s, detail = :d, mark = :m, golden_id = :g WHERE hold_id = :h AND number = :n",
        s=row["subject"],
        d=row["detail"],
        m=row.get("mark"),
        g=row.get("golden_id"),
        h=hold_id,
        n=number,
    )


def decided_rows(tx: Tx, connection: str, gate: str) -> list[tuple[int, int, str, str | None, str]]:
    """(hold, row, subject, mark, verdict) that people decided one by one and that were not carried out yet."""
    rows = tx.all(
        "SELECT p.hold_id, p.number, p.subject, p.mark, p.verdict FROM hold h JOIN plan_row p ON p.hold_id = h.id"
        " WHERE h.connection = :c AND h.gate = :g AND h.state <> 'overtaken' AND p.verdict IN ('approved', 'refused')"
        " ORDER BY p.hold_id, p.number",
        c=connection,
        g=gate,
    )
    return [(r[0], r[1], r[2], r[3], r[4]) for r in rows]
