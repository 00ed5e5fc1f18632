"""The work lists: conflicts, possible duplicates, held runs and parked records. Reads only.

A list comes as one part of it with the number of rows that follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hub.store import links as db
from hub.store.db import Row, Tx, loads
from hub.sync.link import Link

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """rows  one part of a list; more  how many rows follow it"""

    rows: tuple[T, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a list: `limit` rows after the first `skip`."""

    limit: int = 50
    skip: int = 0


FIRST = Part()


def page(tx: Tx, columns: str, rest: str, order: str, part: Part, params: Mapping[str, Any]) -> tuple[list[Row], int]:
    """(rows of this part, rows that follow it)"""
    total = tx.one(f"SELECT count(*) {rest}", **params)
    rows = tx.all(
        f"SELECT {columns} {rest} ORDER BY {order} LIMIT :limit OFFSET :skip",
        limit=part.limit,
        skip=part.skip,
        **params,
    )
    there = int(total[0]) if total else 0
    return rows, max(0, there - part.skip - len(rows))


def _where(conditions: Mapping[str, Any | None]) -> tuple[str, dict[str, Any]]:
    """`WHERE` of the conditions whose value is not None; the value is the parameter p0, p1, …"""
    used = [(text, value) for text, value in conditions.items() if value is not None]
    if not used:
        return "", {}
    texts = [text.replace("?", f":p{n}") for n, (text, _) in enumerate(used)]
    return "WHERE " + " AND ".join(texts), {f"p{n}": value for n, (_, value) in enumerate(used)}


def like(text: str) -> str:
    r"""Text as it stands in a LIKE pattern with ESCAPE '\'."""
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


# --- conflicts --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """A field that changed on two sides. base, theirs, ours: the values; claims: every system's own."""

    number: int
    at: float
    connection: str
    golden_id: str
    field: str
    rule: str
    base: Any
    theirs: Any
    ours: Any
    claims: tuple[dict[str, Any], ...]
    winner: Any
    diff: str
    told: tuple[str, ...]
    state: str
    run_id: str | None


_CONFLICT = "id, at, connection, golden_id, field, rule, claims, winner, diff, told, state, run_id"


def conflicts(
    tx: Tx,
    part: Part = FIRST,
    *,
    state: str | None = "open",
    connection: str | None = None,
    field: str | None = None,
    golden_id: str | None = None,
) -> Listed[ConflictRow]:
    """Newest first. field: a field, or one element's key; state None: all."""
    where, params = _where(
        {
            "state = ?": state,
            "connection = ?": connection,
            "golden_id = ?": golden_id,
            "(field = ? OR substr(field, 1, length(?) + 1) = ? || '/')": field,
        }
    )
    rows, more = page(tx, _CONFLICT, f"FROM conflict {where}", "id DESC", part, params)
    return Listed(tuple(map(_conflict, rows)), more)


def conflict(tx: Tx, number: int) -> ConflictRow | None:
    row = tx.one(f"SELECT {_CONFLICT} FROM conflict WHERE id = :n", n=number)
    return _conflict(row) if row else None


def _conflict(row: Row) -> ConflictRow:
    claims = loads(row[6])
    fight = claims[0] if claims and "ours" in claims[0] else {}
    return ConflictRow(
        number=row[0],
        at=row[1],
        connection=row[2],
        golden_id=row[3],
        field=row[4],
        rule=row[5],
        base=fight.get("base"),
        theirs=fight.get("theirs"),
        ours=fight.get("ours"),
        claims=tuple(claims[1:] if fight else claims),
        winner=loads(row[7]),
        diff=row[8],
        told=tuple(loads(row[9])),
        state=row[10],
        run_id=row[11],
    )


# --- possible duplicates ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AskRow:
    """A question: are these two source records one? Evidence in bits, with the fields it comes from."""

    number: int
    weight: float
    at: float
    state: str
    evidence: tuple[dict[str, Any], ...]
    a: Link
    b: Link


_ASK = "id, weight, at, state, evidence, record_a, record_b"


def asks(
    tx: Tx,
    part: Part = FIRST,
    *,
    state: str | None = "open",
    connection: str | None = None,
) -> Listed[AskRow]:
    """The likeliest first. connection: one of the two records is of it."""
    where, params = _where(
        {
            "state = ?": state,
            # a merge for another reason has answered it
            "(state <> ? OR (SELECT golden_id FROM record WHERE id = record_a)"
            " <> (SELECT golden_id FROM record WHERE id = record_b))": "open",
            "EXISTS (SELECT 1 FROM record r WHERE r.id IN (ask.record_a, ask.record_b)"
            " AND r.connection = ?)": connection,
        }
    )
    rows, more = page(tx, _ASK, f"FROM ask {where}", "weight DESC, id", part, params)
    return Listed(_asks(tx, rows), more)


