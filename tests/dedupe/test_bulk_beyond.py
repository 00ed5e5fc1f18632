"""What one join leads to is foreseen, and nothing that is known already."""

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hub.dedupe.bulk.beyond import beyond

RECORDS = 8
pairs = st.dictionaries(st.sampled_from([*combinations(range(RECORDS), 2)]), st.booleans(), max_size=16)


def foreseen(strong):
    """Pair by pair: whoever is strongly tied to a record is held against all neighbours of that record."""
    ends = [*strong.items(), *[((b, a), tie) for (a, b), tie in strong.items()]]
    found = {
        tuple(sorted((tied, other)))
        for (between, tied), tie in ends
        for (middle, other), _ in ends
        if tie and between == middle and other != tied
    }
    return sorted(found - strong.keys())


@given(pairs)
def test_whoever_is_one_with_a_record_is_held_against_its_neighbours(strong):
    known = sorted(strong)
    first, second = np.array(known, np.int32).reshape(-1, 2).T
    low, high = beyond(RECORDS, first, second, np.array([strong[pair] for pair in known], bool))
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == foreseen(strong)
