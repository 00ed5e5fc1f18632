"""How erasures stand, read when it is scraped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hub.errors import HubError
from hub.store.db import Store
from hub.store.erasures import Standing, standing

log = logging.getLogger(__name__)


class ErasureGauges(Collector):
    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock

    def describe(self) -> Iterator[Metric]:
        yield from self._families(None)

    def collect(self) -> Iterator[Metric]:
        found = None
        try:
            with self._store.glance() as tx:
                found = standing(tx)
        except HubError as err:
            log.warning("how erasures stand could not be read for the metrics: %s", err)
        yield from self._families(found)

    def _families(self, found: Standing | None) -> Iterator[Metric]:
        age = max(0.0, self._clock() - found.oldest) if found and found.oldest is not None else 0.0
        values = {
            "hub_erasures_open": ("Erasures that some system still has to carry out", found.open if found else 0),
            "hub_erasures_oldest_seconds": ("How long the first of them has been asked for; 0 when none is open", age),
            "hub_erasures_by_hand": ("Records that a person has to see to", found.by_hand if found else 0),
        }
        for name, (text, value) in values.items():
            family = GaugeMetricFamily(name, text)
            if found is not None:
                family.add_metric([], float(value))
            yield family
