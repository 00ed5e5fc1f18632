"""Who has read personal data how often: counted in memory, written into the audit now and then.

An answer that shows contacts is one reading, whatever it shows; so looking changes nothing at that moment, and much of
it is seen all the same. Killed, the hub forgets the readings of the last minutes.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable

from hub.access.rights import Right
from hub.errors import HubError
from hub.store import audit
from hub.store.db import Store

log = logging.getLogger(__name__)

COUNTED = frozenset({Right.CONTACTS, Right.LOOKUP})  # what is taken out as a whole has a row of its own
TOGETHER_SECONDS = 600.0  # readings of so long are one row for each person
ACTION = "personal data read"


class Reads:
    """Thread-safe.

    later  runs the writing aside, so that nobody who reads waits for it
    """

    def __init__(
        self, store: Store, clock: Callable[[], float], later: Callable[[Callable[[], object]], object]
    ) -> None:
        self._store, self._clock, self._later = store, clock, later
        self._guard = threading.Lock()
        self._counted: dict[str, Counter[str]] = {}
        self._since = clock()

    def count(self, who: str, right: Right) -> None:
        if right not in COUNTED:
            return
        with self._guard:
            self._counted.setdefault(who, Counter())[right.value] += 1
            is_due = self._clock() - self._since >= TOGETHER_SECONDS
            if is_due:
                self._since = self._clock()
        if is_due:
            self._later(self.write_down)

    def write_down(self) -> None:
        """One row for each person or token who has read anything since the last time."""
        with self._guard:
            counted, self._counted = self._counted, {}
            self._since = self._clock()
        if not counted:
            return
        try:
            with self._store.write() as tx:
                for who, answers in sorted(counted.items()):
                    audit.note(tx, who, ACTION, "contacts", dict(sorted(answers.items())), at=self._clock())
        except HubError as err:
            log.warning("readings of personal data are written down later: %s", err)
            self._put_back(counted)

    def _put_back(self, counted: dict[str, Counter[str]]) -> None:
        with self._guard:
            for who, answers in counted.items():
                self._counted.setdefault(who, Counter()).update(answers)
