"""Which records are one person: join a golden record, start a new one, or ask.

The decision is about clusters. Two clusters are one when what speaks for it outweighs what speaks against:

- contact values (email, phone, address, company) count by the best pair of records across the two clusters
- what a person is (names, birth date, tax id, generation) counts by the average over all pairs that say
  something, so that no single weak link outvotes a household full of contradictions
- a person's "different" across the two forbids it, a person's "same" decides it

Pure, and independent of the order of newcomers, known members and pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heapify, heappop, heappush
from itertools import chain, combinations
from math import inf, log2
from typing import Any, Final, NamedTuple, TypeAlias

from hub.dedupe.compare import LEVELS, are_strangers, compare
from hub.dedupe.features import ORGANISATION, Features
from hub.dedupe.weigh import CONTACT, DEFAULT, FIELDS, Bits, Model, bits, household, is_other

Ref: TypeAlias = tuple[str, str]
TENSE: Final = 3.0  # bits beyond a join at which two records that ended up in two golden records are looked at again
MOST_ANEW: Final = 24  # records that are decided anew together
HOPELESS: Final = 4.0  # bits below the band in which a person is asked
EXACT: Final = 6  # decimals of the weight of two parts: in whatever order a mean was summed up, it is the same
MOST_COMPARED: Final = 8  # records of a cluster that are compared with those of another
_MEAN: Final = tuple(at for at in range(len(FIELDS)) if at not in CONTACT)


class Verdict(StrEnum):
    """What a person said of two records; outranks the model."""

    SAME = "same"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Member:
    """A source record that takes part. golden_id is None for a newcomer without a golden record.

    tied  the hub wrote there: whatever it says by itself, it stays with its golden record
    """

    ref: Ref
    golden_id: str | None
    features: Features
    tied: bool = False


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
    """joins  every newcomer without a golden record → the golden id it joins, or the number of a new one
    moves  records that leave their golden record → the golden id they go to, or the number of a new one; the ids and
           numbers are those of `joins`, after `merges`
    """

    joins: dict[Ref, str | int]
    merges: list[Merge]
    asks: list[Ask]
    moves: dict[Ref, str | int] = field(default_factory=dict)


def resolve(
    newcomers: Sequence[Member],
    known: Sequence[Member],
    pairs: Iterable[tuple[Ref, Ref]],
    verdicts: Mapping[frozenset[Ref], Verdict],
    model: Model = DEFAULT,
    golden_age: Mapping[str, Any] | None = None,
    *,
    moving: bool = False,
) -> Resolution:
    """Where the newcomers of a page belong, which golden records are one, and what to ask.

    newcomers   records of the page; with a golden id: known ones whose fields changed
    known       all members of every golden record that a newcomer met
    pairs       records that met by a blocking key; refs that are neither newcomer nor known are passed over
    golden_age  golden id → anything that sorts older before newer; the older id is kept of two equal ones
    moving      whether golden records are taken apart where what has come to light speaks against them
    """
    met, age = list(pairs), golden_age or {}
    table = _Table(_not_alone(newcomers, met, verdicts), known, verdicts, model)
    table.join_same()
    table.join_alike(met)
    if moving:
        table.untangle(met)
    joins, moves = table.places(newcomers, age)
    return Resolution(joins, table.merges(age), table.asks(), moves)


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
    least = model.ask - HOPELESS
    return (model.stranger >= least or not are_strangers(a, b)) and weight(a, b, model) >= least


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
        self.held: dict[int, set[int]] = {}
        self.parts: dict[int, _Part] = {}
        self.part_of: list[int] = [0] * len(self.refs)
        self.golden = [by_ref[ref].golden_id for ref in self.refs]
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
        self._join_near(self.parts)

    def _join_near(self, parts: Iterable[int]) -> None:
        meeting = {(p, q) if p < q else (q, p) for p in parts for q in self.parts[p].near}
        heap = [edge for p, q in meeting if (edge := self._edge(p, q))]
        heapify(heap)
        while heap:
            minus, _, _, p, q = heappop(heap)
            if p not in self.parts or q not in self.parts:
                continue
            if len(self.parts[p].near) + len(self.parts[q].near) > 2 and self._surely(p, q) < self.model.join:
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
            at, to = self._best_pair(one, other)
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

    # --- taking apart ---

    def untangle(self, pairs: Iterable[tuple[Ref, Ref]]) -> None:
        """Decide anew, record by record, where evidence that came later speaks against what was decided before."""
        tense = {number for number in self._tense(pairs) if self._may_come_apart(self.parts[number])}
        for number in sorted(tense):
            if number not in tense:
                continue
            group = self._neighbours(number, tense)
            tense -= group
            if any(len(self.parts[number].members) > 1 for number in group):
                self._decide_anew(group)

    def _neighbours(self, number: int, among: set[int]) -> set[int]:
        """The part and those of the others that it may be one with, and so on, as far as can be compared whole."""
        found, waiting = {number}, [number]
        size = len(self.parts[number].members)
        while waiting:
            for near in sorted(self.parts[waiting.pop()].near & among - found):
                size += len(self.parts[near].members)
                if size > MOST_ANEW:
                    return found
                found.add(near)
                waiting.append(near)
        return found

    def _decide_anew(self, group: set[int]) -> None:
        everyone = sorted(at for number in group for at in self.parts[number].members)
        places = [at for at in everyone if not self.tied[at]]
        for number in group:
            self._take_apart(number)
        for one, other in combinations(places, 2):
            if self._is_promising(one, other):
                p, q = self.part_of[one], self.part_of[other]
                self.parts[p].near.add(q)
                self.parts[q].near.add(p)
        self._join_near([self.part_of[at] for at in places])
        self._hand_out(sorted({owner for at in everyone if (owner := self.golden[at])}), places)
        self._bind([at for at in everyone if self.tied[at]])

    def _tense(self, pairs: Iterable[tuple[Ref, Ref]]) -> set[int]:
        """Parts with contradictions inside, or with a record that is much like one of another part."""
        found = set()
        for (at, to), values in self.bits.items():
            if self.part_of[at] == self.part_of[to] and is_other(values):
                found.add(self.part_of[at])
        for ref_a, ref_b in pairs:
            one, other = self.place.get(ref_a), self.place.get(ref_b)
            if one is None or other is None or self.part_of[one] == self.part_of[other]:
                continue
            if self._alone(one, other) >= self.model.join + TENSE:
                found |= {self.part_of[one], self.part_of[other]}
        return found

    def _may_come_apart(self, part: _Part) -> bool:
        """Not what a person said is one, and nothing too large to be compared whole."""
        members = set(part.members)
        free = sum(not self.tied[at] for at in members)
        return free > 1 and len(members) <= MOST_COMPARED and not any(one in members for one, _ in self.same)

    def _take_apart(self, number: int) -> None:
        part = self.parts.pop(number)
        for near in part.near:
            self.parts[near].near.discard(number)
        for at in part.members:
            self.parts[self.unused] = _Part([at], {})
            self.part_of[at] = self.unused
            self.unused += 1
        for near in part.near:
            for at in part.members:
                self.parts[self.part_of[at]].near.add(near)
                self.parts[near].near.add(self.part_of[at])

    def _hand_out(self, owners: Iterable[str], places: Iterable[int]) -> None:
        """Each golden id to the part that holds the most of its records, of equals to the largest, then the first."""
        for owner in owners:
            sizes = Counter(self.part_of[at] for at in places if self.golden[at] == owner)
            if not sizes:  # all of its records are tied
                continue
            for number in sizes:
                self.parts[number].golden.pop(owner, None)
            keeper = min(sizes, key=lambda n: (-sizes[n], -len(self.parts[n].members), self.parts[n].members[0]))
            self.parts[keeper].golden[owner] = sizes[keeper]

    def _bind(self, tied: Iterable[int]) -> None:
        """What the hub wrote goes where its golden record went."""
        for at in tied:
            owner = self.golden[at] or ""
            alone = self.part_of[at]
            home = next((n for n, part in self.parts.items() if owner in part.golden), None)
            if home is None:
                self.parts[alone].golden[owner] = 1
                continue
            part = self.parts[home]
            part.members = sorted([*part.members, at])
            part.golden[owner] += 1
            part.near.discard(alone)
            for near in self.parts.pop(alone).near:
                if near in self.parts:
                    self.parts[near].near.discard(alone)
            self.part_of[at] = home

    # --- weighing ---

    def _weight(self, p: int, q: int) -> float:
        """As `_weigh`, once for each two parts: a part that grows gets another number."""
        pair = (p, q) if p < q else (q, p)
        if pair not in self.weights:
            self.weights[pair] = self._weigh(*pair)
        return self.weights[pair]

    def _surely(self, p: int, q: int) -> float:
        """The weight less what others claim: a part that fits two that are not one belongs to neither for sure."""
        return self._weight(p, q) - max(self._rivals(p, q), self._rivals(q, p))

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
        return round(sum(known) + household(known) + self.model.prior, EXACT)

    def _bits(self, at: int, to: int) -> Bits:
        pair = (at, to) if at < to else (to, at)
        found = self.bits.get(pair)
        if found is None:
            found = self.bits[pair] = _pair_bits(self.features[pair[0]], self.features[pair[1]], self.model)
        return found

    def _alone(self, at: int, to: int) -> float:
        """What two records weigh by themselves, whatever their clusters hold."""
        found = self._bits(at, to)
        return sum(found) + household(found) + self.model.prior

    def _is_promising(self, at: int, to: int) -> bool:
        return self._alone(at, to) >= self.model.ask - HOPELESS

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
        """What represents two parts: the two records most alike, of equals those with the lowest refs, lower first."""
        compared = (
            (at, to) if at < to else (to, at)
            for at in one.members[:MOST_COMPARED]
            for to in other.members[:MOST_COMPARED]
        )
        return max(compared, key=lambda pair: (sum(self._bits(*pair)), -pair[0], -pair[1]))

    # --- results ---

    def places(
        self, newcomers: Sequence[Member], age: Mapping[str, Any]
    ) -> tuple[dict[Ref, str | int], dict[Ref, str | int]]:
        """Where each newcomer without a golden record goes, and each record that leaves the one it had."""
        joins: dict[Ref, str | int] = {}
        moves: dict[Ref, str | int] = {}
        groups: dict[int | Ref, int] = {}
        coming = {member.ref for member in newcomers if member.golden_id is None}
        left = {self.refs[at] for at, owner in enumerate(self.golden) if owner and not self._holds(at, owner)}
        for ref in sorted(coming | left):
            at = self.place.get(ref)
            number = ref if at is None else self.part_of[at]
            part = None if at is None else self.parts[self.part_of[at]]
            to = _kept(part, age) if part and part.golden else groups.setdefault(number, len(groups))
            (moves if ref in left else joins)[ref] = to
        return joins, moves

    def _holds(self, at: int, owner: str) -> bool:
        return owner in self.parts[self.part_of[at]].golden

    def merges(self, age: Mapping[str, Any]) -> list[Merge]:
        """Every golden id that gives way to another, with the link that brought its part in."""
        found = []
        for part in self.parts.values():
            if len(part.golden) < 2:
                continue
            kept = _kept(part, age)
            for lost in sorted(part.golden.keys() - {kept}):
                weight_bits, at, to = self.links.get(lost) or self._link(part, kept, lost)
                lines = _evidence(self.features[at], self.features[to], self.model)
                found.append(Merge(kept, lost, weight_bits, lines))
        return sorted(found, key=lambda merge: (merge.kept, merge.lost))

    def _link(self, part: _Part, kept: str, lost: str) -> tuple[float, int, int]:
        """What two golden records have in common that came together record by record."""
        one, other = ([at for at in part.members if self.golden[at] == owner] for owner in (kept, lost))
        at, to = self._best_pair(_Part(one, {}), _Part(other, {}))
        return round(self._alone(at, to), 2), at, to

    def asks(self) -> list[Ask]:
        """Clusters that stay apart and might be one, the likeliest first."""
        found = []
        for p, part in self.parts.items():
            for q in part.near:
                if p < q and self.model.ask <= (weight_bits := self._surely(p, q)) < self.model.join:
                    at, to = self._best_pair(part, self.parts[q])
                    lines = _evidence(self.features[at], self.features[to], self.model)
                    found.append(Ask(self.refs[at], self.refs[to], round(weight_bits, 2), lines))
        return sorted(found, key=lambda ask: (-ask.weight_bits, ask.ref_a, ask.ref_b))


def _kept(part: _Part, age: Mapping[str, Any]) -> str:
    """The id of the largest golden record, of equals the oldest; ids without an age count as newest."""
    size = max(part.golden.values())
    largest = sorted(golden_id for golden_id, members in part.golden.items() if members == size)
    return min((g for g in largest if g in age), key=lambda g: (age[g], g), default=largest[0])
