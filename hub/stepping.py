"""A thread that makes one step after another until it is told to stop, whatever happens in a step."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from hub.errors import HubError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Beat:
    """How a thread goes on.

    name     of the thread
    failed   what did not happen when a step failed, for the log: "mails were not sent"
    rest     seconds after a step that found nothing to do
    trouble  seconds after one that failed
    first    seconds before the first
    """

    name: str
    failed: str
    rest: float
    trouble: float = 5.0
    first: float = 0.0


class Stepping:
    """step: makes one; what it returns is true when there may be more to do at once"""

    def __init__(self, step: Callable[[], object], beat: Beat, stopping: threading.Event) -> None:
        self._step, self._beat, self._stopping = step, beat, stopping
        self._thread = threading.Thread(target=self._go, name=beat.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait(self, timeout: float) -> bool:
        """After `stopping` was set. False: it has not ended in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _go(self) -> None:
        rest = self._beat.first
        while not self._stopping.wait(rest):
            rest = self._once()

    def _once(self) -> float:
        """Seconds until the next."""
        try:
            return 0.0 if self._step() else self._beat.rest
        except HubError as err:
            log.warning("%s: %s", self._beat.failed, err)
        except Exception:  # the edge of the thread
            log.exception("%s, by an error of the hub", self._beat.failed)
        return self._beat.trouble
