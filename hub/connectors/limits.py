"""When a request may leave: rate limits, pauses a service asks for, and time that never runs backwards."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from hub.connectors.contract import Context

MAX_RETRY_AFTER = 3600.0  # seconds; a service that asks for more is asked again after an hour


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `requests` in any span of `per_seconds`, over all threads of the connection."""

    requests: int
    per_seconds: float


class Ticker:
    """Seconds that never run backwards, out of a clock that may be set back."""

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._last = context.clock()
        self._seconds = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        with self._lock:
            time = self._clock()
            self._seconds += max((time - self._last).total_seconds(), 0.0)
            self._last = time
            return self._seconds


class Limit:
    """Turns of one connection: a token comes back `per_seconds` after it was taken; a pause holds all."""

    def __init__(self, time: Ticker, rate: RateLimit | None) -> None:
        self._time = time
        self._span = rate.per_seconds if rate else 0.0
        self._taken: deque[float] = deque(maxlen=rate.requests if rate else 0)
        self._paused_until = 0.0
        self._lock = threading.Lock()

    def take(self, until: float, cost: int = 1) -> float | None:
        """Seconds to wait for our turn; None (and no turn taken) when that is not before `until`.

        cost  how many requests it counts for; more than the limit allows at once counts as all of it
        """
        with self._lock:
            now = self._time.now()
            cost = min(cost, self._taken.maxlen or 1)
            over = len(self._taken) + cost - (self._taken.maxlen or 0)
            full = self._taken.maxlen and over > 0
            turn = max(now, self._paused_until, self._taken[over - 1] + self._span if full else now)
            if turn > now and turn >= until:
                return None
            self._taken.extend([turn] * cost)
            return turn - now

    def pause(self, seconds: float) -> None:
        with self._lock:
            self._paused_until = max(self._paused_until, self._time.now() + seconds)

    def pause_left(self) -> float:
        with self._lock:
            return max(self._paused_until - self._time.now(), 0.0)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that Retry-After asks for, 0 to MAX_RETRY_AFTER; None when absent or senseless.

    A date is taken against their own Date header where there is one, since our clocks may differ.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), MAX_RETRY_AFTER)
    at, sent = _http_date(text), _http_date(headers.get("date", ""))
    if at is None:
        return None
    return min(max((at - (sent or now)).total_seconds(), 0.0), MAX_RETRY_AFTER)


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
