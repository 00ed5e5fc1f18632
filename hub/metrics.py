"""What the hub counts for Prometheus. Labels are connections, base fields and words of the hub: no data.

Counters grow where things happen. Gauges (lag, queue depth, held …) are read from the store when they are
scraped, so they are right after a restart and from every process.
"""

from __future__ import annotations

import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import ClassVar, Generic, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hub.errors import HubError
from hub.logs import current_run
from hub.model import KIND, MANY, SINGLE, base_field

log = logging.getLogger(__name__)

RUN_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)
WITHHELD = "withheld"
"""What a run counts of people who were erased."""
WHOLE_RUN = "run"  # the phase that is all of a run

T = TypeVar("T")

_WORD = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ConnectionGauges:
    """How one connection stands.

    last_complete   end of the last complete run, aware UTC; None: never had one
    oldest_opt_out  when the oldest opt-out that a system has not acknowledged was made; None: there is none
    queue_depth     writes waiting to go out
    held            decisions waiting for a person's approval
    parked          records set aside
    paused          waits for a person to start it again
    """

    last_complete: datetime | None
    oldest_opt_out: datetime | None = None
    queue_depth: int = 0
    held: int = 0
    parked: int = 0
    paused: bool = False


@dataclass(frozen=True, slots=True)
class ListGauges:
    """A work list: how much is open, and since when the oldest of it is (aware UTC; None: nothing is)."""

    open: int
    oldest: datetime | None = None


class StateReader(Protocol):
    def gauges(self) -> Mapping[str, ConnectionGauges]:
        """By connection; a few quick queries. HubError when the store cannot be read."""

    def work_lists(self) -> Mapping[str, ListGauges]:
        """By the name of a work list. HubError as above."""


class Metrics:
    """The engine's counters. Thread-safe."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._records = Counter(
            "hub_records", "Records by what became of them", ["connection", "outcome"], registry=registry
        )
        self._withheld = Counter(
            "hub_withheld",
            "Records and interactions of erased people that were kept out",
            ["connection"],
            registry=registry,
        )
        self._conflicts = Counter(
            "hub_conflicts",
            "Fields changed in two places",
            ["connection", "field", "rule"],
            registry=registry,
        )
        self._interactions = Counter(
            "hub_interactions", "Calls, messages, forms … taken in", ["connection", "channel"], registry=registry
        )
        self._runs = Counter("hub_runs", "Runs by how they ended", ["connection", "status"], registry=registry)
        self._seconds = Histogram(
            "hub_run_seconds",
            "Time a run and its phases took",
            ["connection", "phase"],
            buckets=RUN_SECONDS,
            registry=registry,
        )

        self._left = Gauge("hub_quota_left", "Requests of the day that are left", ["connection"], registry=registry)
        self._most = Gauge("hub_quota", "Requests that an account has in a day", ["connection"], registry=registry)

    def quota(self, connection: str, left: int, most: int) -> None:
        """What a service said last of the requests of a day."""
        self._left.labels(connection).set(left)
        self._most.labels(connection).set(most)

    def count(self, connection: str, outcome: str, n: int = 1) -> None:
        """`n` more records that were pulled, mapped, set_aside, created, merged, pushed, held …"""
        if n:
            self._records.labels(connection, word(outcome)).inc(n)
        if n and outcome == WITHHELD:
            self._withheld.labels(connection).inc(n)

    def conflict(self, connection: str, field: str, rule: str) -> None:
        """One more conflict; of a flat key such as `emails/…` only the base field is kept."""
        self._conflicts.labels(connection, field_label(field), word(rule)).inc()

    def interactions(self, connection: str, channel: str, n: int) -> None:
        """`n` more interactions taken in, of one channel."""
        self._interactions.labels(connection, word(channel)).inc(n)

    def phase(self, connection: str, phase: str, seconds: float) -> None:
        """What part of a run took: pull, plan, push …"""
        self._seconds.labels(connection, word(phase)).observe(seconds, _exemplar())

    def run(self, connection: str, status: str, seconds: float) -> None:
        """A run has ended: done, held, failed …"""
        self._runs.labels(connection, word(status)).inc(1, _exemplar())
        self.phase(connection, WHOLE_RUN, seconds)


class Scraped(Collector, ABC, Generic[T]):
    """Gauges of what is read when it is scraped. Where it cannot be read that is logged, and they have no values.

    what  is read, for the log: "how mails stand"
    """

    what: ClassVar[str]

    @abstractmethod
    def read(self) -> T:
        """HubError when the store cannot be read."""

    @abstractmethod
    def families(self, found: T | None) -> Iterator[Metric]:
        """None: names only."""

    def describe(self) -> Iterator[Metric]:
        """Registering asks nothing of the store."""
        yield from self.families(None)

    def collect(self) -> Iterator[Metric]:
        found = None
        try:
            found = self.read()
        except HubError as err:
            log.warning("%s could not be read for the metrics: %s", self.what, err)
        yield from self.families(found)


class StateCollector(Collector):
    """Gauges read at scrape time. A store that cannot be read shows as `hub_state_readable 0`."""

    def __init__(self, reader: StateReader, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._reader = reader
        self._clock = clock

    def describe(self) -> Iterator[Metric]:
        """Names only, so that registering asks nothing of the store."""
        never = datetime.min.replace(tzinfo=UTC)
        yield from _families({}, never)
        yield from _list_families({}, never)

    def collect(self) -> Iterator[Metric]:
        found: list[Metric] = []
        try:
            gauges, lists, now = self._reader.gauges(), self._reader.work_lists(), self._clock()
            found = [*_families(gauges, now), *_list_families(lists, now)]
        except HubError as err:
            log.warning("the state of the connections could not be read for the metrics: %s", err)
        yield GaugeMetricFamily(
            "hub_state_readable", "Whether the store answered this scrape", value=float(bool(found))
        )
        yield from found


def word(text: str) -> str:
    """A label value of a closed set; anything else, which might be data, is `other`."""
    return text if _WORD.fullmatch(text) else "other"


def field_label(key: str) -> str:
    """The base field; every field of one's own is `custom`."""
    name = base_field(key)
    if name in SINGLE or name in MANY or name == KIND:
        return name
    return "custom" if name.startswith("custom.") else "other"


