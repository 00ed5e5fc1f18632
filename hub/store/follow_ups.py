"""Follow-ups: what somebody promised to come back to, open until a person closes it.

Each belongs to an interaction and goes by its number, so it is found for a golden record as its interactions are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hub.store.db import Tx
from hub.store.interactions import InteractionRow, found_by, one_of, rows_by_number

MOST = 20  # of one contact


@dataclass(frozen=True, slots=True)
class FollowUp:
    """number: of its interaction; due: YYYY-MM-DD; by: who promised it; summary: of the interaction"""

    number: int
    due: str
    by: str
    kind: str
    summary: str


SHOWN = "f.interaction_id, f.due, f.made_by, i.kind, i.summary"


def number_of(tx: Tx, connection: str, external_id: str) -> int | None:
    """Number of an interaction."""
    row = one_of(tx, connection, external_id)
    return None if row is None else row.number


def add(tx: Tx, number: int, due: str, by: str, at: float) -> None:
    """One that is there already stays as it is."""
    tx.run(
        "INSERT INTO follow_up (interaction_id, due, made_by, made_at) VALUES (:n, :d, :b, :t)"
        " ON CONFLICT (interaction_id) DO NOTHING",
        n=number,
        d=due,
        b=by,
        t=at,
    )


def close(tx: Tx, number: int, by: str, at: float) -> bool:
    """False: there is none of this number that is open."""
    text = "UPDATE follow_up SET closed_at = :t, closed_by = :b WHERE interaction_id = :n AND closed_at IS NULL"
    return tx.touched(text, t=at, b=by, n=number) > 0


def is_known(tx: Tx, number: int) -> bool:
    return tx.one("SELECT 1 FROM follow_up WHERE interaction_id = :n", n=number) is not None


def open_of(tx: Tx, golden_id: str, points: Collection[str]) -> list[FollowUp]:
    """Those of a golden record that holds these points, the most urgent first."""
    text, params = found_by(golden_id, points)
    rows = tx.all(
        f"SELECT {SHOWN} FROM follow_up f JOIN interaction i ON i.id = f.interaction_id"
        f" WHERE f.closed_at IS NULL AND f.interaction_id IN (SELECT id FROM ({text}) u)"
        " ORDER BY f.due, f.interaction_id LIMIT :most",
        most=MOST,
        **params,
    )
    return [FollowUp(*row) for row in rows]


def due(tx: Tx, limit: int) -> tuple[list[FollowUp], int]:
    """The most urgent ones of all contacts, and how many are open."""
    rows = tx.all(
        f"SELECT {SHOWN} FROM follow_up f JOIN interaction i ON i.id = f.interaction_id"
        " WHERE f.closed_at IS NULL ORDER BY f.due, f.interaction_id LIMIT :n",
        n=limit,
    )
    count = tx.one("SELECT count(*) FROM follow_up WHERE closed_at IS NULL")
    return [FollowUp(*row) for row in rows], int(count[0]) if count else 0


def interactions_of(tx: Tx, found: Sequence[FollowUp]) -> list[InteractionRow]:
    return rows_by_number(tx, [each.number for each in found])
