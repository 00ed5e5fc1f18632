"""Pairs of records that did not meet, and that a decision is going to look at nonetheless.

Of a large component most pairs never matter, so that its heap compares two records when it comes to them. Foreseen
are those that one join leads to: whoever is one with a record is held against what else may be one with it.
"""

from __future__ import annotations

import numpy as np

from hub.dedupe.bulk.columns import Codes, Ints
from hub.dedupe.bulk.join import Flags
from hub.dedupe.bulk.meet import distinct


def beyond(records: int, first: Codes, second: Codes, strong: Flags) -> tuple[Codes, Codes]:
    """Records that have a neighbour in common, and one of them is strongly tied to it; pairs once, in order.

    first, second  pairs of records (first < second) that may be one
    strong         which of them speak for one person by themselves
    """
    one, other = np.concatenate([first, second]), np.concatenate([second, first])
    order = np.argsort(one)
    one, other, is_strong = one[order], other[order], np.concatenate([strong, strong])[order]
    between, tied = one[is_strong], other[is_strong]
    starts, ends = np.searchsorted(one, between), np.searchsorted(one, between, "right")
    counts = ends - starts
    entry = np.arange(counts.sum()) + np.repeat(starts - np.cumsum(counts) + counts, counts)
    a, b = np.repeat(tied, counts), other[entry]
    found = distinct(_numbered(records, np.minimum(a, b), np.maximum(a, b))[a != b])
    found = found[~np.isin(found, _numbered(records, first, second))]
    low, high = np.divmod(found, max(records, 1))
    return low.astype(np.int32), high.astype(np.int32)


def _numbered(records: int, first: Codes, second: Codes) -> Ints:
    return first.astype(np.int64) * records + second
