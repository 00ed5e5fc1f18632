"""The push queue: golden records that a connection has yet to hear of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hub.store import schema
from hub.store.db import Tx, insert_row_sql, insert_sql


@dataclass(slots=True)
class QueueRow:
    """A golden record that a connection has yet to hear of."""

    golden_id: str
    op: str
    attempts: int
    optout_at: float | None
    agreed: bool = False  # a person has approved just this one


_ENQUEUE = (
    insert_sql(
        schema.queue,
        ["connection", "golden_id", "op", "queued_at", "optout_at", "next_at", "attempts", "run_id"],
    )
    + " ON CONFLICT (connection, golden_id) DO UPDATE SET next_at = excluded.next_at, attempts = 0, agreed = 0,"
    # while a deletion waits, nothing turns it into an update: only `cancel_deletions` does
    " op = CASE WHEN excluded.op = 'sync' THEN queue.op ELSE excluded.op END,"
    " run_id = excluded.run_id,"
    " optout_at = coalesce(queue.optout_at, excluded.optout_at)"
)


def enqueue(
    tx: Tx,
    pairs: Iterable[tuple[str, str]],
    at: float,
    run_id: str,
    *,
    op: str = "sync",
    optouts: frozenset[str] | set[str] = frozenset(),
) -> None:
    """(connection, golden id) pairs; a golden record in `optouts` carries an opt-out to be acknowledged."""
    tx.many(
        _ENQUEUE,
        [
            {
                "connection": c,
                "golden_id": g,
                "op": op,
                "queued_at": at,
                "optout_at": at if g in optouts else None,
                "next_at": at,
                "attempts": 0,
                "run_id": run_id,
            }
            for c, g in pairs
        ],
    )


def enqueue_besides(tx: Tx, pairs: Iterable[tuple[str, str]], at: float, run_id: str) -> None:
    """(connection, golden id) pairs to be compared; one that waits already goes on waiting as it does."""
    columns = ["connection", "golden_id", "op", "queued_at", "next_at", "attempts", "run_id"]
    rows = [(connection, golden_id, "sync", at, at, 0, run_id) for connection, golden_id in pairs]
    text = insert_row_sql(schema.queue, columns) + " ON CONFLICT (connection, golden_id) DO NOTHING"
    tx.many(text, rows)


def enqueue_missing(tx: Tx, connection: str, at: float, run_id: str) -> None:
    """Every golden record that has no record in this connection: what came in before it was connected."""
    tx.run(
        "INSERT INTO queue (connection, golden_id, op, queued_at, next_at, attempts, run_id)"
        " SELECT :c, g.id, 'sync', :at, :at, 0, :r FROM golden g WHERE g.state = 'live' AND NOT EXISTS"
        " (SELECT 1 FROM record r WHERE r.golden_id = g.id AND r.connection = :c)"
        " ON CONFLICT (connection, golden_id) DO NOTHING",
        c=connection,
        at=at,
        r=run_id,
    )


def ready(tx: Tx, connection: str, now: float, limit: int, held_ops: Sequence[str] = ()) -> list[QueueRow]:
    """What may go out now: opt-outs first, then in order of waiting; nothing of a run whose intake is held."""
    rows = tx.all(
        "SELECT golden_id, op, attempts, optout_at, agreed FROM queue WHERE connection = :c AND next_at <= :now"
        " AND NOT (op IN :*held AND agreed = 0)"
        " AND (run_id IS NULL OR NOT EXISTS"
        " (SELECT 1 FROM hold h WHERE h.run_id = queue.run_id AND h.state IN ('open', 'refused')"
        " AND h.gate = 'intake'))"
        " ORDER BY optout_at IS NULL, queued_at, golden_id LIMIT :n",
        c=connection,
        now=now,
        n=limit,
        held=list(held_ops),
    )
    return [QueueRow(r[0], r[1], r[2], r[3], bool(r[4])) for r in rows]


def ops(tx: Tx, connection: str, golden_ids: Sequence[str]) -> dict[str, str]:
    """Golden id → what is to be done there, of those that wait."""
    rows = tx.all(
        "SELECT golden_id, op FROM queue WHERE connection = :c AND golden_id IN :*ids",
        c=connection,
        ids=list(golden_ids),
    )
    return {r[0]: r[1] for r in rows}


def counts(tx: Tx, connection: str) -> dict[str, int]:
    """op → rows; `create`: golden records that have no record in the connection yet.

    Of deletions and creates only those that no person has approved one by one; the others are in `agreed`.
    """
    counts: dict[str, int] = {}
    for op, agreed, n in tx.all(
        "SELECT op, agreed, count(*) FROM queue WHERE connection = :c GROUP BY op, agreed", c=connection
    ):
        name = "agreed" if agreed and op != "sync" else op
        counts[name] = counts.get(name, 0) + n
    if "sync" not in counts:
        return counts
    row = tx.one(
        "SELECT count(*) FROM queue q JOIN golden g ON g.id = q.golden_id AND g.state = 'live' WHERE q.connection = :c"
        " AND q.op = 'sync' AND q.agreed = 0 AND NOT EXISTS"
        " (SELECT 1 FROM record r WHERE r.golden_id = q.golden_id AND r.connection = :c)",
        c=connection,
    )
    counts["create"] = row[0] if row else 0
    return counts


def waiting_writes(tx: Tx, connection: str, op: str, limit: int) -> list[str]:
    """Golden ids of creates or deletions that wait and that no person has approved one by one, the oldest first."""
    rest = (
        " AND q.op = 'sync' AND NOT EXISTS"
        " (SELECT 1 FROM record r WHERE r.golden_id = q.golden_id AND r.connection = :c)"
        if op == "create"
        else " AND q.op = 'delete'"
    )
    rows = tx.all(
        "SELECT q.golden_id FROM queue q JOIN golden g ON g.id = q.golden_id WHERE q.connection = :c AND q.agreed = 0"
        f" AND g.state <> 'merged'{rest} ORDER BY q.queued_at, q.golden_id LIMIT :n",
        c=connection,
        n=limit,
    )
    return [r[0] for r in rows]


def still_waiting(tx: Tx, connection: str, op: str, golden_ids: Sequence[str]) -> list[str]:
    """Of these, those whose create or deletion waits and was not approved one by one."""
    waits = "op = 'delete'" if op == "delete" else "op = 'sync'"
    rows = tx.all(
        f"SELECT golden_id FROM queue WHERE connection = :c AND golden_id IN :*ids AND agreed = 0 AND {waits}",
        c=connection,
        ids=list(golden_ids),
    )
    return [r[0] for r in rows]


def agree(tx: Tx, connection: str, golden_ids: Sequence[str]) -> None:
    """A person has approved just these writes, as they are now."""
    tx.run(
        "UPDATE queue SET agreed = 1, next_at = 0 WHERE connection = :c AND golden_id IN :*ids",
        c=connection,
        ids=list(golden_ids),
    )


def decline(tx: Tx, connection: str, versions: Sequence[tuple[str, int]], person: str, at: float) -> None:
    """(golden id, version) of contacts that are not to be made there, until they change."""
    tx.many(
        "INSERT INTO declined (connection, golden_id, version, person, at) VALUES (:c, :g, :v, :p, :a)"
        " ON CONFLICT (connection, golden_id) DO UPDATE SET version = excluded.version, person = excluded.person,"
        " at = excluded.at",
        [{"c": connection, "g": g, "v": v, "p": person, "a": at} for g, v in versions],
    )


def declined(tx: Tx, connection: str, golden_ids: Sequence[str]) -> dict[str, int]:
    """Golden id → the version that a person refused there."""
    rows = tx.all(
        "SELECT golden_id, version FROM declined WHERE connection = :c AND golden_id IN :*ids",
        c=connection,
        ids=list(golden_ids),
    )
    return {r[0]: r[1] for r in rows}


def dequeue(tx: Tx, connection: str, golden_ids: Sequence[str]) -> None:
    tx.run("DELETE FROM queue WHERE connection = :c AND golden_id IN :*ids", c=connection, ids=list(golden_ids))


def being_deleted(tx: Tx, golden_ids: Sequence[str]) -> set[str]:
    """Golden records whose deletion or archiving waits for some connection."""
    rows = tx.all(
        "SELECT DISTINCT golden_id FROM queue WHERE golden_id IN :*ids AND op <> 'sync'", ids=list(golden_ids)
    )
    return {r[0] for r in rows}


def to_be_deleted(tx: Tx, connection: str, golden_ids: Sequence[str]) -> set[str]:
    """Golden records whose deletion waits for this connection."""
    rows = tx.all(
        "SELECT golden_id FROM queue WHERE connection = :c AND golden_id IN :*ids AND op = 'delete'",
        c=connection,
        ids=list(golden_ids),
    )
    return {r[0] for r in rows}


def deleted_lately(tx: Tx, connection: str, golden_ids: Sequence[str]) -> set[str]:
    """Golden records of which the hub has deleted a record somewhere since this connection was last read twice.

    As with absence, one reading may leave out a record that is there: only what two runs, begun after the deletion,
    have not shown is an edit that came after it.
    """
    begun = tx.all(
        "SELECT started_at FROM run WHERE connection = :c AND status = 'done' ORDER BY started_at DESC LIMIT 2",
        c=connection,
    )
    since = begun[1][0] if len(begun) == 2 else 0.0
    rows = tx.all(
        "SELECT golden_id FROM change WHERE golden_id IN :*ids AND kind = 'told: delete' AND at >= :since"
        " UNION SELECT g.merged_into FROM golden g JOIN change c ON c.golden_id = g.id"
        " WHERE g.merged_into IN :*ids AND c.kind = 'told: delete' AND c.at >= :since",
        ids=list(golden_ids),
        since=since,
    )
    return {r[0] for r in rows}


def cancel_deletions(tx: Tx, golden_ids: Sequence[str]) -> None:
    """The person is back: what was to be deleted or archived is not."""
    tx.run("DELETE FROM queue WHERE golden_id IN :*ids AND op <> 'sync'", ids=list(golden_ids))


def dequeue_if_same(tx: Tx, connection: str, versions: Sequence[tuple[str, int]]) -> None:
    """Close rows whose golden record is still the one that was sent; the others stay queued."""
    tx.many(
        "DELETE FROM queue WHERE connection = :c AND golden_id = :g"
        " AND EXISTS (SELECT 1 FROM golden WHERE id = :g AND version = :v)",
        [{"c": connection, "g": g, "v": v} for g, v in versions],
    )


def postpone(tx: Tx, connection: str, rows: Sequence[tuple[str, float]], *, failed: bool = False) -> None:
    """(golden id, not before) pairs; `failed` counts an attempt."""
    tx.many(
        "UPDATE queue SET next_at = :at, attempts = attempts + :n WHERE connection = :c AND golden_id = :g",
        [{"c": connection, "g": g, "at": at, "n": int(failed)} for g, at in rows],
    )


def hurry(tx: Tx, connection: str) -> None:
    """Everything that waits for this connection may go out now."""
    tx.run("UPDATE queue SET next_at = 0, attempts = 0 WHERE connection = :c", c=connection)
