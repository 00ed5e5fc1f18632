"""How many deliveries a form takes that anybody may post to, in all and from one address."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from math import ceil

MOST_PLACES = 50_000  # addresses remembered at once; the one unheard of for longest is forgotten first


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


class RateByPlace:
    """A bucket for each address. Used from one thread.

    per_minute  deliveries from one address, at least 1
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._caps: OrderedDict[str, RateCap] = OrderedDict()

    def wait_seconds(self, place: str, now: datetime) -> int:
        """As of `RateCap`, for one address."""
        cap = self._caps.pop(place, None) or RateCap(self._per_minute)
        self._caps[place] = cap
        if len(self._caps) > MOST_PLACES:
            self._caps.popitem(last=False)
        return cap.wait_seconds(now)
