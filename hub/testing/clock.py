"""Time that moves only when a test or a waiting connector moves it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Clock:
    """Hand the object itself in as the clock, and `sleep` as the sleep: waiting takes no time and is noted.

    slept  every wait in seconds, in order
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        """Time passes with nobody waiting for it."""
        with self._lock:
            self._now += timedelta(seconds=seconds)

    def seconds(self) -> float:
        return self().timestamp()
