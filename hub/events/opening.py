"""From the configuration to who is told: keys are looked up, and how each stands is a gauge."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hub.config import HubConfig
from hub.errors import HubError
from hub.events.sender import Target
from hub.secrets import resolve
from hub.store import events_out as db
from hub.store.db import Store
from hub.web.signatures import standard_keys

log = logging.getLogger(__name__)


def targets(config: HubConfig) -> list[Target]:
    """ConfigError when a secret is missing, or is none of Standard Webhooks."""
    found = []
    for name, each in config.events.items():
        secrets = [resolve(reference, config.folder) for reference in each.secrets]
        keys = standard_keys(secrets, f"events.{name}")
        found.append(Target(name, each.url, keys, frozenset(each.kinds), each.values))
    return found


class EventGauges(Collector):
    """How each subscription stands, read when it is scraped."""

    def __init__(self, store: Store, names: list[str], clock: Callable[[], float]) -> None:
        self._store, self._names, self._clock = store, names, clock

    def describe(self) -> Iterator[Metric]:
        yield from self._families([])

    def collect(self) -> Iterator[Metric]:
        rows: list[tuple[str, float, float, float]] = []
        try:
            with self._store.read() as tx:
                for name in self._names:
                    if (found := db.subscription(tx, name)) is not None:
                        failing = self._clock() - found.failing_since if found.failing_since else 0.0
                        rows.append((name, db.behind(tx, found), failing, float(found.disabled_at is not None)))
        except HubError as err:
            log.warning("how the subscriptions stand could not be read for the metrics: %s", err)
        yield from self._families(rows)

    def _families(self, rows: list[tuple[str, float, float, float]]) -> Iterator[Metric]:
        said = {
            "hub_events_behind": "Changes that a subscription has not been told of",
            "hub_events_failing_seconds": "How long a subscription has been failing; 0: it takes its events",
            "hub_events_disabled": "1: it failed for days, and is told nothing until it is started",
        }
        for place, (name, text) in enumerate(said.items(), 1):
            family = GaugeMetricFamily(name, text, labels=["subscription"])
            for row in rows:
                family.add_metric([row[0]], float(row[place]))
            yield family
