"""From a configuration to an engine that runs: store, routes, connectors, and one cycle of a connection."""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from hub.config import ConnectionConfig, HubConfig, connection_mapping
from hub.config.keys import ledger_of, open_configured
from hub.config.references import stand_in
from hub.connectors.contract import Can, Connector, Context
from hub.connectors.registry import connector_type, connector_types
from hub.dedupe.survive import Rules
from hub.dedupe.weigh import DEFAULT, NO_MATCHING, Model
from hub.errors import ConfigError, HubError, TransientError
from hub.logs import bound
from hub.opening import open_connector
from hub.store import ledger, models, queue
from hub.store.db import Store
from hub.store.inbox import StoreInbox
from hub.store.leases import owner_name
from hub.store.search import SearchIndex
from hub.store.upkeep import record_failure
from hub.sync.engine import NEVER, Hub, Meter, NoMeter, Route
from hub.sync.plan import preview
from hub.sync.progress import followed
from hub.sync.reerase import catch_up
from hub.sync.run import Orders, Result, sync
from hub.sync.versions import model_of

log = logging.getLogger(__name__)

ROUNDS = 3  # of one `hub sync`: what one connection brings, the others are told in the next
TRIES = 4  # of a cycle whose store was away or busy
FIRST_WAIT = 1.0  # seconds before the second try; doubles
LONGEST_WAIT = 30.0  # seconds
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o, u: nothing to misread
_PAIRS = [one + other for one in _DIGITS for other in _DIGITS]


