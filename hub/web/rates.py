"""How many deliveries a form takes that anybody may post to: so that a flood cannot fill the disk."""

from __future__ import annotations

from datetime import datetime
from math import ceil


class RateCap:
    """A bucket that holds one minute's worth and fills evenly. Used from one thread.

    per_minute  deliveries, at least 1
    """

    def __init__(self, per_minute: int) -> None:
        self._most = float(per_minute)
        self._left = float(per_minute)
        self._at: datetime | None = None

    def wait_seconds(self, now: datetime) -> int:
        """Takes one and returns 0; or takes none and returns after how many seconds there is one again."""
        passed = (now - self._at).total_seconds() if self._at else 0.0
        self._at = now
        self._left = min(self._most, self._left + max(0.0, passed) * self._most / 60)
        if self._left < 1:
            return max(1, ceil((1 - self._left) * 60 / self._most))
        self._left -= 1
        return 0
