"""All records together: what their pairs come out at, and the components that the promising ones make."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from hub.dedupe.bulk.beyond import beyond
from hub.dedupe.bulk.columns import COLUMNS, KIND, NAMES, Coded, Codes, Ints, assembled
from hub.dedupe.bulk.each import Packed, Spread, Verdicts
from hub.dedupe.bulk.join import Flags
from hub.dedupe.bulk.levels import Outcomes, Scores, Table, with_holders
from hub.dedupe.bulk.meet import Limits, Meeting, Met
from hub.dedupe.bulk.parts import PairIndex, components, gather
from hub.dedupe.bulk.shards import Refs, Shard
from hub.dedupe.bulk.sharing import Held
from hub.dedupe.features import ORGANISATION
from hub.dedupe.parts import HOPELESS, Verdict
from hub.dedupe.weigh import Model

AT_ONCE: Final = 50  # components that are unpacked together: of 30 records and 200 pairs each some 4 MB


class Whole:
    """All records in columns, and what their pairs come out at."""

    def __init__(self, shards: list[Shard], model: Model, spread: Spread) -> None:
        """shards: taken out of the list, so that no value is kept twice for long"""
        sizes = [len(shard.numbers) for shard in shards]
        starts = np.cumsum([0, *sizes]).tolist()
        self.model = model
        self.spread = spread
        self.records = sum(sizes)
        self.numbers = np.concatenate([shard.numbers for shard in shards])
        self.refs = Refs(shards)
        self.goldens = {at + s: g for shard, s in zip(shards, starts, strict=False) for at, g in shard.goldens.items()}
        self._keys = np.concatenate([shard.keys for shard in shards])
        self._owners = np.concatenate([s.owners + np.int32(at) for s, at in zip(shards, starts, strict=False)])
        self.held = Held(self._keys, self._owners, np.concatenate([shard.kinds for shard in shards]))
        columns = [list(shard.columns) for shard in shards]
        shards.clear()
        self.columns = [Coded([of.pop(0) for of in columns], sizes) for _ in COLUMNS]
        organisations = self._organisations()
        self.is_somebody: Flags = (self.columns[NAMES].codes > 0) | organisations
        self._scores = Scores(self.columns, organisations, model, spread)

    def _organisations(self) -> Flags:
        kinds = self.columns[KIND]
        raw = kinds.raw(np.arange(1, kinds.count))
        flags = [False, *(assembled([(KIND, value)]).kind == ORGANISATION for value in raw)]
        return np.array(flags)[kinds.codes]

    def meet(self, limits: Limits) -> Met:
        """Pairs that share enough keys. Once: no key is kept."""
        keys, self._keys = self._keys, np.zeros(0, np.int64)
        owners, self._owners = self._owners, np.zeros(0, np.int32)
        meeting = Meeting(keys, owners, self.records, limits, self.spread)
        del keys, owners
        self._scores.read_names()  # while other processes, if there are any, look for the pairs
        return meeting.found()

    def outcomes(self, first: Codes, second: Codes) -> Outcomes:
        """What pairs of records come out at."""
        return self._scores.outcomes(first, second)

    def table(self, outcomes: Outcomes) -> Table:
        """What outcomes are worth."""
        return self._scores.weights.table(outcomes)

    def shared(self, first: Codes, second: Codes, outcomes: Outcomes) -> tuple[Ints, Outcomes]:
        """Which pairs agree on what several people hold, and their outcomes with how many do."""
        places, holders = self.held.of_pairs(first, second)
        return places, with_holders(outcomes[places], holders)

    def packed(self, places: Codes) -> list[list[tuple[int, bytes]]]:
        """The values of records as they are kept, with the number of their column."""
        found: list[list[tuple[int, bytes]]] = [[] for _ in range(len(places))]
        for number, column in enumerate(self.columns):
            codes = column.codes[places]
            known = np.flatnonzero(codes)
            for at, raw in zip(known.tolist(), column.raw(codes[known]), strict=True):
                found[at].append((number, raw))
        return found


class Linked:
    """The pairs that met, those of them that are promising, and the components that they make."""

    def __init__(self, whole: Whole, met: Met, judged: Verdicts) -> None:
        self.whole = whole
        self.met = met
        self.index = PairIndex(whole.records, met.first, met.second)
        outcomes = whole.outcomes(met.first, met.second)
        self.table = whole.table(outcomes)
        held = self._held_together(judged)
        self.label = self._hang_together(self._promising(), held)
        self._count_people(self._held_together({pair: v for pair, v in judged.items() if v == Verdict.SAME}))
        places, outcomes = whole.shared(met.first, met.second, outcomes)
        self.table = self.table.followed_by(whole.table(outcomes), places)
        self.promising = self._promising()
        self.first, self.second = met.first[self.promising], met.second[self.promising]
        self._rows = self.table.row[self.promising]
        self.gathered = gather(self.label, whole.refs)
        # records whose component has more to it than what met: golden records, a person's answers
        self.special = np.zeros(whole.records, bool)
        self.special[self.label[held.ravel()]] = True
        self.special[self.label[list(whole.goldens)]] = True

    def _promising(self) -> Flags:
        found: Flags = (self.table.weights >= self.whole.model.ask - HOPELESS)[self.table.row]
        return found

    def _hang_together(self, pairs: Flags, held: Codes) -> Codes:
        """A label for each record, the same for all that these pairs hold together."""
        ends = (self.met.first, held[:, 0]), (self.met.second, held[:, 1])
        first, second = (np.concatenate([met[pairs], others]) for met, others in ends)
        return components(self.whole.records, first, second)

    def _count_people(self, held: Codes) -> None:
        """Records that name nobody hold no two groups of the others together."""
        named = self.whole.is_somebody
        pairs = self._promising() & named[self.met.first] & named[self.met.second]
        self.whole.held.count(self._hang_together(pairs, held), named)

    def _held_together(self, judged: Verdicts) -> Codes:
        """Records of one golden record, and those that a person has judged together."""
        links: list[tuple[int, int]] = []
        of_golden: dict[str, list[int]] = {}
        for at, golden in sorted(self.whole.goldens.items()):
            of_golden.setdefault(golden, []).append(at)
        for members in of_golden.values():
            links += pairwise(members)
        if judged:
            refs = self.whole.refs
            place = {refs[at]: at for at in range(self.whole.records)}
            links += [(place[a], place[b]) for a, b in map(tuple, judged) if a in place and b in place]
        return np.array(links, np.int32).reshape(-1, 2)

    def components(self, which: Ints) -> Iterator[list[Packed]]:
        """Some of the components, by their place in `gathered`; a few hundred at a time."""
        met = _Near.of(self.label, self.first, self.second, self._rows)
        table, others = self._foreseen(which)
        for at in range(0, len(which), AT_ONCE):
            starts, sizes = (of[which[at : at + AT_ONCE]] for of in (self.gathered.starts, self.gathered.sizes))
            labels = self.label[self.gathered.members[starts]]
            spans = zip(starts.tolist(), sizes.tolist(), met.within(labels), others.within(labels), strict=True)
            yield [
                self._packed(self.gathered.members[start : start + size], table, near, far)
                for start, size, near, far in spans
            ]

    def _foreseen(self, which: Ints) -> tuple[Table, _Near]:
        """Pairs of these components that did not prove promising and will be looked at, and what they are worth."""
        whole, model = self.whole, self.whole.model
        is_wanted = np.zeros(whole.records, bool)
        is_wanted[self.label[self.gathered.members[self.gathered.starts[which]]]] = True
        some = np.flatnonzero(is_wanted[self.label[self.first]])
        strong = self.table.weights[self._rows[some]] >= model.join
        first, second = beyond(whole.records, self.first[some], self.second[some], strong)
        known = self.index.find(first, second)
        unmet = known < 0
        outcomes = whole.outcomes(first[unmet], second[unmet])
        places, shared = whole.shared(first[unmet], second[unmet], outcomes)
        outcomes[places] = shared
        table = whole.table(outcomes)
        rows = self.table.row[known]
        rows[unmet] = table.row + np.int32(len(self.table.bits))
        return self.table.followed_by(table), _Near.of(self.label, first, second, rows)

    def _packed(self, members: Codes, table: Table, near: _Near, far: _Near) -> Packed:
        refs, goldens = self.whole.refs, self.whole.goldens
        places = members.tolist()
        ref = {at: refs[at] for at in places}
        met, others = ([(ref[one], ref[other]) for one, other in of.pairs()] for of in (near, far))
        rows = table.bits[np.concatenate([near.row, far.row])].tolist()  # so that `resolve` does not compare them
        return Packed(
            self.whole.numbers[members].tolist(),
            list(ref.values()),
            [goldens.get(at) for at in places],
            self.whole.packed(members),
            met,
            list(zip(met + others, map(tuple, rows), strict=True)),
            self.whole.held.of_records(members),
        )

    def is_special(self) -> Flags:
        """Which components have records with golden records or a person's answers."""
        found: Flags = self.special[self.label[self.gathered.members[self.gathered.starts]]]
        return found


class _Near(NamedTuple):
    """Pairs of records in the order of their components, and the row of each in a table."""

    label: Codes
    first: Codes
    second: Codes
    row: Codes

    @classmethod
    def of(cls, label: Codes, first: Codes, second: Codes, row: Codes) -> _Near:
        labels = label[first]
        order = np.argsort(labels, kind="stable")
        return cls(labels[order], first[order], second[order], row[order])

    def within(self, labels: Codes) -> list[_Near]:
        """Those of each component."""
        bounds = (np.searchsorted(self.label, labels, side).tolist() for side in ("left", "right"))
        return [_Near._make(of[low:high] for of in self) for low, high in zip(*bounds, strict=True)]

    def pairs(self) -> Iterator[tuple[int, int]]:
        return zip(self.first.tolist(), self.second.tolist(), strict=True)
