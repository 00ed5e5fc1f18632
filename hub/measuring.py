"""All that one configuration has measured, as one registry."""

from __future__ import annotations

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from hub.config import HubConfig
from hub.events.opening import EventGauges
from hub.mail.opening import MailGauges
from hub.metrics import StateCollector
from hub.notify.notifier import NoticeGauges
from hub.store.db import Store
from hub.store.erasure_gauges import ErasureGauges
from hub.store.gauges import StoreGauges


def registry_of(config: HubConfig, store: Store, gauges: StoreGauges, counters: CollectorRegistry) -> CollectorRegistry:
    """counters: what is counted as it happens, for longer than one configuration lasts"""
    registry = CollectorRegistry()
    for each in (
        _Of(counters),
        StateCollector(gauges),
        MailGauges(store, time.time),
        ErasureGauges(store, time.time),
        NoticeGauges(store, list(config.notifications), time.time),
        EventGauges(store, list(config.events), time.time),
    ):
        registry.register(each)
    return registry


class _Of(Collector):
    """All that another registry holds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        return self._registry.collect()
