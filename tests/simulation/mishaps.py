"""What the operators of a system do with it behind the hub's back: backups put back, and records made one."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hub.store import links
from hub.sync.joining import say
from tests.simulation.people import Person
from tests.simulation.systems import System

if TYPE_CHECKING:
    from tests.simulation.history import History

NIGHT = (10_000.0, 30_000.0)  # seconds before and after a backup in which nobody does anything


def back_up(history: History) -> None:
    """A system is backed up, at night."""
    rng = history.world.rng
    system = history.systems[rng.choice(history.names)]
    history.world.now += rng.uniform(*NIGHT)
    system.back_up()
    history.world.now += rng.uniform(*NIGHT)
    history.world.say(f"{system.name} is backed up: {sorted(system.rows)}")


def put_back(history: History) -> None:
    """A system goes back to its backup. What nobody but it had heard of is lost by that, and by nothing else."""
    rng = history.world.rng
    backed_up = [s for s in history.systems.values() if s.backup is not None]
    if not backed_up:
        return
    system = rng.choice(backed_up)
    people = history.people
    before = {p.number: people.row_of(p, system) for p in people.everybody}
    unheard = {p.number for p in people.everybody if not history.checks.saw(p, system)}
    anew, refuses, is_told = rng.random() < 0.5, rng.random() < 0.5, rng.random() < 0.5
    system.put_back(anew=anew, refuses=refuses)
    system.backup = None
    history.world.hits["put_back"] += 1
    history.world.say(f"! {system.name} is put back: {anew=} {refuses=} {is_told=} {sorted(system.rows)}")
    if is_told:
        history.told.add(system.name)
    for person in people.everybody:
        if person.number in unheard:
            person.unsure = True
        row = people.row_of(person, system)
        if row is not None and before[person.number] is None:
            person.deleted_in.discard(system.name)
            person.back = True


def make_one(history: History) -> None:
    """Two records of somebody become one in their system, or those of two people do."""
    if history.world.rng.random() < 0.7:
        _of_one(history)
    else:
        _of_two(history)


def _settled(history: History) -> list[Person]:
    everybody = history.people.everybody
    return [p for p in everybody if not p.erased and not p.deleted_in and not p.merged_in and history.checks.agrees(p)]


def _rows(person: Person, system: System) -> list[str]:
    return [i for i, row in system.rows.items() if row.fields["mail"] == person.mail]


def _of_one(history: History) -> None:
    rng = history.world.rng
    there = [p for p in history.people.everybody if not p.erased and not p.deleted_in and history.checks.is_known(p)]
    found = [(p, s) for p in there for s in history.systems.values() if len(_rows(p, s)) > 1]
    if not found:
        return
    person, system = rng.choice(found)
    keep, lose = _rows(person, system)[:2]  # people edit the first: what is new is in it
    if not history.checks.agrees(person):
        person.unsure = True  # what was outdated in the one, and is filled into the other, is an edit of the system
    elif _chance(rng):
        keep, lose = lose, keep
    _merge(history, system, keep, lose, person)
    with history.store.read() as tx:
        if links.golden_ids(tx, system.name, [lose]):  # what the hub has made and heard no answer of it does not know
            person.merged[system.name] = lose


def _of_two(history: History) -> None:
    rng = history.world.rng
    system = history.systems[rng.choice(history.names)]
    found = [p for p in _settled(history) if len(_rows(p, system)) == 1 and history.checks.is_known(p)]
    if len(found) < 2:
        return
    kept, lost = rng.sample(found, 2)
    [keep], [lose] = _rows(kept, system), _rows(lost, system)
    if lose in system.heirs.values():
        return  # who gave way to it before would be gone with it, and nobody could tell why
    if rng.random() < 0.5:
        _said_different(history, system, keep, lose)
    answers = _merge(history, system, keep, lose, kept)
    edits = history.people.shared_edits
    edits.setdefault(kept.number, set()).update(edits.get(lost.number, ()))
    if system.kind.can.tombstones or answers:
        lost.merged_in.add(system.name)
    else:  # nothing tells it from a deletion
        lost.deleted_in.add(system.name)
        lost.erased = lost.erased or system.name in history.propagates


def _merge(history: History, system: System, keep: str, lose: str, kept: Person) -> bool:
    """Whether the one that gave way is answered with the other."""
    answers = system.kind.can.read and _chance(history.world.rng)
    history.world.hits["merged"] += 1
    history.world.say(f"! {system.name}: {lose} is merged into {keep}, {answers=}")
    if system.merge(keep, lose, answers=answers):
        kept.unsure = True  # a second writer of these fields: where both are read at once, their clocks decide
    return answers


def _said_different(history: History, system: System, one: str, other: str) -> None:
    with history._tx() as tx:
        found = links.links_of(tx, system.name, [one, other])
        if len(found) == 2:
            say(tx, found[one], found[other], "different", "operator", history.world.now)


def _chance(rng: Random) -> bool:
    return rng.random() < 0.5
