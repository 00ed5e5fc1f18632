"""Runs, leases, the push queue, intents, and the four work lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.store import schema
from hub.store.db import Tx, dumps, insert_row_sql, insert_sql, loads

# --- connections, leases and runs -------------------------------------------------------------------


@dataclass(slots=True)
class ConnectionRow:
    """What the hub remembers of a connection between runs."""

    name: str
    cursor: str | None
    started_at: float | None
    full_at: float | None
    ok_at: float | None
    allowed: dict[str, int] | None
    paused: str | None
    population: int = 0


def acquire(tx: Tx, name: str, owner: str, now: float, seconds: float) -> int | None:
    """A lease on a connection: its fencing token, or None while somebody else holds it."""
    row = tx.one(
        "INSERT INTO connection_state (name, lease_owner, lease_token, lease_until) VALUES (:n, :o, 1, :u)"
        " ON CONFLICT (name) DO UPDATE SET lease_owner = excluded.lease_owner,"
        " lease_token = connection_state.lease_token + 1, lease_until = excluded.lease_until"
        " WHERE connection_state.lease_owner IS NULL OR connection_state.lease_until <= :now RETURNING lease_token",
        n=name,
        o=owner,
        u=now + seconds,
        now=now,
    )
    return int(row[0]) if row else None


def renew(tx: Tx, name: str, until: float) -> None:
    tx.run("UPDATE connection_state SET lease_until = :u WHERE name = :n", n=name, u=until)


def hold_on(tx: Tx, name: str, token: int, until: float) -> bool:
    """Renew a lease. Whether it is still ours."""
    return bool(
        tx.touched(
            "UPDATE connection_state SET lease_until = :u WHERE name = :n AND lease_token = :t",
            n=name,
            t=token,
            u=until,
        )
    )


def release(tx: Tx, name: str, token: int) -> None:
    tx.run(
        "UPDATE connection_state SET lease_owner = NULL, lease_until = 0 WHERE name = :n AND lease_token = :t",
        n=name,
        t=token,
    )


def connection(tx: Tx, name: str) -> ConnectionRow:
    row = tx.one(
        "SELECT name, cursor, started_at, full_at, ok_at, allowed, paused, population FROM connection_state"
        " WHERE name = :n",
        n=name,
    )
    if row is None:
        return ConnectionRow(name, None, None, None, None, None, None)
    name_, cursor, started_at, full_at, ok_at, allowed, paused, population = row
    return ConnectionRow(
        name_, cursor, started_at, full_at, ok_at, loads(allowed) if allowed else None, paused, population
    )


def save_cursor(tx: Tx, name: str, cursor: str | None) -> None:
    tx.run("UPDATE connection_state SET cursor = :c WHERE name = :n", n=name, c=cursor)


def advance(tx: Tx, name: str, cursor: str | None, until: float) -> None:
    """A page is in: where to go on, and the lease renewed until then."""
    tx.run("UPDATE connection_state SET cursor = :c, lease_until = :u WHERE name = :n", n=name, c=cursor, u=until)


def remember_connection(tx: Tx, name: str) -> None:
    """A connection that has never run can be marked too."""
    tx.run("INSERT INTO connection_state (name) VALUES (:n) ON CONFLICT (name) DO NOTHING", n=name)


def mark_connection(tx: Tx, name: str, **columns: Any) -> None:
    """Set started_at, full_at, ok_at, allowed or paused."""
    tx.run(
        f"UPDATE connection_state SET {', '.join(f'{c} = :{c}' for c in columns)} WHERE name = :name",
        name=name,
        **columns,
    )


_LAST_CHANGE = "(SELECT coalesce(max(id), 0) FROM change)"


def start_run(tx: Tx, run_id: str, connection: str, at: float) -> None:
    tx.run(
        f"UPDATE run SET status = 'interrupted', ended_at = :a, last_change = {_LAST_CHANGE}"
        " WHERE connection = :c AND status = 'running'",
        c=connection,
        a=at,
    )
    tx.run(
        "INSERT INTO run (id, connection, started_at, status, first_change)"
        f" VALUES (:i, :c, :a, 'running', {_LAST_CHANGE})",
        i=run_id,
        c=connection,
        a=at,
    )


def end_run(tx: Tx, run_id: str, at: float, status: str, counts: Mapping[str, int], error: str | None) -> None:
    tx.run(
        f"UPDATE run SET ended_at = :a, status = :s, counts = :c, error = :e, last_change = {_LAST_CHANGE},"
        " progress = NULL WHERE id = :i",
        i=run_id,
        a=at,
        s=status,
        c=dumps(dict(counts)),
        e=error,
    )


# --- the push queue ---------------------------------------------------------------------------------


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


def queue_counts(tx: Tx, connection: str) -> dict[str, int]:
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


# --- intents ----------------------------------------------------------------------------------------


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


def add_intents(tx: Tx, intents: Sequence[Intent], run_id: str) -> list[int]:
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


def intents(tx: Tx, connection: str, golden_ids: Iterable[str]) -> dict[str, list[Intent]]:
    """Golden id → its unresolved writes in this connection, oldest first."""
    found: dict[str, list[Intent]] = {}
    for row in tx.all(
        "SELECT connection, golden_id, record_id, op, key, payload, hash, at, id FROM intent"
        " WHERE connection = :c AND golden_id IN :*ids ORDER BY id",
        c=connection,
        ids=list(golden_ids),
    ):
        intent = Intent(row[0], row[1], row[2], row[3], row[4], loads(row[5]), row[6], row[7], row[8])
        found.setdefault(row[1], []).append(intent)
    return found


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


def close_intents(tx: Tx, ids: Iterable[int]) -> None:
    tx.run("DELETE FROM intent WHERE id IN :*ids", ids=list(ids))


def close_record_intents(tx: Tx, record_ids: Sequence[int]) -> None:
    tx.run("DELETE FROM intent WHERE record_id IN :*ids", ids=list(record_ids))


def close_key_intents(tx: Tx, connection: str, key: str) -> None:
    tx.run("DELETE FROM intent WHERE connection = :c AND key = :k AND op = 'create'", c=connection, k=key)


def close_create_intents(tx: Tx, connection: str, golden_id: str) -> None:
    tx.run(
        "DELETE FROM intent WHERE connection = :c AND golden_id = :g AND op = 'create'",
        c=connection,
        g=golden_id,
    )


# --- work lists and log -----------------------------------------------------------------------------

_PARK = (
    insert_sql(schema.parked, ["connection", "external_id", "stage", "reason", "original", "at", "state", "run_id"])
    + " ON CONFLICT (connection, external_id, stage) DO UPDATE SET reason = excluded.reason,"
    " original = excluded.original, at = excluded.at, run_id = excluded.run_id,"
    " state = CASE WHEN parked.state = 'dropped' AND parked.original = excluded.original THEN 'dropped' ELSE 'open' END"
)


@dataclass(frozen=True, slots=True)
class Parked:
    """A record set aside, with the reason and the original."""

    external_id: str
    stage: str
    reason: str
    original: str


def park(tx: Tx, connection: str, rows: Sequence[Parked], at: float, run_id: str) -> None:
    tx.many(
        _PARK,
        [
            {
                "connection": connection,
                "external_id": p.external_id,
                "stage": p.stage,
                "reason": p.reason,
                "original": p.original,
                "at": at,
                "state": "open",
                "run_id": run_id,
            }
            for p in rows
        ],
    )


def unpark(tx: Tx, connection: str, ids: Sequence[str], stages: Sequence[str]) -> None:
    """These came through now."""
    tx.run(
        "UPDATE parked SET state = 'resolved' WHERE connection = :c AND stage IN :*s AND state IN ('open', 'retry')"
        " AND external_id IN :*ids",
        c=connection,
        s=list(stages),
        ids=list(ids),
    )


def edits(tx: Tx, connection: str, ids: Iterable[str], stages: Sequence[str]) -> list[tuple[str, str, str]]:
    """(external id, stage, correction) of parked records that a person corrected."""
    rows = tx.all(
        "SELECT external_id, stage, edit FROM parked WHERE connection = :c AND external_id IN :*ids AND stage IN :*s"
        " AND edit IS NOT NULL ORDER BY id",
        c=connection,
        ids=list(ids),
        s=list(stages),
    )
    return [(r[0], r[1], r[2]) for r in rows]


def correct_parked(tx: Tx, rows: Sequence[tuple[int, str]]) -> None:
    """(number, correction): they are tried again with it."""
    tx.many("UPDATE parked SET edit = :e, state = 'retry' WHERE id = :i", [{"i": n, "e": text} for n, text in rows])


def refused_opt_outs(tx: Tx) -> list[tuple[str, float]]:
    """(connection, since when) of opt-outs that a system has refused to take, the oldest of each: still owed."""
    rows = tx.all(
        "SELECT connection, min(at) FROM parked WHERE state IN ('open', 'retry') AND stage = 'write'"
        " AND original LIKE '%\"status\":\"denied\"%' AND external_id NOT LIKE 'golden:%' GROUP BY connection"
    )
    return [(r[0], r[1]) for r in rows]


def to_retry(tx: Tx, connection: str, limit: int = 500) -> list[tuple[int, str, str, str]]:
    """(number, external id, stage, original) of parked records that a person sent back."""
    rows = tx.all(
        "SELECT id, external_id, stage, original FROM parked WHERE connection = :c AND state = 'retry'"
        " ORDER BY id LIMIT :n",
        c=connection,
        n=limit,
    )
    return [(r[0], r[1], r[2], r[3]) for r in rows]


def forget_spam(tx: Tx, connection: str, before: float) -> int:
    """What was taken for spam, and by nobody for anything else; how many."""
    return tx.touched(
        "DELETE FROM parked WHERE connection = :c AND stage = 'spam' AND at < :before", c=connection, before=before
    )


def mark_parked(tx: Tx, numbers: Sequence[int], state: str) -> None:
    tx.run("UPDATE parked SET state = :s WHERE id IN :*ids", s=state, ids=list(numbers))


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the history of a golden record. `detail`: JSON text."""

    golden_id: str
    at: float
    kind: str
    connection: str | None
    detail: str | None


