"""Conflicts: logged, and those of the last days by field, counted and as disputes on which a rule can be tried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.dedupe.trial import Dispute, rule_of
from hub.mapping.elements import address_key
from hub.model import Source, base_field
from hub.store import schema
from hub.store.db import Row, Tx, insert_sql, loads

_CONFLICT = ("run_id", "connection", "golden_id", "field", "at", "rule", "claims", "winner", "diff", "told", "state")
_LOG_CONFLICT = insert_sql(schema.conflict, _CONFLICT)

MOST = 100_000  # conflicts that are counted
RECORD = "(record)"  # in place of a field: a record that was deleted here and edited there


@dataclass(frozen=True, slots=True)
class FieldCount:
    """Conflicts about a field that a connection brought."""

    field: str
    connection: str
    conflicts: int
    accepted: int
    overturned: int


def log_conflicts(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    tx.many(_LOG_CONFLICT, rows)


def by_field(tx: Tx, since: float) -> list[FieldCount]:
    """The most frequent first."""
    found: dict[tuple[str, str], list[int]] = {}
    for key, connection, state, n in tx.all(
        "SELECT field, connection, state, count(*) FROM (SELECT field, connection, state FROM conflict"
        " WHERE at >= :since ORDER BY at DESC LIMIT :most) c GROUP BY field, connection, state",
        since=since,
        most=MOST,
    ):
        if key != RECORD:
            counts = found.setdefault((base_field(key), connection), [0, 0, 0])
            counts[0] += n
            counts[1] += n if state == "accepted" else 0
            counts[2] += n if state == "overturned" else 0
    rows = [FieldCount(*group, *counts) for group, counts in found.items()]
    return sorted(rows, key=lambda row: (-row.conflicts, row.field, row.connection))


def of_field(tx: Tx, field: str, since: float, most: int) -> list[Dispute]:
    """The newest first. They are chosen by their index, and only those that were chosen are read."""
    rows = tx.all(
        "SELECT c.id, c.at, c.golden_id, c.field, c.rule, c.claims, c.winner, c.state FROM (SELECT id FROM conflict"
        " WHERE at >= :since AND (field = :f OR substr(field, 1, length(:f) + 1) = :f || '/')"
        " ORDER BY at DESC, id DESC LIMIT :n) n JOIN conflict c ON c.id = n.id ORDER BY c.at DESC, c.id DESC",
        since=since,
        f=field,
        n=most,
    )
    return [_dispute(row) for row in rows]


def _dispute(row: Row) -> Dispute:
    number, at, golden_id, key, rule, claims, winner, state = row
    both, *stated = loads(claims) or [{}]
    won = loads(winner)
    ours, theirs = both.get("ours"), both.get("theirs")
    return Dispute(
        number=number,
        at=at,
        golden_id=golden_id,
        keys=(key, both.get("our_key") or _key(key, ours)),
        claims=tuple(_sources(key, stated)),
        winner=won,
        loser=ours if theirs == won else theirs,
        rule=rule_of(rule),
        verdict=state,
    )


def _sources(key: str, stated: Iterable[Mapping[str, Any]]) -> list[Source]:
    """Claims of a conflict, gathered by their record."""
    found: dict[tuple[str, str], tuple[dict[str, Any], dict[str, float], bool]] = {}
    for claim in stated:
        ref = claim["connection"], claim["record"]
        fields, since, _ = found.setdefault(ref, ({}, {}, not claim.get("gone")))
        place = claim.get("key") or _key(key, claim["value"])
        fields[place], since[place] = claim["value"], claim["since"]
    return [Source(ref, fields, 0.0, since, live=live) for ref, (fields, since, live) in found.items()]


def _key(key: str, value: Any) -> str:
    """Where a value of the field stands: each address has a key of its own."""
    if base_field(key) != "addresses" or not isinstance(value, Mapping):
        return key
    return f"addresses/{address_key(value)}"
