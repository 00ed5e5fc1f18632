"""Which records meet: pairs that share a key few others have, or two keys that more have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hub.dedupe.bulk.columns import Codes, Ints
from hub.dedupe.bulk.each import Spread

KEYS_AT_ONCE = 1_000_000  # keys that are put in order together
KEY_BITS = 63
PAIRS_AT_ONCE = 4_000_000  # 64 MB of pairs in the making


class Met(NamedTuple):
    """Pairs of records (first < second, each once, in order), and the keys that too many share."""

    first: Codes
    second: Codes
    hot: Ints


class Limits(NamedTuple):
    """How many records share a key.

    cap      up to which it brings any together: above, it is hot
    telling  up to which it brings two of them together by itself
    """

    cap: int
    telling: int


class Slice(NamedTuple):
    """The keys of a range, and the place of the record that has each."""

    keys: Ints
    owners: Codes
    records: int
    limits: Limits


class Meeting:
    """Pairs of records that meet, looked for from the moment this is made."""

    def __init__(self, keys: Ints, owners: Codes, records: int, limits: Limits, spread: Spread) -> None:
        """keys, owners: each key of each record, and the record's place; spread: what carries out the tasks"""
        self._records = records
        self._found = spread(meet_some, (Slice(*some, records, limits) for some in _slices(keys, owners)))

    def found(self) -> Met:
        """All of them."""
        strong, weak, hot = (np.concatenate([np.zeros(0, np.int64), *of]) for of in zip(*self._found, strict=True))
        weak.sort()
        twice = weak[1:][weak[1:] == weak[:-1]]
        del weak
        first, second = np.divmod(distinct(np.concatenate([strong, twice])), max(self._records, 1))
        return Met(first.astype(np.int32), second.astype(np.int32), hot)


def _slices(keys: Ints, owners: Codes) -> Iterator[tuple[Ints, Codes]]:
    """The keys of one range after the other: hashes, so there are about as many in each."""
    bits = (len(keys) // KEYS_AT_ONCE).bit_length()
    for number in range(1 << bits):
        some = keys >> KEY_BITS - bits == number
        yield keys[some], owners[some]


def meet_some(task: Slice) -> tuple[Ints, Ints, Ints]:
    """Pairs that keys few others have bring together, pairs for which it takes two, and the keys that are hot."""
    order = np.argsort(task.keys, kind="stable")
    keys, owners = task.keys[order], task.owners[order]
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.zeros(0, np.int64)
    sizes = np.diff(np.append(starts, len(keys)))
    records, (cap, telling) = task.records, task.limits
    strong = np.concatenate([*_of_sizes(owners, starts, sizes, records, 2, min(telling, cap))])
    weak = np.concatenate([*_of_sizes(owners, starts, sizes, records, telling + 1, cap)])
    return distinct(strong), weak, keys[starts[sizes > cap]]


def _of_sizes(owners: Codes, starts: Ints, sizes: Ints, records: int, least: int, most: int) -> Iterator[Ints]:
    """All pairs within blocks of `least` to `most` records, as first * records + second; a pair once a block."""
    yield np.zeros(0, np.int64)
    for size in range(least, most + 1):
        blocks = starts[sizes == size]
        one, other = np.triu_indices(size, 1)
        for at in range(0, len(blocks), max(1, PAIRS_AT_ONCE // len(one))):
            some = blocks[at : at + max(1, PAIRS_AT_ONCE // len(one))]
            block = owners[some[:, None] + np.arange(size)].astype(np.int64)
            yield (block[:, one] * records + block[:, other]).ravel()


def distinct(pairs: Ints) -> Ints:
    """Each once, in order. Sorting is faster by far than np.unique, which hashes."""
    pairs = np.sort(pairs)
    found: Ints = pairs[np.concatenate([np.ones(min(len(pairs), 1), bool), pairs[1:] != pairs[:-1]])]
    return found
