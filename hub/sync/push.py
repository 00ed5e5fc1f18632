"""What the systems lack goes out: intent first, then the write, then its outcome.

A write with an unknown outcome is never repeated blindly: the record is read (by id, or by the hub's key for a
create), what was read is taken in as any reading, and only then is it decided anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

import orjson

from hub.errors import AccountError, RecordError, TransientError
from hub.model import Done, LinkState, Missing, NotSent, Op, Outcome, Record, Refused, Stale, Unknown, Write
from hub.store import links as db
from hub.store import work
from hub.store.db import Tx, dumps
from hub.store.work import Intent, QueueRow
from hub.sync import held_rows
from hub.sync.engine import Hub, Run, chunks, golden_key
from hub.sync.guard import held
from hub.sync.intake import save_page
from hub.sync.lacks import first_fields, lacks, may_create
from hub.sync.link import HOLDING, Link, acknowledge, differs
from hub.sync.reading import fingerprint, read_page
from hub.sync.unknown import ANEW, UNSEARCHED, end_creates, not_there, resolve

WINDOW = 200  # queue rows looked at together; more where a connector takes more writes in one call
TRIES = 8  # certain failures before a write is parked
PASSES = 4  # times a golden record that keeps moving is written in one run
HELD_WAIT = 3600.0  # seconds before a held create is looked at again; an approval makes it at once
FIRST_WAIT = 30.0  # seconds before the second try; doubles up to an hour


@dataclass(slots=True, eq=False)
class Job:
    """One write for one record of one golden record. `changed` in golden's terms."""

    golden_id: str
    version: int
    write: Write
    changed: dict[str, Any]
    link: Link | None = None
    intent_id: int = 0


@dataclass(slots=True)
class Prepared:
    """A window of the queue, decided."""

    jobs: list[Job] = field(default_factory=list)
    done: list[tuple[str, int]] = field(default_factory=list)  # nothing lacking: (golden id, version)
    drop: list[str] = field(default_factory=list)  # no longer of concern there
    later: list[tuple[str, float]] = field(default_factory=list)


class Window:
    """How far the golden records of a window have come: a queue row is closed after its last record's answer."""

    def __init__(self, rows: Sequence[QueueRow], jobs: Sequence[Job]) -> None:
        self.attempts = {r.golden_id: r.attempts for r in rows}
        self._open = Counter(job.golden_id for job in jobs)
        self._unfinished: set[str] = set()

    def answered(self, job: Job, *, finished: bool) -> bool:
        """Whether this was the last answer of its golden record, and all of them were good."""
        self._open[job.golden_id] -= 1
        if not finished:
            self._unfinished.add(job.golden_id)
        return not self._open[job.golden_id] and job.golden_id not in self._unfinished


def push(hub: Hub, run: Run, stop: Callable[[], bool] = lambda: False) -> None:
    """Empty the queue of this connection as far as it goes. TransientError when the system is down."""
    if not run.route.writes and not run.route.can.delete:
        return
    end_creates(hub, run)
    with hub.store.read() as tx:
        counts = work.queue_counts(tx, run.name)
    if not counts:
        return
    run.enter("pushing", sum(n for op, n in counts.items() if op != "create"))
    waiting = _gate(hub, run, counts)
    held_ops = ["delete"] if "deletes" in waiting else []
    passes: dict[str, int] = {}
    while not stop():
        with hub.store.glance() as tx:
            rows = work.ready(tx, run.name, hub.clock(), max(WINDOW, run.route.can.batch), held_ops)
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
            is_open = gate in work.open_gates(tx, run.name)
        if not is_open:
            with hub.store.write(run.fence) as tx:
                said = f"To be written there: {reason}"
                number = work.open_hold(tx, run.name, run.id, gate, {name: count}, said, hub.clock())
                work.add_plan_rows(tx, number, held_rows.waiting(hub, tx, run.name, name))
        waiting.add(name)
        run.count("held", count)
    return frozenset(waiting)


def _is_in_part(hub: Hub, run: Run, gate: str) -> bool:
    with hub.store.glance() as tx:
        return gate in work.gates_in_part(tx, run.name)


# --- deciding ---------------------------------------------------------------------------------------


