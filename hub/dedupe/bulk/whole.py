"""All records together: what their pairs come out at, and the components that the promising ones make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from hub.dedupe.bulk.columns import COLUMNS, KIND, NAMES, Coded, Codes, Ints, assembled
from hub.dedupe.bulk.each import Packed, Spread, Verdicts
from hub.dedupe.bulk.join import Flags
from hub.dedupe.bulk.levels import Outcomes, Scores, Table, with_holders
from hub.dedupe.bulk.meet import Met, meet
from hub.dedupe.bulk.parts import components, gather
from hub.dedupe.bulk.shards import Refs, Shard
from hub.dedupe.bulk.sharing import Held
from hub.dedupe.features import ORGANISATION
from hub.dedupe.parts import HOPELESS, Ref, Verdict
from hub.dedupe.weigh import Bits, Model

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

    def meet(self, cap: int, telling: int) -> Met:
        """Pairs that share enough keys. Once: no key is kept."""
        keys, self._keys = self._keys, np.zeros(0, np.int64)
        owners, self._owners = self._owners, np.zeros(0, np.int32)
        return meet(keys, owners, self.records, cap, telling)

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
        order = np.argsort(self.label[self.first], kind="stable")
        label = self.label[self.first[order]]
        for at in range(0, len(which), AT_ONCE):
            starts, sizes = (of[which[at : at + AT_ONCE]] for of in (self.gathered.starts, self.gathered.sizes))
            wanted = self.label[self.gathered.members[starts]]
            lows, highs = np.searchsorted(label, wanted), np.searchsorted(label, wanted, "right")
            spans = zip(starts.tolist(), sizes.tolist(), lows.tolist(), highs.tolist(), strict=True)
            yield [
                self._packed(self.gathered.members[start : start + size], order[low:high])
                for start, size, low, high in spans
            ]

    def _packed(self, members: Codes, pairs: Ints) -> Packed:
        refs, goldens = self.whole.refs, self.whole.goldens
        places = members.tolist()
        ref = {at: refs[at] for at in places}
        met = [(ref[one], ref[other]) for one, other in self._met(pairs)]
        return Packed(
            self.whole.numbers[members].tolist(),
            list(ref.values()),
            [goldens.get(at) for at in places],
            self.whole.packed(members),
            met,
            self._weighed(pairs, met),
            self.whole.held.of_records(members),
        )

    def _met(self, pairs: Ints) -> Iterator[tuple[int, int]]:
        return zip(self.first[pairs].tolist(), self.second[pairs].tolist(), strict=True)

    def _weighed(self, pairs: Ints, met: Sequence[tuple[Ref, Ref]]) -> list[tuple[tuple[Ref, Ref], Bits]]:
        """The evidence of each pair, so that `resolve` does not look at it again."""
        rows = self.table.bits[self._rows[pairs]].tolist()
        return [(pair, tuple(row)) for pair, row in zip(met, rows, strict=True)]

    def is_special(self) -> Flags:
        """Which components have records with golden records or a person's answers."""
        found: Flags = self.special[self.label[self.gathered.members[self.gathered.starts]]]
        return found
