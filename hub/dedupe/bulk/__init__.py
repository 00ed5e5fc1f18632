"""Matching of everything at once: the decisions of a first load without a page at a time.

The same keys, comparisons, weights and cluster rules as for one record that just arrived; what differs is that each
two values are compared once and all pairs are weighed together, in columns. A key counts by all records that share
it, where page by page it counts by those that came before.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from hub.dedupe.bulk.columns import COLUMNS, NOTHING, Coded, Codes, Growing, Ints, Values, unpacked
from hub.dedupe.bulk.levels import Scores, Spread, Table
from hub.dedupe.bulk.meet import Met, meet
from hub.dedupe.bulk.parts import components, gather
from hub.dedupe.cluster import HOPELESS, Member, Ref, Verdict
from hub.dedupe.features import ORGANISATION, Features
from hub.dedupe.weigh import DEFAULT, Model

KEY_CAP = 50  # records that share a key before it is hot, as in the store
TELLING = 8  # records that share a key up to which it brings two of them together by itself


class Shard(NamedTuple):
    """Some records as arrays, to be handed from one process to another.

    owners  place of the record that has the key, for each key
    """

    numbers: Ints
    goldens: list[str | None]
    refs: list[Ref]
    keys: Ints
    owners: Codes
    columns: tuple[Values, ...]


class Records:
    """Records while they are read."""

    def __init__(self) -> None:
        self._numbers = array("q")
        self._goldens: list[str | None] = []
        self._refs: list[Ref] = []
        self._keys = array("q")
        self._owners = array("i")
        self._columns = [Growing(column) for column in COLUMNS]

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, number: int, golden: str | None, record: Features, keys: Sequence[int], ref: Ref) -> None:
        """number: of the record, rising; golden: the golden record it has already; keys: its blocking keys."""
        at = len(self._numbers)
        self._numbers.append(number)
        self._goldens.append(golden)
        self._refs.append(ref)
        self._keys.extend(keys)
        self._owners.extend([at] * len(keys))
        for column in self._columns:
            column.add(at, record)

    def shard(self) -> Shard:
        return Shard(
            np.frombuffer(self._numbers, np.int64).copy(),
            self._goldens,
            self._refs,
            np.frombuffer(self._keys, np.int64).copy(),
            np.frombuffer(self._owners, np.int32).copy(),
            tuple(column.values() for column in self._columns),
        )


class Component(NamedTuple):
    """Records that may be one: all that links lead to, and the golden records they have whole.

    pairs  those that met and are promising
    """

    numbers: list[int]
    members: list[Member]
    pairs: list[tuple[Ref, Ref]]


class Bulk:
    """All records of a load, and the groups among which a decision is to be made."""

    def __init__(
        self, model: Model = DEFAULT, *, cap: int = KEY_CAP, telling: int = TELLING, spread: Spread = map
    ) -> None:
        """spread: what compares values, `map` or that of a pool of processes; it has to keep the order."""
        self.model = model
        self._cap = cap
        self._telling = telling
        self._spread = spread
        self._open = Records()
        self._shards: list[Shard] = []

    def add(self, number: int, golden: str | None, record: Features, keys: Sequence[int], ref: Ref) -> None:
        """One record. Numbers rise."""
        self._open.add(number, golden, record, keys, ref)

    def take(self, shard: Shard) -> None:
        """Records read elsewhere; their numbers come after those of all before."""
        self._close()
        self._shards.append(shard)

    def _close(self) -> None:
        if len(self._open):
            self._shards.append(self._open.shard())
            self._open = Records()

    def components(self, verdicts: Mapping[frozenset[Ref], Verdict] | None = None) -> Iterator[Component]:
        """Groups of two records and more that may be one; all others stay as they are."""
        self._close()
        if not self._shards:
            return
        whole = Whole(self._shards, self.model, self._spread)
        met = whole.meet(self._cap, self._telling)
        yield from whole.components(met, (verdicts or {}).keys())


class Whole:
    """All records in columns."""

    def __init__(self, shards: Sequence[Shard], model: Model, spread: Spread) -> None:
        sizes = [len(shard.numbers) for shard in shards]
        self._shards = shards
        self.records = sum(sizes)
        self.numbers = np.concatenate([shard.numbers for shard in shards])
        self.refs = [ref for shard in shards for ref in shard.refs]
        self.goldens = [golden for shard in shards for golden in shard.goldens]
        self.columns = [Coded([s.columns[at] for s in shards], sizes) for at in range(len(COLUMNS))]
        self.model = model
        kinds = self.columns[-1]
        flags = [False, *(self._kind(code) == ORGANISATION for code in range(1, kinds.count))]
        self.scores = Scores(self.columns, np.array(flags)[kinds.codes], model, spread)

    def _kind(self, code: int) -> str:
        return str(unpacked(COLUMNS[-1], self.columns[-1].raw(code))["kind"])

    def meet(self, cap: int, telling: int) -> Met:
        """Pairs that share enough keys."""
        starts = np.cumsum([0, *(len(shard.numbers) for shard in self._shards)])
        owners = np.concatenate([s.owners + start for s, start in zip(self._shards, starts, strict=False)])
        keys = np.concatenate([shard.keys for shard in self._shards])
        return meet(keys, owners.astype(np.int32), self.records, cap, telling)

    def components(self, met: Met, judged: Collection[frozenset[Ref]]) -> Iterator[Component]:
        table = self.scores.weights.table(self.scores.outcomes(met.first, met.second))
        promising = self._promising(table)
        first, second = met.first[promising], met.second[promising]
        held = self._held_together(judged)
        label = components(self.records, np.concatenate([first, held[0]]), np.concatenate([second, held[1]]))
        gathered = gather(label)
        order = np.argsort(label[first], kind="stable")
        first, second = first[order], second[order]
        starts = np.searchsorted(label[first], label[gathered.members[gathered.starts]])
        ends = np.searchsorted(label[first], label[gathered.members[gathered.starts]], "right")
        for start, size, a, b in zip(gathered.starts, gathered.sizes, starts, ends, strict=True):
            members = gathered.members[start : start + size].tolist()
            pairs = zip(first[a:b].tolist(), second[a:b].tolist(), strict=True)
            yield Component(
                self.numbers[members].tolist(),
                [self.member(at) for at in members],
                [(self.refs[one], self.refs[other]) for one, other in pairs],
            )

    def _promising(self, table: Table) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return (table.weights >= self.model.ask - HOPELESS)[table.row]

    def _held_together(self, judged: Collection[frozenset[Ref]]) -> tuple[Codes, Codes]:
        """Records of one golden record, and those that a person has judged together."""
        links: list[tuple[int, int]] = []
        of_golden: dict[str, list[int]] = {}
        for at, golden in enumerate(self.goldens):
            if golden is not None:
                of_golden.setdefault(golden, []).append(at)
        for members in of_golden.values():
            links += pairwise(members)
        if judged:
            place = {ref: at for at, ref in enumerate(self.refs)}
            links += [(place[a], place[b]) for a, b in map(tuple, judged) if a in place and b in place]
        found = np.array(links, np.int32).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def member(self, at: int) -> Member:
        """A record as the decision sees it."""
        return Member(self.refs[at], self.goldens[at], self.features(at))

    def features(self, at: int) -> Features:
        """A record's features, unpacked."""
        parts: dict[str, str] = {}
        for column, coded in zip(COLUMNS, self.columns, strict=True):
            code = int(coded.codes[at])
            if code:
                parts |= unpacked(column, coded.raw(code))
        return NOTHING._replace(**parts)  # type: ignore[arg-type]
