"""A hold decided in part: some rows of its plan approved or refused, the others go on waiting.

Each row has a mark of what was looked at. One that has changed since is not decided: it is shown as it is now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from hub.errors import ConfigError, NotThere
from hub.model import LinkState
from hub.store import links as db
from hub.store import lists, work
from hub.store.audit import note
from hub.store.db import Tx
from hub.store.lists import HoldRow, PlanRow, RowFilter
from hub.sync import held_rows
from hub.sync.clusters import Clusters
from hub.sync.desk import open_hold
from hub.sync.engine import Hub
from hub.sync.held_rows import Row

COUNTED = {"deletes": "deletes", "push creates": "creates", "push deletes": "deletes"}
"""Gates whose rows are decided one by one → what their hold counts."""
NAMED = 100  # numbers of rows that a row of the audit names
APPROVED, REFUSED, GONE = "approved", "refused", "overtaken"


@dataclass(frozen=True, slots=True)
class Decided:
    """rows: numbers of those that were decided; moved: of those that have changed since, and were not

    hold  as it is now
    """

    hold: HoldRow
    rows: tuple[int, ...]
    moved: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Case:
    """One decision under way."""

    hub: Hub
    tx: Tx
    hold: HoldRow
    person: str
    now: float


def decide_rows(hub: Hub, number: int, chosen: RowFilter, verdict: str, person: str, now: float) -> Decided:
    """Approve or refuse some rows of an open hold; the rest waits on.

    verdict  "approved": the next run carries them out. "refused": a contact is not made there until it changes; a
             deletion is not carried on to the other systems, or not made there
    NotThere, Overtaken, ConfigError: no such hold or row; it is decided already; it is decided as a whole only.
    """
    with hub.store.write() as tx:
        hold = open_hold(tx, number, None)
        if hold.gate not in COUNTED:
            raise ConfigError(
                f"Hold {number} ({hold.gate}) is decided as a whole, so nothing was changed. Approve or refuse it."
            )
        rows = [row for row in lists.plan_rows_chosen(tx, number, chosen) if row.verdict is None]
        if not rows:
            raise NotThere(f"Hold {number} has no such row that waits, so nothing was changed. Look at it again.")
        case = _Case(hub, tx, hold, person, now)
        current = _as_they_are(case, rows)
        same = [row for row in rows if (found := current.get(row.number)) and found.get("mark") == row.mark]
        moved = [row for row in rows if row not in same]
        _show_again(case, moved, current)
        _APPLY[hold.gate](case, same, verdict)
        work.set_verdict(tx, number, [row.number for row in same], verdict)
        gone = sum(row.number not in current for row in moved)
        after = _reduced(case, len(same) + gone, is_refused=verdict == REFUSED)
        _note(case, verdict, same, moved)
    return Decided(after, tuple(row.number for row in same), tuple(row.number for row in moved))


# --- what each row would be now -----------------------------------------------------------------------


def _as_they_are(case: _Case, rows: Sequence[PlanRow]) -> dict[int, Row]:
    """Row number → the row as it would be described now; missing: it does not wait any more."""
    tx, hold = case.tx, case.hold
    if hold.gate == "deletes":
        links = db.links_of(tx, hold.connection, [row.subject for row in rows])
        doomed = [link for link in links.values() if link.state is LinkState.DOOMED]
        by_subject = {row["subject"]: row for row in held_rows.of_missing(doomed, "gone")}
        return {row.number: by_subject[row.subject] for row in rows if row.subject in by_subject}
    op = "create" if hold.gate == "push creates" else "delete"
    waiting = work.still_waiting(tx, hold.connection, op, [row.golden_id for row in rows if row.golden_id])
    found = held_rows.of_queue(tx, case.hub.routes[hold.connection], op, waiting)
    by_golden = {row["golden_id"]: row for row in found}
    return {row.number: by_golden[row.golden_id] for row in rows if row.golden_id in by_golden}


def _show_again(case: _Case, moved: Sequence[PlanRow], current: Mapping[int, Row]) -> None:
    for row in moved:
        if row.number in current:
            work.replace_plan_row(case.tx, case.hold.number, row.number, current[row.number])
    gone = [row.number for row in moved if row.number not in current]
    work.set_verdict(case.tx, case.hold.number, gone, GONE)


# --- what a decision does -------------------------------------------------------------------------------


def _creates(case: _Case, rows: Sequence[PlanRow], verdict: str) -> None:
    ids = [str(row.golden_id) for row in rows]
    if verdict == APPROVED:
        work.agree(case.tx, case.hold.connection, ids)
        return
    versions = [(str(row.golden_id), int(row.mark or 0)) for row in rows]
    work.decline(case.tx, case.hold.connection, versions, case.person, case.now)
    work.dequeue(case.tx, case.hold.connection, ids)


def _deletes_there(case: _Case, rows: Sequence[PlanRow], verdict: str) -> None:
    """Refused: the contact lives on, in every system where it has not been deleted yet."""
    ids = [str(row.golden_id) for row in rows]
    if verdict == APPROVED:
        work.agree(case.tx, case.hold.connection, ids)
        return
    clusters = Clusters(case.hub, case.tx, case.hold.run_id, case.now)
    clusters.load(ids)
    for cluster in clusters:
        cluster.golden.state = "live"
        cluster.touched = cluster.joined = cluster.revived = True
        cluster.kind = f"deletion refused by {case.person}"
    clusters.settle()


def _gone(case: _Case, rows: Sequence[PlanRow], verdict: str) -> None:
    """The next run of the connection acts on the verdict: only who holds its lease may."""


_APPLY: Mapping[str, Callable[[_Case, Sequence[PlanRow], str], None]] = {
    "push creates": _creates,
    "push deletes": _deletes_there,
    "deletes": _gone,
}


def _reduced(case: _Case, n: int, *, is_refused: bool) -> HoldRow:
    """The hold with what is left to decide; closed when nothing is."""
    name = COUNTED[case.hold.gate]
    left = max(0, case.hold.counts.get(name, 0) - n)
    after = replace(case.hold, counts={**case.hold.counts, name: left})
    if not left:
        all_refused = is_refused and not lists.has_verdict(case.tx, case.hold.number, APPROVED)
        state = REFUSED if all_refused else APPROVED
        after = replace(after, state=state, person=case.person, decided_at=case.now)
    work.decide_in_part(case.tx, after.number, after.counts, after.state, after.person, after.decided_at)
    return after


def _note(case: _Case, verdict: str, same: Sequence[PlanRow], moved: Sequence[PlanRow]) -> None:
    said = {
        "connection": case.hold.connection,
        "gate": case.hold.gate,
        "records": len(same),
        "rows": [row.number for row in same[:NAMED]],
        "changed since": len(moved),
    }
    note(case.tx, case.person, f"hold {verdict} in part", f"hold {case.hold.number}", said, at=case.now)
