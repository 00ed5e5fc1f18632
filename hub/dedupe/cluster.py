"""Which records are one person: join a golden record, start a new one, or ask.

The decision is about clusters. Two clusters are one when what speaks for it outweighs what speaks against:

- contact values (email, phone, address, company) count by the best pair of records across the two clusters
- what a person is (names, birth date, tax id, generation) counts by the average over all pairs that say
  something, so that no single weak link outvotes a household full of contradictions
- a person's "different" across the two forbids it, a person's "same" decides it

Pure, and independent of the order of newcomers, known members and pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heapify, heappop, heappush
from itertools import chain
from math import inf
from typing import Any, Final, NamedTuple, TypeAlias

from hub.dedupe.compare import LEVELS, compare
from hub.dedupe.features import ORGANISATION, Features
from hub.dedupe.weigh import CONTACT, DEFAULT, FIELDS, Bits, Model, bits, household

Ref: TypeAlias = tuple[str, str]
HOPELESS: Final = 4.0  # bits below the band in which a person is asked
MOST_COMPARED: Final = 8  # records of a cluster that are compared with those of another
_MEAN: Final = tuple(at for at in range(len(FIELDS)) if at not in CONTACT)


class Verdict(StrEnum):
    """What a person said of two records; outranks the model."""

    SAME = "same"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Member:
    """A source record that takes part. golden_id is None for a newcomer without a golden record."""

    ref: Ref
    golden_id: str | None
    features: Features


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line of an explanation: a field, how alike it came out, and what that is worth."""

    field: str
    level: str
    bits: float


@dataclass(frozen=True, slots=True)
class Ask:
    """Two records, one of each cluster, that a person should look at."""

    ref_a: Ref
    ref_b: Ref
    weight_bits: float
    evidence: tuple[Evidence, ...]


class Merge(NamedTuple):
    """Two golden records that turned out to be one."""

    kept: str
    lost: str
    weight_bits: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Resolution:
    """joins  every newcomer without a golden record → the golden id it joins, or the number of a new one"""

    joins: dict[Ref, str | int]
    merges: list[Merge]
    asks: list[Ask]


def resolve(
    newcomers: Sequence[Member],
    known: Sequence[Member],
    pairs: Iterable[tuple[Ref, Ref]],
    verdicts: Mapping[frozenset[Ref], Verdict],
    model: Model = DEFAULT,
    golden_age: Mapping[str, Any] | None = None,
) -> Resolution:
    """Where the newcomers of a page belong, which golden records are one, and what to ask.

    newcomers   records of the page; with a golden id: known ones whose fields changed
    known       all members of every golden record that a newcomer met
    pairs       records that met by a blocking key; refs that are neither newcomer nor known are passed over
    golden_age  golden id → anything that sorts older before newer; the older id is kept of two equal ones
    """
    met = list(pairs)
    table = _Table(_not_alone(newcomers, met, verdicts), known, verdicts, model)
    table.join_same()
    table.join_alike(met)
    return Resolution(table.joins(newcomers, golden_age or {}), table.merges(golden_age or {}), table.asks())


def _not_alone(
    newcomers: Sequence[Member], pairs: Iterable[tuple[Ref, Ref]], verdicts: Mapping[frozenset[Ref], Verdict]
) -> list[Member]:
    """The newcomers that anything may happen to: of most of a first load there is nobody else to compare with."""
    touched = {*chain.from_iterable(pairs), *chain.from_iterable(verdicts)}
    return [member for member in newcomers if member.golden_id is not None or member.ref in touched]


def explain(a: Features, b: Features, model: Model = DEFAULT) -> list[Evidence]:
    """What speaks for and against two records being one: a line for each field known, then the prior."""
    lines = [*_evidence(a, b, model)]
    if discount := household(_pair_bits(a, b, model)):
        lines.append(Evidence("household", "explains what is shared", round(discount, 2)))
    return [*lines, Evidence("prior", "they met by a key", model.prior)]


def weight(a: Features, b: Features, model: Model = DEFAULT) -> float:
    """Evidence in bits that two records are one, prior included: the sum of what `explain` lists."""
    found = _pair_bits(a, b, model)
    return sum(found) + household(found) + model.prior


def promising(a: Features, b: Features, model: Model = DEFAULT) -> bool:
    """Whether two records that met may bring their clusters together: what else the clusters hold cannot make up
    for more than `HOPELESS` bits."""
    return weight(a, b, model) >= model.ask - HOPELESS


def _pair_bits(a: Features, b: Features, model: Model) -> Bits:
    return bits(compare(a, b), model, organisations=ORGANISATION in (a.kind, b.kind))


