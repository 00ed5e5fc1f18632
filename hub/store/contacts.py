"""One golden record and all that is known of it, and finding one. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hub.store import links as db
from hub.store.db import Tx, loads
from hub.store.keys import HOLDERS
from hub.store.lists import FIRST, Listed, Part, like, page
from hub.sync.link import HOLDING

PART = 2000  # golden records read together when the whole table is

# --- one golden record ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GoldenHead:
    """A golden record with the times of its beginning and its last change."""

    id: str
    state: str
    version: int
    fields: dict[str, Any]
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One line of a golden record's history. detail: key → [old, new], or as the change says."""

    number: int
    at: float
    kind: str
    connection: str | None
    detail: dict[str, Any] | None
    run_id: str | None


@dataclass(frozen=True, slots=True)
class PinRow:
    """A value that a person has fixed; None removes."""

    field: str
    value: Any
    person: str
    at: float


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A connection that has yet to hear of a golden record."""

    connection: str
    op: str
    since: float
    attempts: int
    optout_at: float | None


_HEAD = "id, state, version, fields, created_at, updated_at"


def head_of(row: Sequence[Any]) -> GoldenHead:
    """A row of these columns in this order."""
    return GoldenHead(row[0], row[1], row[2], loads(row[3]), row[4], row[5])


def golden_head(tx: Tx, golden_id: str) -> GoldenHead | None:
    row = tx.one("SELECT id, state, version, fields, created_at, updated_at FROM golden WHERE id = :g", g=golden_id)
    return head_of(row) if row else None


def heads(tx: Tx, golden_ids: Sequence[str]) -> list[GoldenHead]:
    """Golden records of these ids, in this order."""
    rows = tx.all(f"SELECT {_HEAD} FROM golden WHERE id IN :*ids", ids=list(golden_ids))
    found = {row[0]: head_of(row) for row in rows}
    return [found[golden_id] for golden_id in golden_ids if golden_id in found]


def fields_of_records(tx: Tx, connection: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """External id → fields of the golden record that it belongs to."""
    homes = db.golden_ids(tx, connection, ids)
    found = {head.id: head.fields for head in heads(tx, list(set(homes.values())))}
    return {external_id: found[home] for external_id, home in homes.items() if home in found}


def former_ids(tx: Tx, golden_id: str) -> list[str]:
    """Ids that this golden record answers for, through every merge."""
    found: set[str] = set()
    layer = [golden_id]
    while layer:
        rows = tx.all("SELECT id FROM golden WHERE merged_into IN :*ids", ids=layer)
        layer = sorted({r[0] for r in rows} - found)
        found.update(layer)
    return sorted(found)


def pin_rows(tx: Tx, golden_id: str) -> list[PinRow]:
    rows = tx.all("SELECT field, value, person, at FROM pin WHERE golden_id = :g ORDER BY field", g=golden_id)
    return [PinRow(r[0], loads(r[1]) if r[1] is not None else None, r[2], r[3]) for r in rows]


def waiting(tx: Tx, golden_id: str) -> list[WaitingRow]:
    rows = tx.all(
        "SELECT connection, op, queued_at, attempts, optout_at FROM queue WHERE golden_id = :g ORDER BY connection",
        g=golden_id,
    )
    return [WaitingRow(*r) for r in rows]


def unanswered(tx: Tx, golden_id: str) -> list[tuple[str, str, float]]:
    """(connection, op, sent at) of writes whose outcome is not known yet."""
    rows = tx.all("SELECT connection, op, at FROM intent WHERE golden_id = :g ORDER BY id", g=golden_id)
    return [(r[0], r[1], r[2]) for r in rows]


def history(tx: Tx, golden_ids: Sequence[str], part: Part = FIRST, *, below: int | None = None) -> Listed[ChangeRow]:
    """Changes of these golden records, newest first. below: those of a smaller number"""
    columns = "id, at, kind, connection, detail, run_id"
    params: dict[str, Any] = {"ids": list(golden_ids)}
    where = "golden_id IN :*ids"
    if below is not None:
        where, params = f"{where} AND id < :below", params | {"below": below}
    rows, more = page(tx, columns, f"FROM change WHERE {where}", "id DESC", part, params)
    return Listed(tuple(map(_change, rows)), more)


def changes_of(tx: Tx, golden_ids: Sequence[str], field: str, most: int) -> list[ChangeRow]:
    """Changes of a field, or of any of its elements, in these golden records; the newest first."""
    rows = tx.all(
        "SELECT id, at, kind, connection, detail, run_id FROM change WHERE golden_id IN :*ids"
        r" AND kind NOT LIKE 'told: %' AND (detail LIKE :one ESCAPE '\' OR detail LIKE :many ESCAPE '\')"
        " ORDER BY id DESC LIMIT :n",
        ids=list(golden_ids),
        one=f'%"{like(field)}":[%',
        many=f'%"{like(field)}/%',
        n=most,
    )
    return [_change(r) for r in rows]


def changed_since(tx: Tx, golden_id: str, version: int) -> dict[str, list[Any]]:
    """Key → [then, now] of what has changed in a golden record since it had a version.

    Each change of its values or records is one version and one line of its history; what systems were told and what
    people have said of conflicts and questions is none.
    """
    head = golden_head(tx, golden_id)
    steps = head.version - version if head else 0
    found: dict[str, list[Any]] = {}
    rows = tx.all("SELECT kind, detail FROM change WHERE golden_id = :g ORDER BY id DESC", g=golden_id)
    for kind, text in rows:
        if steps <= 0:
            break
        if kind.startswith(("told: ", "conflict ", "answer ")):
            continue
        steps -= 1
        for key, pair in (loads(text) if text else {}).items():
            if isinstance(pair, list) and len(pair) == 2:
                found[key] = [pair[0], found[key][1] if key in found else pair[1]]
    return {key: pair for key, pair in sorted(found.items()) if pair[0] != pair[1]}


def tellings(tx: Tx, golden_ids: Sequence[str]) -> list[ChangeRow]:
    """What was written into systems and acknowledged, oldest first."""
    rows = tx.all(
        "SELECT id, at, kind, connection, detail, run_id FROM change"
        " WHERE golden_id IN :*ids AND kind LIKE 'told: %' ORDER BY id",
        ids=list(golden_ids),
    )
    return [_change(r) for r in rows]


def _change(row: Sequence[Any]) -> ChangeRow:
    detail = loads(row[4]) if row[4] else None
    return ChangeRow(row[0], row[1], row[2], row[3], detail, row[5])


# --- finding ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """A golden record in a list of what was found."""

    id: str
    state: str
    fields: dict[str, Any]
    records: tuple[tuple[str, str], ...]


def found(tx: Tx, golden_ids: Sequence[str]) -> list[Found]:
    """These golden records with the source records that are there, in the order given."""
    heads = db.goldens(tx, golden_ids)
    members = db.members(tx, heads)
    return [
        Found(g, heads[g].state, heads[g].fields, tuple(m.ref for m in members[g] if m.state in HOLDING))
        for g in golden_ids
        if g in heads
    ]


def by_external_id(tx: Tx, external_id: str, connections: Sequence[str], limit: int) -> list[str]:
    """Golden ids of records with this id. Named connections, since the index begins with them."""
    rows = tx.all(
        "SELECT DISTINCT golden_id FROM record WHERE connection IN :*names AND external_id = :e"
        " ORDER BY golden_id LIMIT :n",
        names=list(connections),
        e=external_id,
        n=limit,
    )
    return [r[0] for r in rows]


def connections(tx: Tx) -> list[str]:
    """Every connection the hub remembers."""
    return [r[0] for r in tx.all("SELECT name FROM connection_state ORDER BY name")]


def by_match_key(tx: Tx, keys: Sequence[int], limit: int) -> list[str]:
    """Golden ids of records with one of these blocking keys.

    In two steps: as one, PostgreSQL reads all records in the order of their golden ids to find the first few.
    """
    holders = tx.all(f"{HOLDERS} LIMIT :n", keys=list(keys), n=limit)
    ids = sorted({record_id for _, record_id in holders})
    rows = tx.all("SELECT DISTINCT golden_id FROM record WHERE id IN :*ids", ids=ids) if ids else []
    return sorted(row[0] for row in rows)


def verdict_rows(tx: Tx, ids: Iterable[int]) -> list[tuple[int, int, str, str, float]]:
    """(record, record, answer, person, at) of what people said of any of these records, the latest first."""
    columns = "record_a, record_b, answer, person, at"
    rows = tx.all(
        f"SELECT {columns} FROM verdict WHERE record_a IN :*ids UNION SELECT {columns} FROM verdict"
        " WHERE record_b IN :*ids",
        ids=list(ids),
    )
    found = [(r[0], r[1], r[2], r[3], r[4]) for r in rows]
    return sorted(found, key=lambda row: (-row[4], row[0], row[1]))


def by_pattern(tx: Tx, patterns: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    r"""(golden id, fields) of golden records whose text is like every pattern. Reads the whole table."""
    conditions = "".join(rf" AND lower(fields) LIKE :p{n} ESCAPE '\'" for n in range(len(patterns)))
    params = {f"p{n}": pattern for n, pattern in enumerate(patterns)}
    last = ""
    while True:
        rows = tx.all(
            f"SELECT id, fields FROM golden WHERE id > :last AND state <> 'merged'{conditions} ORDER BY id LIMIT :n",
            last=last,
            n=PART,
            **params,
        )
        yield from ((r[0], loads(r[1])) for r in rows)
        if len(rows) < PART:
            return
        last = rows[-1][0]
