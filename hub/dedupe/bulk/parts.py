"""Components: records that links hold together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hub.dedupe.bulk.columns import Codes, Ints


def components(records: int, first: Codes, second: Codes) -> Codes:
    """The smallest record that each record hangs together with, itself when alone."""
    label = np.arange(records, dtype=np.int32)
    while len(first):
        lower = np.minimum(label[first], label[second])
        np.minimum.at(label, label[first], lower)
        np.minimum.at(label, label[second], lower)
        while True:
            flat = label[label]
            if np.array_equal(flat, label):
                break
            label = flat
        open_ends = label[first] != label[second]
        first, second = first[open_ends], second[open_ends]
    return label


class Gathered(NamedTuple):
    """Components of two records and more: members one after the other, and where each component starts."""

    members: Codes
    starts: Ints
    sizes: Ints


def gather(label: Codes) -> Gathered:
    """Members of each component in order."""
    order = np.argsort(label, kind="stable").astype(np.int32)
    ordered = label[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(label) else np.zeros(0, int)
    sizes = np.diff(np.append(starts, len(order)))
    several = sizes > 1
    return Gathered(order, starts[several], sizes[several])
