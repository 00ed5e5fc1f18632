"""Components: records that links hold together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hub.dedupe.bulk.columns import Codes, Ints
from hub.dedupe.bulk.shards import Refs


def components(records: int, first: Codes, second: Codes) -> Codes:
    """The smallest record that each record hangs together with, itself when alone."""
    label = np.arange(records, dtype=np.int32)
    while len(first):
        lower = np.minimum(label[first], label[second])
        np.minimum.at(label, label[first], lower)
        np.minimum.at(label, label[second], lower)
        label = _flat(label)
        apart = label[first] != label[second]
        first, second = first[apart], second[apart]
    return label


def _flat(label: Codes) -> Codes:
    while True:
        flat: Codes = label[label]
        if np.array_equal(flat, label):
            return label
        label = flat


class Gathered(NamedTuple):
    """Components of two records and more.

    members  the records, one component after the other, in the order of their refs
    starts, sizes  where each component lies in them
    """

    members: Codes
    starts: Ints
    sizes: Ints

    def of_size(self, size: int) -> Codes:
        """The components of a size, one a row."""
        found: Codes = self.members[self.starts[self.sizes == size][:, None] + np.arange(size)]
        return found


def gather(label: Codes, refs: Refs) -> Gathered:
    """The components that labels tell."""
    several = np.flatnonzero((np.bincount(label, minlength=len(label)) > 1)[label]).astype(np.int32)
    members = refs.sorted_within(label[several], several)
    ordered = label[members]
    starts = np.flatnonzero(np.concatenate([np.ones(min(len(ordered), 1), bool), ordered[1:] != ordered[:-1]]))
    return Gathered(members, starts, np.diff(np.append(starts, len(members))))


class PairIndex:
    """Where a pair of records stands in a list of pairs (first < second, in order)."""

    def __init__(self, records: int, first: Codes, second: Codes) -> None:
        self._records = records
        self._pairs = first.astype(np.int64) * records + second

    def find(self, first: Codes, second: Codes) -> Ints:
        """Places in the list; -1 for those that are not in it."""
        wanted = first.astype(np.int64) * self._records + second
        if not len(self._pairs):
            return np.full(wanted.shape, -1)
        places = np.minimum(np.searchsorted(self._pairs, wanted), len(self._pairs) - 1)
        return np.where(self._pairs[places] == wanted, places, -1)
