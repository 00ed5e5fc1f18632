"""Metrics: what the engine counts, what a scrape reads, and that no data gets into a label."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from hub.errors import TransientError
from hub.logs import bound
from hub.metrics import ConnectionGauges, ListGauges, Metrics, StateCollector, field_label, word
from hub.model import MANY, SINGLE

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Reader:
    def __init__(self, gauges: Mapping[str, ConnectionGauges] | Exception) -> None:
        self.answer = gauges
        self.asked = 0

    def gauges(self) -> Mapping[str, ConnectionGauges]:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def work_lists(self) -> Mapping[str, ListGauges]:
        return {"conflicts": ListGauges(3, NOW - timedelta(hours=1)), "holds": ListGauges(0)}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_records_are_counted_by_connection_and_outcome(registry):
    metrics = Metrics(registry)

    metrics.count("erp", "pulled", 500)
    metrics.count("erp", "pulled", 20)
    metrics.count("erp", "created", 0)

    assert registry.get_sample_value("hub_records_total", {"connection": "erp", "outcome": "pulled"}) == 520
    assert registry.get_sample_value("hub_records_total", {"connection": "erp", "outcome": "created"}) is None


def test_interactions_are_counted_by_connection_and_channel(registry):
    metrics = Metrics(registry)
    metrics.interactions("pbx", "call", 3)
    metrics.interactions("pbx", "+351912345678", 1)

    assert registry.get_sample_value("hub_interactions_total", {"connection": "pbx", "channel": "call"}) == 3
    assert b"912345678" not in generate_latest(registry)


def test_conflicts_are_counted_by_base_field_and_rule(registry):
    Metrics(registry).conflict("erp", "emails/ann@example.org", "latest")

    labels = {"connection": "erp", "field": "emails", "rule": "latest"}
    assert registry.get_sample_value("hub_conflicts_total", labels) == 1
    assert b"ann@" not in generate_latest(registry)


def test_a_run_is_counted_and_its_time_kept_beside_its_phases(registry):
    metrics = Metrics(registry)

    metrics.phase("erp", "pull", 0.2)
    metrics.run("erp", "done", 1.5)

    assert registry.get_sample_value("hub_runs_total", {"connection": "erp", "status": "done"}) == 1
    assert registry.get_sample_value("hub_run_seconds_sum", {"connection": "erp", "phase": "run"}) == 1.5
    assert registry.get_sample_value("hub_run_seconds_sum", {"connection": "erp", "phase": "pull"}) == 0.2


def test_a_run_leaves_its_id_as_exemplar(registry):
    with bound(run="0197c2"):
        Metrics(registry).run("erp", "done", 1.5)

    assert b'{run="0197c2"}' in generate_openmetrics(registry)


def test_the_state_is_read_when_it_is_scraped(registry):
    gauges = ConnectionGauges(
        last_complete=NOW - timedelta(minutes=5),
        oldest_opt_out=NOW - timedelta(hours=1),
        queue_depth=3,
        held=2,
        parked=1,
    )
    reader = Reader({"erp": gauges})
    registry.register(StateCollector(reader, lambda: NOW))
    assert reader.asked == 0

    def value(name: str) -> float | None:
        return registry.get_sample_value(name, {"connection": "erp"})

    assert value("hub_lag_seconds") == 300
    assert value("hub_optout_unacknowledged_seconds") == 3600
    assert (value("hub_queue_depth"), value("hub_held"), value("hub_parked")) == (3, 2, 1)
    assert registry.get_sample_value("hub_state_readable") == 1


def test_a_connection_that_never_ran_lags_without_end_and_one_without_opt_outs_owes_nothing(registry):
    registry.register(StateCollector(Reader({"erp": ConnectionGauges(None)}), lambda: NOW))

    assert registry.get_sample_value("hub_lag_seconds", {"connection": "erp"}) == inf
    assert registry.get_sample_value("hub_optout_unacknowledged_seconds", {"connection": "erp"}) == 0


def test_a_clock_that_went_back_gives_no_negative_age(registry):
    reader = Reader({"erp": ConnectionGauges(NOW + timedelta(seconds=9))})
    registry.register(StateCollector(reader, lambda: NOW))

    assert registry.get_sample_value("hub_lag_seconds", {"connection": "erp"}) == 0


def test_a_store_that_is_away_is_seen_in_the_metrics_and_the_counters_stay(registry):
    Metrics(registry).count("erp", "pulled", 7)
    registry.register(StateCollector(Reader(TransientError("the store is busy")), lambda: NOW))

    assert registry.get_sample_value("hub_state_readable") == 0
    assert registry.get_sample_value("hub_lag_seconds", {"connection": "erp"}) is None
    assert registry.get_sample_value("hub_records_total", {"connection": "erp", "outcome": "pulled"}) == 7


@given(st.text(max_size=50))
def test_a_field_label_is_always_one_of_a_closed_set(key):
    assert field_label(key) in SINGLE | MANY | {"kind", "custom", "other"}


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("tax_id", "tax_id"),
        ("custom.shoe_size", "custom"),
        ("phones/+351912345678", "phones"),
        ("ann@x", "other"),
    ],
)
def test_field_labels_say_no_more_than_the_kind_of_field(key, label):
    assert field_label(key) == label


@given(st.text(max_size=50))
def test_a_word_of_a_label_holds_no_data(text):
    assert word(text) in (text, "other")
    assert not {"@", " ", "+", ".", "\n"} & set(word(text))


def test_work_lists_show_how_much_waits_and_for_how_long(registry):
    registry.register(StateCollector(Reader({}), lambda: NOW))

    def value(name: str, each: str) -> float | None:
        return registry.get_sample_value(name, {"list": each})

    assert (value("hub_work_list_open", "conflicts"), value("hub_work_list_open", "holds")) == (3, 0)
    assert value("hub_work_list_oldest_seconds", "conflicts") == 3600
    assert value("hub_work_list_oldest_seconds", "holds") == 0


def test_a_paused_connection_shows(registry):
    registry.register(StateCollector(Reader({"erp": ConnectionGauges(NOW, paused=True)}), lambda: NOW))

    assert registry.get_sample_value("hub_paused", {"connection": "erp"}) == 1