def prepare(
    hub: Hub,
    run: Run,
    rows: Sequence[QueueRow],
    looked: frozenset[str] = frozenset(),
    *,
    creates: bool = True,
) -> Prepared:
    """What each queued golden record needs there. Only reads. creates=False: new records wait for a person."""
    ids = [r.golden_id for r in rows]
    with hub.store.read() as tx:
        goldens = db.goldens(tx, ids)
        members = db.members(tx, ids)
        pending = work.intents(tx, run.name, ids)
        declined = work.declined(tx, run.name, ids)
        queued = {
            r[0]: r[1]
            for r in tx.all(
                "SELECT golden_id, op FROM queue WHERE connection = :c AND golden_id IN :*ids",
                c=run.name,
                ids=ids,
            )
        }
    prepared = Prepared()
    for row in rows:
        golden = goldens.get(row.golden_id)
        op = queued.get(row.golden_id)
        if op is None:
            continue
        links = [m for m in members[row.golden_id] if m.connection == run.name]
        tries = pending.get(row.golden_id, [])
        is_declined = not links and not tries and golden is not None and declined.get(golden.id) == golden.version
        if golden is None or golden.state == "merged" or (op == "sync" and (golden.state != "live" or is_declined)):
            prepared.drop.append(row.golden_id)
        elif op == "sync":
            _decide(hub, run, golden, links, tries, looked, prepared, creates=creates or row.agreed)
        else:
            _put_away(golden, Op(op), links, prepared)
    return prepared


def _put_away(golden: db.GoldenRow, op: Op, links: Sequence[Link], prepared: Prepared) -> None:
    there = [x for x in links if x.state in HOLDING]
    for link in there:
        write = Write(op, golden_key(golden.id), link.external_id, {}, link.version)
        prepared.jobs.append(Job(golden.id, golden.version, write, {}, link))
    if not there:
        prepared.drop.append(golden.id)


def _decide(
    hub: Hub,
    run: Run,
    golden: db.GoldenRow,
    links: Sequence[Link],
    pending: Sequence[Intent],
    looked: frozenset[str],
    prepared: Prepared,
    *,
    creates: bool,
) -> None:
    route, mapping = run.route, run.route.mapping
    there = [x for x in links if x.state in (LinkState.LIVE, LinkState.ARCHIVED)]
    tries = [i for i in pending if not i.record_id]
    unsure = tries and golden.id not in looked and not (there and route.can.promise in UNSEARCHED)
    if unsure and "intent" not in hub.off:
        prepared.later.append((golden.id, hub.clock() + max(FIRST_WAIT, route.can.settle_seconds)))
        return
    if not there:
        gone = [x for x in links if x.state not in ANEW and "tomb" not in hub.off]
        if gone or not may_create(route, golden.fields):
            prepared.drop.append(golden.id)
            return
        if not creates:
            prepared.later.append((golden.id, hub.clock() + HELD_WAIT))
            return
        fields = first_fields(route, golden.fields)
        # the key of the first try stays the key of all: a merge must not make it another record
        key = tries[0].key if tries else golden_key(golden.id)
        write = Write(Op.CREATE, key, None, mapping.payload(fields, fields.keys()))
        prepared.jobs.append(Job(golden.id, golden.version, write, fields))
        return
    before = len(prepared.jobs)
    for link in there:
        changed = lacks(route, golden.fields, link) if route.can.update else {}
        if changed:
            desired = mapping.project(golden.fields, link.agreed(), creating=False)
            write = Write(
                Op.UPDATE,
                golden_key(golden.id),
                link.external_id,
                mapping.payload(desired, changed.keys()),
                link.version,
            )
            prepared.jobs.append(Job(golden.id, golden.version, write, changed, link))
    if len(prepared.jobs) == before:
        prepared.done.append((golden.id, golden.version))


def _close(hub: Hub, run: Run, prepared: Prepared) -> None:
    if not (prepared.done or prepared.drop or prepared.later):
        return
    with hub.store.write(run.fence) as tx:
        work.dequeue_if_same(tx, run.name, prepared.done)
        if prepared.drop:
            work.dequeue(tx, run.name, prepared.drop)
        work.postpone(tx, run.name, prepared.later)


# --- sending ----------------------------------------------------------------------------------------


