"""What a sync would do, row by row, found out on a copy of the store that is thrown away.

The connections are read as in a sync, with everything approved; what each system would be sent is decided by
the same functions that send it. Nothing is written to any system, nor to the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.connectors.contract import Can, Connector, Report
from hub.errors import CursorExpired, HubError
from hub.model import Cursor, Fields, LinkState, Op, Outcome, Page, Record, Write, base_field, element
from hub.store import connections, leases, queue, rulings
from hub.store import links as db
from hub.store.changes import TELLING
from hub.store.db import Fence, Store, Tx, dumps, loads
from hub.store.questions import asked_about
from hub.sync import held_rows, remapped
from hub.sync.absence import Seen, carry_out_deletions, mark_absent
from hub.sync.engine import Hub, NoMeter, Run, chunks
from hub.sync.guard import held
from hub.sync.intake import save_page
from hub.sync.prepare import Job, prepare
from hub.sync.reading import read_page

MOST_ROWS = 10_000  # kept of a plan; all are counted
WINDOW = 200  # queue rows decided together
BATCH = 500  # decisions described together
EVERYTHING = dict.fromkeys(("creates", "updates", "deletes", "merges", "consents"), 10**12)
DOUBTFUL = "doubtful"  # a new contact that may be one of those that are there: what it shares is asked
READING = frozenset({"pulled", "mapped", "unchanged"})  # counts that change nothing

Row = dict[str, Any]
"""A row of `plan_row`: connection, op, subject, detail (JSON)."""


@dataclass(slots=True)
class Plan:
    """What a sync of some connections would do.

    counts  by connection: what would be read, made, changed, and written there
    holds   (connection, gate, reason) of what would wait for a person
    failed  (connection, reason) of those that could not be read to their end: nothing of them is in the rows
    rows    the first `most` of `total`
    """

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    holds: list[tuple[str, str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    total: int = 0
    most: int = MOST_ROWS
    told: set[str] = field(default_factory=set)  # golden records that have a row of what is taken in

    def count(self, connection: str, outcome: str, n: int = 1) -> None:
        counts = self.counts.setdefault(connection, {})
        counts[outcome] = counts.get(outcome, 0) + n

    def add(
        self,
        connection: str,
        op: str,
        subject: str,
        detail: Mapping[str, Any],
        records: Mapping[str, str] | None = None,
    ) -> None:
        """records: external id → fingerprint of those that it would take in"""
        self.total += 1
        if not self.is_full:
            said = {"connection": connection, "op": op, "subject": subject, "detail": dumps(dict(detail))}
            self.rows.append({**said, "golden_id": detail.get("golden_id"), "records": dict(records or {})})

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= self.most


class Reader(Connector):
    """A connector that may be asked but never told anything."""

    def __init__(self, inner: Connector) -> None:
        super().__init__(inner.settings, inner.context)
        self._inner = inner

    @property
    def can(self) -> Can:
        return self._inner.can

    def check(self) -> Report:
        return self._inner.check()

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        return self._inner.pull(since)

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        return self._inner.read(ids)

    def find(self, key: str) -> Record | None:
        return self._inner.find(key)

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        raise AssertionError(f"a plan writes nothing, and {len(writes)} writes were made")


def preview(hub: Hub, connector: Connector, name: str) -> tuple[dict[str, int], list[Row], int]:
    """Counts and rows of one connection's sync, and how many rows there are: the plan that its first sync stops at."""
    plan = make_plan(hub, {name: connector})
    counts = dict(plan.counts.get(name, {}))
    for limited, there in (
        ("creates", "create there"),
        ("updates", "update there"),
        ("deletes", "delete there"),
    ):
        # an approval is for both directions: what comes from the system and what is written there
        counts[limited] = max(counts.get(limited, 0), counts.get(there, 0))
    rows = _marked(hub, name, plan.rows)
    return {k: n for k, n in counts.items() if n and k not in READING}, rows, plan.total


def _marked(hub: Hub, name: str, rows: Sequence[Row]) -> list[Row]:
    """With a mark on those that can be decided by themselves: what is taken in, and new records to be made there."""
    marked: list[Row] = []
    for part in chunks(rows, BATCH):
        with hub.store.glance() as tx:
            there = db.goldens(tx, {row["golden_id"] for row in part if row["golden_id"]})
        for row in part:
            records = row.pop("records", None)
            golden = there.get(row["golden_id"])
            if records:
                row["mark"] = held_rows.mark_of_intake(golden.version if golden else None, records)
            elif row["op"] == str(Op.CREATE) and row["connection"] == name and golden is not None:
                row["mark"] = str(golden.version)
            marked.append(row)
    return marked


