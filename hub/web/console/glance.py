"""What stands on every page: how much waits in the work lists. Counted at most every few seconds for all who look."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from hub.store import overview
from hub.store.db import Store
from hub.store.overview import WorkList

T = TypeVar("T")
KEPT_SECONDS = 5.0


class Kept(Generic[T]):
    """A value that is made anew when it is asked for and too old. Thread-safe: made once, while others wait."""

    def __init__(self, make: Callable[[], T], clock: Callable[[], float], seconds: float = KEPT_SECONDS) -> None:
        self._make, self._clock, self._seconds = make, clock, seconds
        self._guard = threading.Lock()
        self._at = float("-inf")
        self._value: T | None = None

    def get(self) -> T:
        with self._guard:
            if self._value is None or self._clock() - self._at >= self._seconds:
                self._value, self._at = self._make(), self._clock()
            return self._value

    def forget(self) -> None:
        """What a person just did shows at once."""
        with self._guard:
            self._at = float("-inf")


class Glance:
    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._lists = Kept(lambda: _count(store), clock)

    def work_lists(self) -> Mapping[str, WorkList]:
        return self._lists.get()

    def forget(self) -> None:
        self._lists.forget()


def _count(store: Store) -> Mapping[str, WorkList]:
    with store.read() as tx:
        return overview.work_lists(tx)