def ask(tx: Tx, number: int) -> AskRow | None:
    found = _asks(tx, tx.all(f"SELECT {_ASK} FROM ask WHERE id = :n", n=number))
    return found[0] if found else None


def _asks(tx: Tx, rows: Iterable[Sequence[Any]]) -> tuple[AskRow, ...]:
    rows = list(rows)
    links = db.links_by_id(tx, {n for r in rows for n in (r[5], r[6])})
    return tuple(
        AskRow(r[0], r[1], r[2], r[3], tuple(map(_evidence, loads(r[4]))), links[r[5]], links[r[6]])
        for r in rows
        if r[5] in links and r[6] in links
    )


def _evidence(line: Any) -> dict[str, Any]:
    if isinstance(line, dict):
        return line
    field, level, bits = line
    return {"field": field, "level": level, "bits": bits}


# --- held runs --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A run, or a part of it, that waits for a person."""

    number: int
    connection: str
    run_id: str
    gate: str
    counts: dict[str, int]
    reason: str
    at: float
    state: str
    person: str | None
    decided_at: float | None


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One line of a held plan. detail: key → [old, new] where the plan knows it, else what it says."""

    number: int
    connection: str
    op: str
    subject: str
    detail: dict[str, Any]


_HOLD = "id, connection, run_id, gate, counts, reason, at, state, person, decided_at"


def holds(
    tx: Tx,
    part: Part = FIRST,
    *,
    state: str | None = "open",
    connection: str | None = None,
) -> Listed[HoldRow]:
    """Newest first."""
    where, params = _where({"state = ?": state, "connection = ?": connection})
    rows, more = page(tx, _HOLD, f"FROM hold {where}", "id DESC", part, params)
    return Listed(tuple(map(_hold, rows)), more)


def hold(tx: Tx, number: int) -> HoldRow | None:
    row = tx.one(f"SELECT {_HOLD} FROM hold WHERE id = :n", n=number)
    return _hold(row) if row else None


def _hold(row: Sequence[Any]) -> HoldRow:
    return HoldRow(row[0], row[1], row[2], row[3], loads(row[4]), *row[5:])


def plan_rows(tx: Tx, hold: int, part: Part = FIRST) -> Listed[PlanRow]:
    """The plan of a hold, in its order."""
    columns = "number, connection, op, subject, detail"
    rows, more = page(tx, columns, "FROM plan_row WHERE hold_id = :h", "number", part, {"h": hold})
    return Listed(tuple(PlanRow(r[0], r[1], r[2], r[3], loads(r[4])) for r in rows), more)


# --- parked records ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A record set aside, or a write that did not go out."""

    number: int
    connection: str
    external_id: str
    stage: str
    reason: str
    original: str
    at: float
    state: str


WAITING = ("open", "retry")  # states of a parked record that somebody has to deal with


@dataclass(frozen=True, slots=True)
class ParkedFilter:
    """Which parked records. reason: any part of it, in any letter case; states empty: all."""

    connection: str | None = None
    stage: str | None = None
    reason: str | None = None
    numbers: tuple[int, ...] | None = None
    states: tuple[str, ...] = WAITING

    def where(self) -> tuple[str, dict[str, Any]]:
        pattern = f"%{like(self.reason.lower())}%" if self.reason else None
        where, params = _where(
            {
                "connection = ?": self.connection,
                "stage = ?": self.stage,
                r"lower(reason) LIKE ? ESCAPE '\'": pattern,
            }
        )
        lists = {"id": self.numbers, "state": self.states or None}
        for column, values in lists.items():
            if values is not None:
                where += f"{' AND' if where else 'WHERE'} {column} IN :*{column}s"
                params[f"{column}s"] = list(values)
        return where, params


_PARKED = "id, connection, external_id, stage, reason, original, at, state"


def parked(tx: Tx, chosen: ParkedFilter, part: Part = FIRST) -> Listed[ParkedRow]:
    """Oldest first: they wait longest."""
    where, params = chosen.where()
    rows, more = page(tx, _PARKED, f"FROM parked {where}", "id", part, params)
    return Listed(tuple(ParkedRow(*r) for r in rows), more)


def parked_by_reason(tx: Tx, chosen: ParkedFilter) -> list[tuple[str, str, int]]:
    """(connection, stage, rows), most first."""
    where, params = chosen.where()
    return [
        (r[0], r[1], int(r[2]))
        for r in tx.all(
            f"SELECT connection, stage, count(*) FROM parked {where} GROUP BY connection, stage"
            " ORDER BY count(*) DESC, connection, stage",
            **params,
        )
    ]
