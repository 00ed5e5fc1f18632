"""What is forgotten after a while, and what is not; on both databases."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from hub.config.models import KeepConfig
from hub.store import changes, connections, holds, intents, keeping, parked, queue, runs
from hub.store.keeping import forget_runs

DAY = 86_400.0


def made(store, run_id: str, at: float, connection: str = "c", status: str = "held") -> None:
    with store.write() as tx:
        connections.remember(tx, connection)
        runs.start(tx, run_id, connection, at)
        runs.end(tx, run_id, at + 1, status, {}, None)


def kept(store) -> list[str]:
    with store.read() as tx:
        return [row[0] for row in tx.all("SELECT id FROM run ORDER BY id")]


def count(store, table: str) -> int:
    with store.read() as tx:
        return tx.one(f"SELECT count(*) FROM {table}")[0]


def test_old_runs_go_and_the_last_of_a_connection_stays(store):
    for n in range(5):
        made(store, f"r{n}", n * DAY)
    made(store, "d0", 0.0, "d")

    assert forget_runs(store, 3 * DAY) == 3
    assert kept(store) == ["d0", "r3", "r4"]
    assert forget_runs(store, 9 * DAY) == 1
    assert kept(store) == ["d0", "r4"]


def test_many_go_in_batches(store, monkeypatch):
    monkeypatch.setattr(keeping, "BATCH", 2)
    for n in range(7):
        made(store, f"r{n}", n * DAY)

    assert forget_runs(store, 100 * DAY) == 6


def test_what_somebody_still_needs_stays(store):
    for n in range(6):
        made(store, f"r{n}", n * DAY)
    with store.write() as tx:
        runs.start(tx, "s0", "s", 0.0)  # under way
        parked.park(tx, "c", [parked.Parked("1", "map", "odd", "{}")], 0.0, "r0")
        holds.open_hold(tx, "c", "r1", "intake", {}, "much", 0.0)
        holds.open_hold(tx, "c", "r2", "deletes", {}, "much", 0.0)
        tx.run("UPDATE hold SET state = 'refused', decided_at = 1 WHERE run_id = 'r2'")
        intents.add(tx, [intents.Intent("c", "g1", None, "create", "hub:g1", {}, "h", 0.0)], "r3")
    forget_runs(store, 100 * DAY)

    assert kept(store) == ["r0", "r1", "r2", "r3", "r5", "s0"]
    assert (count(store, "hold"), count(store, "parked"), count(store, "intent")) == (2, 1, 1)


def test_plans_that_were_decided_go_with_their_rows(store, monkeypatch):
    monkeypatch.setattr(keeping, "BATCH", 3)
    row = {"connection": "c", "op": "created", "subject": "1", "detail": "{}"}
    for n, state in enumerate(("approved", "overtaken", "refused", "open")):
        made(store, f"r{n}", 0.0)
        with store.write() as tx:
            number = holds.open_hold(tx, "c", f"r{n}", f"gate {n}", {}, "much", 0.0)
            holds.add_plan_rows(tx, number, [row] * 4)
            tx.run("UPDATE hold SET state = :s, decided_at = 1 WHERE id = :i", s=state, i=number)
    forget_runs(store, DAY)

    assert (count(store, "hold"), count(store, "plan_row")) == (2, 8)


def test_a_decision_that_was_not_carried_out_yet_stays(store):
    made(store, "r0", 0.0)
    row = {"connection": "c", "op": "gone", "subject": "1", "detail": "{}"}
    with store.write() as tx:
        number = holds.open_hold(tx, "c", "r0", "deletes", {}, "much", 0.0)
        holds.add_plan_rows(tx, number, [row])
        holds.set_verdict(tx, number, [1], "approved")
        tx.run("UPDATE hold SET state = 'approved', decided_at = 1")
    forget_runs(store, DAY)

    assert count(store, "hold") == 1


def test_what_came_through_goes_and_corrections_stay(store):
    with store.write() as tx:
        parked.park(tx, "c", [parked.Parked(str(n), "value", "odd", "{}") for n in range(4)], 0.0, "r0")
        rows = tx.all("SELECT id FROM parked ORDER BY id")
        parked.mark(tx, [rows[0][0], rows[1][0]], "resolved")
        parked.mark(tx, [rows[2][0]], "dropped")
        tx.run("UPDATE parked SET edit = '{}' WHERE id = :i", i=rows[1][0])
    forget_runs(store, DAY)

    assert count(store, "parked") == 3


def test_the_history_of_contacts_is_kept(store):
    made(store, "r0", 0.0)
    made(store, "r1", DAY)
    with store.write() as tx:
        changes.log(tx, [changes.Change("g1", 0.0, "created", "c", None)], "r0")
    forget_runs(store, DAY / 2)

    assert kept(store) == ["r1"]
    assert count(store, "change") == 1


def test_less_than_a_day_is_refused():
    with pytest.raises(ValidationError, match="at least 1 day"):
        KeepConfig(runs="1 hour")


def test_what_a_connection_has_read_since_a_deletion_is_known_however_long_ago(store):
    """Else an edit of today would be taken for one from before the deletion, and bring back what is deleted."""
    with store.write() as tx:
        changes.log(tx, [changes.Change("g1", 1.0, "told: delete", "d", None)], None)
    for n in range(1, 4):
        made(store, f"r{n}", n * DAY, status="done")
    with store.write() as tx:
        runs.start(tx, "r4", "c", 4 * DAY)
        runs.end(tx, "r4", 4 * DAY, "failed", {}, "away")

    forget_runs(store, 100 * DAY)

    assert kept(store) == ["r2", "r3", "r4"]
    with store.read() as tx:
        assert queue.deleted_lately(tx, "c", ["g1"]) == set()