class Ids:
    """Ids that nobody else makes: prefix and 16 characters that sort by time. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last = 0
        self._guard = threading.Lock()
        self._chances = iter(b"")

    def __call__(self, prefix: str) -> str:
        with self._guard:
            self._last = number = max(self._last + 1, int(self._clock() * 1000) << 10)
            chance = int.from_bytes(islice(self._chances, 4))
            if not chance:  # used up, or one in four thousand million
                self._chances = iter(os.urandom(4096))  # asking the system each time costs more than all the rest
                chance = int.from_bytes(islice(self._chances, 4))
        chance &= 0x1FFFFFF
        return prefix + _base32(number << 25 | chance)


def _base32(number: int) -> str:
    """80 bits."""
    high, low = number >> 40, number & 0xFFFFFFFFFF
    return (
        f"{_PAIRS[high >> 30]}{_PAIRS[high >> 20 & 1023]}{_PAIRS[high >> 10 & 1023]}{_PAIRS[high & 1023]}"
        f"{_PAIRS[low >> 30]}{_PAIRS[low >> 20 & 1023]}{_PAIRS[low >> 10 & 1023]}{_PAIRS[low & 1023]}"
    )


def open_store(config: HubConfig) -> Store:
    """The configured store; a new one is made. Who was erased since it was backed up is erased again.

    ConfigError when its schema is older, newer or foreign.
    """
    store = open_configured(config)
    try:
        if ledger.is_behind(store, (kept := ledger_of(config, store)).read()):
            catch_up(build_hub(config, store), kept)
    except BaseException:
        store.close()
        raise
    return store


def open_index(config: HubConfig, store: Store) -> SearchIndex:
    """The search index of a store: beside its SQLite file, else in the folder around the configuration.

    Where nothing can be written it is made in a temporary folder, anew at each start.
    """
    if store.in_memory:
        return SearchIndex(None)
    file = store.url.database if store.dialect == "sqlite" else str(config.home / "hub.db")
    try:
        return SearchIndex(Path(str(file)).with_suffix(".search.db"))
    except ConfigError as err:
        log.warning("the search index is kept until the hub stops only: %s", err)
        return SearchIndex(None)


def enabled(config: HubConfig) -> list[str]:
    return [name for name, connection in config.connections.items() if connection.enabled]


def build_hub(config: HubConfig, store: Store, *, meter: Meter | None = None) -> Hub:
    """The engine over all enabled connections: each is a target of the others. Reaches no system."""
    routes = {name: build_route(config, name) for name in enabled(config)}
    return Hub(
        store=store,
        routes=routes,
        clock=time.time,
        new_id=Ids(),
        rules=Rules.from_config(config.golden.rules, config.golden.empty_wins),
        model=matching_model(config, store),
        meter=meter or NoMeter(),
        owner=owner_name(),
    )


def matching_model(config: HubConfig, store: Store) -> Model:
    """The version of the model that is in use, or one that joins nothing."""
    if not config.matching.enabled:
        return NO_MATCHING
    apart = frozenset(name for name in enabled(config) if config.connections[name].deduplicated)
    with store.glance() as tx:  # versions never change, so these are no transaction: a page may be in the middle of one
        return model_of(tx, models.in_use(tx), replace(DEFAULT, apart=apart) if apart else DEFAULT)


def build_route(config: HubConfig, name: str) -> Route:
    connection = config.connections[name]
    every = connection.full_every
    return Route(
        name=name,
        mapping=connection_mapping(config, name),
        can=abilities(config, name),
        push=_push(connection),
        deletes=connection.deletes,
        limits=connection.hold_limits,
        full_every=NEVER if every is None else every.total_seconds(),
        erasure=connection.erasure.replace("_", " ") if connection.erasure else None,
    )


def _push(connection: ConnectionConfig) -> str:
    if connection.push == "updates":
        return "updates"
    return "yes" if connection.push else "no"


def abilities(config: HubConfig, name: str) -> Can:
    """What a connection can do; known even while its secret is missing, so that the others go on."""
    try:
        with open_connector(config, name) as connector:
            return connector.can
    except ConfigError:
        connection = config.connections[name]
        kind = connector_type(connection.type, connector_types(config.folder))
        try:
            settings = kind.Settings.model_validate(stand_in(dict(connection.settings)))
            context = Context(name=name, base=config.home, default_region=config.default_region)
            with context.closing:
                return kind(settings, context).can
        except (ValidationError, ConfigError):
            pass
        raise


@dataclass
class Workshop:
    """An engine with its configuration, store and inbox: all that is needed to run connections."""

    config: HubConfig
    hub: Hub
    inbox: StoreInbox
    sleep: Callable[[float], None] = time.sleep
    _version: int | None = None
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def store(self) -> Store:
        return self.hub.store

    def open(self, name: str) -> AbstractContextManager[Connector]:
        return open_connector(self.config, name, self.inbox.of(name))

    def cycle(self, name: str, orders: Orders) -> Result:
        """One cycle of a connection. What goes wrong on either side is in the result; bugs are raised."""
        lock = self._lock(name)
        if not lock.acquire(blocking=False):
            return Result(name, "", "busy", message="This process is running this connection already.")
        try:
            return self._cycle(name, orders)
        finally:
            lock.release()

    def is_running(self, name: str) -> bool:
        """Whether this process runs a connection at this moment."""
        return self._lock(name).locked()

    def _cycle(self, name: str, orders: Orders) -> Result:
        for attempt in range(TRIES):
            run_id = self.hub.new_id("r")
            with bound(run=run_id, connection=name):
                try:
                    result = self._once(name, run_id, orders)
                except TransientError as err:  # the store's: those of the system end in the result
                    result = self._failed(name, run_id, err)
                    wait = max(FIRST_WAIT * 2**attempt, min(err.retry_after or 0.0, LONGEST_WAIT))
                    if attempt + 1 < TRIES and not orders.stop():
                        log.warning("tried again in %.0f seconds: %s", wait, err)
                        self.sleep(wait)
                        continue
                except HubError as err:
                    result = self._failed(name, run_id, err)
                return result
        raise AssertionError("the last try returns")

    def current(self) -> Hub:
        """The engine with the version of the model that is in use now."""
        self._follow_model()
        return self.hub

    def _once(self, name: str, run_id: str, orders: Orders) -> Result:
        self._follow_model()
        hub = replace(self.hub, new_id=lambda prefix: run_id if prefix == "r" else self.hub.new_id(prefix))
        with self.open(name) as connector:
            told = followed(self.store, self.hub.clock, orders)
            return sync(hub, connector, name, replace(told, preview=preview))

    def _follow_model(self) -> None:
        """A version of the model that was chosen while this process runs is used from the next cycle on."""
        with self.store.glance() as tx:
            version = models.in_use(tx)
        with self._guard:
            if version != self._version:
                self.hub = replace(self.hub, model=matching_model(self.config, self.store))
                self._version = version

    def _failed(self, name: str, run_id: str, error: HubError) -> Result:
        """A run that could not even begin, or not end, is on record too."""
        try:
            record_failure(self.store, run_id, name, self.hub.clock(), str(error))
        except HubError as err:
            log.warning("the failed run was not put on record: %s", err)
        return Result(name, run_id, "failed", message=str(error))

    def _lock(self, name: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(name, threading.Lock())


def sync_all(
    shop: Workshop,
    names: Sequence[str],
    orders: Mapping[str, Orders],
    told: Callable[[Result], None] = lambda _: None,
) -> dict[str, Result]:
    """A cycle of each connection, all at once; again, up to three rounds, of those that others left work for.

    told  hears of every cycle as it ends
    """
    results: dict[str, Result] = {}
    todo = list(names)
    for turn in range(ROUNDS):
        given = orders if turn == 0 else {n: _again(o) for n, o in orders.items()}

        def cycle(name: str, given: Mapping[str, Orders] = given) -> Result:
            return _told(shop.cycle(name, given[name]), told)

        with ThreadPoolExecutor(max_workers=max(1, len(todo)), thread_name_prefix="sync") as pool:
            for result in pool.map(cycle, todo):
                results[result.connection] = _together(results.get(result.connection), result)
        todo = [name for name in names if results[name].status == "done" and has_work(shop, name)]
        if not todo or any(orders[name].stop() for name in todo):
            break
    return {name: results[name] for name in names}


def _again(orders: Orders) -> Orders:
    return replace(orders, full=False, absence=False, person=None)


def load_first(
    shop: Workshop,
    names: Sequence[str],
    orders: Mapping[str, Orders],
    told: Callable[[Result], None] = lambda _: None,
) -> dict[str, Result]:
    """The first load of an empty hub, and then a cycle of each connection that lacks what others brought."""
    from hub.sync.first_load import first_load  # with numpy, which nothing else needs

    with ExitStack() as opened_connectors:
        connectors = {name: opened_connectors.enter_context(shop.open(name)) for name in names}
        told_of = {name: followed(shop.store, shop.hub.clock, orders[name]) for name in names}
        loaded = first_load(shop.hub, connectors, told_of)
    for result in loaded.values():
        told(result)
    lacking = [name for name in names if loaded[name].status == "done" and has_work(shop, name)]
    if not lacking or any(orders[name].stop() for name in names):
        return loaded
    cycles = sync_all(shop, lacking, orders, told)
    return loaded | {name: _together(loaded[name], cycles[name]) for name in lacking}


def _told(result: Result, told: Callable[[Result], None]) -> Result:
    told(result)
    return result


def _together(before: Result | None, now: Result) -> Result:
    """Two cycles of one command as one: the status of the last, the counts of both."""
    if before is None:
        return now
    # what a listing shows again is no new record
    counts = {k: before.counts.get(k, 0) + now.counts.get(k, 0) for k in before.counts | now.counts}
    for same in ("pulled", "unchanged"):
        if same in counts:
            counts[same] = max(before.counts.get(same, 0), now.counts.get(same, 0))
    return replace(now, counts=counts)


def has_work(shop: Workshop, name: str) -> bool:
    """Whether something may be written to this connection now."""
    route = shop.hub.routes[name]
    if not route.writes and not route.can.delete:
        return False
    with shop.store.read() as tx:
        return bool(queue.ready(tx, name, shop.hub.clock(), 1))


def calm_collector() -> None:
    """Pages are made of many small values that die together: looking through all that is loaded every 700 of them
    costs a fifth of a load."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)


@contextmanager
def open_workshop(config: HubConfig, *, meter: Meter | None = None) -> Iterator[Workshop]:
    """Everything opened, and closed again."""
    store = open_store(config)
    calm_collector()
    kept = ledger_of(config, store)
    try:
        ledger.write_down(store, kept)
        yield Workshop(config, build_hub(config, store, meter=meter), StoreInbox(store))
        ledger.write_down(store, kept)
    finally:
        store.close()
