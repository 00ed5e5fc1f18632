"""How connections stand, as the store tells it."""

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest

from hub.metrics import StateCollector
from hub.model import LinkState
from hub.store import connections, holds, leases, parked, queue, runs
from hub.store import links as db
from hub.store.gauges import StoreGauges, standings
from hub.sync.link import HOLDING, Link

NOW = 1_800_000_000.0
AT = datetime.fromtimestamp(NOW, UTC)


def fill(store):
    with store.write() as tx:
        leases.acquire(tx, "crm", "me", NOW, 60)
        connections.mark(tx, "crm", started_at=NOW - 100, ok_at=NOW - 60, full_at=NOW - 90)
        queue.enqueue(tx, [("crm", "g1"), ("crm", "g2")], NOW - 50, "r1", optouts={"g2"})
        holds.open_hold(tx, "crm", "r1", "deletes", {"deletes": 7}, "many", NOW)
        parked.park(tx, "crm", [parked.Parked("3", "map", "odd", "{}")], NOW, "r1")
        runs.start(tx, "r1", "crm", NOW - 70)
        runs.end(tx, "r1", NOW - 60, "held", {"pulled": 5}, "many")


def test_every_gauge_is_read(store):
    fill(store)

    found = StoreGauges(store, ["crm", "new"]).gauges()

    crm = found["crm"]
    assert crm.last_complete == datetime.fromtimestamp(NOW - 60, UTC)
    assert crm.oldest_opt_out == datetime.fromtimestamp(NOW - 50, UTC)
    assert (crm.queue_depth, crm.held, crm.parked) == (2, 1, 1)
    assert found["new"].last_complete is None


def test_connections_that_are_configured_no_more_are_left_out(store):
    fill(store)

    assert list(StoreGauges(store, ["other"]).gauges()) == ["other"]


def test_the_standing_tells_of_the_last_run(store):
    fill(store)

    (crm,) = standings(store, ["crm"], NOW)

    assert (crm.last_run, crm.last_status, crm.last_error, crm.counts) == ("r1", "held", "many", {"pulled": 5})
    assert crm.running
    assert crm.gates == ("deletes",)
    assert crm.started


def test_a_store_that_is_away_shows_in_the_metrics(store):
    registry = CollectorRegistry()
    registry.register(StateCollector(StoreGauges(store, ["crm"]), lambda: AT))
    fill(store)
    text = generate_latest(registry).decode()

    assert "hub_state_readable 1.0" in text
    assert 'hub_optout_unacknowledged_seconds{connection="crm"} 50.0' in text


def test_records_that_are_gone_are_not_counted(store):
    with store.write() as tx:
        links = [Link("crm", str(n), "g1", n, state) for n, state in enumerate(LinkState, 1)]
        db.insert_links(tx, links, "r1")

    (crm,) = standings(store, ["crm"], NOW)

    assert crm.records == len(HOLDING)
