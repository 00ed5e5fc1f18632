"""Memory that was let go, given back to the system before more is asked for."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any


def give_back() -> None:
    """What was freed in small pieces between others stays with the process otherwise. Only the C library of GNU knows
    how; nothing happens with another one."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
