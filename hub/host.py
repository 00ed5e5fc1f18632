"""What `hub run` is: one address and one store, and in them the service of the configuration as it is now.

A changed configuration is taken in without a restart: a service of it is opened beside the one that runs, runs under
way end after their page, and then the new one takes its place behind the same open socket. Where it cannot be opened,
the old one has never stopped.
"""

from __future__ import annotations

import logging
import threading
from time import monotonic

from hub.config import HubConfig, load_config
from hub.errors import ConfigError, HubError
from hub.lasting import Lasting
from hub.service import Service
from hub.store import saved
from hub.store.db import Store
from hub.web.api.world import Setup
from hub.web.server import Serving, Switch, serve
from hub.worker.setting import LogForm

log = logging.getLogger(__name__)

STOP_SECONDS = 30.0  # from the signal to the end of the process; of runs that end before a change is taken in, too
WEB_SECONDS = 6.0  # of it, kept for the requests under way
LOOK_SECONDS = 5.0  # between two looks at whether another process has saved one
PATIENCE_SECONDS = 3.0  # a person waits so long for a saved configuration to be taken in
FIXED = "store, web.host, web.port, web.proxies, access.master_key and access.former_master_key"


class Host:
    """Start it, wait, stop it."""

    def __init__(self, config: HubConfig, store: Store, log_form: LogForm) -> None:
        """ConfigError when the configuration cannot be opened."""
        self._config, self._store = config, store
        self._setup = Setup(self._take_soon, lambda: self._trouble)
        self._lasting = Lasting(config, store, log_form)
        self.service = Service(config, store, self._lasting, setup=self._setup)
        self._switch = Switch(self.service.app)
        self.web: Serving | None = None
        self._trouble = ""
        self._saved: int | None = None  # how often, through all processes over this store; None: not known yet
        self._is_saved_elsewhere()
        self._stopping = threading.Event()
        self._changed = threading.Condition(threading.RLock())  # a signal may come while this thread holds it
        self._asked, self._answered = 0, 0
        self._thread = threading.Thread(target=self._attend, name="configuration", daemon=True)

    def start(self) -> None:
        web = self._config.web
        self.web = serve(self._switch, web.host, web.port, web.proxies)
        self.service.start()
        self.service.take_up_orders()
        self._thread.start()

    def ask(self) -> int:
        """Have the files read again, soon. The number of the wish; also for handlers of signals."""
        with self._changed:
            self._asked += 1
            self._changed.notify_all()
            return self._asked

    def stop(self, timeout: float = STOP_SECONDS) -> bool:
        """False when something had not ended in time; what it had saved stays, the rest is made again."""
        until = monotonic() + timeout
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(max(0.0, until - WEB_SECONDS - monotonic()))
        ended = not self._thread.is_alive()
        ended &= self.service.drain(max(0.0, until - WEB_SECONDS - monotonic()))
        if self.web is not None:
            ended &= self.web.stop(max(1.0, until - monotonic()))
        self.service.leave_orders()  # not before: requests came until now
        self.service.close()
        self._lasting.stop()
        return ended

    # --- taking in --------------------------------------------------------------------------------

    def _take_soon(self) -> bool:
        """It was saved through this process. Whether it was taken in, or refused, while somebody waited."""
        try:
            with self._store.write() as tx:
                self._saved = saved.tell(tx)
        except HubError as err:
            log.warning("others that run over this store were not told of a saved configuration: %s", err)
        mine = self.ask()
        until = monotonic() + PATIENCE_SECONDS
        with self._changed:
            while self._answered < mine and (left := until - monotonic()) > 0:
                self._changed.wait(left)
            return self._answered >= mine

    def _attend(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                if self._answered == self._asked and not self._stopping.is_set():
                    self._changed.wait(LOOK_SECONDS)
                is_asked, wish = self._answered != self._asked, self._asked
            if not self._stopping.is_set() and (is_asked or self._is_saved_elsewhere()):
                self._guarded()
            with self._changed:
                self._answered = wish
                self._changed.notify_all()

    def _is_saved_elsewhere(self) -> bool:
        """Whether it was, since the last look, through another process over this store."""
        try:
            with self._store.glance() as tx:
                before, self._saved = self._saved, saved.times(tx)
        except HubError as err:
            log.debug("whether a configuration was saved elsewhere cannot be told: %s", err)
            return False
        return before is not None and self._saved != before

    def _guarded(self) -> None:
        """The edge of the thread. Whatever is wrong with the new one, the old one goes on."""
        try:
            self._take_in()
        except HubError as err:
            self._refuse(str(err))
        except Exception:
            log.exception("the configuration was not taken in, by an error of the hub")
            self._refuse("There was an error of the hub; the log has the reason.")

    def _take_in(self) -> None:
        config = load_config(self._config.folder)
        _refuse_fixed(self._config, config)
        self._replace(config, Service(config, self._store, self._lasting, self.service, self._setup))

    def _replace(self, config: HubConfig, after: Service) -> None:
        before = self.service
        if not before.drain(STOP_SECONDS - WEB_SECONDS):
            log.warning("some runs have not ended yet: they end under the configuration before")
        if self._stopping.is_set():
            after.discard(before)  # the hub stops; what was saved is taken in at the next start
            return
        self._switch.app = after.app
        before.hand_over(after)
        after.start()
        self._config, self.service, self._trouble = config, after, ""
        log.info("the configuration was taken in: %d connections", len(config.connections))

    def _refuse(self, reason: str) -> None:
        self._trouble = reason
        log.error("the changed configuration was not taken in, the one before goes on: %s", reason)


def _refuse_fixed(now: HubConfig, new: HubConfig) -> None:
    if _fixed(now) != _fixed(new):
        raise ConfigError(
            f"One of {FIXED} was changed. These are read at a start only, so nothing was taken in: restart `hub run`."
        )


def _fixed(config: HubConfig) -> tuple[object, ...]:
    web, access = config.web, config.access
    return (config.store, web.host, web.port, web.proxies, access.master_key, access.former_master_key)
