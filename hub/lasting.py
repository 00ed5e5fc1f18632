"""What of a running hub outlives a change of its configuration."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import CollectorRegistry

from hub.accounts.reads import Reads
from hub.config import HubConfig
from hub.errors import ConfigError
from hub.metrics import Metrics
from hub.running import open_index
from hub.store.db import Store
from hub.worker.setting import LogForm


class Lasting:
    """Counters, the search index, and a thread for what nobody has to wait for."""

    def __init__(self, config: HubConfig, store: Store, log_form: LogForm) -> None:
        """ConfigError when the store is in memory."""
        if store.in_memory:
            raise ConfigError(
                "`hub run` was not started: its store is in memory, which its processes cannot share and the next "
                "start would not find. Name a file or a PostgreSQL database under store: in hub.yaml."
            )
        self.log_form = log_form
        self.counters = CollectorRegistry()
        self.metrics = Metrics(self.counters)
        self.index = open_index(config, store)
        self._touches = ThreadPoolExecutor(1, thread_name_prefix="access")
        self.later = self._touches.submit
        self.reads = Reads(store, time.time, self.later)

    def stop(self) -> None:
        self._touches.shutdown(wait=False, cancel_futures=True)
        self.reads.write_down()
        self.index.close()
