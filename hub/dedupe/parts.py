"""Records gathered in parts, each one person as far as is known, and what speaks for two parts being one.

- contact values (email, phone, address, company) count by the best pair of records across the two parts
- what a person is (names, birth date, tax id, generation) counts by the average over all pairs that say
  something, so that no single weak link outvotes a household full of contradictions
- a person's "different" across the two forbids it, a person's "same" decides it

The result does not depend on the order of records and pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heapify, heappop, heappush
from math import inf, log2
from typing import Final, TypeAlias

from hub.dedupe.compare import compare
from hub.dedupe.features import ORGANISATION, Features
from hub.dedupe.sharing import People, holders_of, less
from hub.dedupe.weigh import CONTACT, FIELDS, REACHED, Bits, Model, bits, household, strain

Ref: TypeAlias = tuple[str, str]
HOPELESS: Final = 5.0  # bits below the band in which a person is asked
EXACT: Final = 6  # decimals of the weight of two parts: in whatever order a mean was summed up, it is the same
MOST_COMPARED: Final = 16  # records of a cluster that are compared with those of another
_GENERATION: Final = FIELDS.index("generation")


class Verdict(StrEnum):
    """What a person said of two records; outranks the model."""

    SAME = "same"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Member:
    """A source record that takes part. golden_id is None for a newcomer without a golden record.

    tied   the hub wrote there: whatever it says by itself, it stays with its golden record
    there  its system holds it still
    """

    ref: Ref
    golden_id: str | None
    features: Features
    tied: bool = False
    there: bool = True


def pair_bits(a: Features, b: Features, model: Model) -> Bits:
    return bits(compare(a, b), model, organisations=ORGANISATION in (a.kind, b.kind))


def shared_bits(a: Features, b: Features, model: Model, people: People) -> Bits:
    """As `pair_bits`, less what others hold too."""
    found = pair_bits(a, b, model)
    if not people:
        return found
    return less(found, holders_of(a, b, people), model, organisations=ORGANISATION in (a.kind, b.kind))


@dataclass(slots=True, eq=False)
class Part:
    """A cluster in the making: places of its members in the table, and its golden ids with their sizes."""

    members: list[int]
    golden: dict[str, int]
    near: set[int] = field(default_factory=set)


Edge: TypeAlias = tuple[float, int, int, int, int]  # minus the weight, first members, numbers of the parts


class Table:
    """Members in the order of their refs, and the parts they are gathered in."""

    def __init__(
        self,
        newcomers: Sequence[Member],
        known: Sequence[Member],
        verdicts: Mapping[frozenset[Ref], Verdict],
        model: Model,
        people: People,
    ) -> None:
        by_ref = {member.ref: member for member in (*known, *newcomers)}
        self.model = model
        self.people = people
        self.refs = sorted(by_ref)
        self.place = {ref: at for at, ref in enumerate(self.refs)}
        self.features = [by_ref[ref].features for ref in self.refs]
        self.same, self.different = self._placed(verdicts)
        self.bits: dict[tuple[int, int], Bits] = {}
        self.links: dict[str, tuple[float, int, int]] = {}
        self.unused = len(self.refs)
        self.weights: dict[tuple[int, int], float] = {}
        self.held: dict[int, set[int]] = {}
        self.parts: dict[int, Part] = {}
        self.part_of: list[int] = [0] * len(self.refs)
        self.golden = [by_ref[ref].golden_id for ref in self.refs]
        self.there = [by_ref[ref].there for ref in self.refs]
        self.tied = [by_ref[ref].tied and by_ref[ref].golden_id is not None for ref in self.refs]
        self._found_parts(self.golden)

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
                self.parts[at] = Part([at], {})
                self.part_of[at] = at
                continue
            number = of_golden.setdefault(golden_id, at)
            self.part_of[at] = number
            if number == at:
                self.parts[at] = Part([at], {golden_id: 1})
            else:
                self.parts[number].members.append(at)
                self.parts[number].golden[golden_id] += 1

    def learn(self, weighed: Iterable[tuple[tuple[Ref, Ref], Bits]]) -> None:
        """What `pair_bits` finds of some pairs."""
        for (ref_a, ref_b), found in weighed:
            one, other = self.place.get(ref_a), self.place.get(ref_b)
            if one is not None and other is not None:
                self.bits[(one, other) if one < other else (other, one)] = found

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
                if p != q and self.is_promising(one, other):
                    self.parts[p].near.add(q)
                    self.parts[q].near.add(p)
        self.join_near(self.parts)

    def join_near(self, parts: Iterable[int]) -> None:
        meeting = {(p, q) if p < q else (q, p) for p in parts for q in self.parts[p].near}
        heap = [edge for p, q in meeting if (edge := self._edge(p, q))]
        heapify(heap)
        while heap:
            minus, _, _, p, q = heappop(heap)
            if p not in self.parts or q not in self.parts:
                continue
            if len(self.parts[p].near) + len(self.parts[q].near) > 2 and self.surely(p, q) < self.model.join:
                self.held.setdefault(p, set()).add(q)
                self.held.setdefault(q, set()).add(p)
                continue
            joined = self._join(p, q, -minus)
            for edge in self._edges_after(joined):
                heappush(heap, edge)

    def _edges_after(self, joined: int) -> Iterator[Edge]:
        """Edges of a part that is new, and those of its neighbours that were held back for what has changed now."""
        for near in self.parts[joined].near:
            if edge := self._edge(joined, near):
                yield edge
            for other in self.held.pop(near, ()):
                if near in self.parts and other in self.parts and (edge := self._edge(near, other)):
                    yield edge

    def _edge(self, p: int, q: int) -> Edge | None:
        weight_bits = self._weight(p, q)
        if weight_bits < self.model.join:
            return None
        first, second = sorted((self.parts[p].members[0], self.parts[q].members[0]))
        return -weight_bits, first, second, p, q

    def _join(self, p: int, q: int, weight_bits: float) -> int:
        """The two parts as one, under a number that was never used."""
        one, other = self.parts.pop(p), self.parts.pop(q)
        if one.golden and other.golden:
            at, to = self.best_pair(one, other)
            link = (round(weight_bits, 2), at, to)
            for golden_id in (*one.golden, *other.golden):
                self.links.setdefault(golden_id, link)
        number = self.unused
        self.unused += 1
        joined = Part(sorted(one.members + other.members), {**one.golden, **other.golden})
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

    def surely(self, p: int, q: int) -> float:
        """The weight less what others claim: a part that fits two that are not one belongs to neither for sure."""
        return round(self._weight(p, q) - max(self._rivals(p, q), self._rivals(q, p)), EXACT)

    def _rivals(self, p: int, q: int) -> float:
        """Bits to take off what speaks for p and q being one, for the others that p may be one with instead of q."""
        odds = 0.0
        for rival in self.parts[p].near:
            if rival != q and (weight_bits := self._weight(p, rival)) > self.model.ask:
                odds += 2.0**weight_bits / (1.0 + 2.0 ** min(self._weight(rival, q), 60.0))
        return log2(1.0 + odds)

    def _weigh(self, p: int, q: int) -> float:
        """Bits that speak for two parts being one, prior included; minus infinity where it is forbidden."""
        one, other = self.parts[p], self.parts[q]
        if self._forbidden(one, other):
            return -inf
        if len(one.members) == len(other.members) == 1:
            return round(self.alone(one.members[0], other.members[0]), EXACT)  # no groups that differ as groups
        pairs = [self._bits(at, to) for at in one.members[:MOST_COMPARED] for to in other.members[:MOST_COMPARED]]
        told = [[value for value in values if value] for values in zip(*pairs, strict=True)]
        known = [sum(values) / len(values) if values else 0.0 for values in told]
        for number in CONTACT:
            known[number] = max(told[number], default=0.0)
        said = [len(told[number]) for number in REACHED]
        differ = [len([value for value in told[number] if value < 0]) for number in REACHED]
        taken = household(known) + strain(known, differ, said, len(told[_GENERATION]))
        return round(sum(known) + taken + self.model.prior, EXACT)

    def _bits(self, at: int, to: int) -> Bits:
        pair = (at, to) if at < to else (to, at)
        found = self.bits.get(pair)
        if found is None:
            one, other = self.features[pair[0]], self.features[pair[1]]
            found = self.bits[pair] = shared_bits(one, other, self.model, self.people)
        return found

    def alone(self, at: int, to: int) -> float:
        """What two records weigh by themselves, whatever their clusters hold."""
        found = self._bits(at, to)
        return sum(found) + household(found) + self.model.prior

    def is_promising(self, at: int, to: int) -> bool:
        return self.alone(at, to) >= self.model.ask - HOPELESS

    def _forbidden(self, one: Part, other: Part) -> bool:
        if self.different:
            theirs = set(other.members)
            if any(not theirs.isdisjoint(self.different.get(at, ())) for at in one.members):
                return True
        if self.model.apart:
            return not self._claims(one).isdisjoint(self._claims(other))
        return False

    def _claims(self, part: Part) -> set[str]:
        """Systems that hold a record of this part and never hold one person twice."""
        return {self.refs[at][0] for at in part.members if self.there[at]} & self.model.apart

    def best_pair(self, one: Part, other: Part) -> tuple[int, int]:
        """What represents two parts: the two records most alike, of equals those with the lowest refs, lower first."""
        compared = (
            (at, to) if at < to else (to, at)
            for at in one.members[:MOST_COMPARED]
            for to in other.members[:MOST_COMPARED]
        )
        return max(compared, key=lambda pair: (sum(self._bits(*pair)), -pair[0], -pair[1]))