def _evidence(a: Features, b: Features, model: Model) -> tuple[Evidence, ...]:
    levels = compare(a, b)
    found = bits(levels, model, organisations=ORGANISATION in (a.kind, b.kind))
    lines = zip(FIELDS, levels.levels(), found, strict=True)
    return tuple(Evidence(name, LEVELS[name][level], round(value, 2)) for name, level, value in lines if level)


@dataclass(slots=True, eq=False)
class _Part:
    """A cluster in the making: places of its members in the table, and its golden ids with their sizes."""

    members: list[int]
    golden: dict[str, int]
    near: set[int] = field(default_factory=set)


Edge: TypeAlias = tuple[float, int, int, int, int]  # minus the weight, first members, numbers of the parts


class _Table:
    """Members in the order of their refs, and the parts they are gathered in."""

    def __init__(
        self,
        newcomers: Sequence[Member],
        known: Sequence[Member],
        verdicts: Mapping[frozenset[Ref], Verdict],
        model: Model,
    ) -> None:
        by_ref = {member.ref: member for member in (*known, *newcomers)}
        self.model = model
        self.refs = sorted(by_ref)
        self.place = {ref: at for at, ref in enumerate(self.refs)}
        self.features = [by_ref[ref].features for ref in self.refs]
        self.same, self.different = self._placed(verdicts)
        self.bits: dict[tuple[int, int], Bits] = {}
        self.links: dict[str, tuple[float, int, int]] = {}
        self.unused = len(self.refs)
        self.weights: dict[tuple[int, int], float] = {}
        self.parts: dict[int, _Part] = {}
        self.part_of: list[int] = [0] * len(self.refs)
        self._found_parts([by_ref[ref].golden_id for ref in self.refs])

    def _placed(self, verdicts: Mapping[frozenset[Ref], Verdict]) -> tuple[list[tuple[int, int]], dict[int, set[int]]]:
        same: list[tuple[int, int]] = []
        different: dict[int, set[int]] = {}
        for refs, verdict in verdicts.items():
            places = sorted(self.place[ref] for ref in refs if ref in self.place)
            if len(places) != 2:
                continue
            one, other = places
            if verdict == Verdict.SAME:
                same.append((one, other))
            else:
                different.setdefault(one, set()).add(other)
                different.setdefault(other, set()).add(one)
        return sorted(same), different

    def _found_parts(self, golden_ids: Sequence[str | None]) -> None:
        of_golden: dict[str, int] = {}
        for at, golden_id in enumerate(golden_ids):
            if golden_id is None:
                self.parts[at] = _Part([at], {})
                self.part_of[at] = at
                continue
            number = of_golden.setdefault(golden_id, at)
            self.part_of[at] = number
            if number == at:
                self.parts[at] = _Part([at], {golden_id: 1})
            else:
                self.parts[number].members.append(at)
                self.parts[number].golden[golden_id] += 1

    # --- joining ---

    def join_same(self) -> None:
        """A person's "same", first come first served by ref where it runs into a "different"."""
        for one, other in self.same:
            p, q = self.part_of[one], self.part_of[other]
            if p != q and not self._forbidden(self.parts[p], self.parts[q]):
                self._join(p, q, 0.0)

    def join_alike(self, pairs: Iterable[tuple[Ref, Ref]]) -> None:
        """The strongest link first, until none is left that speaks for one person."""
        for ref_a, ref_b in pairs:
            one, other = self.place.get(ref_a), self.place.get(ref_b)
            if one is not None and other is not None:
                p, q = self.part_of[one], self.part_of[other]
                if p != q and self._is_promising(one, other):
                    self.parts[p].near.add(q)
                    self.parts[q].near.add(p)
        heap = [edge for p in self.parts for q in self.parts[p].near if p < q and (edge := self._edge(p, q))]
        heapify(heap)
        while heap:
            minus, _, _, p, q = heappop(heap)
            if p not in self.parts or q not in self.parts:
                continue
            joined = self._join(p, q, -minus)
            for near in self.parts[joined].near:
                if edge := self._edge(joined, near):
                    heappush(heap, edge)

    def _edge(self, p: int, q: int) -> Edge | None:
        weight_bits = self._weight(p, q)
        if weight_bits < self.model.join:
            return None
        first, second = sorted((self.parts[p].members[0], self.parts[q].members[0]))
        return -round(weight_bits, 6), first, second, p, q

    def _join(self, p: int, q: int, weight_bits: float) -> int:
        """The two parts as one, under a number that was never used."""
        one, other = self.parts.pop(p), self.parts.pop(q)
        if one.golden and other.golden:
            at, to = sorted(self._best_pair(one, other))
            link = (round(weight_bits, 2), at, to)
            for golden_id in (*one.golden, *other.golden):
                self.links.setdefault(golden_id, link)
        number = self.unused
        self.unused += 1
        joined = _Part(sorted(one.members + other.members), {**one.golden, **other.golden})
        joined.near = (one.near | other.near) - {p, q}
        self.parts[number] = joined
        for place in joined.members:
            self.part_of[place] = number
        for near in joined.near:
            part = self.parts[near]
            part.near -= {p, q}
            part.near.add(number)
        return number

    # --- weighing ---

    def _weight(self, p: int, q: int) -> float:
        """As `_weigh`, once for each two parts: a part that grows gets another number."""
        pair = (p, q) if p < q else (q, p)
        if pair not in self.weights:
            self.weights[pair] = self._weigh(*pair)
        return self.weights[pair]

    def _weigh(self, p: int, q: int) -> float:
        """Bits that speak for two parts being one, prior included; minus infinity where it is forbidden."""
        one, other = self.parts[p], self.parts[q]
        if self._forbidden(one, other):
            return -inf
        best = [-inf] * len(FIELDS)
        total = [0.0] * len(FIELDS)
        count = [0] * len(FIELDS)
        for at in one.members[:MOST_COMPARED]:
            for to in other.members[:MOST_COMPARED]:
                found = self._bits(at, to)
                for number in CONTACT:
                    if found[number] and found[number] > best[number]:
                        best[number] = found[number]
                for number in _MEAN:
                    if found[number]:
                        total[number] += found[number]
                        count[number] += 1
        for number in _MEAN:
            best[number] = total[number] / count[number] if count[number] else 0.0
        known = [value if value > -inf else 0.0 for value in best]
        return sum(known) + household(known) + self.model.prior

    def _bits(self, at: int, to: int) -> Bits:
        pair = (at, to) if at < to else (to, at)
        found = self.bits.get(pair)
        if found is None:
            found = self.bits[pair] = _pair_bits(self.features[pair[0]], self.features[pair[1]], self.model)
        return found

    def _is_promising(self, at: int, to: int) -> bool:
        found = self._bits(at, to)
        return sum(found) + household(found) + self.model.prior >= self.model.ask - HOPELESS

    def _forbidden(self, one: _Part, other: _Part) -> bool:
        if self.different:
            theirs = set(other.members)
            if any(not theirs.isdisjoint(self.different.get(at, ())) for at in one.members):
                return True
        if self.model.apart:
            systems = {self.refs[at][0] for at in one.members} & self.model.apart
            return any(self.refs[at][0] in systems for at in other.members)
        return False

    def _best_pair(self, one: _Part, other: _Part) -> tuple[int, int]:
        compared = ((at, to) for at in one.members[:MOST_COMPARED] for to in other.members[:MOST_COMPARED])
        return max(compared, key=lambda pair: (sum(self._bits(*pair)), -pair[0], -pair[1]))

    # --- results ---

    def joins(self, newcomers: Sequence[Member], age: Mapping[str, Any]) -> dict[Ref, str | int]:
        found: dict[Ref, str | int] = {}
        groups: dict[int | Ref, int] = {}
        for ref in sorted(member.ref for member in newcomers if member.golden_id is None):
            at = self.place.get(ref)
            number = ref if at is None else self.part_of[at]
            part = None if at is None else self.parts[self.part_of[at]]
            found[ref] = _kept(part, age) if part and part.golden else groups.setdefault(number, len(groups))
        return found

    def merges(self, age: Mapping[str, Any]) -> list[Merge]:
        """Every golden id that gives way to another, with the link that brought its part in."""
        found = []
        for part in self.parts.values():
            if len(part.golden) < 2:
                continue
            kept = _kept(part, age)
            for lost in sorted(part.golden.keys() - {kept}):
                weight_bits, at, to = self.links[lost]
                lines = _evidence(self.features[at], self.features[to], self.model)
                found.append(Merge(kept, lost, weight_bits, lines))
        return sorted(found, key=lambda merge: (merge.kept, merge.lost))

    def asks(self) -> list[Ask]:
        """Clusters that stay apart and might be one, the likeliest first."""
        found = []
        for p, part in self.parts.items():
            for q in part.near:
                if p < q and self.model.ask <= (weight_bits := self._weight(p, q)) < self.model.join:
                    at, to = sorted(self._best_pair(part, self.parts[q]))
                    lines = _evidence(self.features[at], self.features[to], self.model)
                    found.append(Ask(self.refs[at], self.refs[to], round(weight_bits, 2), lines))
        return sorted(found, key=lambda ask: (-ask.weight_bits, ask.ref_a, ask.ref_b))


def _kept(part: _Part, age: Mapping[str, Any]) -> str:
    """The id of the largest golden record, of equals the oldest; ids without an age count as newest."""
    size = max(part.golden.values())
    largest = sorted(golden_id for golden_id, members in part.golden.items() if members == size)
    return min((g for g in largest if g in age), key=lambda g: (age[g], g), default=largest[0])
