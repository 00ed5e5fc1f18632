"""What matching remembers of values it has seen is small, however many come by."""

from __future__ import annotations

import gc
import tracemalloc

from hub.dedupe.compare import PAIRS, compare
from hub.dedupe.features import Features, features, pack, unpack

MIB = 1024 * 1024
SOMEBODY = pack(
    features(
        {
            "given_name": "Anazzz",
            "family_name": "Costazzz",
            "company": "Acornzzz Works",
            "emails": [{"value": "ana.costa@acornzzz.example"}],
            "addresses": [{"street": "Rua zzz", "city": "Portozzz", "postcode": "4000-001"}],
        }
    )
)


def somebody(word: str) -> Features:
    """A record as it comes from the store, with values of its own."""
    record = unpack(SOMEBODY.replace("zzz", word))
    assert record is not None
    return record


def meet(first: int, last: int) -> int:
    """So many pairs are compared; the bytes in use afterwards."""
    for n in range(first, last):
        compare(somebody(f"x{n:x}"), somebody(f"y{n:x}"))
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def test_what_is_kept_of_pairs_that_met_stops_growing_soon() -> None:
    tracemalloc.start()
    try:
        soon = meet(0, PAIRS + 100)
        assert meet(PAIRS + 100, 3_000) - soon < MIB / 4
        assert soon < 4 * MIB
    finally:
        tracemalloc.stop()
