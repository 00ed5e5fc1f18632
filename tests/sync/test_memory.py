"""Memory that was let go goes back to the system."""

import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hub.sync.memory import give_back

PIECES, SIZE = 1_000, 64_000  # small enough to be carved out of one piece: 64 MB together


def held():
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


with_gnu = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library gives nothing back"
)


@with_gnu
def test_what_lay_between_pieces_that_stay_is_given_back():
    pieces = [np.ones(SIZE, np.uint8) for _ in range(PIECES)]
    stay = pieces[9::10]
    before = held()
    del pieces

    give_back()

    assert before - held() > PIECES * SIZE / 2
    assert len(stay) == PIECES / 10


def let_go(apart):
    """MB that are back with the system once columns, made in turn with small things that stay, are let go."""
    lines = [
        "import numpy as np",
        "from pathlib import Path",
        "from hub.sync.memory import keep_large_apart",
        "held = lambda: int(Path('/proc/self/statm').read_text().split()[1]) * 4096",
        "keep_large_apart()" if apart else "",
        "large = np.ones(30_000_000, np.uint8)",
        "del large",
        "both = [(np.ones(1_000_000, np.uint8), np.ones(2_000, np.uint8)) for _ in range(100)]",
        "columns, stay = [list(of) for of in zip(*both)]",
        "del both",
        "before = held()",
        "del columns",
        "print((before - held()) // 1_000_000)",
    ]
    return int(subprocess.check_output([sys.executable, "-c", "\n".join(lines)], text=True))


@with_gnu
def test_large_pieces_that_are_kept_apart_go_back_when_they_are_let_go():
    assert let_go(apart=True) >= 90
    assert let_go(apart=False) < 50  # what it is for
