"""Leases that killed processes left behind."""

import os
import subprocess
import sys

import pytest

from hub.store import intents, leases, runs
from hub.store.leases import SETTLE_SECONDS, holders, is_alive, machine, owner_is_dead, owner_name, release_dead
from hub.store.upkeep import record_lost

NOW = 1_800_000_000.0


@pytest.fixture
def dead():
    """The owner name of a process of this machine that has ended."""
    process = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    return f"{machine()}:{process.stdout.strip()}:x"


def held_by(store, owner, name="crm"):
    with store.write() as tx:
        assert leases.acquire(tx, name, owner, NOW, 120)


def is_free(store, at, name="crm"):
    with store.write() as tx:
        return leases.acquire(tx, name, "somebody else", at, 120) is not None


def test_this_process_is_alive_and_has_a_name_of_its_own():
    assert is_alive(os.getpid())
    assert not owner_is_dead(owner_name(), machine())
    assert owner_name() != owner_name()


def test_a_dead_process_holds_nothing_when_it_was_not_writing(store, dead):
    held_by(store, dead)

    assert release_dead(store, NOW) == 0
    assert is_free(store, NOW + 0.1)


def test_a_request_of_a_dead_process_is_waited_for(store, dead):
    held_by(store, dead)
    with store.write() as tx:
        intents.add(tx, [intents.Intent("crm", "g1", None, "create", "hub:g1", {}, "h", NOW)], "r1")

    assert release_dead(store, NOW) == SETTLE_SECONDS
    assert release_dead(store, NOW + 4) == SETTLE_SECONDS - 4
    assert not is_free(store, NOW + SETTLE_SECONDS - 1)
    assert is_free(store, NOW + SETTLE_SECONDS + 1)


@pytest.mark.parametrize(
    "owner", ["elsewhere:1:x", f"{machine()}:{os.getpid()}:x", "odd"], ids=["elsewhere", "alive", "odd"]
)
def test_whoever_may_be_alive_keeps_its_lease(store, owner):
    held_by(store, owner)

    assert release_dead(store, NOW) == 0
    assert holders(store, NOW) == {"crm": owner}


def all_runs(store):
    with store.read() as tx:
        return tx.all("SELECT id, status, error FROM run ORDER BY id")


def test_a_run_whose_process_is_gone_has_failed(store, dead):
    held_by(store, dead)
    with store.write() as tx:
        runs.start(tx, "r1", "crm", NOW)
    record_lost(store, "r2", "crm", NOW + 5, "its process ended")

    assert [tuple(row) for row in all_runs(store)] == [("r1", "failed", "its process ended")]


@pytest.mark.parametrize("owner", [None, owner_name()], ids=["nobody's", "somebody else's"])
def test_one_that_was_not_begun_is_on_record_beside_those_of_others(store, owner):
    if owner:
        held_by(store, owner)
    with store.write() as tx:
        runs.start(tx, "r1", "crm", NOW)
    record_lost(store, "r2", "crm", NOW + 5, "it could not be started")

    assert [tuple(row) for row in all_runs(store)] == [
        ("r1", "running", None),
        ("r2", "failed", "it could not be started"),
    ]
