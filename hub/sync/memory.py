"""Memory that was let go, given back to the system before more is asked for."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any, Final

_MMAP_THRESHOLD: Final = -3  # of mallopt(3)
LARGE: Final = 128 * 1024  # bytes; what the C library begins with


def keep_large_apart() -> None:
    """What is large goes back to the system at the moment it is freed, from now on and in the whole process.

    The C library raises what it takes for large with each such piece that is freed, up to 32 MiB. From then on columns
    lie among small things that outlive them, and what they leave behind fits little.
    """
    library = _library()
    if hasattr(library, "mallopt"):
        library.mallopt(_MMAP_THRESHOLD, LARGE)


def give_back() -> None:
    """What was freed in small pieces between others stays with the process otherwise. Only the C library of GNU knows
    how; nothing happens with another one."""
    library = _library()
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


@cache
def _library() -> Any:
    """The C library, where it may be the one of GNU."""
    return ctypes.CDLL(None) if sys.platform == "linux" else None
