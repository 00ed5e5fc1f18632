"""A connection whose mapping is another one than at its last run: all that is there is read and compared by it.

A record whose fingerprint is the same as before is taken for unchanged, and what was queued for a field that the
mapping did not speak of was found to be no lack. So a field that is taken out and put back may differ there with nobody
knowing. Until everything has been read by the mapping of today nothing is written: an edit of a field that was not read
is in the system only. Where nothing is ever listed whole, what was read last is compared.
"""

from __future__ import annotations

from collections.abc import Callable

from hub.model import LinkState
from hub.store import connections, leases, queue
from hub.store import links as db
from hub.store.db import Tx
from hub.sync.engine import NEVER, Hub, Run
from hub.sync.lacks import lacks

BATCH = 2000  # records compared in one transaction
THERE = frozenset({LinkState.LIVE, LinkState.ARCHIVED})


def notice(tx: Tx, run: Run, state: connections.ConnectionRow) -> None:
    """Where the mapping is another one, everything is listed anew, from the start."""
    digest = run.route.mapping.digest.hex()
    if state.mapping == digest:
        return
    if state.mapping is not None and state.started_at is not None:
        state.remapped = 1
        if _lists(run):
            state.cursor = state.full_at = None
    state.mapping = digest
    connections.mark(tx, run.name, mapping=digest, remapped=state.remapped, cursor=state.cursor, full_at=state.full_at)


def _lists(run: Run) -> bool:
    """Whether everything may be listed: not where nobody wants it ever."""
    return run.route.can.complete and run.route.full_every < NEVER


def is_compared(hub: Hub, run: Run, stop: Callable[[], bool]) -> bool:
    """Whether all that is there is read and compared by the mapping of today. What is only read yet is compared."""
    with hub.store.glance() as tx:
        state = connections.remembered(tx, run.name)
    if not state.remapped:
        return True
    if _lists(run) and state.full_at is None:
        run.notes.append("The mapping is another one: nothing is written before everything is read by it")
        return False
    return compare(hub, run, stop)


def compare(hub: Hub, run: Run, stop: Callable[[], bool] = lambda: False) -> bool:
    """Queue what the records there lack. False: stopped before the end, and to be made again."""
    after = ""
    while run.route.writes and run.route.can.update:
        if stop():
            return False
        with hub.store.read() as tx:
            links = db.links_there_after(tx, run.name, after, BATCH)
            goldens = db.goldens(tx, {link.golden_id for link in links})
        if not links:
            break
        after = links[-1].external_id
        there = [(link, goldens[link.golden_id]) for link in links if link.state in THERE and link.golden_id in goldens]
        lacking = {g.id for link, g in there if g.state == "live" and lacks(run.route, g.fields, link)}
        with hub.store.write(run.fence) as tx:
            queue.enqueue_besides(tx, [(run.name, each) for each in sorted(lacking)], hub.clock(), run.id)
            leases.renew(tx, run.name, hub.clock() + run.lease_seconds)
    with hub.store.write(run.fence) as tx:
        connections.mark(tx, run.name, remapped=0)
    return True