def _send(hub: Hub, run: Run, jobs: Sequence[Job], window: Window) -> None:
    now = hub.clock()
    if "intent" not in hub.off:
        with hub.store.write(run.fence) as tx:
            numbers = work.add_intents(tx, [_intent(run, job, now) for job in jobs], run.id)
            work.renew(tx, run.name, now + run.lease_seconds)
        for job, number in zip(jobs, numbers, strict=True):
            job.intent_id = number
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
    stale = _record_outcomes(hub, run, list(zip(jobs, outcomes, strict=True)), window)
    if failure is not None:
        raise failure
    if stale:
        save_page(hub, run, _look_again(hub, run, stale))


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
    reading = read_page(hub, run, found.values())
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


def _record_outcomes(hub: Hub, run: Run, results: Sequence[tuple[Job, Outcome]], window: Window) -> list[Job]:
    """One transaction for a batch: shadows, links, queue and intents as the answers say. Returns stale jobs."""
    now = hub.clock()
    stale: list[Job] = []
    done: list[tuple[str, int]] = []
    with hub.store.write(run.fence) as tx:
        links = db.links_by_id(tx, [job.link.id for job, _ in results if job.link])
        homes = {g: db.resolve_golden(tx, g) for g in {job.golden_id for job, _ in results}}
        for job, outcome in results:
            finished = False
            match outcome:
                case Done():
                    finished = _acknowledged(hub, tx, run, job, outcome, links, homes, now)
                case Missing() if job.write.op is Op.DELETE:
                    finished = _acknowledged(hub, tx, run, job, Done(None), links, homes, now)
                case Stale():
                    work.close_intents(tx, [job.intent_id])
                    stale.append(job)
                case Missing() if job.link:
                    work.close_record_intents(tx, [job.link.id])
                    not_there(tx, run, [links[job.link.id]])
                case Missing() | Refused():
                    reason = outcome.reason if isinstance(outcome, Refused) else "It says there is no such record."
                    _park_write(tx, run, job, reason, now)
                case NotSent() | Unknown():
                    _try_later(tx, run, job, outcome, window.attempts.get(job.golden_id, 0), now)
            if window.answered(job, finished=finished):
                done.append((job.golden_id, job.version))
        if "requeue" in hub.off:
            work.dequeue(tx, run.name, [g for g, _ in done])
        else:
            work.dequeue_if_same(tx, run.name, done)
    return stale


def _try_later(tx: Tx, run: Run, job: Job, outcome: NotSent | Unknown, attempts: int, now: float) -> None:
    if isinstance(outcome, NotSent):
        work.close_intents(tx, [job.intent_id])
        if attempts + 1 >= TRIES and not outcome.untried:
            _park_write(tx, run, job, f"Tried {TRIES} times: {outcome.reason}", now)
            return
        run.count("not_sent")
    else:
        run.count("unknown")
    wait = min(3600.0, FIRST_WAIT * 2.0**attempts)
    if isinstance(outcome, NotSent) and outcome.retry_after:
        wait = max(wait, outcome.retry_after)
    untried = isinstance(outcome, NotSent) and outcome.untried
    work.postpone(tx, run.name, [(job.golden_id, now + wait)], failed=not untried)


def _park_write(tx: Tx, run: Run, job: Job, reason: str, now: float) -> None:
    subject = job.link.external_id if job.link else "golden:" + job.golden_id
    row = tx.one("SELECT optout_at FROM queue WHERE connection = :c AND golden_id = :g", c=run.name, g=job.golden_id)
    owed = row[0] if row else None  # an opt-out that is refused is owed since the person said it
    work.park(tx, run.name, [work.Parked(subject, "write", reason, dumps(job.changed))], owed or now, run.id)
    work.dequeue(tx, run.name, [job.golden_id])
    work.close_intents(tx, [job.intent_id])
    run.count("set_aside")


def _acknowledged(
    hub: Hub,
    tx: Tx,
    run: Run,
    job: Job,
    outcome: Done,
    links: Mapping[int, Link],
    homes: Mapping[str, str | None],
    now: float,
) -> bool:
    """Take an answer in. False: the golden record stays queued."""
    home = homes[job.golden_id] or job.golden_id
    if job.write.op is Op.CREATE:
        return _created(hub, tx, run, job, outcome, home, now)
    link = links[job.link.id] if job.link else None
    if link is None:
        raise AssertionError("an update without a link")
    if job.write.op is Op.DELETE:
        link.state, link.fingerprint = LinkState.REMOVED, None
    elif job.write.op is Op.ARCHIVE:
        link.state, link.fingerprint = LinkState.ARCHIVED, None
    else:
        _remember(hub, run, link, job.changed, outcome, now)
    db.update_sides(tx, [link])
    work.close_record_intents(tx, [link.id])
    work.unpark(tx, run.name, [link.external_id], ["write"])
    _log_push(tx, run, home, str(job.write.op), job, now)
    return True


