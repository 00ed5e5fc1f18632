"""`hub.dedupe.sharing` of all records at once: how many people hold what two records agree on."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hub.dedupe.bulk.columns import Codes, Ints
from hub.dedupe.bulk.meet import distinct
from hub.dedupe.sharing import MOST, SHARED

Holders: TypeAlias = NDArray[np.uint8]
AT_ONCE: Final = 1_000_000  # pairs that are looked at together


class Held:
    """Values that two records and more have: who has them, in the order of records and values."""

    def __init__(self, keys: Ints, owners: Codes, kinds: Holders) -> None:
        """keys: blocking keys of records, and what each stands for; those of values are kept"""
        some = np.flatnonzero(kinds)
        keys, owners, kinds = keys[some], owners[some], kinds[some]
        distinct, first, code, count = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
        several = np.cumsum(count > 1) - 1
        kept = count[code] > 1
        self._values = distinct[count > 1]
        self._kinds = kinds[first[count > 1]]
        self._value = several[code[kept]].astype(np.int32)
        self._owner = owners[kept]
        order = np.lexsort((self._value, self._owner))
        self._value, self._owner = self._value[order], self._owner[order]
        self._place = self._owner.astype(np.int64) * max(len(self._values), 1) + self._value
        self._people = np.ones(len(self._values), np.uint8)

    def count(self, group: Codes, is_somebody: NDArray[np.bool_]) -> None:
        """How many groups of records hold each value, those left out that name nobody."""
        named = is_somebody[self._owner]
        value, groups = self._value[named], group[self._owner[named]]
        pairs = distinct(value.astype(np.int64) * max(len(group), 1) + groups)
        found = np.bincount(pairs // max(len(group), 1), minlength=len(self._values))
        self._people = np.clip(found, 1, MOST).astype(np.uint8)

    def of_pairs(self, first: Codes, second: Codes) -> tuple[Ints, Holders]:
        """Which pairs agree on what several people hold, and by `SHARED` how many do; 0 where nothing is agreed on."""
        shared = np.zeros(int(max(first.max(initial=0), second.max(initial=0), self._owner.max(initial=0))) + 1, bool)
        shared[self._owner[self._people[self._value] > 1]] = True
        pairs = np.flatnonzero(shared[first] & shared[second])
        parts = [pairs[at : at + AT_ONCE] for at in range(0, len(pairs), AT_ONCE)]
        found = [self._agreed(first[some], second[some]) for some in parts]
        holders = np.concatenate([np.zeros((0, len(SHARED)), np.uint8), *found])
        several = (holders > 1).any(axis=1)
        return pairs[several], holders[several]

    def _agreed(self, first: Codes, second: Codes) -> Holders:
        starts, ends = (np.searchsorted(self._owner, first, side) for side in ("left", "right"))
        counts = ends - starts
        pair = np.repeat(np.arange(len(first)), counts)
        entry = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(starts, counts)
        value = self._value[entry]
        wanted = second[pair].astype(np.int64) * max(len(self._values), 1) + value
        place = np.minimum(np.searchsorted(self._place, wanted), max(len(self._place) - 1, 0))
        common = self._place[place] == wanted if len(self._place) else np.zeros(len(wanted), bool)
        pair, value = pair[common], value[common]
        found = np.full((len(first), len(SHARED)), MOST + 1, np.uint8)
        np.minimum.at(found, (pair, self._kinds[value] - 1), self._people[value])
        found[found > MOST] = 0
        return found

    def of_records(self, records: Codes) -> dict[int, int]:
        """The values of some records that several people hold: blocking key → people."""
        starts, ends = (np.searchsorted(self._owner, records, side).tolist() for side in ("left", "right"))
        values = np.concatenate([self._value[:0], *[self._value[a:b] for a, b in zip(starts, ends, strict=True)]])
        values = np.unique(values[self._people[values] > 1])
        return dict(zip(self._values[values].tolist(), self._people[values].tolist(), strict=True))
