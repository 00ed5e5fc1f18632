"""All records together: what their pairs come out at, and the components that the promising ones make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from hub.dedupe.bulk.columns import COLUMNS, KIND, Coded, Codes, Ints, assembled
from hub.dedupe.bulk.join import Flags
from hub.dedupe.bulk.levels import Outcomes, Scores, Spread, Table
from hub.dedupe.bulk.meet import Met, meet
from hub.dedupe.bulk.parts import components, gather
from hub.dedupe.bulk.shards import Refs, Shard
from hub.dedupe.cluster import HOPELESS, Member, Ref, Verdict
from hub.dedupe.features import ORGANISATION, Features
from hub.dedupe.weigh import Model

Verdicts = Mapping[frozenset[Ref], Verdict]


class Component(NamedTuple):
    """Records that may be one: all that links lead to, and the golden records they have whole.

    pairs  those that met and are promising
    """

    numbers: list[int]
    members: list[Member]
    pairs: list[tuple[Ref, Ref]]


class Whole:
    """All records in columns, and what their pairs come out at."""

    def __init__(self, shards: Sequence[Shard], model: Model, spread: Spread) -> None:
        sizes = [len(shard.numbers) for shard in shards]
        starts = np.cumsum([0, *sizes]).tolist()
        self.model = model
        self.records = sum(sizes)
        self.numbers = np.concatenate([shard.numbers for shard in shards])
        self.refs = Refs(shards)
        self.goldens = {at + s: g for shard, s in zip(shards, starts, strict=False) for at, g in shard.goldens.items()}
        self.columns = [Coded([shard.columns[at] for shard in shards], sizes) for at in range(len(COLUMNS))]
        self._shards = shards
        self._scores = Scores(self.columns, self._organisations(), model, spread)

    def _organisations(self) -> Flags:
        kinds = self.columns[KIND]
        raw = kinds.raw(np.arange(1, kinds.count))
        flags = [False, *(assembled([(KIND, value)]).kind == ORGANISATION for value in raw)]
        return np.array(flags)[kinds.codes]

    def meet(self, cap: int, telling: int) -> Met:
        """Pairs that share enough keys."""
        starts = np.cumsum([0, *(len(shard.numbers) for shard in self._shards)])
        owners = np.concatenate([s.owners + start for s, start in zip(self._shards, starts, strict=False)])
        keys = np.concatenate([shard.keys for shard in self._shards])
        return meet(keys, owners.astype(np.int32), self.records, cap, telling)

    def outcomes(self, first: Codes, second: Codes) -> Outcomes:
        """What pairs of records come out at."""
        return self._scores.outcomes(first, second)

    def table(self, outcomes: Outcomes) -> Table:
        """What outcomes are worth."""
        return self._scores.weights.table(outcomes)

    def member(self, at: int) -> Member:
        """A record as the decision sees it."""
        return Member(self.refs[at], self.goldens.get(at), self.features(at))

    def features(self, at: int) -> Features:
        """A record's features, unpacked."""
        known = [(number, coded) for number, coded in enumerate(self.columns) if coded.codes[at]]
        return assembled((number, coded.raw(coded.codes[at : at + 1])[0]) for number, coded in known)


class Linked:
    """The pairs that met, those of them that are promising, and the components that they make."""

    def __init__(self, whole: Whole, met: Met, judged: Verdicts) -> None:
        self.whole = whole
        self.met = met
        self.outcomes = whole.outcomes(met.first, met.second)
        table = whole.table(self.outcomes)
        self.promising: Flags = (table.weights >= whole.model.ask - HOPELESS)[table.row]
        self.first, self.second = met.first[self.promising], met.second[self.promising]
        held = self._held_together(judged)
        first, second = np.concatenate([self.first, held[:, 0]]), np.concatenate([self.second, held[:, 1]])
        self.label = components(whole.records, first, second)
        self.gathered = gather(self.label, whole.refs)
        # records whose component has more to it than what met: golden records, a person's answers
        self.special = np.zeros(whole.records, bool)
        self.special[self.label[held.ravel()]] = True
        self.special[self.label[list(whole.goldens)]] = True

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

    def components(self, which: Ints) -> Iterator[Component]:
        """Some of the components, by their place in `gathered`."""
        order = np.argsort(self.label[self.first], kind="stable")
        first, second = self.first[order], self.second[order]
        label = self.label[first]
        starts, sizes = self.gathered.starts[which], self.gathered.sizes[which]
        wanted = self.label[self.gathered.members[starts]]
        spans = zip(np.searchsorted(label, wanted), np.searchsorted(label, wanted, "right"), strict=True)
        refs = self.whole.refs
        for start, size, (low, high) in zip(starts, sizes, spans, strict=True):
            members = self.gathered.members[start : start + size].tolist()
            pairs = zip(first[low:high].tolist(), second[low:high].tolist(), strict=True)
            yield Component(
                self.whole.numbers[members].tolist(),
                [self.whole.member(at) for at in members],
                [(refs[one], refs[other]) for one, other in pairs],
            )

    def is_special(self) -> Flags:
        """Which components have records with golden records or a person's answers."""
        found: Flags = self.special[self.label[self.gathered.members[self.gathered.starts]]]
        return found
