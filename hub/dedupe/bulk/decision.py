"""The decision about all records: which are one, what to ask."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from hub.dedupe.bulk.columns import Codes, Floats, Ints
from hub.dedupe.bulk.each import Bundle, Packed, Verdicts, bundle, resolve_each
from hub.dedupe.bulk.join import Flags, Joined, join
from hub.dedupe.bulk.parts import Gathered, PairIndex
from hub.dedupe.bulk.whole import Linked, Whole
from hub.dedupe.cluster import Merge, Resolution
from hub.dedupe.parts import MOST_COMPARED

SIDE_BY_SIDE: Final = 40  # records of a component up to which it is decided together with others of its size
AT_ONCE: Final = 80_000  # pairs of records that are weighed side by side: 20 MB


class Asked(NamedTuple):
    """Two records of clusters that might be one, by their numbers; the first has the lower ref."""

    first: int
    second: int
    weight_bits: float


class Decision(NamedTuple):
    """What became of all records.

    numbers   of the records, as they were added
    clusters  for each record the number of one that stands for its cluster
    goldens   number that stands for a cluster → the golden record it is
    """

    numbers: Ints
    clusters: Ints
    goldens: dict[int, str]
    merges: list[Merge]
    asks: list[Asked]


def decide(linked: Linked, verdicts: Verdicts, ages: Mapping[str, Any]) -> Decision:
    """Side by side what can be, by `hub.dedupe.cluster.resolve` what cannot."""
    whole, gathered = linked.whole, linked.gathered
    by_itself = linked.is_special() | (gathered.sizes > SIDE_BY_SIDE)
    decision = _Decision(whole)
    plain = Gathered(gathered.members, gathered.starts[~by_itself], gathered.sizes[~by_itself])
    rest = _Rest(linked, plain)
    started = decision.begin(linked.components(np.flatnonzero(by_itself)), verdicts, ages)
    decision.side_by_side(rest, plain)  # while other processes, if there are any, do what was begun
    del rest
    for components, found in started:
        decision.settle(components, found)
    return decision.found()


class _Decision:
    """A decision in the making. standing: for each record, by place, one that stands for its cluster."""

    def __init__(self, whole: Whole) -> None:
        self._whole = whole
        self._standing = np.arange(whole.records)
        self._goldens: dict[int, str] = {}
        self._merges: list[Merge] = []
        self._asks: list[Asked] = []

    def found(self) -> Decision:
        numbers = self._whole.numbers
        for at, golden in self._whole.goldens.items():
            if self._standing[at] == at:
                self._goldens.setdefault(int(numbers[at]), golden)
        self._asks.sort(key=lambda ask: (-ask.weight_bits, ask.first, ask.second))
        return Decision(numbers, numbers[self._standing], self._goldens, self._merges, self._asks)

    # --- one component by itself ---

    def begin(
        self, parcels: Iterable[Sequence[Packed]], verdicts: Verdicts, ages: Mapping[str, Any]
    ) -> Iterator[tuple[list[Packed], list[Resolution]]]:
        """By the heap of `resolve`: components, without what they hold, and what becomes of them."""
        begun: deque[list[Packed]] = deque()

        def tasks() -> Iterator[Bundle]:
            for components in parcels:
                begun.append([component.outline() for component in components])
                yield bundle(components, verdicts, ages, self._whole.model)

        results = self._whole.spread(resolve_each, tasks())
        return ((begun.popleft(), found) for found in results)

    def settle(self, components: Sequence[Packed], found: Sequence[Resolution]) -> None:
        """What became of components."""
        for component, resolution in zip(components, found, strict=True):
            self._settle(component, resolution)

    def _settle(self, component: Packed, found: Resolution) -> None:
        number = dict(zip(component.refs, component.numbers, strict=True))
        self._merges += found.merges
        self._asks += [Asked(number[ask.ref_a], number[ask.ref_b], ask.weight_bits) for ask in found.asks]
        places = np.searchsorted(self._whole.numbers, component.numbers).tolist()
        kept = {merge.lost: merge.kept for merge in found.merges}
        first: dict[str | int, int] = {}
        for at, ref, golden in zip(places, component.refs, component.goldens, strict=True):
            to = golden if golden is not None else found.joins[ref]
            to = kept.get(to, to) if isinstance(to, str) else to
            standing = first.setdefault(to, at)
            self._standing[at] = standing
            if isinstance(to, str):
                self._goldens[int(self._whole.numbers[standing])] = to

    # --- many components side by side ---

    def side_by_side(self, rest: _Rest, plain: Gathered) -> None:
        """All components of each size."""
        for size in np.unique(plain.sizes).tolist():
            starts = plain.starts[plain.sizes == size]
            step = max(1, AT_ONCE // size**2)
            for at in range(0, len(starts), step):
                members = plain.members[starts[at : at + step][:, None] + np.arange(size)]
                joined, rows = rest.join(members)
                self._standing[members] = np.take_along_axis(members, joined.part, axis=1)
                self._ask(members, joined, rest.sums, rows)

    def _ask(self, members: Codes, joined: Joined, sums: Floats, rows: Codes) -> None:
        model = self._whole.model
        asked = joined.near & (joined.weights >= model.ask) & (joined.weights < model.join)
        asked &= np.triu(np.ones(asked.shape[1:], bool))
        for at, one, other in np.argwhere(asked).tolist():
            left, right = (np.flatnonzero(joined.part[at] == of)[:MOST_COMPARED] for of in (one, other))
            pairs = [(sums[rows[at, i, j]], -min(i, j), -max(i, j)) for i in left.tolist() for j in right.tolist()]
            _, first, second = max(pairs)
            a, b = self._whole.numbers[members[at, [-first, -second]]].tolist()
            self._asks.append(Asked(a, b, round(float(joined.weights[at, one, other]), 2)))


class _Rest:
    """Pairs within components: those that met, and the rest, which are compared here."""

    def __init__(self, linked: Linked, plain: Gathered) -> None:
        self._whole = whole = linked.whole
        self._met = linked.index
        self._promising = linked.promising
        first, second = self._unmet(plain)
        self._others = PairIndex(whole.records, first, second)
        outcomes = whole.outcomes(first, second)
        places, shared = whole.shared(first, second, outcomes)
        outcomes[places] = shared
        self._table = linked.table.followed_by(whole.table(outcomes))
        self._count = len(linked.met.first)
        self.sums = np.zeros(len(self._table.bits))
        for bits_of_field in self._table.bits.T:  # one field after the other, as `sum` does: equal stays equal
            self.sums += bits_of_field

    def _unmet(self, plain: Gathered) -> tuple[Codes, Codes]:
        """Pairs of records of one component that did not meet, in order."""
        found = [np.zeros(0, np.int64)]
        for size in np.unique(plain.sizes).tolist():
            members = np.sort(plain.of_size(size), axis=1)
            one, other = np.triu_indices(size, 1)
            first, second = members[:, one].ravel(), members[:, other].ravel()
            unmet = self._met.find(first, second) < 0
            found.append(first[unmet].astype(np.int64) * self._whole.records + second[unmet])
        first, second = np.divmod(np.sort(np.concatenate(found)), max(self._whole.records, 1))
        return first.astype(np.int32), second.astype(np.int32)

    def join(self, members: Codes) -> tuple[Joined, Codes]:
        """Components of one size joined, and the row of each pair in the evidence."""
        size = members.shape[1]
        one, other = np.triu_indices(size, 1)
        first, second = members[:, one], members[:, other]
        low, high = np.minimum(first, second), np.maximum(first, second)
        met = self._met.find(low, high)
        place = np.where(met >= 0, met, self._count + self._others.find(low, high))
        rows = np.zeros((len(members), size, size), np.int32)
        rows[:, one, other] = rows[:, other, one] = self._table.row[place]
        near = np.zeros(rows.shape, bool)
        near[:, one, other] = near[:, other, one] = (met >= 0) & self._promising[met]
        return join(rows, self._table.bits, near, self._barred(members), self._whole.model), rows

    def _barred(self, members: Codes) -> Flags:
        """Pairs of one system that never holds a person twice."""
        refs = self._whole.refs
        flags = np.array([name in self._whole.model.apart for name in refs.systems])
        system = refs.system[members]
        same: Flags = (system[:, :, None] == system[:, None, :]) & flags[system][:, :, None]
        return same & ~np.eye(members.shape[1], dtype=bool)
