"""What the API may use of the world: handed in by who serves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from hub.config import HubConfig
from hub.store.db import Store
from hub.store.search import SearchIndex
from hub.sync.engine import Hub


@dataclass(frozen=True, slots=True)
class World:
    """hub       the engine as it is now: its model may change while it runs
    run       begins a run of (connection, all of it, for whom); False: it is being run already
    next_run  when the schedule runs a connection next
    """

    config: HubConfig
    store: Store
    hub: Callable[[], Hub]
    index: SearchIndex
    run: Callable[[str, bool, str], bool]
    next_run: Callable[[str], datetime | None]
    clock: Callable[[], float]
