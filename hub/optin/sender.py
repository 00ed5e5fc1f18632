"""A thread that writes the letters of double opt-in; the mail server's thread sends them."""

from __future__ import annotations

import logging
import threading

from hub.errors import HubError
from hub.optin.asking import OptIns

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0  # between two looks


class Inviting:
    """Works until it is told to stop."""

    def __init__(self, opt_ins: OptIns, stopping: threading.Event) -> None:
        self._opt_ins, self._stopping = opt_ins, stopping
        self._thread = threading.Thread(target=self._work, name="opt-in", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait(self, timeout: float) -> bool:
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._stopping.is_set():
            done = 0
            try:
                done = self._opt_ins.step()
            except HubError as err:
                log.warning("letters of double opt-in were not written: %s", err)
            except Exception:
                log.exception("letters of double opt-in were not written, by an error of the hub")
            if not done:
                self._stopping.wait(EVERY_SECONDS)
