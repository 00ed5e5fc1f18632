"""What takes long to count and stands on many pages: counted now and then for all who look, not for each of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from hub.errors import HubError
from hub.store import overview
from hub.store.db import Store
from hub.store.gauges import Standing, standings
from hub.store.overview import WorkList

log = logging.getLogger(__name__)

T = TypeVar("T")
FRESH_SECONDS = 5.0
USABLE_SECONDS = 60.0


class Kept(Generic[T]):
    """A value that is made when somebody asks. Thread-safe.

    One older than `fresh` seconds is made anew while the old one is still served; nobody is given one
    that is older than `usable` seconds: then who asks waits.
    """

    def __init__(
        self,
        make: Callable[[], T],
        clock: Callable[[], float],
        fresh: float = FRESH_SECONDS,
        usable: float = USABLE_SECONDS,
    ) -> None:
        self._make, self._clock, self._fresh, self._usable = make, clock, fresh, usable
        self._making = threading.Lock()
        self._at = float("-inf")
        self._value: T | None = None

    def get(self) -> T:
        value, age = self._value, self._clock() - self._at
        if value is None or age >= self._usable:
            return self._made(self._fresh)
        if age >= self._fresh and not self._making.locked():
            threading.Thread(target=self._made_aside, name="console-glance", daemon=True).start()
        return value

    def forget(self) -> None:
        """What a person just did shows at once."""
        self._at = float("-inf")

    def _made(self, fresh: float) -> T:
        with self._making:
            if self._value is None or self._clock() - self._at >= fresh:
                begun = self._clock()
                self._value = self._make()
                self._at = begun
            return self._value

    def _made_aside(self) -> None:
        try:
            self._made(self._fresh)
        except HubError as err:
            log.warning("the counts of the console are as they were: %s", err)


class Glance:
    def __init__(self, store: Store, names: Iterable[str], clock: Callable[[], float]) -> None:
        wanted = list(names)
        self._lists = Kept(lambda: _count(store), clock)
        self._standings = Kept(lambda: {s.name: s for s in standings(store, wanted, clock())}, clock)

    def work_lists(self) -> Mapping[str, WorkList]:
        return self._lists.get()

    def standings(self) -> Mapping[str, Standing]:
        """By connection, in the order of the configuration."""
        return self._standings.get()

    def forget(self) -> None:
        self._lists.forget()
        self._standings.forget()


def _count(store: Store) -> Mapping[str, WorkList]:
    with store.read() as tx:
        return overview.work_lists(tx)
