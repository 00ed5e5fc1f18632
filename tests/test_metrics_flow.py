"""What /metrics tells of real runs: counters that grow with them, gauges read from the store, no personal data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from math import inf

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from hub.errors import TransientError
from hub.metrics import Metrics, StateCollector
from hub.store.gauges import StoreGauges
from hub.store.lists import ParkedFilter
from hub.sync import desk
from hub.sync.guard import Limit, Limits
from hub.sync.people import pin
from tests.fakes.rig import ADA, NO_LIMIT, RUI, Rig, person
from tests.fakes.systems import can, lost_reply, refused


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def rig(registry) -> Iterator[Rig]:
    """Two connections, and the metrics that a process would serve of them."""
    with closing(Rig(meter=Metrics(registry))) as made:
        made.add("crm")
        made.add("erp", can("R", batch=1))
        now = lambda: datetime.fromtimestamp(made.now, UTC)  # noqa: E731
        registry.register(StateCollector(StoreGauges(made.store, ["crm", "erp"]), now))
        yield made


def records(registry: CollectorRegistry, connection: str) -> dict[str, float]:
    """Outcome → records of a connection."""
    found = {}
    for metric in registry.collect():
        for sample in metric.samples:
            if sample.name == "hub_records_total" and sample.labels["connection"] == connection:
                found[sample.labels["outcome"]] = sample.value
    return found


def gauge(registry: CollectorRegistry, name: str, connection: str) -> float | None:
    return registry.get_sample_value(name, {"connection": connection})


def test_records_are_counted_on_their_way(rig, registry):
    rig.systems["crm"].put("1", **ADA)
    rig.systems["crm"].put("2", **RUI, stage="??")
    rig.systems["erp"].put("A", **ADA)

    rig.settle()

    crm, erp = records(registry, "crm"), records(registry, "erp")
    assert (crm["pulled"], crm["mapped"], crm["created"]) == (2, 2, 2)
    assert (erp["linked"], erp["pushed"], erp["creates_there"]) == (1, 1, 1)


def test_a_second_cycle_counts_no_new_work(rig, registry):
    rig.systems["crm"].put("1", **ADA)
    rig.settle()
    before = records(registry, "crm")

    rig.listing("crm")

    after = records(registry, "crm")
    assert after.pop("pulled") == before.pop("pulled") + 1
    assert after.pop("unchanged") == before.pop("unchanged", 0) + 1
    assert after == before


def test_records_set_aside_are_counted_and_stay_in_sight(rig, registry):
    rig.systems["crm"].put("1", **{**ADA, "note": "a\x00b"})

    rig.sync("crm")

    assert records(registry, "crm")["set_aside"] == 1
    assert gauge(registry, "hub_parked", "crm") == 1


def test_merges_are_counted(rig, registry):
    rig.systems["crm"].put("1", **{**ADA, "last": None, "mail": None, "tel": None})
    rig.sync("crm")
    rig.systems["erp"].put("A", **ADA)
    rig.sync("erp")

    rig.systems["crm"].put("1", **ADA)
    rig.sync("crm")

    assert records(registry, "crm")["merges"] == 1


def test_a_conflict_is_counted_by_field_and_rule(rig, registry):
    rig.systems["crm"].put("1", **ADA)
    rig.systems["erp"].put("A", **ADA)
    rig.settle()
    rig.systems["crm"].put("1", job="Director")
    rig.systems["erp"].put("A", job="Chair")

    rig.settle()

    labels = {"connection": "erp", "field": "job_title", "rule": "latest"}
    assert registry.get_sample_value("hub_conflicts_total", labels) == 1


def test_what_is_held_is_seen_until_it_is_decided(rig, registry):
    limits = Limits(Limit(None, 1), NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT)
    shop = rig.add("crm2", limits=limits)
    for n in range(2):
        shop.put(f"{n}", **person(n))

    rig.sync("crm2")

    assert records(registry, "crm2")["held"] == 2
    assert StoreGauges(rig.store, ["crm2"]).gauges()["crm2"].held == 1
    rig.approve("crm2")
    assert StoreGauges(rig.store, ["crm2"]).gauges()["crm2"].held == 0


def test_the_lag_counts_from_the_last_complete_run(rig, registry):
    assert gauge(registry, "hub_lag_seconds", "crm") == inf
    rig.sync("crm")
    rig.later(300)
    rig.systems["crm"].failures.append(TransientError("down"))

    rig.sync("crm")

    assert gauge(registry, "hub_lag_seconds", "crm") == 300
    assert gauge(registry, "hub_lag_seconds", "erp") == inf


def test_runs_are_counted_by_how_they_ended(rig, registry):
    rig.sync("crm")
    rig.systems["crm"].failures.append(TransientError("down"))
    rig.sync("crm")

    for status in ("done", "failed"):
        assert registry.get_sample_value("hub_runs_total", {"connection": "crm", "status": status}) == 1
    assert registry.get_sample_value("hub_run_seconds_count", {"connection": "crm", "phase": "run"}) == 2


def test_the_queue_is_as_deep_as_what_waits(rig, registry):
    for n in range(3):
        rig.systems["crm"].put(f"{n}", **person(n))
    rig.sync("crm")
    assert gauge(registry, "hub_queue_depth", "erp") == 3

    rig.sync("erp")
    assert gauge(registry, "hub_queue_depth", "erp") == 0


def test_the_oldest_opt_out_ages_until_its_system_has_acknowledged_it(rig, registry):
    rig.systems["crm"].put("1", **ADA, news="Y", news_at="2026-01-01T00:00:00Z")
    rig.settle()
    rig.systems["crm"].put("1", news="N", news_at="2026-02-01T00:00:00Z")
    rig.sync("crm")
    name = "hub_optout_unacknowledged_seconds"
    rig.systems["erp"].answers.append(lost_reply)

    rig.later(100)
    rig.sync("erp")
    assert gauge(registry, name, "erp") == 100
    rig.later(400)
    assert gauge(registry, name, "erp") == 500
    rig.sync("erp")

    assert gauge(registry, name, "erp") == 0


def test_an_opt_out_that_was_refused_is_not_taken_for_acknowledged(rig, registry):
    rig.systems["crm"].put("1", **ADA, news="Y", news_at="2026-01-01T00:00:00Z")
    rig.settle()
    rig.systems["crm"].put("1", news="N", news_at="2026-02-01T00:00:00Z")
    rig.sync("crm")
    rig.systems["erp"].answers.append(refused("locked"))

    rig.later(100)
    rig.sync("erp")

    name = "hub_optout_unacknowledged_seconds"
    assert gauge(registry, name, "erp") == 100
    desk.retry(rig.store, ParkedFilter(), "eve")
    rig.systems["erp"].answers.append(lost_reply)
    rig.sync("erp")
    rig.later(100)
    assert gauge(registry, name, "erp") == 100
    rig.sync("erp")
    assert gauge(registry, name, "erp") == 0


def test_no_personal_data_is_in_what_is_served(rig, registry):
    rig.systems["crm"].put("1", **ADA, job="Director", stage="Zanzibar")
    rig.systems["erp"].put("A", **ADA)
    rig.settle()
    rig.systems["crm"].put("1", job="Chair", mail="second@example.org")
    rig.systems["erp"].put("A", job="Head")
    pin(rig.hub, rig.home("crm", "1"), "note", "Kilimanjaro", "eve")
    rig.settle()

    served = generate_latest(registry).decode()

    words = ["Ada", "Abreu", "example.org", "912345678", "Director", "Chair", "Head", "Zanzibar", "Kilimanjaro", "eve"]
    assert [w for w in words if w in served] == []
    assert 'field="job_title"' in served
