"""Possible duplicates, as people are asked about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hub.store import schema
from hub.store.db import Tx, insert_sql

_ADD_ASK = (
    insert_sql(schema.ask, ["record_a", "record_b", "weight", "evidence", "at", "state", "run_id"])
    + " ON CONFLICT (record_a, record_b) DO UPDATE SET weight = excluded.weight, evidence = excluded.evidence,"
    " state = 'open' WHERE ask.state IN ('open', 'withdrawn')"
)


def add_asks(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Possible duplicates; one that was answered before is not asked again."""
    tx.many(_ADD_ASK, rows)


def asked_about(tx: Tx, run_id: str, record_ids: Iterable[int]) -> set[int]:
    """Of these records, those that this run asks about."""
    wanted = list(record_ids)
    found: set[int] = set()
    for column in ("record_a", "record_b"):
        rows = tx.all(
            f"SELECT {column} FROM ask WHERE {column} IN :*ids AND run_id = :r AND state = 'open'", ids=wanted, r=run_id
        )
        found.update(r[0] for r in rows)
    return found
