"""Systems are told to let go of who was erased, each record by itself, and what came of it is written down.

What is about to be told is on record before it is told. After an answer that was lost the record is read before
anything is repeated. A system that is down is told later; one that refuses, or cannot, is left to a person, and so is a
bin from which the record could be had back, and somebody else's record under a key that was given out anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hub.errors import AccountError, RecordError, TransientError
from hub.model import Done, Missing, NotSent, Op, Outcome, Record, Refused, Stale, Unknown, Write
from hub.store import erasures as db
from hub.store.erasures import Step, marker
from hub.sync.engine import Hub, Run, golden_key
from hub.sync.gave_way import there
from hub.sync.withhold import Coming, identity_of, is_in_common, key_mark

TOGETHER = 100  # steps looked up at a time
FIRST_WAIT = 60.0  # seconds before a step is tried again; doubles up to an hour
LONGEST_WAIT = 3600.0
ENDINGS = {"erase": Op.ERASE, "delete": Op.DELETE}
MOST_EMPTYINGS = 3  # of one record: what is still there then, its system fills in by itself
ERASED = "erased"
GONE = "not there"
DELETED = "deleted"
RESTORABLE = "restorable"
"""Outcome of a deletion that can be taken back there: a person empties the bin."""
EMPTIED = "emptied"
SOMEBODY_ELSE = "somebody else"
"""Outcome where what is there by now has nothing in common with whoever was erased: a person looks, nothing is told."""


def tell_recipients(hub: Hub, run: Run, stop: Callable[[], bool] = lambda: False) -> None:
    """All that is due in this connection. TransientError when the system is down: the rest stays due."""
    after = 0
    while not stop():
        with hub.store.glance() as tx:
            steps = db.due(tx, run.name, hub.clock(), TOGETHER, after)
        if not steps:
            return
        after = steps[-1].id
        for step in steps:
            if stop():
                return
            _tell(hub, run, step)


def _tell(hub: Hub, run: Run, step: Step) -> None:
    is_ours = step.external_id is None
    if is_ours:
        found = _look_for(hub, run, step)
        if found is None:
            return
        step = found
    assert step.external_id is not None
    record: Record | None = None
    if run.route.can.read:
        record = there(run.connector.read([step.external_id])).get(step.external_id)
        if record is None and not _empties_bin(run, step):
            _gone(hub, run, step)
            return
    if not _is_able(run, step):
        _for_a_person(hub, run, step)
        return
    if record is not None and not is_ours and _is_somebody_else(hub, run, step, record):
        _for_a_person(hub, run, step, SOMEBODY_ELSE)
        return
    write = _write(run, step, record)
    if write is None:
        _done(hub, run, step, EMPTIED)
        return
    with hub.store.write(run.fence) as tx:
        if step.how == "empty" and step.attempts >= MOST_EMPTYINGS:
            db.for_a_person(tx, step.id, "by hand", hub.clock())
            return
        db.sent(tx, step.id, hub.clock())
    _note(hub, run, step, _sent(hub, run, step, write))


def _look_for(hub: Hub, run: Run, step: Step) -> Step | None:
    """What a create that was not answered has made; None: nothing, or it cannot be known yet."""
    assert step.hub_key is not None
    can = run.route.can
    if hub.clock() < step.at + max(run.lease_seconds, can.late_seconds) + can.settle_seconds:
        return None  # it may still be carried out, or not be found yet
    found = run.connector.find(step.hub_key)
    if found is None:
        _done(hub, run, step, GONE)
        return None
    with hub.store.write(run.fence) as tx:
        mark = key_mark(marker(tx), run.name, found.id)
        db.found_there(tx, step.id, found.id, mark)
        db.suppress(tx, step.erasure_id, {mark: db.Kind.KEY})
    return replace(step, external_id=found.id, mark=mark)


def _is_somebody_else(hub: Hub, run: Run, step: Step, record: Record) -> bool:
    """Systems give keys out anew, as after a restore of theirs: a key alone does not say who is to go."""
    if step.how == "empty" and step.attempts:
        return False  # what a system fills in by itself where it was emptied
    try:
        who = identity_of(run.route.mapping.inward(record).fields)
    except RecordError:
        return False
    if who.says_nothing:
        return False
    with hub.store.glance() as tx:
        return not is_in_common(tx, step.erasure_id, Coming(record.id, who, record.key))


def _empties_bin(run: Run, step: Step) -> bool:
    """Does it let go of a record for good that was deleted before, by whomever?"""
    return step.how == "erase" and run.route.can.empties_bin


def _is_able(run: Run, step: Step) -> bool:
    """Whether the connection can still do what it could when the erasure was asked for."""
    can = run.route.can
    return {"erase": can.erase, "delete": can.delete, "empty": can.update and can.read}[step.how]


def _write(run: Run, step: Step, record: Record | None) -> Write | None:
    """What is sent; None: there is nothing left that the hub could empty."""
    key = golden_key(step.erasure_id)
    version = record.version if record is not None else None
    if step.how in ENDINGS:
        return Write(ENDINGS[step.how], key, step.external_id, {}, version)
    assert record is not None, "only what can be read is emptied"
    try:
        held = run.route.mapping.inward(record).fields
    except RecordError:
        held = {}
    mapping = run.route.mapping
    written = {name: value for name, value in held.items() if value is not None and mapping.covers(name)}
    payload = mapping.payload({}, written.keys())
    return Write(Op.UPDATE, key, step.external_id, payload, version) if written and payload else None


def _sent(hub: Hub, run: Run, step: Step, write: Write) -> Outcome:
    try:
        [outcome] = run.connector.write([write])
    except TransientError as err:
        lost = Unknown(str(err)) if err.maybe_done else NotSent(str(err), err.retry_after, err.untried)
        _note(hub, run, step, lost)
        raise
    except AccountError:
        _note(hub, run, step, NotSent("the account"))
        raise
    return outcome


def _note(hub: Hub, run: Run, step: Step, outcome: Outcome) -> None:
    match outcome:
        case Missing() if _empties_bin(run, step):
            _done(hub, run, step, GONE)
        case Missing():
            _gone(hub, run, step)
        case Done(in_bin=True):
            _for_a_person(hub, run, step, RESTORABLE)
        case Done() if step.how == "erase":
            _done(hub, run, step, ERASED)
        case Done() if step.how == "delete" and run.route.can.restorable:
            _for_a_person(hub, run, step, RESTORABLE)
        case Done() if step.how == "delete":
            _done(hub, run, step, DELETED)
        case Done() | Stale():
            _later(hub, run, step, 0.0)  # read again: whether it is empty now, or what it has become
        case Refused():
            with hub.store.write(run.fence) as tx:
                db.for_a_person(tx, step.id, "refused", hub.clock())
            run.count("erasures_refused")
        case NotSent() | Unknown():
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(step.attempts, 10))
            asked = outcome.retry_after if isinstance(outcome, NotSent) else None
            _later(hub, run, step, max(wait, asked or 0.0))


def _gone(hub: Hub, run: Run, step: Step) -> None:
    """It is not there; where deletions can be taken back, it may lie in the bin, unless it was told to erase it."""
    is_erased = step.how == "erase" and step.attempts > 0
    if run.route.can.restorable and not is_erased:
        _for_a_person(hub, run, step, GONE)
    else:
        _done(hub, run, step, GONE)


def _for_a_person(hub: Hub, run: Run, step: Step, outcome: str | None = None) -> None:
    with hub.store.write(run.fence) as tx:
        db.for_a_person(tx, step.id, "by hand", hub.clock(), outcome)


def _later(hub: Hub, run: Run, step: Step, wait: float) -> None:
    with hub.store.write(run.fence) as tx:
        db.put_off(tx, step.id, hub.clock() + wait)


def _done(hub: Hub, run: Run, step: Step, outcome: str) -> None:
    with hub.store.write(run.fence) as tx:
        db.done(tx, step, outcome, hub.clock())
    run.count("erased_there")
