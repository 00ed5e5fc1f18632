"""One run over one connection: lease, pull, proof of absence, deletions, push.

Every step is resumable: a run that is killed anywhere is taken up by the next from what was last committed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hub.connectors.contract import Connector
from hub.errors import AccountError, CursorExpired, HubError, LeaseLost
from hub.model import Page
from hub.store import amended, connections, holds, leases, queue, rulings, run_orders, runs
from hub.store import links as db
from hub.store.audit import note
from hub.store.db import Fence, dumps, loads
from hub.sync import remapped
from hub.sync.absence import Seen, carry_out_deletions, mark_absent
from hub.sync.engine import Held, Hub, Run
from hub.sync.intake import save_page
from hub.sync.judged import end_intake, load_rulings, save_agreed, take_agreed, wait_beside
from hub.sync.owed import offer
from hub.sync.push import push
from hub.sync.questions import ask_afresh
from hub.sync.reading import read_page
from hub.sync.recipients import tell_recipients
from hub.sync.returned import retry_parked
from hub.sync.slices import in_slices
from hub.sync.struck import strike

log = logging.getLogger(__name__)

ALL = 10**12
EVERYTHING = dict.fromkeys(("creates", "updates", "deletes", "merges", "consents"), ALL)
PULL_GATES = frozenset({"first", "intake", "absence"})

Preview = Callable[[Hub, Connector, str], tuple[dict[str, int], list[dict[str, Any]], int]]
"""Counts, rows that are kept, and how many there are."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended: done | held | failed | busy | paused | interrupted."""

    connection: str
    run_id: str
    status: str
    counts: dict[str, int] = field(default_factory=dict)
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """How a run is to be made.

    approve   a person has agreed to whatever it would touch: the first sync does not stop at a plan
    full      list everything, whatever the cursor
    absence   False: nobody is taken for missing, since a listing right after another proves nothing
    manual    a person started it: a paused connection is tried again
    person    who that was; written into the audit
    on_order  it is made only while it is on order in the store (`hub.store.run_orders`): another hub may have begun it
    events    only what events hint at is read, where the connection has pulled before; then written as ever
    returned  only pieces whose text a person has put right are taken in; nothing is pulled, nothing written
    preview   makes the plan that a first sync stops at
    """

    approve: bool = False
    full: bool = False
    absence: bool = True
    manual: bool = False
    person: str | None = None
    on_order: bool = False
    events: bool = False
    returned: bool = False
    stop: Callable[[], bool] = lambda: False
    progress: Callable[[Run], None] | None = None
    preview: Preview | None = None
    lease_seconds: float = 120.0


def sync(hub: Hub, connector: Connector, name: str, orders: Orders = Orders()) -> Result:
    """One cycle of a connection. Errors of the other side end in the result; bugs are raised."""
    route = hub.routes[name]
    run_id = hub.new_id("r")
    started = hub.clock()
    with lease(hub, name, orders.lease_seconds) as token:
        if token is None:
            return Result(name, run_id, "busy", message="Another process is running this connection.")
        run = Run(run_id, route, connector, Fence(name, token), orders.lease_seconds, progress=orders.progress)
        result = _run(hub, run, orders)
    if (quota := connector.quota) is not None:
        hub.meter.quota(name, quota.left, quota.most)
    hub.meter.run(name, result.status, hub.clock() - started)
    for outcome, n in result.counts.items():
        hub.meter.count(name, outcome, n)
    return result


@contextmanager
def lease(hub: Hub, name: str, seconds: float) -> Iterator[int | None]:
    with hub.store.write() as tx:
        token = leases.acquire(tx, name, hub.owner, hub.clock(), seconds)
    try:
        yield token
    except Exception:
        _release(hub, name, token)
        raise
    # not after a crash: then the lease runs out, since nobody knows what is still on its way
    _release(hub, name, token)


def _release(hub: Hub, name: str, token: int | None) -> None:
    if token is not None:
        with hub.store.write() as tx:
            leases.release(tx, name, token)


def _run(hub: Hub, run: Run, orders: Orders) -> Result:
    try:
        state = begin(hub, run, orders)
        if isinstance(state, Result):
            return state
        status, said = outcome(hub, run, orders, lambda: _cycle(hub, run, state, orders))
        message = "; ".join(part for part in (said, *run.notes) if part) or None
        end(hub, run, status, message, pulled=not (orders.returned or _hears(run, state, orders)))
    except LeaseLost as err:
        return Result(run.name, run.id, "failed", run.counts, str(err))
    return Result(run.name, run.id, status, run.counts, message)


