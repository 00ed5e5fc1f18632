"""A hold decided in part: some rows of its plan approved or refused, the others go on waiting.

Each row has a mark of what was looked at. One that has changed since is not decided: it is shown as it is now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hub.errors import NotThere, Overtaken
from hub.store import connections, holds, lists, rulings
from hub.store.audit import note
from hub.store.db import Store, Tx
from hub.store.links import forget_fingerprints
from hub.store.lists import HoldRow, PlanRow, RowFilter
from hub.store.rulings import APPROVED, REFUSED
from hub.sync.desk import open_hold
from hub.sync.engine import Hub, chunks
from hub.sync.held_rows import Row
from hub.sync.part_gates import BATCH, GATES, Case

NAMED = 100  # numbers of rows that a row of the audit names
GONE = "overtaken"


@dataclass(frozen=True, slots=True)
class Decided:
    """rows: numbers of those that were decided; moved: of those that have changed since, and were not

    hold  as it is now
    """

    hold: HoldRow
    rows: tuple[int, ...]
    moved: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says of some rows. seen: how many such rows the person has looked at"""

    verdict: str
    person: str
    seen: int | None = None


def decide_rows(hub: Hub, number: int, chosen: RowFilter, said: Said, now: float) -> Decided:
    """Approve or refuse some rows of an open hold; the rest waits on.

    verdict  "approved": the next run carries them out. "refused": what was read is kept out until it changes; a
             missing record counts as there; a contact is not made there until it changes; a deletion is not carried on
             to the other systems, or not made there
    NotThere, Overtaken: no such hold or row; it is decided already; there are others than were seen.
    """
    with hub.store.write() as tx:
        case = Case(hub, tx, open_hold(tx, number, None), said.person, now)
        rows = _waiting(tx, number, chosen, said.seen)
        gate = GATES[case.hold.gate]
        current = gate.now(case, rows)
        same = [row for row in rows if (found := current.get(row.number)) and found.get("mark") == row.mark]
        there = {row.number for row in same}
        moved = [row for row in rows if row.number not in there]
        _show_again(case, moved, current)
        gate.act(case, same, said.verdict)
        holds.set_verdict(tx, number, [row.number for row in same], said.verdict)
        gone = [row for row in moved if row.number not in current]
        after = _reduced(case, gate.counts([*same, *gone]), is_refused=said.verdict == REFUSED)
        _note(case, said.verdict, same, moved)
    missed = {*(chosen.numbers or ())} - {row.number for row in rows} - _decided(hub, number)
    return Decided(after, tuple(row.number for row in same), (*(row.number for row in moved), *sorted(missed)))


def ask_again(store: Store, number: int, person: str, now: float) -> int:
    """What was refused of a hold, and is kept out or counts as there since, is asked again. How many records.

    Its connection lists everything at its next run. NotThere: nothing of it is refused any more.
    """
    with store.write() as tx:
        refused = rulings.refused_of(tx, number)
        if not refused:
            raise NotThere(f"Nothing of hold {number} is kept out, so nothing was changed. See `hub held list --all`.")
        for gate in (rulings.INTAKE, rulings.ABSENCE):
            for connection in sorted({name for name, of, _ in refused if of == gate}):
                ids = [i for name, of, i in refused if (name, of) == (connection, gate)]
                for part in chunks(ids, BATCH):
                    rulings.drop(tx, connection, gate, part)
                    forget_fingerprints(tx, connection, part)
                connections.mark(tx, connection, full_at=None, cursor=None)
        said = {"connection": refused[0][0], "records": len(refused)}
        note(tx, person, "refused asked again", f"hold {number}", said, at=now)
    return len(refused)


def _waiting(tx: Tx, number: int, chosen: RowFilter, seen: int | None) -> list[PlanRow]:
    rows = [row for row in lists.plan_rows_chosen(tx, number, chosen) if row.waits]
    if not rows:
        raise NotThere(f"Hold {number} has no such row that waits, so nothing was changed. Look at it again.")
    if seen is not None and seen != len(rows):
        raise Overtaken(f"There are {len(rows)} such rows by now, so nothing was changed. Look at them again.")
    return rows


def _decided(hub: Hub, number: int) -> set[int]:
    """Rows of a hold that are there and not waiting: decided before."""
    with hub.store.read() as tx:
        return set(lists.plan_numbers(tx, number))


def _show_again(case: Case, moved: Sequence[PlanRow], current: Mapping[int, Row]) -> None:
    for row in moved:
        if row.number in current:
            holds.replace_plan_row(case.tx, case.hold.number, row.number, current[row.number])
    gone = [row.number for row in moved if row.number not in current]
    holds.set_verdict(case.tx, case.hold.number, gone, GONE)


def _reduced(case: Case, decided: Mapping[str, int], *, is_refused: bool) -> HoldRow:
    """The hold with what is left to decide; closed when nothing is."""
    tx, hold = case.tx, case.hold
    counts = {name: max(0, n - decided.get(name, 0)) for name, n in hold.counts.items()}
    after = replace(hold, counts=counts)
    if not _is_left(case, counts, decided):
        all_refused = is_refused and not lists.has_verdict(tx, hold.number, APPROVED)
        state = REFUSED if all_refused else APPROVED
        after = replace(after, state=state, person=case.person, decided_at=case.now)
        rulings.end_waiting(tx, hold.connection, rulings.INTAKE)
        if hold.gate == "first" and state == APPROVED:
            connections.mark(tx, hold.connection, started_at=case.now)
    holds.decide_in_part(tx, after.number, after.counts, after.state, after.person, after.decided_at)
    return after


def _is_left(case: Case, counts: Mapping[str, int], decided: Mapping[str, int]) -> bool:
    """What was read has no count of its rows: those that are kept tell. All else counts what waits."""
    if case.hold.gate in ("first", rulings.INTAKE):
        return holds.rows_left(case.tx, case.hold.number)
    return any(counts.get(name, 0) for name in decided)


def _note(case: Case, verdict: str, same: Sequence[PlanRow], moved: Sequence[PlanRow]) -> None:
    said = {
        "connection": case.hold.connection,
        "gate": case.hold.gate,
        "records": len(same),
        "rows": [row.number for row in same[:NAMED]],
        "changed since": len(moved),
    }
    note(case.tx, case.person, f"hold {verdict} in part", f"hold {case.hold.number}", said, at=case.now)