def make_plan(
    hub: Hub, connectors: Mapping[str, Connector], *, full: bool = False, go_on: bool = False, most: int = MOST_ROWS
) -> Plan:
    """What a sync of these connections, one after the other, would do.

    full   list everything, whatever the cursors
    go_on  past a connection that fails: what it would have brought to the others is missing then
    most   rows that are kept; all are counted
    """
    plan = Plan(most=most)
    with hub.store.scratch() as store:
        try:
            trial = replace(hub, store=store, meter=NoMeter())
            runs = [_open(trial, Reader(connector), name) for name, connector in connectors.items()]
            for run in runs:
                try:
                    _read(trial, run, plan, full=full)
                except HubError as err:
                    if not go_on:
                        raise
                    plan.failed.append((run.name, str(err)))
            ids = frozenset(run.id for run in runs)
            for route in trial.routes.values():
                writer = next((run for run in runs if run.name == route.name), None)
                if route.writes or route.can.delete:
                    _write(trial, writer or replace(runs[0], route=route), plan, None if writer else ids)
        finally:
            if store.dialect != "sqlite":
                store.close()
    return plan


# --- what would be read -----------------------------------------------------------------------------


def _open(hub: Hub, connector: Reader, name: str) -> Run:
    with hub.store.write() as tx:
        row = tx.one("SELECT lease_token FROM connection_state WHERE name = :n", n=name)
        if row is None:
            leases.acquire(tx, name, hub.owner, hub.clock(), 1.0)
        fence = Fence(name, row[0] if row else 1)
        # an id of its own: the run that asks for a plan may have taken in a part of it already
        run = Run(hub.new_id("t"), hub.routes[name], connector, fence, allowed=EVERYTHING)
        run.population = connections.remembered(tx, name).population
        run.judged = rulings.gates(tx, name)
    return run


def _read(hub: Hub, run: Run, plan: Plan, *, full: bool) -> None:
    with hub.store.write() as tx:
        state = connections.remembered(tx, run.name)
        remapped.notice(tx, run, state)
        asked = tx.one("SELECT max(id) FROM ask")
    if state.ok_at is None and run.route.writes:
        with hub.store.write() as tx:
            queue.enqueue_missing(tx, run.name, hub.clock(), run.id)
    due = state.full_at is None or hub.clock() - state.full_at >= run.route.full_every
    since = None if full or (run.route.can.complete and due) else state.cursor
    try:
        seen = _pull(hub, run, since)
    except CursorExpired:
        since = None
        seen = _pull(hub, run, None)
    if since is None and run.route.can.complete:
        mark_absent(hub, run, seen)
    if not run.route.can.opt_out_leaves:  # who left is told as a change of consent
        _describe_gone(hub.store, run, plan)
    carry_out_deletions(hub, run)
    if state.remapped:
        remapped.compare(hub, run)
    for outcome, n in run.counts.items():
        plan.count(run.name, outcome, n)
    _hold_reading(run, state, plan)
    _describe_changes(hub.store, run, plan)
    _describe_asks(hub.store, run, (asked[0] if asked else None) or 0, plan)


def _pull(hub: Hub, run: Run, since: Cursor | None) -> Seen:
    seen = Seen()
    for page in run.connector.pull(since):
        reading = read_page(hub, run, page.items)
        save_page(hub, run, reading)
        seen.add(reading.seen)
    return seen


def _hold_reading(run: Run, state: connections.ConnectionRow, plan: Plan) -> None:
    if state.started_at is None:
        plan.holds.append((run.name, "first", "The first sync stops at its plan until it is approved"))
        return
    gates = {"intake": ("creates", "updates", "consents"), "deletes": ("deletes",)}
    for gate, names in gates.items():
        counts = {name: run.counts.get(name, 0) for name in names}
        reason = held(run.route.limits, counts, run.population, state.allowed)
        if reason is not None:
            plan.holds.append((run.name, gate, reason))


# --- what would be written --------------------------------------------------------------------------


def _write(hub: Hub, run: Run, plan: Plan, queued_by: frozenset[str] | None) -> None:
    """What waits for a connection. queued_by: only what these runs queued; None: everything."""
    there: dict[str, int] = {}
    for rows in _queue(hub.store, run.name, queued_by):
        for job in prepare(hub, run, rows).jobs:
            op = str(job.write.op)
            there[op] = there.get(op, 0) + 1
            plan.count(run.name, f"{op} there")
            _add_job(hub.store, run.name, job, plan)
    if queued_by is None:
        _hold_writing(hub.store, run, there, plan)


def _hold_writing(store: Store, run: Run, there: Mapping[str, int], plan: Plan) -> None:
    with store.read() as tx:
        state = connections.remembered(tx, run.name)
    if state.started_at is None:
        return
    for limited, op in (("creates", Op.CREATE), ("deletes", Op.DELETE)):
        counts = {limited: there.get(str(op), 0)}
        reason = held(run.route.limits, counts, run.population, state.allowed)
        if reason is not None:
            plan.holds.append((run.name, f"push {limited}", f"To be written there: {reason}"))


