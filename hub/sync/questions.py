"""Open questions of matching, weighed again when what they are about has changed.

A question is asked by the evidence of its day. Later a record of either side changes, another one joins, or names turn
out to be common: what is no doubt any more is asked no more, and two golden records are asked about once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from hub.dedupe.cluster import Ask, Resolution, Verdict, explain, resolve
from hub.dedupe.compare import LEVELS
from hub.dedupe.weigh import Model
from hub.store import links as db
from hub.store.db import Tx, dumps
from hub.sync.engine import Hub, Run
from hub.sync.holders import people_around
from hub.sync.seen import Seen, seen_of

AT_ONCE: Final = 50  # questions weighed in one transaction: others write between two
GROWTH: Final = 8  # a run that brings an eighth of what the connection holds changes what names are worth

Sides = tuple[str, str]


class Question(NamedTuple):
    """The record ids of an open question, and the golden records they are in."""

    number: int
    a: int
    b: int
    home_a: str
    home_b: str

    @property
    def sides(self) -> Sides:
        return _sides(self.home_a, self.home_b)


def _sides(one: str, other: str) -> Sides:
    return (one, other) if one < other else (other, one)


def ask_afresh(hub: Hub, run: Run) -> None:
    """Weigh the questions again that are about what this run has saved; all of them after a large one."""
    saved = run.counts.get("creates", 0)
    if not saved and not run.counts.get("updates", 0):
        return
    with hub.store.read() as tx:
        found = _open(tx, hub.model, None if saved * GROWTH > run.population else run.homes)
    for some in _chunks(_kept_together(found)):
        with hub.store.write(run.fence) as tx:
            _weigh(tx, hub.matching(tx), some)


_OPEN: Final = (
    "SELECT q.id, q.record_a, q.record_b, a.golden_id, b.golden_id FROM ask q"
    " JOIN record a ON a.id = q.record_a JOIN record b ON b.id = q.record_b"
    " WHERE q.state = 'open' AND q.weight < :join AND a.golden_id <> b.golden_id"
)
_ABOUT: Final = (
    " AND q.id IN (SELECT x.id FROM record r JOIN ask x ON x.record_a = r.id WHERE r.golden_id IN :*homes"
    " UNION SELECT y.id FROM record s JOIN ask y ON y.record_b = s.id WHERE s.golden_id IN :*homes)"
)


def _open(tx: Tx, model: Model, homes: Iterable[str] | None) -> list[Question]:
    """Those that matching was in doubt about; homes: and that are about one of these golden records.

    Other questions have reasons of their own: a merge above the limit, a record that its system merged.
    """
    if homes is None:
        rows = tx.all(f"{_OPEN} ORDER BY q.id", join=model.join)
    else:
        rows = tx.all(f"{_OPEN}{_ABOUT} ORDER BY q.id", join=model.join, homes=sorted(homes))
    return [Question(*row) for row in rows]


def _kept_together(found: Sequence[Question]) -> Iterator[list[Question]]:
    """Questions that share a golden record: who claims one of two weighs in on the other."""
    group: dict[str, list[Question]] = {}
    for question in found:
        ours = group.get(question.home_a) or group.get(question.home_b) or []
        for home in question.sides:
            theirs = group.get(home)
            if theirs is not None and theirs is not ours:
                ours.extend(theirs)
                group.update(dict.fromkeys([side for one in theirs for side in one.sides], ours))
        ours.append(question)
        group.update(dict.fromkeys(question.sides, ours))
    yield from {id(questions): questions for questions in group.values()}.values()


def _chunks(groups: Iterable[list[Question]]) -> Iterator[list[Question]]:
    waiting: list[Question] = []
    for group in groups:
        waiting += group
        if len(waiting) >= AT_ONCE:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _weigh(tx: Tx, model: Model, questions: Sequence[Question]) -> None:
    homes = {home for question in questions for home in question.sides}
    looks, told = db.judged(tx, homes)
    seen = {look.id: look for look in seen_of(tx, looks)}
    there = [q for q in questions if q.a in seen and q.b in seen and seen[q.a].golden_id != seen[q.b].golden_id]
    refs = {number: look.ref for number, look in seen.items()}
    found = resolve(
        [],
        [look.member() for look in seen.values()],
        sorted((refs[q.a], refs[q.b]) for q in there),
        {frozenset((refs[a], refs[b])): Verdict(said) for (a, b), said in told.items() if a in refs and b in refs},
        model,
        people=people_around(tx, seen, {number for q in there for number in (q.a, q.b)}, model),
    )
    _settle(tx, model, there, seen, found)


def _settle(tx: Tx, model: Model, questions: Sequence[Question], seen: Mapping[int, Seen], found: Resolution) -> None:
    """One question stays for two golden records in doubt; what is about to be one is left to the next change."""
    homes = {look.ref: look.golden_id for look in seen.values()}
    asked: dict[Sides, Ask] = {_sides(homes[ask.ref_a], homes[ask.ref_b]): ask for ask in found.asks}
    merged = {home for merge in found.merges for home in (merge.kept, merge.lost)}
    gone, kept = [], []
    for question in questions:
        sides = _sides(seen[question.a].golden_id, seen[question.b].golden_id)
        ask = asked.pop(sides, None)
        if ask is not None:
            lines = explain(seen[question.a].features, seen[question.b].features, model)
            evidence = dumps([line for line in lines if line.field in LEVELS])
            kept.append((ask.weight_bits, evidence, question.number))
        elif merged.isdisjoint(sides):
            gone.append(question.number)
    if kept:
        tx.many("UPDATE ask SET weight = ?, evidence = ? WHERE id = ?", kept)
    if gone:
        tx.run("UPDATE ask SET state = 'withdrawn' WHERE state = 'open' AND id IN :*ids", ids=gone)
