"""What the systems lack goes out: intent first, then the write, then its outcome.

A write with an unknown outcome is never repeated blindly: the record is read (by id, or by the hub's key for a
create), what was read is taken in as any reading, and only then is it decided anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import orjson

from hub.errors import AccountError, TransientError
from hub.model import Done, NotSent, Op, Outcome, Record, Unknown, Write
from hub.store import erasures, holds, intents, leases, queue
from hub.store import links as db
from hub.store.db import Tx
from hub.store.intents import Intent
from hub.sync import held_rows
from hub.sync.answers import Window, take_in
from hub.sync.engine import Hub, Run, chunks
from hub.sync.gave_way import as_items
from hub.sync.guard import held
from hub.sync.intake import save_page
from hub.sync.prepare import Job, Prepared, prepare
from hub.sync.reading import read_page
from hub.sync.unknown import end_creates, end_writes, resolve

WINDOW = 200  # queue rows looked at together; more where a connector takes more writes in one call
PASSES = 4  # times a golden record that keeps moving is written in one run


def push(hub: Hub, run: Run, stop: Callable[[], bool] = lambda: False, *, agreed_only: bool = False) -> None:
    """Empty the queue of this connection as far as it goes. TransientError when the system is down.

    agreed_only  nothing but what a person has approved one by one
    """
    if not run.route.writes and not run.route.can.delete:
        return
    end_creates(hub, run)
    end_writes(hub, run)
    with hub.store.read() as tx:
        counts = queue.counts(tx, run.name)
    if not counts:
        return
    run.enter("pushing", sum(n for op, n in counts.items() if op != "create"))
    waiting = frozenset({"creates"}) if agreed_only else _gate(hub, run, counts)
    held_ops = ["delete"] if "deletes" in waiting else []
    if agreed_only:
        held_ops = [str(Op.DELETE), str(Op.ARCHIVE), "sync"]
    passes: dict[str, int] = {}
    while not stop():
        with hub.store.glance() as tx:
            rows = queue.ready(tx, run.name, hub.clock(), max(WINDOW, run.route.can.batch), held_ops)
        rows = [r for r in rows if passes.get(r.golden_id, 0) < PASSES]
        if not rows:
            return
        for row in rows:
            passes[row.golden_id] = passes.get(row.golden_id, 0) + 1
        looked = resolve(hub, run, rows)
        prepared = prepare(hub, run, rows, looked, creates="creates" not in waiting)
        _close(hub, run, prepared)
        window = Window(rows, prepared.jobs)
        for batch in chunks(prepared.jobs, max(1, run.route.can.batch)):
            if stop():
                return
            _send(hub, run, batch, window)
            run.tell()
        run.tell(min(run.done + len(rows), run.total or 0))


def _gate(hub: Hub, run: Run, counts: Mapping[str, int]) -> frozenset[str]:
    """ "creates" and "deletes" that wait for a person, because more of them are queued than the limit."""
    waiting = set()
    for name, count in (("creates", counts.get("create", 0)), ("deletes", counts.get("delete", 0))):
        if not count:
            continue
        gate = "push " + name
        reason = held(run.route.limits, {name: count}, run.population, run.allowed)
        if "limits" in hub.off or (reason is None and not _is_in_part(hub, run, gate)):
            continue
        with hub.store.glance() as tx:
            waits = holds.is_to_be_decided(tx, run.name, gate)
        if not waits:
            with hub.store.write(run.fence) as tx:
                said = f"To be written there: {reason or f'{count} {name} are left of those decided in part'}"
                number = holds.open_hold(tx, run.name, run.id, gate, {name: count}, said, hub.clock())
                holds.add_plan_rows(tx, number, held_rows.waiting(hub, tx, run.name, name), count)
        waiting.add(name)
        run.count("held", count)
    return frozenset(waiting)


def _is_in_part(hub: Hub, run: Run, gate: str) -> bool:
    with hub.store.glance() as tx:
        return gate in holds.gates_in_part(tx, run.name)


def _close(hub: Hub, run: Run, prepared: Prepared) -> None:
    if not (prepared.done or prepared.drop or prepared.later):
        return
    with hub.store.write(run.fence) as tx:
        queue.dequeue_if_same(tx, run.name, prepared.done)
        if prepared.drop:
            queue.dequeue(tx, run.name, prepared.drop)
        queue.postpone(tx, run.name, prepared.later)


# --- sending ---------------------------------------------------------------------------------------


def _send(hub: Hub, run: Run, jobs: Sequence[Job], window: Window) -> None:
    now = hub.clock()
    if "intent" not in hub.off:
        with hub.store.write(run.fence) as tx:
            jobs = _not_erased(tx, jobs)
            numbers = intents.add(tx, [_intent(run, job, now) for job in jobs], run.id)
            leases.renew(tx, run.name, now + run.lease_seconds)
        for job, number in zip(jobs, numbers, strict=True):
            job.intent_id = number
    if not jobs:
        return
    failure: TransientError | None = None
    try:
        outcomes = run.connector.write([job.write for job in jobs])
    except TransientError as err:
        failure = err
        lost = Unknown(str(err)) if err.maybe_done else NotSent(str(err), err.retry_after, err.untried)
        outcomes = [lost] * len(jobs)
    if len(outcomes) != len(jobs):
        raise AssertionError(f"{len(outcomes)} outcomes for {len(jobs)} writes")
    outcomes = _read_where_untold(run, jobs, outcomes)
    stale = take_in(hub, run, list(zip(jobs, outcomes, strict=True)), window)
    if failure is not None:
        raise failure
    if stale:
        save_page(hub, run, _look_again(hub, run, stale))


def _not_erased(tx: Tx, jobs: Sequence[Job]) -> Sequence[Job]:
    """Who was erased since it was decided is not written."""
    if not tx.counter(erasures.COUNTED):
        return jobs
    there = db.goldens(tx, {job.golden_id for job in jobs})
    return [job for job in jobs if job.golden_id in there]


def _read_where_untold(run: Run, jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> list[Outcome]:
    """With the whole record where an answer shows a part of it that does not tell what became of all that was sent."""
    found = list(outcomes)
    untold = [n for n, (job, each) in enumerate(zip(jobs, outcomes, strict=True)) if not _tells_all(run, job, each)]
    if not untold:
        return found
    names = {n: record.id for n in untold if (record := _part(outcomes[n])) is not None}
    try:
        there = run.connector.read(list(names.values()))
    except (TransientError, AccountError) as err:
        return [Unknown(str(err)) if n in names else outcome for n, outcome in enumerate(found)]
    for n, name in names.items():
        found[n] = Done(there[name]) if name in there else Unknown("It was answered as done, and is not there.")
    return found


def _tells_all(run: Run, job: Job, outcome: Outcome) -> bool:
    part = _part(outcome)
    return part is None or run.route.mapping.covered(part.fields, job.changed)


def _part(outcome: Outcome) -> Record | None:
    return outcome.record if isinstance(outcome, Done) and outcome.partial else None


def _look_again(hub: Hub, run: Run, stale: Sequence[Job]) -> Any:
    found = run.connector.read([job.link.external_id for job in stale if job.link])
    reading = read_page(hub, run, as_items(found))
    reading.total = 0
    return reading


def _intent(run: Run, job: Job, now: float) -> Intent:
    return Intent(
        run.name,
        job.golden_id,
        job.link.id if job.link else None,
        str(job.write.op),
        job.write.key,
        job.changed,
        intent_hash(job.write),
        now,
    )


def intent_hash(write: Write) -> str:
    """Of what is about to be sent: the proof that a request on its way was meant."""
    state = orjson.dumps(dict(write.fields), option=orjson.OPT_SORT_KEYS, default=str)
    return blake2b(state, digest_size=16).hexdigest()