def _queue(store: Store, connection: str, queued_by: frozenset[str] | None) -> Iterator[list[queue.QueueRow]]:
    after = ""
    while True:
        with store.read() as tx:
            rows = tx.all(
                "SELECT golden_id, op, attempts, optout_at, run_id FROM queue"
                " WHERE connection = :c AND golden_id > :after ORDER BY golden_id LIMIT :n",
                c=connection,
                after=after,
                n=WINDOW,
            )
        if not rows:
            return
        after = rows[-1][0]
        yield [queue.QueueRow(*r[:4]) for r in rows if queued_by is None or r[4] in queued_by]


def _add_job(store: Store, connection: str, job: Job, plan: Plan) -> None:
    if plan.is_full:
        plan.total += 1
        return
    with store.read() as tx:
        golden = db.goldens(tx, [job.golden_id]).get(job.golden_id)
    held_now = job.link.agreed() if job.link else {}
    changed = {key: [held_now.get(key), value] for key, value in sorted(job.changed.items())}
    detail = {
        "name": display_name(golden.fields if golden else {}),
        "golden_id": job.golden_id,
        "fields": changed,
    }
    plan.add(connection, str(job.write.op), job.write.id or "new record", detail)


# --- telling it -------------------------------------------------------------------------------------


def _describe_changes(store: Store, run: Run, plan: Plan) -> None:
    """One row a decision about a golden record, from the history that the trial run wrote."""
    after = 0
    while True:
        with store.read() as tx:
            rows = tx.all(
                "SELECT id, golden_id, kind, detail FROM change WHERE run_id = :r AND id > :after"
                " AND NOT kind IN :*telling ORDER BY id LIMIT :n",
                telling=list(TELLING),
                r=run.id,
                after=after,
                n=BATCH,
            )
            if not rows:
                return
            if plan.is_full:
                plan.total += len(rows)
            else:
                _add_changes(tx, run, rows, plan)
        after = rows[-1][0]


def _add_changes(tx: Tx, run: Run, rows: Sequence[Sequence[Any]], plan: Plan) -> None:
    ids = {row[1] for row in rows}
    goldens, members = db.goldens(tx, ids), db.members(tx, ids)
    here = {golden_id: [m for m in members[golden_id] if m.connection == run.name] for golden_id in ids}
    fresh = db.saved_by(tx, run.id, [m.id for some in here.values() for m in some])
    doubtful = asked_about(tx, run.id, fresh)
    for _, golden_id, kind, detail in rows:
        golden = goldens.get(golden_id)
        fields: Fields = golden.fields if golden else {}
        mine = here[golden_id]
        changed = loads(detail) if detail else {key: [None, value] for key, value in fields.items()}
        told = {"name": display_name(fields), "golden_id": golden_id, "fields": changed}
        op = DOUBTFUL if kind == "created" and any(m.id in doubtful for m in mine) else kind
        records = {m.external_id: m.fingerprint.hex() for m in mine if m.id in fresh and m.fingerprint and not m.echo}
        if golden_id in plan.told:
            records = {}  # its records are decided with its first row
        plan.told.add(golden_id)
        plan.add(run.name, op, ", ".join(m.external_id for m in mine[:5]) or golden_id, told, records)


def _describe_gone(store: Store, run: Run, plan: Plan) -> None:
    """Records that are proven gone: what their deletion means elsewhere are decisions of their own."""
    after = 0
    while True:
        with store.read() as tx:
            links = db.in_state(tx, run.name, LinkState.DOOMED, BATCH, after)
        for link in links:
            held_here = {key: [value, None] for key, value in sorted(link.fields.items())}
            detail = {"name": display_name(link.fields), "golden_id": link.golden_id, "fields": held_here}
            plan.add(run.name, "gone", link.external_id, detail)
        if len(links) < BATCH:
            return
        after = links[-1].id


def _describe_asks(store: Store, run: Run, after: int, plan: Plan) -> None:
    with store.read() as tx:
        rows = tx.all(
            "SELECT record_a, record_b, weight, evidence FROM ask"
            " WHERE run_id = :r AND id > :after AND state = 'open' ORDER BY id LIMIT :n",
            r=run.id,
            after=after,
            n=MOST_ROWS,
        )
        for part in (rows[i : i + BATCH] for i in range(0, len(rows), BATCH)):
            links = db.links_by_id(tx, {n for row in part for n in row[:2]})
            for a, b, weight, evidence in part:
                pair = [links[n] for n in (a, b) if n in links]
                subject = " and ".join(f"{x.connection} {x.external_id}" for x in pair)
                names = " / ".join(display_name(x.fields) for x in pair)
                told = {"name": names, "bits": round(weight, 1), "evidence": loads(evidence)}
                plan.add(run.name, "ask", subject, told)


def display_name(fields: Fields) -> str:
    """How people know a contact: name, company or address; empty when it has none of them."""
    parts = [str(fields[k]) for k in ("given_name", "family_name") if fields.get(k)]
    name = " ".join(parts) or fields.get("full_name") or fields.get("company")
    return str(name or _first_element(fields, ("emails", "phones")) or "")


def _first_element(fields: Fields, bases: Iterable[str]) -> str | None:
    return next((element(k) for base in bases for k in sorted(fields) if base_field(k) == base), None)
