"""Interactions and what they said about consent: stored by contact point, found for a golden record when it is read.

Nothing of an interaction names a golden record, so merges, splits and moves need nothing. It is found by

    its record   when its source names one
    its points   e-mail addresses and phone numbers: by whoever holds one
    a record     that held one of its points once, and gave it up: `interaction_kept`
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from hub.dedupe.consent import PREFIX
from hub.model import Source, base_field, element
from hub.store import schema
from hub.store.db import Row, Tx, dumps, insert_row_sql, loads
from hub.store.lists import FIRST, Listed, Part
from hub.sync.link import Link

CONTACT = frozenset({"emails", "phones"})  # fields whose elements are contact points
NO_PINS: Mapping[str, Any] = MappingProxyType({})
COUNTED = "interaction"  # in `counter`: the highest number of an interaction
SAID = "statement"  # in `counter`: statements there are

_COLUMNS = [column.name for column in schema.interaction.columns]
_INSERT = insert_row_sql(schema.interaction, _COLUMNS)
_TYPES = (
    *("bigint", "text", "text", "double precision", "text", "text", "text", "text", "text", "text", "text", "text"),
    *("bytea", "text"),
)
_UPDATE = "UPDATE interaction SET {} WHERE id = ?".format(", ".join(f"{name} = ?" for name in _COLUMNS[3:]))
_AT_POINT = ("text", "double precision", "bigint")
_SHOWN = "i.id, i.connection, i.external_id, i.at, i.channel, i.kind, i.direction, i.record_ref, i.points, i.summary"
_SHOWN += ", i.details, i.reference"
_FOUND = (
    "SELECT interaction_id AS id, at FROM interaction_point WHERE point IN :*points"
    " UNION SELECT k.interaction_id, k.at FROM record r JOIN interaction_kept k ON k.record_id = r.id"
    " WHERE r.golden_id = :golden"
    " UNION SELECT i.id, i.at FROM record r JOIN interaction i ON i.connection = r.connection"
    " AND i.record_ref = r.external_id WHERE r.golden_id = :golden AND i.record_ref IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class InteractionRow:
    """A row of `interaction`. points: canonical keys such as `phones/+351912345678`; record: it was named instead."""

    number: int
    connection: str
    id: str
    at: float
    channel: str
    kind: str
    direction: str
    record: str | None
    points: tuple[str, ...]
    summary: str
    details: Mapping[str, Any]
    reference: str | None
    mark: bytes = b""


class StatementRow(NamedTuple):
    """What the interactions of one connection said of one contact point: see `hub.dedupe.consent`."""

    point: str
    channel: str
    purpose: str
    connection: str
    value: Mapping[str, Any]


def points_of(members: Iterable[Link], pins: Mapping[str, Any] = NO_PINS) -> set[str]:
    """The contact points of a golden record, as keys: what its records say themselves and what is pinned."""
    found = {
        key
        for member in members
        for key in (*member.fields, *member.own)
        if base_field(key) in CONTACT and member.claims(key) and _value(member, key) is not None
    }
    found.update(key for key in pins if base_field(key) in CONTACT and "/" in key)
    return {key for key in found if key not in pins or pins[key] is not None}


def _value(member: Link, key: str) -> Any:
    return member.own[key][0] if key in member.own else member.fields[key]


def sources_of(said: Mapping[str, Sequence[StatementRow]], points: Iterable[str]) -> list[Source]:
    """Statements of interactions about these points, as claims of their connections."""
    return [
        Source(
            (row.connection, element(point)),
            {f"{PREFIX}{row.channel}|{element(point)}|{row.purpose}": row.value},
            0.0,
        )
        for point in sorted(points)
        for row in said.get(point, ())
    ]


def marks(tx: Tx, connection: str, ids: Sequence[str]) -> dict[str, bytes]:
    """External id → mark of the interactions that are known."""
    rows = tx.all(
        "SELECT external_id, mark FROM interaction WHERE connection = :c AND external_id IN :*ids",
        c=connection,
        ids=list(ids),
    )
    return {r[0]: bytes(r[1]) for r in rows}


def save(tx: Tx, rows: Sequence[InteractionRow], run_id: str) -> int:
    """Take interactions of one connection in, whose ids are not twice among them; how many are new.

    One that is known and has changed is replaced. `number` is given here.
    """
    was = _known(tx, rows[0].connection, [row.id for row in rows]) if rows else {}
    fresh = [row for row in rows if row.id not in was]
    changed = [row for row in rows if row.id in was and was[row.id].mark != row.mark]
    first = tx.counter(COUNTED) + 1
    tx.count(COUNTED, len(fresh))
    tx.many(_INSERT, [_row(number, row, run_id) for number, row in enumerate(fresh, first)], _TYPES)
    _drop_points(tx, [was[row.id] for row in changed])
    tx.many(_UPDATE, [(*_row(0, row, run_id)[3:], was[row.id].number) for row in changed])
    points = [point for number, row in enumerate(fresh, first) for point in _at_points(number, row)]
    points += [point for row in changed for point in _at_points(was[row.id].number, row)]
    tx.many("INSERT INTO interaction_point (point, at, interaction_id) VALUES (?, ?, ?)", sorted(points), _AT_POINT)
    return len(fresh)


def _known(tx: Tx, connection: str, ids: Sequence[str]) -> dict[str, InteractionRow]:
    rows = tx.all(
        f"SELECT {_SHOWN}, i.mark FROM interaction i WHERE i.connection = :c AND i.external_id IN :*ids",
        c=connection,
        ids=list(ids),
    )
    return {r[2]: _read(r) for r in rows}


def _row(number: int, row: InteractionRow, run_id: str) -> tuple[Any, ...]:
    return (
        number,
        row.connection,
        row.id,
        row.at,
        row.channel,
        row.kind,
        row.direction,
        row.record,
        dumps(list(row.points)),
        row.summary,
        dumps(row.details),
        row.reference,
        row.mark,
        run_id,
    )


def _read(row: Row) -> InteractionRow:
    number, connection, external_id, at, channel, kind, direction, record, points, summary, *more = row
    return InteractionRow(
        *(number, connection, external_id, at, channel, kind, direction, record),
        points=tuple(loads(points)),
        summary=summary,
        details=loads(more[0]),
        reference=more[1],
        mark=bytes(more[2]) if len(more) > 2 else b"",
    )


def _at_points(number: int, row: InteractionRow) -> Iterator[tuple[str, float, int]]:
    """Where it is found: a record that is named outranks the points."""
    if row.record is None:
        yield from ((point, row.at, number) for point in dict.fromkeys(row.points))


def _drop_points(tx: Tx, rows: Sequence[InteractionRow]) -> None:
    tx.many(
        "DELETE FROM interaction_point WHERE point = ? AND at = ? AND interaction_id = ?",
        [point for row in rows for point in _at_points(row.number, row)],
    )


# --- points that are given up ------------------------------------------------------------------------


def there_are(tx: Tx) -> bool:
    """Whether any interaction was ever taken in: nothing is asked where none was."""
    return tx.counter(COUNTED) > 0


def with_any(tx: Tx, points: Collection[str]) -> list[str]:
    """Those of these points that some interaction has."""
    rows = tx.all("SELECT DISTINCT point FROM interaction_point WHERE point IN :*points", points=sorted(points))
    return [r[0] for r in rows]


def keep(tx: Tx, given_up: Sequence[tuple[int, str]]) -> None:
    """(record id, point) of points that a record has given up: it keeps what there was with it."""
    for record_id, point in given_up:
        tx.run(
            "INSERT INTO interaction_kept (record_id, at, interaction_id)"
            " SELECT :r, at, interaction_id FROM interaction_point WHERE point = :p"
            " ON CONFLICT (record_id, at, interaction_id) DO NOTHING",
            r=record_id,
            p=point,
        )


def tie(tx: Tx, connection: str, external_id: str, record_ids: Iterable[int]) -> None:
    """An interaction belongs to these records, whatever points they hold."""
    row = tx.one(
        "SELECT id, at FROM interaction WHERE connection = :c AND external_id = :e", c=connection, e=external_id
    )
    if row is not None:
        rows = [(record_id, row[1], row[0]) for record_id in record_ids]
        tx.many("INSERT INTO interaction_kept (record_id, at, interaction_id) VALUES (?, ?, ?)", rows)


def let_go(tx: Tx, points: Sequence[str]) -> None:
    """Nobody holds these points any more: who takes one up begins without the past of the one before."""
    tx.run("DELETE FROM interaction_point WHERE point IN :*points", points=list(points))


# --- reading -----------------------------------------------------------------------------------------


def of_golden(
    tx: Tx, golden_id: str, points: Collection[str], part: Part = FIRST, root: str | None = None
) -> Listed[InteractionRow]:
    """Interactions of a golden record that holds these points, the latest first.

    golden_id  that answers today
    root       only those whose kind is this, or begins with it and a dot
    """
    params = {"golden": golden_id, "points": sorted(points)}
    found = f"({_FOUND}) u"
    if root is not None:
        found = f"({_FOUND}) w JOIN interaction u ON u.id = w.id AND (u.kind = :root OR u.kind LIKE :root || '.%')"
        params["root"] = root
    rows = tx.all(
        f"SELECT {_SHOWN}, f.total FROM (SELECT u.id, u.at, count(*) OVER () AS total FROM {found}"
        " ORDER BY u.at DESC, u.id DESC LIMIT :limit OFFSET :skip) f JOIN interaction i ON i.id = f.id"
        " ORDER BY i.at DESC, i.id DESC",
        limit=part.limit,
        skip=part.skip,
        **params,
    )
    total = int(rows[0][12]) if rows else 0
    return Listed(tuple(_read(r[:12]) for r in rows), max(0, total - part.skip - len(rows)))


def found_by(golden_id: str, points: Collection[str]) -> tuple[str, dict[str, Any]]:
    """A query for (id, at) of the interactions of a golden record that holds these points, and its parameters."""
    return _FOUND, {"golden": golden_id, "points": sorted(points)}


def one_of(tx: Tx, connection: str, external_id: str) -> InteractionRow | None:
    return _known(tx, connection, [external_id]).get(external_id)


def rows_by_number(tx: Tx, numbers: Sequence[int]) -> list[InteractionRow]:
    rows = tx.all(f"SELECT {_SHOWN} FROM interaction i WHERE i.id IN :*ids ORDER BY i.id", ids=list(numbers))
    return [_read(row) for row in rows]


def count(tx: Tx) -> int:
    row = tx.one("SELECT count(*) FROM interaction")
    return int(row[0]) if row else 0


def everything(tx: Tx, size: int) -> Iterator[list[InteractionRow]]:
    """All interactions by number, `size` at a time."""
    last = 0
    while True:
        text = f"SELECT {_SHOWN} FROM interaction i WHERE i.id > :last ORDER BY i.id LIMIT :n"
        rows = tx.all(text, last=last, n=size)
        if rows:
            yield [_read(r) for r in rows]
        if len(rows) < size:
            return
        last = rows[-1][0]


def by_point(tx: Tx, rows: Sequence[InteractionRow]) -> list[tuple[int, str]]:
    """(number, point) by which these are found today: not by a point that was let go."""
    points = {point for row in rows for point in row.points}
    if not points:
        return []
    found = tx.all(
        "SELECT interaction_id, point FROM interaction_point WHERE point IN :*points AND at BETWEEN :low AND :high"
        " AND interaction_id IN :*ids",
        points=sorted(points),
        low=min(row.at for row in rows),
        high=max(row.at for row in rows),
        ids=[row.number for row in rows],
    )
    return [(r[0], r[1]) for r in found]


def by_record(tx: Tx, numbers: Sequence[int]) -> list[tuple[int, str]]:
    """(number, golden id) of interactions that a record names or keeps."""
    rows = tx.all(
        "SELECT i.id, r.golden_id FROM interaction i JOIN record r ON r.connection = i.connection"
        " AND r.external_id = i.record_ref WHERE i.id IN :*ids"
        " UNION SELECT k.interaction_id, r.golden_id FROM interaction_kept k JOIN record r ON r.id = k.record_id"
        " WHERE k.interaction_id IN :*ids",
        ids=list(numbers),
    )
    return [(r[0], r[1]) for r in rows]


# --- statements --------------------------------------------------------------------------------------


def is_said(tx: Tx) -> bool:
    """Whether any interaction ever stated a consent: nothing is asked where none did."""
    return tx.counter(SAID) > 0


def read_statements(tx: Tx, points: Collection[str]) -> dict[str, list[StatementRow]]:
    """Point → what was said of it."""
    found: dict[str, list[StatementRow]] = {}
    for row in tx.all(
        "SELECT point, channel, purpose, connection, value FROM statement WHERE point IN :*points"
        " ORDER BY point, channel, purpose, connection",
        points=sorted(points),
    ):
        found.setdefault(row[0], []).append(StatementRow(row[0], row[1], row[2], row[3], loads(row[4])))
    return found


def save_statements(tx: Tx, rows: Iterable[StatementRow], new: int) -> None:
    """new  how many of them were not there before"""
    tx.many(
        "INSERT INTO statement (point, channel, purpose, connection, value) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (point, channel, purpose, connection) DO UPDATE SET value = excluded.value",
        [(*row[:4], dumps(row.value)) for row in rows],
    )
    tx.count(SAID, new)


def move_reference(tx: Tx, connection: str, before: str, after: str) -> None:
    """What happened at a record of this external id happened at the one of another."""
    tx.run(
        "UPDATE interaction SET record_ref = :a WHERE connection = :c AND record_ref = :b AND record_ref IS NOT NULL",
        c=connection,
        b=before,
        a=after,
    )
