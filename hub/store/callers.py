"""What is open with several golden records and what happened last with each: one query a kind for all of them.

A switchboard is ten golden records, and who picks up the telephone waits for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from hub.store.db import Row, Tx
from hub.store.follow_ups import MOST as MOST_PROMISED
from hub.store.follow_ups import SHOWN, FollowUp
from hub.store.interactions import InteractionRow, rows_by_number
from hub.sync.link import Link

MOST_OPEN = 20  # conflicts, and questions, of one golden record
EVER = -1e300  # before anything that happened

# Not by the index of states: a handful of rows is about one record, tens of thousands may be open.
_OPEN = "state || '' = 'open'"
_CONFLICTS = (
    "SELECT golden_id, id FROM (SELECT golden_id, id, row_number() OVER (PARTITION BY golden_id ORDER BY id) AS place"
    f" FROM conflict WHERE golden_id IN :*ids AND {_OPEN}) c WHERE place <= :most"
)
_ASKS = " UNION ALL ".join(
    f"SELECT record, id FROM (SELECT {side} AS record, id, row_number() OVER (PARTITION BY {side} ORDER BY id) AS place"
    f" FROM ask WHERE {side} IN :*ids AND {_OPEN}) {side}s WHERE place <= :most"
    for side in ("record_a", "record_b")
)
_PARKED = (
    "SELECT r.id, p.id FROM record r JOIN parked p ON p.connection = r.connection AND p.external_id = r.external_id"
    " WHERE r.id IN :*ids AND p.state || '' IN ('open', 'retry')"
)

# The time of the n-th latest of each is looked up in the index, so what is older is not read.
_LATEST = (
    "SELECT k.value, i.at, i.interaction_id FROM EACH :*{ids} {kind} k JOIN {table} i ON i.{column} = k.value"
    " AND i.at >= coalesce((SELECT x.at FROM {table} x WHERE x.{column} = k.value"
    " ORDER BY x.at DESC LIMIT 1 OFFSET :skip), :ever)"
)
_BY_POINT = _LATEST.format(ids="points", kind="text", table="interaction_point", column="point")
_BY_KEPT = _LATEST.format(ids="ids", kind="bigint", table="interaction_kept", column="record_id")
_NAMED = (
    "SELECT {columns} FROM record r JOIN interaction i ON i.connection = r.connection"
    " AND i.record_ref = r.external_id {more} WHERE r.id IN :*ids AND i.record_ref IS NOT NULL"
)
_BY_NAME = (
    "SELECT record_id, at, number FROM ("
    + _NAMED.format(
        columns="r.id AS record_id, i.at, i.id AS number,"
        " row_number() OVER (PARTITION BY r.id ORDER BY i.at DESC, i.id DESC) AS place",
        more="",
    )
    + ") n WHERE place <= :n"
)

_JOINED = "JOIN follow_up f ON f.interaction_id = {number} AND f.closed_at IS NULL"
_FIRST = (
    f"SELECT owner, {SHOWN} FROM (SELECT k.{{column}} AS owner, o.interaction_id AS number,"
    " row_number() OVER (PARTITION BY k.{column} ORDER BY o.due, o.interaction_id) AS place FROM {table} k"
    " JOIN follow_up o ON o.interaction_id = k.interaction_id AND o.closed_at IS NULL WHERE k.{column} IN :*{ids}) u"
    " JOIN follow_up f ON f.interaction_id = u.number JOIN interaction i ON i.id = u.number WHERE u.place <= :most"
)
_PROMISED = (
    _FIRST.format(table="interaction_point", column="point", ids="points"),
    _FIRST.format(table="interaction_kept", column="record_id", ids="ids"),
    _NAMED.format(columns=f"r.id, {SHOWN}", more=_JOINED.format(number="i.id")),
)


@dataclass(frozen=True, slots=True)
class Holder:
    """A golden record with its source records, whatever their state, and the contact points it has, as keys."""

    golden_id: str
    members: Sequence[Link]
    points: frozenset[str]

    def owned(self) -> set[Any]:
        """By what interactions are found for it: points, and numbers of records."""
        return {*self.points, *(member.id for member in self.members)}


class Open(NamedTuple):
    """Numbers of what is open with a golden record."""

    conflicts: tuple[int, ...]
    reviews: tuple[int, ...]
    parked: tuple[int, ...]


def asked_open(tx: Tx, holders: Sequence[Holder]) -> Callable[[], dict[str, Open]]:
    """Open conflicts, questions about its records and parked records of each, by golden id, to be had later."""
    records = {member.id: holder.golden_id for holder in holders for member in holder.members}
    goldens = {holder.golden_id: holder.golden_id for holder in holders}
    ids = list(records)
    conflicts = tx.later(_CONFLICTS, ids=list(goldens), most=MOST_OPEN)
    asks = tx.later(_ASKS, ids=ids, most=MOST_OPEN)
    parked = tx.later(_PARKED, ids=ids)

    def found() -> dict[str, Open]:
        disputed, asked = _numbers(goldens, conflicts()), _numbers(records, asks())
        aside = _numbers(records, parked())
        return {
            g: Open(disputed.get(g, ())[:MOST_OPEN], asked.get(g, ())[:MOST_OPEN], aside.get(g, ())) for g in goldens
        }

    return found


def _numbers(owners: Mapping[Any, str], rows: Iterable[Row]) -> dict[str, tuple[int, ...]]:
    """Golden id → numbers, ascending. owners: first column → golden id"""
    found: dict[str, set[int]] = {}
    for owner, number in rows:
        found.setdefault(owners[owner], set()).add(int(number))
    return {golden_id: tuple(sorted(numbers)) for golden_id, numbers in found.items()}


def last(tx: Tx, holders: Sequence[Holder], n: int) -> dict[str, list[InteractionRow]]:
    """Golden id → its last n interactions, the latest first."""
    params = _params(holders)
    asked = [
        *(tx.later(text, **params, skip=n - 1, ever=EVER) for text in (_BY_POINT, _BY_KEPT)),
        tx.later(_BY_NAME, **params, n=n),
    ]
    times: dict[Any, set[tuple[float, int]]] = {}
    for rows in asked:
        for owner, at, number in rows():
            times.setdefault(owner, set()).add((at, number))
    chosen = {holder.golden_id: _latest(times, holder, n) for holder in holders}
    numbers = sorted({number for some in chosen.values() for number in some})
    rows_of = {row.number: row for row in rows_by_number(tx, numbers)} if numbers else {}
    return {golden_id: [rows_of[number] for number in some] for golden_id, some in chosen.items()}


def _latest(times: Mapping[Any, set[tuple[float, int]]], holder: Holder, n: int) -> list[int]:
    found = set().union(*(times[owner] for owner in holder.owned() if owner in times))
    return [number for _, number in sorted(found, reverse=True)[:n]]


def promised(tx: Tx, holders: Sequence[Holder]) -> dict[str, tuple[FollowUp, ...]]:
    """Golden id → its open follow-ups, the most urgent first."""
    if tx.one("SELECT 1 FROM follow_up WHERE closed_at IS NULL LIMIT 1") is None:
        return {holder.golden_id: () for holder in holders}
    asked = [tx.later(text, **_params(holders), most=MOST_PROMISED) for text in _PROMISED]
    found: dict[Any, set[FollowUp]] = {}
    for rows in asked:
        for owner, *shown in rows():
            found.setdefault(owner, set()).add(FollowUp(*shown))
    return {holder.golden_id: _urgent(found, holder) for holder in holders}


def _urgent(found: Mapping[Any, set[FollowUp]], holder: Holder) -> tuple[FollowUp, ...]:
    its = set().union(*(found[owner] for owner in holder.owned() if owner in found))
    return tuple(sorted(its, key=lambda each: (each.due, each.number))[:MOST_PROMISED])


def _params(holders: Sequence[Holder]) -> dict[str, Any]:
    return {
        "points": sorted({point for holder in holders for point in holder.points}),
        "ids": sorted({member.id for holder in holders for member in holder.members}),
    }
