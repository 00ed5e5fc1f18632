"""Intents: writes that were sent, or are about to be, with no acknowledged outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hub.model import LinkState
from hub.store import schema
from hub.store.db import Row, Tx, dumps, insert_sql, loads


@dataclass(slots=True)
class Intent:
    """A write that was sent, or is about to be, with no acknowledged outcome. `payload` in golden's terms."""

    connection: str
    golden_id: str
    record_id: int | None
    op: str
    key: str
    payload: dict[str, Any]
    hash: str
    at: float
    id: int = 0


def add(tx: Tx, intents: Sequence[Intent], run_id: str) -> list[int]:
    """Their numbers, in order."""
    text = insert_sql(
        schema.intent,
        ["connection", "golden_id", "record_id", "op", "key", "payload", "hash", "at", "run_id"],
    )
    numbers = []
    for i in intents:
        row = tx.one(
            text + " RETURNING id",
            connection=i.connection,
            golden_id=i.golden_id,
            record_id=i.record_id,
            op=i.op,
            key=i.key,
            payload=dumps(i.payload),
            hash=i.hash,
            at=i.at,
            run_id=run_id,
        )
        numbers.append(int(row[0]) if row else 0)
    return numbers


def unresolved(tx: Tx, connection: str, golden_ids: Iterable[str]) -> dict[str, list[Intent]]:
    """Golden id → its unresolved writes in this connection, oldest first."""
    found: dict[str, list[Intent]] = {}
    for row in tx.all(
        "SELECT connection, golden_id, record_id, op, key, payload, hash, at, id FROM intent"
        " WHERE connection = :c AND golden_id IN :*ids ORDER BY id",
        c=connection,
        ids=list(golden_ids),
    ):
        found.setdefault(row[1], []).append(_intent(row))
    return found


def _intent(row: Row) -> Intent:
    return Intent(row[0], row[1], row[2], row[3], row[4], loads(row[5]), row[6], row[7], row[8])


def writes_before(tx: Tx, connection: str, at: float) -> list[Intent]:
    """Unresolved writes to records announced by then, in order of the records."""
    rows = tx.all(
        "SELECT connection, golden_id, record_id, op, key, payload, hash, at, id FROM intent"
        " WHERE connection = :c AND record_id IS NOT NULL AND at <= :at ORDER BY record_id, id",
        c=connection,
        at=at,
    )
    return [_intent(row) for row in rows]


def unheard_deletions(tx: Tx, connection: str, state: LinkState) -> list[int]:
    """Records in that state whose deletion by the hub has no known outcome."""
    rows = tx.all(
        "SELECT DISTINCT r.id FROM intent i JOIN record r ON r.id = i.record_id"
        " WHERE i.connection = :c AND i.op = 'delete' AND r.state = :s ORDER BY r.id",
        c=connection,
        s=str(state),
    )
    return [r[0] for r in rows]


def creates_before(tx: Tx, connection: str, at: float, besides: Iterable[str]) -> list[int]:
    """Unresolved creates announced by then, of golden records that have a record there in no state of `besides`."""
    rows = tx.all(
        "SELECT id FROM intent i WHERE connection = :c AND op = 'create' AND record_id IS NULL AND at <= :at AND EXISTS"
        " (SELECT 1 FROM record r WHERE r.golden_id = i.golden_id AND r.connection = :c AND NOT (r.state IN :*s))",
        c=connection,
        at=at,
        s=sorted(map(str, besides)),
    )
    return [r[0] for r in rows]


def bind_creates(tx: Tx, connection: str, key: str, record_id: int) -> None:
    """It is this record that the tries of a create have made."""
    tx.run(
        "UPDATE intent SET record_id = :r WHERE connection = :c AND key = :k AND op = 'create'",
        r=record_id,
        c=connection,
        k=key,
    )


def hand_on(tx: Tx, record_id: int, heir: int, golden_id: str) -> None:
    """What was sent to a record may be found in the one that took its place."""
    tx.run("UPDATE intent SET record_id = :h, golden_id = :g WHERE record_id = :r", h=heir, g=golden_id, r=record_id)


def close(tx: Tx, ids: Iterable[int]) -> None:
    tx.run("DELETE FROM intent WHERE id IN :*ids", ids=list(ids))


def close_of_records(tx: Tx, record_ids: Sequence[int]) -> None:
    tx.run("DELETE FROM intent WHERE record_id IN :*ids", ids=list(record_ids))


def close_of_key(tx: Tx, connection: str, key: str) -> None:
    tx.run("DELETE FROM intent WHERE connection = :c AND key = :k AND op = 'create'", c=connection, k=key)


def close_creates(tx: Tx, connection: str, golden_id: str) -> None:
    tx.run(
        "DELETE FROM intent WHERE connection = :c AND golden_id = :g AND op = 'create'",
        c=connection,
        g=golden_id,
    )
