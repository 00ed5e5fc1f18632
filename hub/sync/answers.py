"""What systems answered to writes is taken in: shadows, links, queue and intents, a batch a transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hub.errors import RecordError
from hub.model import Done, LinkState, Missing, NotSent, Op, Outcome, Record, Refused, Stale, Tombstone, Unknown
from hub.store import changes, erasures, intents, parked, queue
from hub.store import links as db
from hub.store.db import Tx, dumps
from hub.store.questions import add_asks
from hub.store.queue import QueueRow
from hub.sync import owed
from hub.sync.engine import Hub, Run
from hub.sync.gave_way import give_way
from hub.sync.given_anew import rename
from hub.sync.link import HOLDING, Link, acknowledge, differs
from hub.sync.prepare import Job
from hub.sync.reading import fingerprint
from hub.sync.somebody_else import is_somebody_else
from hub.sync.unknown import not_there
from hub.sync.withhold import key_mark

TRIES = 8  # certain failures before a write is parked
FIRST_WAIT = 30.0  # seconds before the second try; doubles up to an hour


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


@dataclass(frozen=True, slots=True)
class _Batch:
    """The transaction in which the answers of a batch are taken in, and what it needs of the store.

    links  by number, those of the jobs that are still there
    homes  golden id of a job → the golden record it is by now; None: erased
    """

    hub: Hub
    tx: Tx
    run: Run
    now: float
    links: Mapping[int, Link]
    homes: Mapping[str, str | None]

    def is_erased(self, job: Job) -> bool:
        return self.homes[job.golden_id] is None or (job.link is not None and job.link.id not in self.links)

    def home(self, job: Job) -> str:
        return self.homes[job.golden_id] or job.golden_id


def take_in(hub: Hub, run: Run, results: Sequence[tuple[Job, Outcome]], window: Window) -> list[Job]:
    """One transaction for a batch. Returns the jobs that were decided on what is there no more."""
    stale: list[Job] = []
    done: list[tuple[str, int]] = []
    with hub.store.write(run.fence) as tx:
        links = db.links_by_id(tx, [job.link.id for job, _ in results if job.link])
        homes = {g: db.resolve_golden(tx, g) for g in {job.golden_id for job, _ in results}}
        batch = _Batch(hub, tx, run, hub.clock(), links, homes)
        for job, outcome in results:
            if batch.is_erased(job):
                _of_erased(batch, job, outcome)
                continue
            finished = _record(batch, job, outcome, window)
            if isinstance(outcome, Stale):
                stale.append(job)
            if window.answered(job, finished=finished):
                done.append((job.golden_id, job.version))
        owed.note(tx, run, [(job.changed, outcome) for job, outcome in results], batch.now)
        owed.welcome(tx, (job.changed for job, outcome in results if _is_made(job, outcome)), batch.now)
        if "requeue" in hub.off:
            queue.dequeue(tx, run.name, [g for g, _ in done])
        else:
            queue.dequeue_if_same(tx, run.name, done)
    return stale


def _record(batch: _Batch, job: Job, outcome: Outcome, window: Window) -> bool:
    """Whether nothing is left to be done about this write."""
    tx, run = batch.tx, batch.run
    match outcome:
        case Done(record=Record() as heir) if job.write.id not in (None, heir.id):
            stone = Tombstone(str(job.write.id), merged_into=heir.id)
            give_way(tx, run.name, [stone], batch.now, run.id)  # the intent stays, and is looked for there
            return True
        case Done():
            return _acknowledged(batch, job, outcome)
        case Missing() if job.write.op is Op.DELETE:
            return _acknowledged(batch, job, Done(None))
        case Stale():
            intents.close(tx, [job.intent_id])
            if job.link:
                # its version has moved, its content perhaps not: it is looked at closely all the same
                db.forget_fingerprint(tx, job.link.id)
        case Missing() if job.link:
            intents.close(tx, [job.intent_id])  # a deletion of ours that came late stays known
            not_there(tx, run, [batch.links[job.link.id]])
        case Missing() | Refused():
            reason = outcome.reason if isinstance(outcome, Refused) else "It says there is no such record."
            _park_write(batch, job, reason)
        case NotSent() | Unknown():
            _try_later(batch, job, outcome, window.attempts.get(job.golden_id, 0))
    return False


def _is_made(job: Job, outcome: Outcome) -> bool:
    return job.write.op is Op.CREATE and isinstance(outcome, Done)


def _of_erased(batch: _Batch, job: Job, outcome: Outcome) -> None:
    """Somebody was erased while this was on its way: what it has made there is deleted next."""
    tx, run = batch.tx, batch.run
    step = erasures.step_of_create(tx, run.name, job.write.key) if job.write.op is Op.CREATE else None
    if step is None:
        return
    if isinstance(outcome, Done) and outcome.record is not None:
        mark = key_mark(erasures.marker(tx), run.name, outcome.record.id)
        erasures.found_there(tx, step.id, outcome.record.id, mark)
        erasures.suppress(tx, step.erasure_id, {mark: erasures.Kind.KEY})
    elif isinstance(outcome, NotSent | Refused):
        erasures.done(tx, step, "not there", batch.now)


def _try_later(batch: _Batch, job: Job, outcome: NotSent | Unknown, attempts: int) -> None:
    tx, run = batch.tx, batch.run
    if isinstance(outcome, NotSent):
        intents.close(tx, [job.intent_id])
        if attempts + 1 >= TRIES and not outcome.untried:
            _park_write(batch, job, f"Tried {TRIES} times: {outcome.reason}")
            return
        run.count("not_sent")
    else:
        run.count("unknown")
    wait = min(3600.0, FIRST_WAIT * 2.0**attempts)
    if isinstance(outcome, NotSent) and outcome.retry_after:
        wait = max(wait, outcome.retry_after)
    untried = isinstance(outcome, NotSent) and outcome.untried
    queue.postpone(tx, run.name, [(job.golden_id, batch.now + wait)], failed=not untried)


def _park_write(batch: _Batch, job: Job, reason: str) -> None:
    tx, run = batch.tx, batch.run
    subject = job.link.external_id if job.link else "golden:" + job.golden_id
    row = tx.one("SELECT optout_at FROM queue WHERE connection = :c AND golden_id = :g", c=run.name, g=job.golden_id)
    since = row[0] if row else None  # an opt-out that is refused is owed since the person said it
    parked.park(tx, run.name, [parked.Parked(subject, "write", reason, dumps(job.changed))], since or batch.now, run.id)
    queue.dequeue(tx, run.name, [job.golden_id])
    intents.close(tx, [job.intent_id])
    run.count("set_aside")


def _acknowledged(batch: _Batch, job: Job, outcome: Done) -> bool:
    """Take an answer in. False: the golden record stays queued."""
    tx, run = batch.tx, batch.run
    if job.write.op is Op.CREATE:
        return _created(batch, job, outcome)
    link = batch.links[job.link.id] if job.link else None
    if link is None:
        raise AssertionError("an update without a link")
    if job.write.op is Op.DELETE:
        link.state, link.fingerprint = LinkState.REMOVED, None
    elif job.write.op is Op.ARCHIVE:
        link.state, link.fingerprint = LinkState.ARCHIVED, None
    else:
        _remember(batch, link, job.changed, outcome)
    db.update_sides(tx, [link])
    intents.close(tx, [job.intent_id])  # earlier ones may still be carried out: `end_writes` closes them
    if link.state is LinkState.REMOVED:
        intents.close_of_records(tx, [link.id])
    parked.unpark(tx, run.name, [link.external_id], ["write"])
    _log_push(batch, job)
    return True


def _remember(batch: _Batch, link: Link, sent: Mapping[str, Any], outcome: Done) -> None:
    mapping, record = batch.run.route.mapping, outcome.record
    answer = _answer(batch.run, link, outcome)
    if "sent" in batch.hub.off and answer is not None:
        sent = {**{k: answer.get(k) for k in answer.keys() | link.fields.keys()}, **sent}
    acknowledge(link, sent, answer, mapping.stored, batch.now)
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


def _created(batch: _Batch, job: Job, outcome: Done) -> bool:
    tx, run, home, record = batch.tx, batch.run, batch.home(job), outcome.record
    if record is None:
        raise AssertionError("a create was answered without a record")
    known = db.links_of(tx, run.name, [record.id]).get(record.id)
    if known is not None and known.golden_id != home and not outcome.existed and _is_free(known, job):
        rename(tx, run, known)  # who had the id before is not there any more
        known = None
    if known is not None and known.golden_id != home and known.state in HOLDING:
        _same_place(batch, known, home)
        intents.close_of_key(tx, run.name, job.write.key)
        queue.dequeue(tx, run.name, [home])
        return False
    link = known or Link(run.name, record.id, id=db.next_record_ids(tx, 1)[0])
    link.golden_id, link.state, link.changed = home, LinkState.LIVE, batch.now
    if outcome.existed:
        link.fields = {} if known is None else link.fields
        link.fingerprint = None
    else:
        link.fields, link.told, link.own, link.since, link.echo = {}, {}, {}, {}, set()
        _remember(batch, link, job.changed, outcome)
    link.version = record.version
    (db.update_links if known else db.insert_links)(tx, [link], run.id)
    db.save_features(tx, [(None, link.id)])  # what it said before is no claim any more
    # an earlier try may have made it, or may still be carried out: what that had sent is no claim
    intents.close(tx, [job.intent_id])
    intents.bind_creates(tx, run.name, job.write.key, link.id)
    parked.unpark(tx, run.name, ["golden:" + job.golden_id, "golden:" + home], ["write", "unknown"])
    _log_push(batch, job)
    run.count("creates_there")
    return not outcome.existed


def _is_free(known: Link, job: Job) -> bool:
    return known.state not in HOLDING or is_somebody_else((known.fields, known.opinion().fields), job.changed)


def _same_place(batch: _Batch, known: Link, home: str) -> None:
    """The system says that two golden records are one record there: a person is asked."""
    tx, run = batch.tx, batch.run
    first = tx.one("SELECT min(id) FROM record WHERE golden_id = :g", g=home)
    if first is None or first[0] is None:
        return
    a, b = sorted((known.id, first[0]))
    evidence = dumps([{"field": "record", "level": f"one record in {run.name}", "bits": 20.0}])
    row = {"record_a": a, "record_b": b, "weight": 20.0, "evidence": evidence, "at": batch.now, "state": "open"}
    add_asks(tx, [{**row, "run_id": run.id}])


def _log_push(batch: _Batch, job: Job) -> None:
    batch.run.count("pushed")
    line = changes.Change(batch.home(job), batch.now, f"told: {job.write.op}", batch.run.name, dumps(job.changed))
    changes.log(batch.tx, [line], batch.run.id)
