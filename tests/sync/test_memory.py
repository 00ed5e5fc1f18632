"""Memory that was let go goes back to the system."""

import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest

from hub.sync.memory import give_back

PIECES, SIZE = 1_000, 64_000  # small enough to be carved out of one piece: 64 MB together


def held():
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library gives nothing back"
)
def test_what_lay_between_pieces_that_stay_is_given_back():
    pieces = [np.ones(SIZE, np.uint8) for _ in range(PIECES)]
    stay = pieces[9::10]
    before = held()
    del pieces

    give_back()

    assert before - held() > PIECES * SIZE / 2
    assert len(stay) == PIECES / 10
