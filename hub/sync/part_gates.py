"""What a decision on single rows means, gate by gate: the row as it would be now, and what a verdict does.

Whatever may be acted on only under the lease of a connection waits for its next run: see `hub.sync.judged`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hub.model import LinkState, Op
from hub.store import holds, queue, rulings
from hub.store import links as db
from hub.store.db import Tx, dumps, loads
from hub.store.lists import HoldRow, PlanRow
from hub.store.rulings import ABSENCE, APPROVED, INTAKE, REFUSED
from hub.sync import held_rows
from hub.sync.clusters import Clusters
from hub.sync.engine import Hub, chunks
from hub.sync.held_rows import Row
from hub.sync.link import Link

BATCH = 500  # rows looked at together


@dataclass(frozen=True, slots=True)
class Case:
    """One decision under way."""

    hub: Hub
    tx: Tx
    hold: HoldRow
    person: str
    now: float


@dataclass(frozen=True, slots=True)
class Gate:
    """now: row number → the row as it would be described now, without those that do not wait any more

    counts: what of a hold's counts these rows stand for
    """

    now: Callable[[Case, Sequence[PlanRow]], dict[int, Row]]
    act: Callable[[Case, Sequence[PlanRow], str], None]
    counts: Callable[[Sequence[PlanRow]], Mapping[str, int]]


# --- writes ---------------------------------------------------------------------------------------------


def _writes_now(case: Case, rows: Sequence[PlanRow]) -> dict[int, Row]:
    op = "delete" if case.hold.gate == "push deletes" else "create"
    waiting = queue.still_waiting(case.tx, case.hold.connection, op, [row.golden_id for row in rows if row.golden_id])
    found = held_rows.of_queue(case.tx, case.hub.routes[case.hold.connection], op, waiting)
    by_golden = {row["golden_id"]: row for row in found}
    return {row.number: by_golden[row.golden_id] for row in rows if row.golden_id in by_golden}


def _create_there(case: Case, rows: Sequence[PlanRow], verdict: str) -> None:
    ids = [str(row.golden_id) for row in rows]
    if verdict == APPROVED:
        queue.agree(case.tx, case.hold.connection, ids)
        return
    versions = [(str(row.golden_id), int(row.mark or 0)) for row in rows]
    queue.decline(case.tx, case.hold.connection, versions, case.person, case.now)
    queue.dequeue(case.tx, case.hold.connection, ids)


def _delete_there(case: Case, rows: Sequence[PlanRow], verdict: str) -> None:
    """Refused: the contact lives on, in every system where it has not been deleted yet."""
    ids = [str(row.golden_id) for row in rows]
    if verdict == APPROVED:
        queue.agree(case.tx, case.hold.connection, ids)
        return
    clusters = Clusters(case.hub, case.tx, case.hold.run_id, case.now)
    clusters.load(ids)
    for cluster in clusters:
        cluster.golden.state = "live"
        cluster.touched = cluster.joined = cluster.revived = True
        cluster.kind = f"deletion refused by {case.person}"
    clusters.settle()


# --- records that are gone, or missing ------------------------------------------------------------------


def _links_now(case: Case, rows: Sequence[PlanRow], states: frozenset[LinkState], op: str) -> dict[int, Row]:
    found: dict[str, Link] = {}
    for part in chunks(rows, BATCH):
        found.update(db.links_of(case.tx, case.hold.connection, [row.subject for row in part]))
    there = [link for link in found.values() if link.state in states]
    by_subject = {row["subject"]: row for row in held_rows.of_missing(there, op)}
    return {row.number: by_subject[row.subject] for row in rows if row.subject in by_subject}


def _gone_now(case: Case, rows: Sequence[PlanRow]) -> dict[int, Row]:
    return _links_now(case, rows, frozenset({LinkState.DOOMED}), "gone")


def _missing_now(case: Case, rows: Sequence[PlanRow]) -> dict[int, Row]:
    states = frozenset({LinkState.LIVE, LinkState.ARCHIVED, LinkState.ABSENT})
    return _links_now(case, rows, states, "missing")


def _gone(case: Case, rows: Sequence[PlanRow], verdict: str) -> None:
    """The next run of the connection acts on the verdict: only who holds its lease may."""


def _missing(case: Case, rows: Sequence[PlanRow], verdict: str) -> None:
    """Refused: they are there, and not asked about until they have been listed again."""
    marks = {row.subject: row.mark or "" for row in rows}
    rulings.put(case.tx, case.hold.connection, ABSENCE, verdict, marks, case.hold.number)
    if verdict == REFUSED:
        links = db.links_of(case.tx, case.hold.connection, list(marks))
        doubted = [link.id for link in links.values() if link.state is LinkState.ABSENT]
        db.set_state(case.tx, doubted, LinkState.LIVE)


# --- what is read ---------------------------------------------------------------------------------------


def _read_now(case: Case, rows: Sequence[PlanRow]) -> dict[int, Row]:
    """What the source says is looked at when it is read again; here, whether the contact is still the one shown."""
    found: dict[int, Row] = {}
    for part in chunks(rows, BATCH):
        homes = {row.number: db.resolve_golden(case.tx, row.golden_id) for row in part if row.golden_id}
        goldens = db.goldens(case.tx, {home for home in homes.values() if home})
        for row in part:
            home = homes.get(row.number)
            found[row.number] = _over(row, goldens.get(home) if home else None)
    return found


def _over(row: PlanRow, golden: db.GoldenRow | None) -> Row:
    """The row as it is, or over what the contact holds by now."""
    same = {"subject": row.subject, "detail": dumps(row.detail), "golden_id": row.golden_id, "mark": row.mark}
    version = loads(row.mark or "{}").get("version")
    if golden is None or version is None or (golden.id == row.golden_id and golden.version == version):
        return same
    fields = {key: [golden.fields.get(key), pair[1]] for key, pair in row.detail.get("fields", {}).items()}
    mark = held_rows.mark_of_intake(golden.version, held_rows.records_of(row.mark))
    detail = {**row.detail, "golden_id": golden.id, "fields": fields}
    return {"subject": row.subject, "detail": dumps(detail), "golden_id": golden.id, "mark": mark}


def _read(case: Case, rows: Sequence[PlanRow], verdict: str) -> None:
    """The next run takes it in, or keeps it out; where one row of a page is decided, the others wait for theirs."""
    name, number = case.hold.connection, case.hold.number
    marks = {i: mark for row in rows for i, mark in held_rows.records_of(row.mark).items()}
    rulings.put(case.tx, name, INTAKE, verdict, marks, number)
    if verdict == REFUSED:  # its record is there, though the hub does not take it in: no second one is made
        known = [row for row in rows if row.op == "linked" and row.golden_id]
        versions = [(str(row.golden_id), loads(row.mark or "{}").get("version") or 0) for row in known]
        queue.decline(case.tx, name, versions, case.person, case.now)
    if case.hold.gate == INTAKE:
        decided = {row.number for row in rows}
        left = holds.undecided_marks(case.tx, number, besides=decided)
        rest = {i: mark for text in left for i, mark in held_rows.records_of(text).items()}
        rulings.let_wait(case.tx, name, INTAKE, rest, number)


# --- a first sync ---------------------------------------------------------------------------------------


def _first_now(case: Case, rows: Sequence[PlanRow]) -> dict[int, Row]:
    found = _read_now(case, [row for row in rows if row.op != Op.CREATE])
    there = [row for row in rows if row.op == Op.CREATE and row.golden_id]
    for part in chunks(there, BATCH):
        alive = [g for g, row in db.goldens(case.tx, [str(r.golden_id) for r in part]).items() if row.state == "live"]
        described = held_rows.of_queue(case.tx, case.hub.routes[case.hold.connection], "create", alive)
        by_golden = {row["golden_id"]: row for row in described}
        found |= {row.number: by_golden[row.golden_id] for row in part if row.golden_id in by_golden}
    return found


def _first(case: Case, rows: Sequence[PlanRow], verdict: str) -> None:
    there = [row for row in rows if row.op == Op.CREATE]
    _read(case, [row for row in rows if row.op != Op.CREATE], verdict)
    if there and verdict == APPROVED:
        pairs = [(case.hold.connection, str(row.golden_id)) for row in there]
        queue.enqueue(case.tx, pairs, case.now, case.hold.run_id)
    _create_there(case, there, verdict)


# --- what a hold counts ---------------------------------------------------------------------------------


def _count_of(name: str) -> Callable[[Sequence[PlanRow]], Mapping[str, int]]:
    return lambda rows: {name: len(rows)}


def _counts_read(rows: Sequence[PlanRow]) -> Mapping[str, int]:
    """New records, and changed ones."""
    counts = {"creates": 0, "updates": 0}
    for row in rows:
        if row.op == Op.CREATE:
            counts["creates"] += 1
        else:
            counts["updates" if row.op == "updated" else "creates"] += len(held_rows.records_of(row.mark))
    return counts


GATES: Mapping[str, Gate] = {
    "first": Gate(_first_now, _first, _counts_read),
    INTAKE: Gate(_read_now, _read, _counts_read),
    ABSENCE: Gate(_missing_now, _missing, _count_of("deletes")),
    "deletes": Gate(_gone_now, _gone, _count_of("deletes")),
    "push creates": Gate(_writes_now, _create_there, _count_of("creates")),
    "push deletes": Gate(_writes_now, _delete_there, _count_of("deletes")),
}