def _remember(hub: Hub, run: Run, link: Link, sent: Mapping[str, Any], outcome: Done, now: float) -> None:
    mapping, record = run.route.mapping, outcome.record
    answer = _answer(run, link, outcome)
    if "sent" in hub.off and answer is not None:
        sent = {**{k: answer.get(k) for k in answer.keys() | link.fields.keys()}, **sent}
    acknowledge(link, sent, answer, mapping.stored, now)
    link.fingerprint = None
    if record is not None:
        link.version = record.version
        if answer is not None and not outcome.partial and not _has_news(link, answer):
            link.fingerprint = fingerprint(record, mapping.digest)


def _answer(run: Run, link: Link, outcome: Done) -> dict[str, Any] | None:
    """The record as stored. A part of one lies over the shadow: what is composed of several fields needs them all."""
    record, mapping = outcome.record, run.route.mapping
    if record is None:
        return None
    if outcome.partial:
        record = replace(record, fields=mapping.beneath(link.fields, record.fields))
    try:
        return mapping.inward(record).fields
    except RecordError:
        return None  # the next listing parks it with its reason; what was sent counts as stored


def _has_news(link: Link, answer: Mapping[str, Any]) -> bool:
    """Whether the answer shows more than our own write: then the next pull has to look closely."""
    return any(differs(k, link.fields.get(k), answer.get(k)) for k in link.fields.keys() | answer.keys())


def _created(hub: Hub, tx: Tx, run: Run, job: Job, outcome: Done, home: str, now: float) -> bool:
    record = outcome.record
    if record is None:
        raise AssertionError("a create was answered without a record")
    known = db.links_of(tx, run.name, [record.id]).get(record.id)
    if known is not None and known.golden_id != home and known.state in HOLDING:
        _same_place(tx, run, known, home, now)
        work.close_key_intents(tx, run.name, job.write.key)
        work.dequeue(tx, run.name, [home])
        return False
    link = known or Link(run.name, record.id, id=db.next_record_ids(tx, 1)[0])
    link.golden_id, link.state, link.changed = home, LinkState.LIVE, now
    if outcome.existed:
        link.fields = {} if known is None else link.fields
        link.fingerprint = None
    else:
        link.fields, link.told, link.own, link.since, link.echo = {}, {}, {}, {}, set()
        _remember(hub, run, link, job.changed, outcome, now)
    link.version = record.version
    (db.update_links if known else db.insert_links)(tx, [link], run.id)
    db.save_features(tx, [(None, link.id)])  # what it said before is no claim any more
    if outcome.existed and known is None:
        # an earlier try may have made it: it is read before anything else, and what that had sent is no claim
        work.close_intents(tx, [job.intent_id])
        work.bind_creates(tx, run.name, job.write.key, link.id)
    elif "intent" not in hub.off:
        work.close_key_intents(tx, run.name, job.write.key)
    work.unpark(tx, run.name, ["golden:" + job.golden_id, "golden:" + home], ["write", "unknown"])
    _log_push(tx, run, home, "create", job, now)
    run.count("creates_there")
    return not outcome.existed


def _same_place(tx: Tx, run: Run, known: Link, home: str, now: float) -> None:
    """The system says that two golden records are one record there: a person is asked."""
    first = tx.one("SELECT min(id) FROM record WHERE golden_id = :g", g=home)
    if first is None or first[0] is None:
        return
    a, b = sorted((known.id, first[0]))
    evidence = dumps([{"field": "record", "level": f"one record in {run.name}", "bits": 20.0}])
    row = {"record_a": a, "record_b": b, "weight": 20.0, "evidence": evidence, "at": now, "state": "open"}
    work.add_asks(tx, [{**row, "run_id": run.id}])


def _log_push(tx: Tx, run: Run, golden_id: str, op: str, job: Job, now: float) -> None:
    run.count("pushed")
    work.log_changes(tx, [work.Change(golden_id, now, "told: " + op, run.name, dumps(job.changed))], run.id)