def outcome(hub: Hub, run: Run, orders: Orders, steps: Callable[[], list[Held]]) -> tuple[str, str | None]:
    """Status and message of a run that was made."""
    try:
        held = steps()
    except Held as hold:
        _hold(hub, run, hold)
        return "held", str(hold)
    except LeaseLost:
        raise
    except AccountError as err:
        with hub.store.write(run.fence) as tx:
            connections.mark(tx, run.name, paused=str(err))
        return "failed", str(err)
    except HubError as err:
        return "failed", str(err)
    except Exception:
        end(
            hub,
            run,
            "failed",
            "An unexpected error: see the log. Nothing of the step it happened in was saved.",
        )
        raise
    if held:
        return "held", "; ".join(str(each) for each in held)
    if orders.stop():
        return "interrupted", "Stopped on request; the next run goes on from here."
    return "done", None


def begin(hub: Hub, run: Run, orders: Orders) -> connections.ConnectionRow | Result:
    with hub.store.write(run.fence) as tx:
        if orders.on_order and not run_orders.waits(tx, run.name):
            return Result(run.name, run.id, "busy", message="Another process has begun the run that was asked for.")
        if orders.approve:
            approve_open(tx, run.name, orders.person or "--yes", hub.clock())
        load_rulings(tx, run)
        state = connections.remembered(tx, run.name)
        waiting = (holds.open_gates(tx, run.name) & PULL_GATES) - run.pending
        if state.paused and not orders.manual:
            return Result(run.name, run.id, "paused", message=state.paused)
        if waiting - {"first"}:
            return Result(run.name, run.id, "held", message=f"Waits for a person: {', '.join(sorted(waiting))}.")
        if state.paused:
            connections.mark(tx, run.name, paused=None)
        if state.started_at is None and orders.approve:
            connections.mark(tx, run.name, started_at=hub.clock())
        remapped.notice(tx, run, state)
        runs.start(tx, run.id, run.name, hub.clock())
        if orders.manual:
            run_orders.begun(tx, run.name, full=orders.full)
        if orders.person is not None:
            said = {"run": run.id, "full": orders.full, "approves": orders.approve}
            note(tx, orders.person, "run started", f"connection {run.name}", said, at=hub.clock())
        if state.ok_at is None and run.route.writes and (state.started_at is not None or orders.approve):
            queue.enqueue_missing(tx, run.name, hub.clock(), run.id)
        run.population = state.population
    run.allowed = EVERYTHING if orders.approve else state.allowed
    return state


def _plan_first(hub: Hub, run: Run, orders: Orders) -> None:
    counts: dict[str, int] = {}
    rows: Sequence[Any] = ()
    total = None
    if orders.preview is not None:
        counts, rows, total = orders.preview(hub, run.connector, run.name)
    raise Held("first", counts, "The first sync stops at its plan: look at it and approve it", rows, total)


def _cycle(hub: Hub, run: Run, state: connections.ConnectionRow, orders: Orders) -> list[Held]:
    if orders.returned:
        if state.started_at is not None:
            retry_parked(hub, run, orders.stop, pieces=True)
        return []
    if state.started_at is None and not orders.approve:
        if "first" in run.pending:
            take_agreed(hub, run, orders.stop)
        _plan_first(hub, run, orders)
    return _steps(hub, run, state, orders)


def _steps(hub: Hub, run: Run, state: connections.ConnectionRow, orders: Orders) -> list[Held]:
    """All phases; a hold of one does not keep the others from running."""
    held: list[Held] = []
    retry_parked(hub, run, orders.stop)
    steps: tuple[Callable[[], None], ...] = (
        lambda: _pull(hub, run, state, orders),
        lambda: ask_afresh(hub, run),
        lambda: carry_out_deletions(hub, run),
        lambda: tell_recipients(hub, run, orders.stop),
        lambda: offer(hub, run),
        lambda: _push(hub, run, orders.stop),
    )
    for step in steps:
        if orders.stop():
            break
        try:
            step()
        except Held as hold:
            _hold(hub, run, hold)
            held.append(hold)
    return held


def _push(hub: Hub, run: Run, stop: Callable[[], bool]) -> None:
    if remapped.is_compared(hub, run, stop):
        push(hub, run, stop)


def _hold(hub: Hub, run: Run, hold: Held) -> None:
    with hub.store.write(run.fence) as tx:
        number = holds.open_hold(tx, run.name, run.id, hold.gate, hold.counts, hold.reason, hub.clock())
        rows = strike(tx, [x if isinstance(x, dict) else _subject(run, hold, x) for x in hold.subjects])
        holds.add_plan_rows(tx, number, rows, hold.total)
        if hold.gate in ("first", rulings.INTAKE):
            wait_beside(tx, run, number, rows)
    run.count("held", max(1, sum(hold.counts.values())))


def _subject(run: Run, hold: Held, subject: Any) -> dict[str, Any]:
    return {"connection": run.name, "op": hold.gate, "subject": str(subject), "detail": "{}"}


