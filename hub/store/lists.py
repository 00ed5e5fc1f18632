"""The work lists: conflicts, possible duplicates, held runs and parked records. Reads only.

A list comes as one part of it with the number of rows that follow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from hub.store import links as db
from hub.store.db import Row, Store, Tx, loads
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
    below: int | None = None,
) -> Listed[ConflictRow]:
    """Newest first. field: a field, or one element's key; state None: all; below: those of a smaller number"""
    where, params = _where(
        {
            "state = ?": state,
            "connection = ?": connection,
            "golden_id = ?": golden_id,
            "id < ?": below,
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
    """A question: are these two source records one? Evidence in bits, with the fields it comes from.

    worth  what a right answer is worth, see `worth_of`; reach: source records and systems of both sides
    """

    number: int
    weight: float
    at: float
    state: str
    evidence: tuple[dict[str, Any], ...]
    a: Link
    b: Link
    worth: float
    reach: int


@dataclass(frozen=True, slots=True)
class AskRate:
    """How much is asked: open questions, source records they are about, and all that there are."""

    questions: int
    concerned: int
    records: int


_ASK = "id, weight, at, state, evidence, record_a, record_b"
_PAIR = "ask JOIN record a ON a.id = ask.record_a JOIN record b ON b.id = ask.record_b"
_THERE = "state IN ('live', 'archived', 'absent', 'doomed')"


def chance(bits: float) -> float:
    """How likely two records are one, by their weight: 0 bits are even odds."""
    return 1.0 / (1.0 + math.pow(2.0, -max(-40.0, min(40.0, bits))))


def worth_of(bits: float, reach: int) -> float:
    """While a question is open the two stay apart. That is wrong with `chance`, and in `reach` places."""
    return chance(bits) * reach


def asks(
    tx: Tx,
    part: Part = FIRST,
    *,
    state: str | None = "open",
    connection: str | None = None,
) -> Listed[AskRow]:
    """Those most worth an answer first. connection: one of the two records is of it."""
    numbers = ask_numbers(tx, state=state, connection=connection)
    chosen = numbers[part.skip : part.skip + part.limit]
    return Listed(asks_numbered(tx, chosen), max(0, len(numbers) - part.skip - len(chosen)))


def asks_numbered(tx: Tx, numbers: Sequence[int]) -> tuple[AskRow, ...]:
    """Questions of these numbers, in this order."""
    rows = {row[0]: row for row in tx.all(f"SELECT {_ASK} FROM ask WHERE id IN :*ids", ids=list(numbers))}
    return _asks(tx, [rows[n] for n in numbers if n in rows])


def ask_numbers(tx: Tx, *, state: str | None = "open", connection: str | None = None) -> list[int]:
    """Numbers of questions, those most worth an answer first."""
    return [number for _, number in ask_order(tx, state=state, connection=connection)]


def ask_order(tx: Tx, *, state: str | None = "open", connection: str | None = None) -> list[tuple[float, int]]:
    """(minus its worth, number) of questions: ascending, those most worth an answer come first."""
    where, params = _where(
        {
            "ask.state = ?": state,
            # a merge for another reason has answered it
            "(ask.state <> ? OR a.golden_id <> b.golden_id)": "open",
            "? IN (a.connection, b.connection)": connection,
        }
    )
    found = tx.all(f"SELECT ask.id, ask.weight, a.golden_id, b.golden_id FROM {_PAIR} {where}", **params)
    reach = _reach(tx, [(r[2], r[3]) for r in found])
    return sorted((-worth_of(r[1], reach[r[2], r[3]]), r[0]) for r in found)


def _reach(tx: Tx, homes: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Two golden ids → source records that are there, and the systems they are in, counted together."""
    pairs = set(homes)
    records: dict[str, dict[str, int]] = {}
    for golden_id, connection, n in tx.all(
        f"SELECT golden_id, connection, count(*) FROM record WHERE golden_id IN :*ids AND {_THERE}"
        " GROUP BY golden_id, connection",
        ids=sorted({g for pair in pairs for g in pair}),
    ):
        records.setdefault(golden_id, {})[connection] = int(n)
    found = {}
    for one, other in pairs:
        here, there = records.get(one, {}), records.get(other, {})
        found[one, other] = sum(here.values()) + sum(there.values()) + len(here.keys() | there.keys())
    return found


def ask_rate(tx: Tx) -> AskRate:
    """How much of all there is a person is asked about."""
    rows = tx.all(f"SELECT record_a, record_b FROM {_PAIR} WHERE ask.state = 'open' AND a.golden_id <> b.golden_id")
    there = tx.one(f"SELECT count(*) FROM record WHERE {_THERE}")
    return AskRate(len(rows), len({n for row in rows for n in row}), int(there[0]) if there else 0)


def ask(tx: Tx, number: int) -> AskRow | None:
    found = _asks(tx, tx.all(f"SELECT {_ASK} FROM ask WHERE id = :n", n=number))
    return found[0] if found else None


def _asks(tx: Tx, rows: Iterable[Sequence[Any]]) -> tuple[AskRow, ...]:
    rows = list(rows)
    links = db.links_by_id(tx, {n for r in rows for n in (r[5], r[6])})
    rows = [r for r in rows if r[5] in links and r[6] in links]
    sides = [(links[r[5]], links[r[6]]) for r in rows]
    reach = _reach(tx, [(a.golden_id, b.golden_id) for a, b in sides])
    found = []
    for (number, weight, at, state, evidence, _, _), (a, b) in zip(rows, sides, strict=True):
        touched = reach[a.golden_id, b.golden_id]
        lines = tuple(map(_evidence, loads(evidence)))
        found.append(AskRow(number, weight, at, state, lines, a, b, round(worth_of(weight, touched), 2), touched))
    return tuple(found)


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
    total: int | None = None  # rows of its plan when it was made, of which the first are kept


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One line of a held plan. detail: key → [old, new] where the plan knows it, else what it says.

    mark     of what was looked at
    verdict  approved, refused; done, kept: carried out since; overtaken: it does not wait any more; None: not decided
    """

    number: int
    connection: str
    op: str
    subject: str
    detail: dict[str, Any]
    golden_id: str | None = None
    mark: str | None = None
    verdict: str | None = None

    @property
    def waits(self) -> bool:
        """Whether it can be decided by itself, and is not."""
        return self.verdict is None and self.mark is not None


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows of a plan. numbers None: all; op: a kind; field: a base field that they change"""

    numbers: tuple[int, ...] | None = None
    op: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class PlanGroup:
    """Rows of one kind in one connection; fields: base field → rows that change it"""

    connection: str
    op: str
    rows: int
    fields: dict[str, int]


_HOLD = "id, connection, run_id, gate, counts, reason, at, state, person, decided_at, total"


def holds(
    tx: Tx,
    part: Part = FIRST,
    *,
    state: str | None = "open",
    connection: str | None = None,
    below: int | None = None,
) -> Listed[HoldRow]:
    """Newest first. below: those of a smaller number"""
    where, params = _where({"state = ?": state, "connection = ?": connection, "id < ?": below})
    rows, more = page(tx, _HOLD, f"FROM hold {where}", "id DESC", part, params)
    return Listed(tuple(map(_hold, rows)), more)


def hold(tx: Tx, number: int) -> HoldRow | None:
    row = tx.one(f"SELECT {_HOLD} FROM hold WHERE id = :n", n=number)
    return _hold(row) if row else None


def _hold(row: Sequence[Any]) -> HoldRow:
    return HoldRow(row[0], row[1], row[2], row[3], loads(row[4]), *row[5:])


_PLAN = "number, connection, op, subject, detail, golden_id, mark, verdict"


def plan_rows(
    tx: Tx, hold: int, part: Part = FIRST, *, after: int | None = None, chosen: RowFilter = RowFilter()
) -> Listed[PlanRow]:
    """The plan of a hold, in its order. after: rows of a greater number"""
    where, params = _plan_where(hold, chosen, after)
    rows, more = page(tx, _PLAN, f"FROM plan_row {where}", "number", part, params)
    return Listed(tuple(map(_plan_row, rows)), more)


def plan_rows_chosen(tx: Tx, hold: int, chosen: RowFilter) -> list[PlanRow]:
    where, params = _plan_where(hold, chosen, None)
    return [_plan_row(row) for row in tx.all(f"SELECT {_PLAN} FROM plan_row {where} ORDER BY number", **params)]


def count_waiting(tx: Tx, hold: int, chosen: RowFilter) -> int:
    """How many of these rows can be decided by themselves, and are not."""
    where, params = _plan_where(hold, chosen, None)
    row = tx.one(f"SELECT count(*) FROM plan_row {where} AND verdict IS NULL AND mark IS NOT NULL", **params)
    return int(row[0]) if row else 0


def plan_numbers(tx: Tx, hold: int) -> list[int]:
    return [row[0] for row in tx.all("SELECT number FROM plan_row WHERE hold_id = :h", h=hold)]


def has_verdict(tx: Tx, hold: int, verdict: str) -> bool:
    """Whether some row of a hold was decided so."""
    row = tx.one("SELECT 1 FROM plan_row WHERE hold_id = :h AND verdict = :v LIMIT 1", h=hold, v=verdict)
    return row is not None


def plan_groups(tx: Tx, hold: int) -> list[PlanGroup]:
    """The rows of a plan by connection, kind and field, as they were when it was made."""
    row = tx.one("SELECT groups FROM hold WHERE id = :h", h=hold)
    return [PlanGroup(*group) for group in loads(row[0])] if row and row[0] else []


def _plan_where(hold: int, chosen: RowFilter, after: int | None) -> tuple[str, dict[str, Any]]:
    # a key is the whole of a name, or what stands before a slash; a quote inside a value is written with a backslash
    field = like(chosen.field) if chosen.field else ""
    where, params = _where(
        {
            "hold_id = ?": hold,
            "number > ?": after,
            "op = ?": chosen.op,
            r"(detail LIKE ? ESCAPE '\' OR detail LIKE :slash ESCAPE '\')": f'%"{field}":[%' if field else None,
        }
    )
    if field:
        params["slash"] = f'%"{field}/%'
    if chosen.numbers is not None:
        where += " AND number IN :*numbers"
        params["numbers"] = list(chosen.numbers)
    return where, params


def _plan_row(row: Row) -> PlanRow:
    return PlanRow(row[0], row[1], row[2], row[3], loads(row[4]), *row[5:])


# --- parked records ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A record set aside, or a write that did not go out.

    edit  what a person corrected, see hub.sync.corrections; raw: the piece itself, see hub.sync.lines
    """

    number: int
    connection: str
    external_id: str
    stage: str
    reason: str
    original: str
    at: float
    state: str
    edit: str | None = None
    raw: str | None = None


WAITING = ("open", "retry")  # states of a parked record that somebody has to deal with


@dataclass(frozen=True, slots=True)
class ParkedFilter:
    """Which parked records.

    reason  any part of it, in any letter case; because: the whole of it
    states  empty: all; above: greater numbers
    """

    connection: str | None = None
    stage: str | None = None
    reason: str | None = None
    numbers: tuple[int, ...] | None = None
    states: tuple[str, ...] = WAITING
    above: int | None = None
    because: str | None = None

    def where(self) -> tuple[str, dict[str, Any]]:
        pattern = f"%{like(self.reason.lower())}%" if self.reason else None
        where, params = _where(
            {
                "connection = ?": self.connection,
                "stage = ?": self.stage,
                "id > ?": self.above,
                "reason = ?": self.because,
                r"lower(reason) LIKE ? ESCAPE '\'": pattern,
            }
        )
        lists = {"id": self.numbers, "state": self.states or None}
        for column, values in lists.items():
            if values is not None:
                where += f"{' AND' if where else 'WHERE'} {column} IN :*{column}s"
                params[f"{column}s"] = list(values)
        return where, params


_PARKED = "id, connection, external_id, stage, reason, original, at, state, edit, raw"


def parked(tx: Tx, chosen: ParkedFilter, part: Part = FIRST) -> Listed[ParkedRow]:
    """Oldest first: they wait longest."""
    where, params = chosen.where()
    rows, more = page(tx, _PARKED, f"FROM parked {where}", "id", part, params)
    return Listed(tuple(ParkedRow(*r) for r in rows), more)


def parked_after(tx: Tx, chosen: ParkedFilter, number: int, limit: int) -> tuple[ParkedRow, ...]:
    """Some of them, of greater numbers: page by page all of them, without counting them each time."""
    where, params = replace(chosen, above=number).where()
    rows = tx.all(f"SELECT {_PARKED} FROM parked {where} ORDER BY id LIMIT :limit", limit=limit, **params)
    return tuple(ParkedRow(*row) for row in rows)


def parked_pages(store: Store, chosen: ParkedFilter, limit: int) -> Iterator[tuple[ParkedRow, ...]]:
    """All of them, oldest first, `limit` at a time; each page is a transaction of its own."""
    above = 0
    while True:
        with store.read() as tx:
            rows = parked_after(tx, chosen, above, limit)
        if not rows:
            return
        yield rows
        above = rows[-1].number


def count_parked(tx: Tx, chosen: ParkedFilter) -> int:
    where, params = chosen.where()
    row = tx.one(f"SELECT count(*) FROM parked {where}", **params)
    return int(row[0]) if row else 0


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


@dataclass(frozen=True, slots=True)
class Reasons:
    """Parked records of one connection and stage with the same reason: how many, and since when the oldest."""

    connection: str
    stage: str
    reason: str
    records: int
    since: float


def parked_reasons(tx: Tx, chosen: ParkedFilter, limit: int = 50) -> list[Reasons]:
    """By their whole reason, those with most records first."""
    where, params = chosen.where()
    rows = tx.all(
        f"SELECT connection, stage, reason, count(*), min(at) FROM parked {where} GROUP BY reason, connection, stage"
        " ORDER BY count(*) DESC, connection, stage, reason LIMIT :limit",
        limit=limit,
        **params,
    )
    return [Reasons(*row) for row in rows]
