"""What is forgotten after a while: runs, plans that were decided, and what was set aside and has come through since.

What somebody may still need stays: runs under way, the last of each connection and its last two that were done (they
tell an edit from before a deletion from a later one: `queue.deleted_lately`), those with a hold that waits or was
refused, with something set aside that waits, or with a write of unknown outcome; corrections; and all history of
contacts, which belongs to the contacts.
"""

from __future__ import annotations

from hub.store.db import Store, Tx

_DONE = " AND r.status = 'done'"
_LATEST = (
    "(SELECT r.id FROM run r WHERE r.connection = c.name{which}"
    " ORDER BY r.started_at DESC, r.id DESC LIMIT 1 OFFSET {n})"
)
BATCH = 500  # rows forgotten in one transaction: the one writer is free again after some milliseconds


def forget_runs(store: Store, before: float) -> int:
    """Runs that ended before, with the plans of their decided holds. How many runs."""
    forgotten = 0
    while True:
        with store.write() as tx:
            ids = [
                row[0]
                for row in tx.all(
                    "SELECT id FROM run WHERE started_at < :b AND status <> 'running' AND NOT (id IN :*kept)"
                    " ORDER BY started_at LIMIT :n",
                    b=before,
                    kept=_needed(tx),
                    n=BATCH,
                )
            ]
            tx.run("DELETE FROM run WHERE id IN :*ids", ids=ids)
            others = _forget_holds(tx, before) + _forget_resolved(tx, before)
        forgotten += len(ids)
        if len(ids) < BATCH and others < BATCH:
            return forgotten


def _needed(tx: Tx) -> list[str]:
    rows = tx.all(
        "SELECT run_id FROM hold WHERE state IN ('open', 'refused')"
        " UNION SELECT run_id FROM parked WHERE state IN ('open', 'retry') AND run_id IS NOT NULL"
        " UNION SELECT run_id FROM intent WHERE run_id IS NOT NULL"
        f" UNION SELECT {_LATEST.format(which='', n=0)} FROM connection_state c"
        f" UNION SELECT {_LATEST.format(which=_DONE, n=0)} FROM connection_state c"
        f" UNION SELECT {_LATEST.format(which=_DONE, n=1)} FROM connection_state c"
    )
    return [row[0] for row in rows if row[0] is not None]


def _forget_holds(tx: Tx, before: float) -> int:
    """Rows of plans go first, some at a time; a hold follows when it has none any more."""
    ids = [
        row[0]
        for row in tx.all(
            "SELECT id FROM hold WHERE state IN ('approved', 'overtaken') AND decided_at < :b"
            # what was decided on single deletions is carried out by the next run, however late that is
            " AND NOT (gate = 'deletes' AND EXISTS (SELECT 1 FROM plan_row p WHERE p.hold_id = hold.id"
            " AND p.verdict IN ('approved', 'refused')))"
            # what was refused of it can be asked again
            " AND NOT EXISTS (SELECT 1 FROM ruling u WHERE u.hold_id = hold.id) ORDER BY id LIMIT 20",
            b=before,
        )
    ]
    gone = 0
    for number in ids:
        room = BATCH - gone
        gone += tx.touched(
            "DELETE FROM plan_row WHERE hold_id = :h AND number IN"
            " (SELECT number FROM plan_row WHERE hold_id = :h ORDER BY number LIMIT :n)",
            h=number,
            n=room,
        )
        if gone >= BATCH:
            return gone
        tx.run("DELETE FROM hold WHERE id = :h", h=number)
    return BATCH if len(ids) == 20 else gone


def _forget_resolved(tx: Tx, before: float) -> int:
    return tx.touched(
        "DELETE FROM parked WHERE id IN (SELECT id FROM parked WHERE state = 'resolved' AND edit IS NULL"
        " AND at < :b ORDER BY id LIMIT :n)",
        b=before,
        n=BATCH,
    )
