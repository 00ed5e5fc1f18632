"""From the configuration to who is told: keys are looked up, and how each stands is a gauge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from hub.config import HubConfig
from hub.events.sender import Target
from hub.metrics import Scraped
from hub.secrets import resolve
from hub.store import events_out as db
from hub.store.db import Store, Tx
from hub.web.signatures import standard_keys


def targets(config: HubConfig) -> list[Target]:
    """ConfigError when a secret is missing, or is none of Standard Webhooks."""
    found = []
    for name, each in config.events.items():
        secrets = [resolve(reference, config.folder) for reference in each.secrets]
        keys = standard_keys(secrets, f"events.{name}")
        found.append(Target(name, each.url, keys, frozenset(each.kinds), each.values))
    return found


Standing: TypeAlias = tuple[str, float, float, float]
"""name, changes behind, seconds of failing, whether it is disabled"""


class EventGauges(Scraped[list[Standing]]):
    what = "how the subscriptions stand"

    def __init__(self, store: Store, names: list[str], clock: Callable[[], float]) -> None:
        self._store, self._names, self._clock = store, names, clock

    def read(self) -> list[Standing]:
        with self._store.read() as tx:
            known = [found for name in self._names if (found := db.subscription(tx, name)) is not None]
            return [self._standing(tx, each) for each in known]

    def _standing(self, tx: Tx, each: db.Subscription) -> Standing:
        failing = self._clock() - each.failing_since if each.failing_since else 0.0
        return each.name, db.behind(tx, each), failing, float(each.disabled_at is not None)

    def families(self, found: list[Standing] | None) -> Iterator[Metric]:
        said = {
            "hub_events_behind": "Changes that a subscription has not been told of",
            "hub_events_failing_seconds": "How long a subscription has been failing; 0: it takes its events",
            "hub_events_disabled": "1: it failed for days, and is told nothing until it is started",
        }
        for place, (name, text) in enumerate(said.items(), 1):
            family = GaugeMetricFamily(name, text, labels=["subscription"])
            for row in found or ():
                family.add_metric([row[0]], float(row[place]))
            yield family
