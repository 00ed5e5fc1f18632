"""How far a run under way has come, written now and then for all who look, from whatever process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from hub.errors import TransientError
from hub.store import runs
from hub.store.db import Store
from hub.sync.engine import Run
from hub.sync.run import Orders

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0


class Recorder:
    """Follows one run after the other. Writes between pages, at most once a second, and when another phase begins.

    Of a run that is over within a second nothing is written. then: hears of each step too
    """

    def __init__(self, store: Store, clock: Callable[[], float], then: Callable[[Run], None] | None = None) -> None:
        self._store, self._clock, self._then = store, clock, then
        self._place = ("", "")  # run and phase
        self._begun = self._since = self._written = 0.0  # the run, its phase, and when it was last written
        self._stopped_by: str | None = None

    def follow(self, run: Run) -> None:
        now = self._clock()
        if self._place[0] != run.id:
            self._begun = self._written = now
        is_new_phase = self._place != (run.id, run.phase)
        if is_new_phase:
            self._place, self._since = (run.id, run.phase), now
        if now - (self._begun if is_new_phase else self._written) >= EVERY_SECONDS:
            self._write(run, now)
        if self._then is not None:
            self._then(run)

    def is_stopped(self) -> bool:
        """Whether somebody has asked the run to end after its page."""
        return self._stopped_by is not None

    def _write(self, run: Run, now: float) -> None:
        self._written = now
        step = runs.Progress(run.phase, run.done, run.total, self._since, now, dict(run.counts))
        try:
            with self._store.write() as tx:
                self._stopped_by = runs.save_progress(tx, run.id, step)
        except TransientError as err:  # who looks sees it a second later
            log.info("how far the run is was not written down: %s", err)


def followed(store: Store, clock: Callable[[], float], orders: Orders) -> Orders:
    """The same orders for a run that tells how far it is, and that people can ask to stop."""
    recorder = Recorder(store, clock, orders.progress)
    return replace(orders, progress=recorder.follow, stop=lambda: orders.stop() or recorder.is_stopped())
