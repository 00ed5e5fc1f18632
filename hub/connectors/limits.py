"""When a request may leave: rate limits, pauses a service asks for, and time that never runs backwards."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from hub.connectors.contract import Context

MAX_RETRY_AFTER = 3600.0  # seconds; a service that asks for more is asked again after an hour
GRAINS = 1000  # of a span: a limit of more requests remembers no finer, so a day's quota costs little memory

Cost: TypeAlias = int | Mapping[str, int]
"""What a request takes: so many of each limit without a name; or one of those, and so many of each that is named."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `requests` in any span of `per_seconds`, over all threads of the connection.

    name  None: every request counts; else only those whose cost names it
    """

    requests: int
    per_seconds: float
    name: str | None = None


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


class Window:
    """One rate limit: how many requests left when. What left almost together is remembered as one."""

    def __init__(self, rate: RateLimit) -> None:
        self.most = rate.requests
        self._span = rate.per_seconds
        self._fine = rate.per_seconds / GRAINS if rate.requests > GRAINS else 0.0
        self._left: deque[tuple[float, float, int]] = deque()  # (first, last, how many) of those that left together
        self._held = 0

    def __len__(self) -> int:
        """Places in which it remembers."""
        return len(self._left)

    def forget(self, now: float) -> None:
        """What left so long ago that it no longer counts."""
        while self._left and self._left[0][1] + self._span <= now:
            self._held -= self._left.popleft()[2]

    def turn(self, at: float, cost: int) -> float:
        """When `cost` requests may leave, from this time on."""
        over = self._held + min(cost, self.most) - self.most
        for _, last, many in self._left:
            if over <= 0:
                break
            over, at = over - many, max(at, last + self._span)
        return at

    def book(self, turn: float, cost: int) -> None:
        cost = min(cost, self.most)
        self._held += cost
        if self._left and turn - self._left[-1][0] <= self._fine:
            first, _, many = self._left.pop()
            self._left.append((first, turn, many + cost))
        else:
            self._left.append((turn, turn, cost))


class Limit:
    """Turns of one connection, in order: a limit gives back what a request took after its span; a pause holds all."""

    def __init__(self, time: Ticker, *rates: RateLimit) -> None:
        self._time = time
        self._windows = [(rate.name, Window(rate)) for rate in rates]
        self._last = 0.0
        self._paused_until = 0.0
        self._lock = threading.Lock()

    def take(self, until: float, cost: Cost = 1) -> float | None:
        """Seconds to wait for our turn; None (and no turn taken) when that is not before `until`.

        cost  how many requests it counts for; of a limit that allows fewer at once, all of it
        """
        with self._lock:
            now = self._time.now()
            taken = self._taken(cost)
            turn = self._turn(now, taken)
            if turn > now and turn >= until:
                return None
            for window, many in taken:
                window.book(turn, many)
                self._last = turn
            return turn - now

    def pause(self, seconds: float) -> None:
        with self._lock:
            self._paused_until = max(self._paused_until, self._time.now() + seconds)

    def wait_left(self, cost: Cost = 1) -> float:
        """Seconds until such a request may leave, an hour at most; no turn is taken."""
        with self._lock:
            now = self._time.now()
            return min(self._turn(now, self._taken(cost)) - now, MAX_RETRY_AFTER)

    def _taken(self, cost: Cost) -> list[tuple[Window, int]]:
        return [(window, many) for name, window in self._windows if (many := share(name, cost))]

    def _turn(self, now: float, taken: Sequence[tuple[Window, int]]) -> float:
        turn = max(now, self._paused_until, self._last if taken else now)
        for window, many in taken:
            window.forget(now)
            turn = window.turn(turn, many)
        return turn


def share(name: str | None, cost: Cost) -> int:
    """What a request takes of the limit of this name: a number means those without a name."""
    if isinstance(cost, int):
        return cost if name is None else 0
    return cost.get(name, 0) if name is not None else 1


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
