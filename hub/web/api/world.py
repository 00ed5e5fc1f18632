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
class Setup:
    """Taking in what was saved in the files of the configuration.

    take     take them in now, and wait a moment for it; False: it goes on, runs that are under way end first
    trouble  why what is in the files is not in use; "" when it is, or is being taken in
    """

    take: Callable[[], bool] = lambda: False
    trouble: Callable[[], str] = str


NO_SETUP = Setup()
"""Where nothing runs that could take it in."""


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
    setup: Setup = NO_SETUP
