"""What people have decided on single records is acted on by the next run: of what is read, and of what is missing.

What is approved is taken in by a transaction of its own, past the limits, before the rest of its page; the rest waits
where it was, in the source. What is refused is known and stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hub.store import holds, rulings
from hub.store.db import Tx
from hub.sync.engine import Hub, Run
from hub.sync.held_rows import records_of
from hub.sync.intake import save_page
from hub.sync.push import push
from hub.sync.reading import Reading, read_page

LIMITED = ("creates", "updates", "merges", "consents")
EVERYTHING = dict.fromkeys((*LIMITED, "deletes"), 10**12)


def load_rulings(tx: Tx, run: Run) -> None:
    """What waits for this run to act on it."""
    run.judged = rulings.gates(tx, run.name)
    run.in_part = frozenset(holds.gates_in_part(tx, run.name))
    run.pending = frozenset(holds.gates_decided(tx, run.name))


def wait_beside(tx: Tx, run: Run, hold_id: int, rows: Iterable[Mapping[str, Any]]) -> None:
    """What is held again is asked anew, as it is now; beside what is decided it waits, however little it is."""
    marks = {i: mark for row in rows for i, mark in records_of(row.get("mark")).items()}
    rulings.end_waiting(tx, run.name, rulings.INTAKE)
    rulings.forget_approved(tx, run.name, marks)
    if rulings.INTAKE in run.in_part:
        rulings.let_wait(tx, run.name, rulings.INTAKE, marks, hold_id)


def end_intake(hub: Hub, run: Run) -> None:
    """All was read, and nothing that waits is there any more."""
    with hub.store.write(run.fence) as tx:
        holds.close_in_part(tx, run.name, rulings.INTAKE, hub.clock())
        rulings.end_waiting(tx, run.name, rulings.INTAKE)


def save_agreed(hub: Hub, run: Run, reading: Reading) -> None:
    """Takes in what of a page was decided one by one; the page goes on without it."""
    if not reading.agreed:
        return
    part = Reading(agreed=set(reading.agreed), erasures=reading.erasures, known=reading.known)
    part.settled = sorted(i for i in part.agreed if not reading.fresh[i].refused)
    for record_id in sorted(reading.agreed):
        part.fresh[record_id] = reading.fresh.pop(record_id)
        if record_id in reading.newcomers:
            part.newcomers[record_id] = reading.newcomers.pop(record_id)
    part.parked = [p for p in reading.parked if p.external_id in part.agreed]
    reading.parked = [p for p in reading.parked if p.external_id not in part.agreed]
    allowed, before = run.allowed, dict(run.counts)
    run.allowed = EVERYTHING
    try:
        save_page(hub, run, part)
    finally:
        run.allowed = allowed
    for name in LIMITED:
        run.excused[name] = run.excused.get(name, 0) + run.counts.get(name, 0) - before.get(name, 0)
    reading.seen.extend(part.seen)
    reading.agreed = set()


def take_agreed(hub: Hub, run: Run, stop: Callable[[], bool]) -> None:
    """Of a connection that has not begun: what was approved of its plan is taken in and written, nothing else.

    No cursor is saved and nobody is taken for missing, so that the rest is read again when it is decided.
    """
    for page in run.connector.pull(None):
        reading = read_page(hub, run, page.items)
        run.count("pulled", reading.total)
        save_agreed(hub, run, reading)
        run.tell(run.counts.get("pulled", 0))
        if stop():
            return
    push(hub, run, stop, agreed_only=True)