def _families(gauges: Mapping[str, ConnectionGauges], now: datetime) -> Iterator[Metric]:
    def family(name: str, text: str, value: Callable[[ConnectionGauges], float]) -> Metric:
        metric = GaugeMetricFamily(name, text, labels=["connection"])
        for connection in sorted(gauges):
            metric.add_metric([connection], value(gauges[connection]))
        return metric

    yield family(
        "hub_lag_seconds",
        "Time since the last complete run; +Inf before the first",
        lambda state: inf if state.last_complete is None else _age(state.last_complete, now),
    )
    yield family(
        "hub_optout_unacknowledged_seconds",
        "Age of the oldest opt-out that this system has not acknowledged; 0 when there is none",
        lambda state: 0.0 if state.oldest_opt_out is None else _age(state.oldest_opt_out, now),
    )
    yield family("hub_queue_depth", "Writes waiting to go out", lambda state: state.queue_depth)
    yield family("hub_held", "Decisions waiting for approval", lambda state: state.held)
    yield family("hub_parked", "Records set aside", lambda state: state.parked)
    yield family("hub_paused", "1: waits for a person to start it again", lambda state: float(state.paused))


def _list_families(lists: Mapping[str, ListGauges], now: datetime) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("hub_work_list_open", "What waits for a person", labels=["list"])
    oldest = GaugeMetricFamily(
        "hub_work_list_oldest_seconds", "How long the oldest of it has waited; 0 when nothing does", labels=["list"]
    )
    for name, each in sorted(lists.items()):
        waiting.add_metric([name], each.open)
        oldest.add_metric([name], 0.0 if each.oldest is None else _age(each.oldest, now))
    yield from (waiting, oldest)


def _age(then: datetime, now: datetime) -> float:
    return max(0.0, (now - then).total_seconds())


def _exemplar() -> dict[str, str] | None:
    run = current_run()
    return {"run": run} if run else None
