"""One run: the first plan, holds, the lease, what fails, and going on afterwards."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hub.errors import AccountError, ConfigError, LeaseLost, RecordError, TransientError
from hub.store import leases
from hub.store.db import Fence, Store, loads
from hub.sync import desk
from hub.sync.run import Orders, sync
from tests.fakes.rig import ADA, RUI, START, Rig, person
from tests.fakes.systems import FakeConnector, can

LEASE = 30.0


# --- the first sync ---------------------------------------------------------------------------------


def new(rig: Rig) -> Rig:
    """`crm` and `erp` were never synced; both have Ada, and crm has Rui."""
    rig.add("crm", started=False).put("1", **ADA, job="Buyer")
    rig.systems["crm"].put("2", **RUI)
    rig.add("erp", started=False).put("A", **ADA)
    return rig


def test_a_first_sync_stops_at_its_plan_and_writes_nothing_anywhere(rig):
    new(rig)

    results = [rig.sync(name) for name in ("crm", "erp")]

    assert [r.status for r in results] == ["held", "held"]
    assert [s.writes for s in rig.systems.values()] == [[], []]
    for table in ("record", "golden", "queue", "intent", "change", "conflict", "parked", "ask"):
        assert rig.rows(f"SELECT count(*) FROM {table}")[0][0] == 0, table


def test_the_plan_of_a_first_sync_can_be_read(rig):
    new(rig)

    rig.sync("crm")

    [hold] = rig.holds("crm")
    assert (hold.gate, hold.counts["creates"]) == ("first", 2)
    rows = rig.rows("SELECT op, subject, detail FROM plan_row WHERE connection = 'crm' ORDER BY number")
    assert [(r[0], r[1], loads(r[2])["name"]) for r in rows] == [
        ("created", "1", "Ada Abreu"),
        ("created", "2", "Rui Castanheira"),
    ]


def test_a_first_sync_that_is_not_approved_stops_again(rig):
    new(rig)
    rig.sync("crm")

    assert rig.sync("crm").status == "held"
    assert len(rig.holds("crm")) == 1


def test_an_approved_first_sync_goes_through_both_ways(rig):
    new(rig)
    for name in ("crm", "erp"):
        rig.sync(name)

    rig.approve()
    rig.settle()

    assert {r.fields["mail"] for r in rig.systems["erp"].rows.values()} == {ADA["mail"], RUI["mail"]}
    assert rig.systems["erp"].rows["A"].fields["job"] == "Buyer"
    assert len(rig.goldens()) == 2


def test_yes_approves_what_a_first_sync_would_ask(rig):
    new(rig)

    assert rig.sync("crm", approve=True).status == "done"
    assert len(rig.goldens()) == 2
    assert rig.sync("crm").status == "done"


def test_a_connection_that_waits_for_its_first_approval_is_not_written_to(rig):
    new(rig)
    rig.sync("crm", approve=True)

    rig.sync("erp")

    assert rig.systems["erp"].writes == []
    assert len(rig.queue("erp")) == 2


def test_a_refused_hold_pauses_its_connection(rig):
    new(rig)
    rig.sync("crm")

    desk.refuse(rig.store, rig.holds("crm")[0].number, "eve", rig.now)

    result = rig.sync("crm")
    assert result.status == "paused"
    assert "eve refused hold" in (result.message or "")


def test_a_hold_is_decided_once(rig):
    new(rig)
    rig.sync("crm")
    number = rig.holds("crm")[0].number
    desk.approve(rig.store, number, "eve", rig.now)

    with pytest.raises(ConfigError, match="approved already"):
        desk.refuse(rig.store, number, "mia", rig.now)


# --- the lease --------------------------------------------------------------------------------------


def take_over(rig: Rig, name: str) -> None:
    """Another process takes the connection when the lease of this one is over."""
    with rig.store.write() as tx:
        assert leases.acquire(tx, name, "another one", rig.now, LEASE) is not None


def test_a_connection_that_another_process_runs_is_left_alone(rig):
    rig.add("crm").put("1", **ADA)
    take_over(rig, "crm")

    result = rig.sync("crm", lease_seconds=LEASE)

    assert result.status == "busy"
    assert rig.systems["crm"].calls == []


def test_a_lease_is_given_back_at_the_end(rig):
    rig.add("crm").put("1", **ADA)
    rig.sync("crm")

    take_over(rig, "crm")


def test_a_lease_that_was_left_behind_runs_out(rig):
    rig.add("crm").put("1", **ADA)
    take_over(rig, "crm")

    rig.later(LEASE + 1)

    assert rig.sync("crm").status == "done"


def test_who_lost_the_lease_while_reading_writes_nothing(rig):
    crm = rig.add("crm")
    crm.put("1", **ADA)

    def frozen(call: str) -> None:
        rig.later(LEASE + 1)
        take_over(rig, "crm")

    crm.during = frozen
    result = rig.sync("crm", lease_seconds=LEASE)

    assert result.status == "failed"
    assert "taken over" in (result.message or "")
    assert rig.goldens() == []
    assert rig.rows("SELECT lease_owner FROM connection_state")[0][0] == "another one"


def test_who_lost_the_lease_sends_no_write(rig):
    crm = rig.add("crm", page=1)
    erp = rig.add("erp")
    crm.put("1", **ADA)
    rig.sync("crm")

    def frozen(call: str) -> None:
        rig.later(LEASE + 1)
        take_over(rig, "erp")

    erp.during = frozen
    rig.sync("erp", lease_seconds=LEASE)

    assert erp.writes == []
    assert "write" not in erp.calls


def test_an_answer_that_comes_after_the_lease_is_left_to_the_next_owner(rig):
    rig.add("crm").put("1", **ADA)
    erp = rig.add("erp")
    rig.sync("crm")

    def frozen(call: str) -> None:
        if call == "write":
            rig.later(LEASE + 1)
            take_over(rig, "erp")

    erp.during = frozen
    assert rig.sync("erp", lease_seconds=LEASE).status == "failed"
    assert rig.intents("erp") == ["create"]

    erp.during = lambda call: None
    rig.later(LEASE + 400)
    rig.settle()

    assert len(erp.rows) == 1
    assert rig.intents("erp") == []


def test_an_older_fencing_number_commits_nothing(rig):
    rig.add("crm")
    with rig.store.write() as tx:
        old = leases.acquire(tx, "crm", "one", rig.now, LEASE)
        new = leases.acquire(tx, "crm", "two", rig.now + LEASE + 1, LEASE)
    assert old is not None and new == old + 1

    with pytest.raises(LeaseLost, match="stopped without writing"), rig.store.write(Fence("crm", old)) as tx:
        tx.run("UPDATE connection_state SET cursor = 'x'")

    assert rig.rows("SELECT cursor FROM connection_state") == [(None,)]


def test_each_saved_page_prolongs_the_lease(rig):
    crm = rig.add("crm", page=1)
    for n in range(4):
        crm.put(f"{n}", **person(n))

    def slow(call: str) -> None:
        rig.later(LEASE - 1)
        with rig.store.write() as tx:
            assert leases.acquire(tx, "crm", "another one", rig.now, LEASE) is None

    crm.during = slow

    assert rig.sync("crm", lease_seconds=LEASE).status == "done"


# --- what fails -------------------------------------------------------------------------------------


def test_a_system_that_is_down_fails_the_run_and_the_next_goes_on(rig):
    crm = rig.add("crm")
    crm.put("1", **ADA)
    crm.failures.append(TransientError("refused"))

    first, second = rig.sync("crm"), rig.sync("crm")

    assert (first.status, first.message) == ("failed", "refused")
    assert second.status == "done"
    assert len(rig.goldens()) == 1


def test_a_refused_key_pauses_the_connection_until_somebody_starts_it(rig):
    crm = rig.add("crm")
    crm.put("1", **ADA)
    crm.failures.append(AccountError("The key was refused. Nothing was read. Make a new one."))

    assert rig.sync("crm").status == "failed"
    assert (rig.sync("crm").status, len(crm.calls)) == ("paused", 1)
    assert rig.sync("crm", manual=True).status == "done"
    assert rig.sync("crm").status == "done"


def test_an_account_error_while_writing_pauses_too_and_loses_nothing(rig):
    rig.add("crm").put("1", **ADA)
    erp = rig.add("erp")
    rig.sync("crm")
    erp.failures.extend([None, AccountError("No right to write.")])

    assert rig.sync("erp").status == "failed"
    assert rig.sync("erp").status == "paused"
    assert len(rig.queue("erp")) == 1

    rig.later(400)
    assert rig.sync("erp", manual=True).status == "done"
    assert len(erp.rows) == 1


@pytest.mark.parametrize("error", [RecordError("odd"), TransientError("down"), ConfigError("wrong")])
def test_errors_of_the_other_side_end_in_the_result(rig, error):
    rig.add("crm").failures.append(error)

    result = rig.sync("crm")

    assert (result.status, result.message) == ("failed", str(error))


def test_a_bug_is_raised_and_the_failed_run_is_on_record(rig):
    rig.add("crm").failures.append(KeyError("oops"))

    with pytest.raises(KeyError):
        rig.sync("crm")

    assert rig.rows("SELECT status FROM run") == [("failed",)]
    assert rig.rows("SELECT lease_owner FROM connection_state") == [(None,)]


def test_a_run_leaves_its_counts_and_its_end(rig):
    rig.add("crm").put("1", **ADA)

    result = rig.sync("crm")

    [(status, counts, ended)] = rig.rows("SELECT status, counts, ended_at FROM run WHERE id = :i", i=result.run_id)
    assert (status, loads(counts), ended) == ("done", result.counts, START)
    assert result.counts == {
        "pulled": 1,
        "creates": 1,
        "mapped": 1,
        "created": 1,
    }


# --- stopping and going on --------------------------------------------------------------------------


def test_a_run_that_is_stopped_leaves_a_state_to_go_on_from(rig):
    crm = rig.add("crm", page=1)
    erp = rig.add("erp")
    for n in range(3):
        crm.put(f"{n}", **person(n))
    stopped = iter([False, False, True])

    result = rig.sync("crm", stop=lambda: next(stopped, True))

    assert result.status == "interrupted"
    assert 0 < len(rig.goldens()) < 3
    rig.settle()
    assert len(rig.goldens()) == len(erp.rows) == 3


def test_a_stop_while_writing_leaves_the_rest_queued(rig):
    rig.add("crm")
    erp = rig.add("erp", can("R", batch=1))
    for n in range(3):
        rig.systems["crm"].put(f"{n}", **person(n))
    rig.sync("crm")

    assert rig.sync("erp", stop=lambda: len(erp.writes) >= 1).status == "interrupted"
    assert (len(erp.rows), len(rig.queue("erp"))) == (1, 2)

    rig.settle()
    assert len(erp.rows) == 3


def test_a_process_that_died_left_its_run_marked_as_interrupted(rig):
    rig.add("crm").put("1", **ADA)
    rig.systems["crm"].failures.append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        rig.sync("crm", lease_seconds=LEASE)
    assert rig.sync("crm").status == "busy"  # nobody knows yet that it is dead

    rig.later(LEASE + 1)
    rig.sync("crm")

    assert [r[0] for r in rig.rows("SELECT status FROM run ORDER BY started_at, id")] == ["interrupted", "done"]


def test_an_approval_outlives_a_run_that_fails(rig):
    new(rig)
    rig.sync("crm")
    rig.approve("crm")
    rig.systems["crm"].failures.append(TransientError("down"))

    assert rig.sync("crm").status == "failed"
    assert rig.sync("crm").status == "done"


def test_two_processes_on_one_file_go_one_after_the_other(tmp_path: Path):
    store = Store(f"sqlite:///{tmp_path / 'hub.db'}")
    store.create()
    with closing(Rig(store=store)) as rig:
        crm = rig.add("crm")
        crm.put("1", **ADA)
        other = replace(rig.hub, owner="another one")
        seen: list[str] = []
        crm.during = lambda call: seen.append(sync(other, FakeConnector(crm), "crm", Orders()).status)

        assert rig.sync("crm").status == "done"

        assert seen == ["busy"]
        assert len(rig.goldens()) == 1


def test_progress_is_told_page_by_page(rig):
    crm = rig.add("crm", page=2)
    for n in range(5):
        crm.put(f"{n}", **person(n))
    told: list[int] = []

    rig.sync("crm", progress=lambda run: told.append(run.counts["pulled"]))

    assert told == [2, 4, 5]