_CHANGE = ("golden_id", "at", "kind", "connection", "detail", "run_id")
_LOG_CHANGE = insert_row_sql(schema.change, _CHANGE)
_CONFLICT = ("run_id", "connection", "golden_id", "field", "at", "rule", "claims", "winner", "diff", "told", "state")
_LOG_CONFLICT = insert_sql(schema.conflict, _CONFLICT)
_ADD_ASK = (
    insert_sql(schema.ask, ["record_a", "record_b", "weight", "evidence", "at", "state", "run_id"])
    + " ON CONFLICT (record_a, record_b) DO UPDATE SET weight = excluded.weight, evidence = excluded.evidence,"
    " state = 'open' WHERE ask.state IN ('open', 'withdrawn')"
)


def log_changes(tx: Tx, rows: Sequence[Change], run_id: str | None) -> None:
    tx.many(_LOG_CHANGE, [(c.golden_id, c.at, c.kind, c.connection, c.detail, run_id) for c in rows])


def log_conflicts(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    tx.many(_LOG_CONFLICT, rows)


def add_asks(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Possible duplicates; one that was answered before is not asked again."""
    tx.many(_ADD_ASK, rows)


def open_hold(
    tx: Tx, connection: str, run_id: str, gate: str, counts: Mapping[str, int], reason: str, at: float
) -> int:
    """One open hold a connection and gate: a newer one brings its counts up to date."""
    row = tx.one("SELECT id FROM hold WHERE connection = :c AND gate = :g AND state = 'open'", c=connection, g=gate)
    if row:
        tx.run(
            "UPDATE hold SET counts = :n, reason = :r WHERE id = :i",
            n=dumps(dict(counts)),
            r=reason,
            i=row[0],
        )
        return int(row[0])
    tx.run(
        "INSERT INTO hold (connection, run_id, gate, counts, reason, at, state)"
        " VALUES (:c, :i, :g, :n, :r, :a, 'open')",
        c=connection,
        i=run_id,
        g=gate,
        n=dumps(dict(counts)),
        r=reason,
        a=at,
    )
    row = tx.one("SELECT id FROM hold WHERE connection = :c AND gate = :g AND state = 'open'", c=connection, g=gate)
    return int(row[0]) if row else 0


def overtake(tx: Tx, connection: str) -> None:
    """A complete run has replaced what a person refused: what had waited for it goes on."""
    tx.run("UPDATE hold SET state = 'overtaken' WHERE connection = :c AND state = 'refused'", c=connection)


def open_gates(tx: Tx, connection: str) -> set[str]:
    return {r[0] for r in tx.all("SELECT gate FROM hold WHERE connection = :c AND state = 'open'", c=connection)}


_PLAN_ROW = ("hold_id", "number", "connection", "op", "subject", "detail", "golden_id", "mark")


def add_plan_rows(tx: Tx, hold_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """In place of those that it had. golden_id and mark of a row may be missing."""
    tx.run("DELETE FROM plan_row WHERE hold_id = :h", h=hold_id)
    tx.many(
        insert_sql(schema.plan_row, _PLAN_ROW),
        [{"golden_id": None, "mark": None, "hold_id": hold_id, "number": n, **row} for n, row in enumerate(rows, 1)],
    )
    tx.run("UPDATE hold SET groups = :g WHERE id = :h", g=dumps(_groups(rows)), h=hold_id)


def _groups(rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """[connection, op, rows, {base field: rows}], in the order in which they first come."""
    found: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        group = found.setdefault((row["connection"], row["op"]), [row["connection"], row["op"], 0, {}])
        group[2] += 1
        fields = loads(row["detail"]).get("fields")
        for base in sorted({key.split("/", 1)[0] for key in fields or ()}):
            group[3][base] = group[3].get(base, 0) + 1
    return list(found.values())


def still_waiting(tx: Tx, connection: str, op: str, golden_ids: Sequence[str]) -> list[str]:
    """Of these, those whose create or deletion waits and was not approved one by one."""
    waits = "op = 'delete'" if op == "delete" else "op = 'sync'"
    rows = tx.all(
        f"SELECT golden_id FROM queue WHERE connection = :c AND golden_id IN :*ids AND agreed = 0 AND {waits}",
        c=connection,
        ids=list(golden_ids),
    )
    return [r[0] for r in rows]


def decide_in_part(
    tx: Tx, hold_id: int, counts: Mapping[str, int], state: str, person: str | None, at: float | None
) -> None:
    """Some rows of a hold were decided: what is left of it."""
    tx.run(
        "UPDATE hold SET counts = :n, in_part = 1, state = :s, person = :p, decided_at = :a WHERE id = :i",
        n=dumps(dict(counts)),
        s=state,
        p=person,
        a=at,
        i=hold_id,
    )


def gates_in_part(tx: Tx, connection: str) -> set[str]:
    """Gates with an open hold of which a person has decided a part: the rest waits, however little it is."""
    rows = tx.all("SELECT gate FROM hold WHERE connection = :c AND state = 'open' AND in_part = 1", c=connection)
    return {r[0] for r in rows}


def set_verdict(tx: Tx, hold_id: int, numbers: Sequence[int], verdict: str) -> None:
    tx.run(
        "UPDATE plan_row SET verdict = :v WHERE hold_id = :h AND number IN :*ids",
        v=verdict,
        h=hold_id,
        ids=list(numbers),
    )


def replace_plan_row(tx: Tx, hold_id: int, number: int, row: Mapping[str, Any]) -> None:
    """What would be done has changed since: to be looked at again."""
    tx.run(
        "UPDATE plan_row SET subject = :s, detail = :d, mark = :m WHERE hold_id = :h AND number = :n",
        s=row["subject"],
        d=row["detail"],
        m=row.get("mark"),
        h=hold_id,
        n=number,
    )


def decided_rows(tx: Tx, connection: str, gate: str) -> list[tuple[int, int, str, str | None, str]]:
    """(hold, row, subject, mark, verdict) that people decided one by one and that were not carried out yet."""
    rows = tx.all(
        "SELECT p.hold_id, p.number, p.subject, p.mark, p.verdict FROM hold h JOIN plan_row p ON p.hold_id = h.id"
        " WHERE h.connection = :c AND h.gate = :g AND h.state <> 'overtaken' AND p.verdict IN ('approved', 'refused')"
        " ORDER BY p.hold_id, p.number",
        c=connection,
        g=gate,
    )
    return [(r[0], r[1], r[2], r[3], r[4]) for r in rows]
