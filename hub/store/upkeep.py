"""Whether all in a store hangs together, and runs that ended without a record of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.dedupe.features import EDITION
from hub.dedupe.survive import Rules, survive
from hub.store import links as db
from hub.store.db import Store, Tx
from hub.store.interactions import points_of, read_statements, sources_of
from hub.store.leases import machine, owner_is_dead
from hub.store.upgrade import DAMAGED, REVISIONS, revision

BATCH = 500  # golden records computed anew together
EXAMPLES = 5

COUNTED = (
    *("record", "golden", "queue", "intent", "conflict", "ask", "parked", "hold", "inbox", "change", "interaction"),
    *("account", "session", "token", "sealed", "audit", "mail_out", "opt_in"),
)
BROKEN: Mapping[str, str] = {
    "records belong to no golden record": (
        "SELECT r.id FROM record r LEFT JOIN golden g ON g.id = r.golden_id WHERE g.id IS NULL"
    ),
    "records belong to a golden record that was merged away": (
        "SELECT r.id FROM record r JOIN golden g ON g.id = r.golden_id WHERE g.state = 'merged'"
    ),
    "golden records have no source record": (
        "SELECT g.id FROM golden g WHERE g.state <> 'merged'"
        " AND NOT EXISTS (SELECT 1 FROM record r WHERE r.golden_id = g.id)"
    ),
    "merged golden records lead nowhere": (
        "SELECT g.id FROM golden g LEFT JOIN golden h ON h.id = g.merged_into WHERE g.state = 'merged' AND h.id IS NULL"
    ),
    "matching keys have no record": (
        "SELECT k.record_id FROM (SELECT record_id FROM match_key UNION ALL SELECT record_id FROM recent_key) k"
        " LEFT JOIN record r ON r.id = k.record_id WHERE r.id IS NULL"
    ),
    "waiting writes have no golden record": (
        "SELECT q.golden_id FROM queue q LEFT JOIN golden g ON g.id = q.golden_id WHERE g.id IS NULL"
    ),
    "writes under way have no record": (
        "SELECT i.id FROM intent i LEFT JOIN record r ON r.id = i.record_id"
        " WHERE i.record_id IS NOT NULL AND r.id IS NULL"
    ),
    "pinned values have no golden record": (
        "SELECT p.golden_id FROM pin p LEFT JOIN golden g ON g.id = p.golden_id WHERE g.id IS NULL"
    ),
    "contact points lead to no interaction": (
        "SELECT p.interaction_id FROM (SELECT interaction_id FROM interaction_point UNION ALL"
        " SELECT interaction_id FROM interaction_kept) p LEFT JOIN interaction i ON i.id = p.interaction_id"
        " WHERE i.id IS NULL"
    ),
    "possible duplicates name a record that is not there": (
        "SELECT a.id FROM ask a LEFT JOIN record r ON r.id = a.record_a"
        " LEFT JOIN record s ON s.id = a.record_b WHERE r.id IS NULL OR s.id IS NULL"
    ),
    "sessions, tokens or invitations belong to no account": (
        "SELECT x.id FROM (SELECT id, account_id FROM session UNION ALL SELECT id, account_id FROM token"
        " UNION ALL SELECT substr(hash, 1, 8), account_id FROM invitation) x LEFT JOIN account a ON a.id = x.account_id"
        " WHERE x.account_id IS NOT NULL AND a.id IS NULL"
    ),
    "rows of the audit are missing: `hub audit verify`": (
        "SELECT a.number FROM audit a LEFT JOIN audit b ON b.number = a.number - 1"
        " WHERE a.number > 1 AND b.number IS NULL"
    ),
}
"""What must not be → a query for the ids of what is."""


@dataclass(slots=True)
class Finding:
    """One thing that does not hang together."""

    what: str
    count: int
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Checked:
    """What a check found: the schema's version, rows by table, and what is wrong."""

    revision: str | None
    rows: dict[str, int] = field(default_factory=dict)
    wrong: list[Finding] = field(default_factory=list)


