"""What another model would change: contacts drawn at random are decided anew by the present model and by the other.

Each is taken apart into its source records, and they are placed among all they meet as if they had just arrived. What
differs between the two models is their doing, whatever happened to the contact since it was first decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from random import Random

from hub.dedupe.cluster import Evidence, Member, Ref, Verdict, explain, resolve, weight
from hub.dedupe.keys import blocking_keys
from hub.dedupe.sharing import People, of_values
from hub.dedupe.weigh import Model
from hub.store import keys as index
from hub.store import links
from hub.store.db import Store, Tx
from hub.sync.engine import CountedModel, chunks
from hub.sync.holders import people
from hub.sync.learn import draw_ids
from hub.sync.seen import Seen, seen_of

LOOKED_AT = 1_000  # records drawn; their contacts are decided anew
PART = 50  # of them decided together
EXAMPLES = 5  # of either kind

Advance = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Example:
    """Two records that would be one, or two, by the other model; bits and evidence by either."""

    change: str
    a: Ref
    b: Ref
    golden_a: str
    golden_b: str
    before: float
    after: float
    evidence_before: tuple[Evidence, ...]
    evidence_after: tuple[Evidence, ...]


@dataclass
class Outlook:
    """looked_at contacts of all; merged: would be one with another of them, split: would be taken apart.

    *_of_all  the same, estimated for all contacts
    """

    all: int
    looked_at: int = 0
    merged: int = 0
    split: int = 0
    merged_of_all: int = 0
    split_of_all: int = 0
    merges: list[Example] = field(default_factory=list)
    splits: list[Example] = field(default_factory=list)


Labels = Mapping[Ref, str | int]


@dataclass(frozen=True, slots=True)
class _Scene:
    """Contacts that are decided anew, and all that they meet."""

    own: Sequence[Seen]
    others: Sequence[Seen]
    pairs: Sequence[tuple[Ref, Ref]]
    verdicts: Mapping[frozenset[Ref], Verdict]
    people: People

    def decided(self, model: Model) -> Labels:
        """Record, met ones included → where it belongs: a golden id, or the number of a contact made anew."""
        newcomers = [Member(seen.ref, None, seen.features, there=seen.there) for seen in self.own]
        known = [seen.member() for seen in self.others]
        found = resolve(newcomers, known, self.pairs, self.verdicts, model, people=self.people)
        now = {merge.lost: merge.kept for merge in found.merges}
        homes: dict[Ref, str | int] = {seen.ref: seen.golden_id for seen in self.others}
        homes |= found.joins
        return {ref: now.get(home, home) if isinstance(home, str) else home for ref, home in homes.items()}


def foresee(store: Store, old: Model, new: Model, *, seed: int = 1, advance: Advance = lambda _: None) -> Outlook:
    """What using `new` in the place of `old` would change, from a bounded number of contacts."""
    rng = Random(seed)  # noqa: S311  which contacts are drawn is no secret
    with store.read() as tx:
        ids, _ = draw_ids(tx, rng, LOOKED_AT)
        row = tx.one("SELECT count(DISTINCT golden_id) FROM record")
        tally = _Tally(Outlook(int(row[0]) if row else 0), CountedModel().of(tx, old), CountedModel().of(tx, new))
        done = 0
        for part in chunks(ids, PART):
            scene = _scene(tx, part, tally.homes)
            if scene.own:
                tally.compare(scene)
            done += len(part)
            advance(done / len(ids))
    return tally.result()


def _scene(tx: Tx, ids: Sequence[int], known: set[str]) -> _Scene:
    """The contacts of these records that were not looked at before, with everybody they meet."""
    homes = {look.golden_id for look in links.looks(tx, ids)} - known
    known |= homes
    own = seen_of(tx, links.looks_of(tx, sorted(homes)))
    keys = {seen.id: blocking_keys(seen.features) for seen in own}
    holders, hot = index.candidates(tx, sorted({key for found in keys.values() for key in found}))
    mine = {seen.id: seen for seen in own}
    near = {number for group in holders.values() for number in group} - mine.keys()
    others = seen_of(tx, links.looks_of(tx, sorted({look.golden_id for look in links.looks(tx, sorted(near))} - homes)))
    refs = {seen.id: seen.ref for seen in (*own, *others)}
    met = {
        (a, b) if a < b else (b, a)
        for group in holders.values()
        for a, b in combinations(group, 2)
        if (a in mine or b in mine) and a in refs and b in refs
    }
    said = links.verdicts(tx, refs)
    verdicts = {
        frozenset((refs[a], refs[b])): Verdict(answer) for (a, b), answer in said.items() if a in refs and b in refs
    }
    values = {key for seen in own for key in of_values(seen.features, keys[seen.id])}
    shared = {key: holders[key] for key in values & holders.keys()}
    held = people(tx, shared, values & hot, {seen.id: seen for seen in (*own, *others)}, ())
    return _Scene(own, others, sorted((refs[a], refs[b]) for a, b in met), verdicts, held)


class _Tally:
    """Counts contacts by what would become of them. A large one is drawn more often, and counts less for that."""

    def __init__(self, outlook: Outlook, old: Model, new: Model) -> None:
        self.outlook, self.old, self.new = outlook, old, new
        self.homes: set[str] = set()
        self.weight = self.merged = self.split = 0.0

    def compare(self, scene: _Scene) -> None:
        before, after = scene.decided(self.old), scene.decided(self.new)
        members: dict[str, list[Seen]] = {}
        for seen in scene.own:
            members.setdefault(seen.golden_id, []).append(seen)
        there: dict[str | int, list[Seen]] = {}
        for seen in (*scene.own, *scene.others):
            there.setdefault(after[seen.ref], []).append(seen)
        for home in members.values():
            self._compare(home, before, after, there)

    def _compare(
        self, home: Sequence[Seen], before: Labels, after: Labels, there: Mapping[str | int, Sequence[Seen]]
    ) -> None:
        share = 1.0 / len(home)
        self.outlook.looked_at += 1
        self.weight += share
        apart = [
            (a, b) for a, b in combinations(home, 2) if before[a.ref] == before[b.ref] and after[a.ref] != after[b.ref]
        ]
        joined = [
            (a, b)
            for a in home
            for b in there[after[a.ref]]
            if b.golden_id != a.golden_id and before[a.ref] != before[b.ref]
        ]
        if apart:
            self.outlook.split += 1
            self.split += share
            self._show(self.outlook.splits, "split", min(apart, key=self._weight), 1)
        if joined:
            self.outlook.merged += 1
            self.merged += share
            self._show(self.outlook.merges, "merge", max(joined, key=self._weight), -1)

    def _weight(self, pair: tuple[Seen, Seen]) -> float:
        return weight(pair[0].features, pair[1].features, self.new)

    def _show(self, examples: list[Example], change: str, pair: tuple[Seen, Seen], sign: int) -> None:
        """Keeps the strongest."""
        a, b = sorted(pair, key=lambda seen: seen.ref)
        if any({a.golden_id, b.golden_id} == {known.golden_a, known.golden_b} for known in examples):
            return
        both = a.features, b.features
        examples.append(
            Example(
                change,
                a.ref,
                b.ref,
                a.golden_id,
                b.golden_id,
                round(weight(*both, self.old), 2),
                round(weight(*both, self.new), 2),
                tuple(explain(*both, self.old)),
                tuple(explain(*both, self.new)),
            )
        )
        examples.sort(key=lambda example: (sign * example.after, example.a, example.b))
        del examples[EXAMPLES:]

    def result(self) -> Outlook:
        found = self.outlook
        if self.weight:
            found.merged_of_all = round(self.merged / self.weight * found.all)
            found.split_of_all = round(self.split / self.weight * found.all)
        return found
