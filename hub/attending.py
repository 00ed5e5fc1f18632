"""What was delivered is taken in soon after it arrived."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic

from hub.errors import HubError

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.2  # deliveries that arrive together are taken in together
REST_SECONDS = 5.0  # between two runs for events of one connection: those that come meanwhile are one run
AGAIN_SECONDS = 2.0  # a form that is being run at this moment is looked at again
TIDY_SECONDS = 3600.0


class Attendant:
    """Takes in what was delivered soon after it arrived, and tidies the inbox.

    tidy  None: another attendant does
    """

    rest = 0.0  # seconds after each time

    def __init__(
        self,
        take_in: Callable[[str], bool],
        tidy: Callable[[], bool] | None,
        stopping: threading.Event,
        name: str = "forms",
    ) -> None:
        self._take_in, self._tidy, self._stopping = take_in, tidy, stopping
        self._rung: set[str] = set()
        self._guard = threading.Lock()
        self._bell = threading.Event()
        self._thread = threading.Thread(target=self._attend, name=f"inbox-{name}", daemon=True)

    def ring(self, name: str) -> None:
        with self._guard:
            self._rung.add(name)
        self._bell.set()

    def start(self) -> None:
        self._thread.start()

    def wait(self, timeout: float) -> bool:
        self._bell.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _attend(self) -> None:
        tidied = float("-inf")
        while not self._stopping.is_set():
            if self._tidy is not None and monotonic() - tidied >= TIDY_SECONDS:
                tidied = monotonic()
                self._guarded(self._tidy)
            if not self._bell.wait(TIDY_SECONDS) or self._stopping.wait(GATHER_SECONDS):
                continue
            self._bell.clear()
            with self._guard:
                rung, self._rung = self._rung, set()
            busy = [name for name in sorted(rung) if not self._guarded(partial(self._take_in, name))]
            if busy and not self._stopping.wait(AGAIN_SECONDS):
                for name in busy:
                    self.ring(name)
            self._stopping.wait(self.rest)

    def _guarded(self, step: Callable[[], bool]) -> bool:
        """The edge of the thread: it goes on whatever happens. False: to be tried again soon."""
        try:
            return step()
        except HubError as err:
            log.warning("the inbox was not attended to: %s", err)
            return False
        except Exception:
            log.exception("the inbox was not attended to, by an error of the hub")
        return True


class Listener(Attendant):
    """Follows what events of one connection hint at."""

    rest = REST_SECONDS