def check(store: Store, rules: Rules) -> Checked:
    """Look at everything, in one transaction; changes nothing."""
    if faults := _faults(store):
        return Checked(None, {}, [Finding("faults in the database file", len(faults), faults[:EXAMPLES])])
    found = Checked(revision(store))
    with store.read() as tx:
        if found.revision != REVISIONS[-1]:
            found.wrong.append(Finding(f"the schema is not {REVISIONS[-1]}: `hub db upgrade`", 1))
            return found
        for table in COUNTED:
            row = tx.one(f"SELECT count(*) FROM {table}")
            found.rows[table] = int(row[0]) if row else 0
        for what, text in BROKEN.items():
            ids = [str(row[0]) for row in tx.all(text)]
            if ids:
                found.wrong.append(Finding(what, len(ids), ids[:EXAMPLES]))
        if stale := db.packed_otherwise(tx, EDITION):
            found.wrong.append(Finding("records have matching keys of another version: `hub db upgrade`", stale))
        stray = list(_strays(tx, rules))
        if stray:
            what = "golden records are not what their sources and the rules of today make of them"
            found.wrong.append(Finding(what, len(stray), stray[:EXAMPLES]))
    return found


def _faults(store: Store) -> list[str]:
    """What SQLite says of its file; PostgreSQL looks after its own."""
    if store.dialect != "sqlite":
        return []
    try:
        with store.read() as tx:
            said = [str(row[0]) for row in tx.all("PRAGMA integrity_check(20)")]
    except DAMAGED as err:
        return [str(err)]
    return [] if said == ["ok"] else said


def _strays(tx: Tx, rules: Rules) -> Iterator[str]:
    """Golden records that differ from what survives of their claims."""
    after = ""
    while rows := tx.all(
        "SELECT id FROM golden WHERE id > :after AND state <> 'merged' ORDER BY id LIMIT :n",
        after=after,
        n=BATCH,
    ):
        ids = [row[0] for row in rows]
        after = ids[-1]
        goldens, members, pins = db.goldens(tx, ids), db.members(tx, ids), db.pins(tx, ids)
        points = {g: points_of(members[g], pins.get(g, {})) for g in ids}
        said = read_statements(tx, {point for some in points.values() for point in some})
        for golden_id in ids:
            opinions = [*(m.opinion() for m in members[golden_id]), *sources_of(said, points[golden_id])]
            made: Mapping[str, Any] = survive(opinions, rules, pins.get(golden_id, {})).fields if opinions else {}
            if opinions and made != goldens[golden_id].fields:
                yield golden_id


def record_failure(store: Store, run_id: str, connection: str, now: float, error: str) -> None:
    """Put a run on record that ended without its own record."""
    with store.write() as tx:
        _record_failure(tx, run_id, connection, now, error)


def record_lost(store: Store, run_id: str, connection: str, now: float, error: str) -> None:
    """The same of a run whose process has ended: the one that it was in the middle of, else one that was not begun."""
    with store.write() as tx:
        held = tx.one("SELECT lease_owner FROM connection_state WHERE name = :c", c=connection)
        is_dead = held is not None and held[0] is not None and owner_is_dead(held[0], machine())
        running = "SELECT id FROM run WHERE connection = :c AND status = 'running' ORDER BY started_at DESC LIMIT 1"
        row = tx.one(running, c=connection) if is_dead else None
        _record_failure(tx, row[0] if row else run_id, connection, now, error)


def _record_failure(tx: Tx, run_id: str, connection: str, now: float, error: str) -> None:
    tx.run(
        "INSERT INTO run (id, connection, started_at, ended_at, status, error, first_change, last_change)"
        " VALUES (:i, :c, :now, :now, 'failed', :e, 0, 0)"
        " ON CONFLICT (id) DO UPDATE SET ended_at = :now, status = 'failed', error = :e, progress = NULL,"
        " last_change = (SELECT coalesce(max(id), 0) FROM change)",
        i=run_id,
        c=connection,
        now=now,
        e=error,
    )