def end(hub: Hub, run: Run, status: str, message: str | None, *, pulled: bool = True) -> None:
    """pulled: the run asked for all that is new, so the connection is as fresh as it"""
    now = hub.clock()
    with hub.store.write(run.fence) as tx:
        runs.end(tx, run.id, now, status, run.counts, message)
        grown = run.counts.get("creates", 0) + run.counts.get("creates_there", 0) - run.counts.get("deletes", 0)
        marks: dict[str, Any] = {"population": max(0, run.population + grown)} if grown else {}
        if status == "done" and pulled:
            marks |= {"ok_at": now, "allowed": None}
            holds.overtake(tx, run.name)
        if marks:
            connections.mark(tx, run.name, **marks)


# --- pulling ----------------------------------------------------------------------------------------


def _pull(hub: Hub, run: Run, state: connections.ConnectionRow, orders: Orders) -> None:
    since = state.cursor
    can = run.route.can
    if _hears(run, state, orders):
        _read_all(hub, run, run.connector.hear(since), since, orders)
        return
    due = state.full_at is None or hub.clock() - state.full_at >= run.route.full_every
    resumes = state.full_at is None and since is not None  # a first listing that was cut short
    asked = rulings.ABSENCE in run.pending  # what was decided on missing records is for a whole listing
    if orders.full or (can.complete and ((due and not resumes) or asked)):
        since = None
    if since is None:
        run.total = run.population or None
    began = hub.clock()
    if since is None and state.cursor is not None and state.full_at is not None and can.tombstones:
        _hear_of_the_gone(hub, run, state.cursor, orders)
    try:
        complete = _read_all(hub, run, run.connector.pull(since), state.cursor, orders)
    except CursorExpired:
        since = None
        complete = _read_all(hub, run, run.connector.pull(None), state.cursor, orders)
    if complete is not None and rulings.INTAKE in run.in_part:
        end_intake(hub, run)
    if complete is None or not orders.absence:
        return
    in_parts = can.complete and resumes and since is not None
    if can.complete and (since is None or in_parts):
        _listed(hub, run, complete, in_parts=in_parts)
    if complete.nameless or in_parts:
        return
    if not can.complete:
        run.shown = began
    elif since is None:
        run.shown = state.full_at


def _hear_of_the_gone(hub: Hub, run: Run, cursor: str, orders: Orders) -> None:
    """A listing does not show what became of a record: whether it was deleted, or gave way to another one."""
    try:
        _read_all(hub, run, run.connector.pull(cursor), cursor, orders)
    except CursorExpired:
        run.notes.append("What was deleted or merged there since the last run is known by its absence only")


def _hears(run: Run, state: connections.ConnectionRow, orders: Orders) -> bool:
    hears = orders.events and run.route.can.events
    return hears and state.cursor is not None and not (orders.full or state.remapped)


def _listed(hub: Hub, run: Run, complete: Seen, *, in_parts: bool) -> None:
    """A listing came to its end: Held when it shrank."""
    if not in_parts:
        mark_absent(hub, run, complete)
    with hub.store.write(run.fence) as tx:
        if in_parts:  # it proves nobody's absence, but all are known now
            run.population = db.count_there(tx, run.name) - run.counts.get("creates", 0)
        else:
            amended.restore(tx, run.name, run.id)
        connections.mark(tx, run.name, full_at=hub.clock())


def _read_all(hub: Hub, run: Run, pages: Iterable[Page], saved: str | None, orders: Orders) -> Seen | None:
    """Every page; what was seen if the pull came to its end, None if it was stopped."""
    seen = Seen()

    def take(page: Page) -> None:
        reading = read_page(hub, run, page.items)
        save_agreed(hub, run, reading)
        save_page(hub, run, reading, () if page.cursor == saved else (page.cursor,))
        seen.add(reading.seen)
        seen.nameless += reading.nameless
        run.tell(run.counts.get("pulled", 0))

    for page in pages:
        in_slices(hub, page, saved, take)
        saved = page.cursor
        if orders.stop():
            return None
    return seen


# --- what people decide -----------------------------------------------------------------------------


def approve_open(tx: Any, name: str, person: str, now: float, hold_id: int | None = None) -> int:
    """Approve the open holds of a connection (or one): the next run may touch as much as they counted."""
    rows = tx.all("SELECT id, gate, counts FROM hold WHERE connection = :c AND state = 'open'", c=name)
    rows = [r for r in rows if hold_id is None or r[0] == hold_id]
    allowed = dict(connections.remembered(tx, name).allowed or {})
    for number, gate, counts in rows:
        tx.run(
            "UPDATE hold SET state = 'approved', person = :p, decided_at = :a WHERE id = :i",
            p=person,
            a=now,
            i=number,
        )
        for key, n in loads(counts).items():
            allowed[key] = max(allowed.get(key, 0), n)
        if gate in ("first", rulings.INTAKE):
            rulings.end_waiting(tx, name, rulings.INTAKE)
        if gate == "first":
            connections.mark(tx, name, started_at=now)
    if rows:
        connections.mark(tx, name, allowed=dumps(allowed))
        queue.hurry(tx, name)
    return len(rows)
