"""Leases that killed processes left behind."""

import os
import subprocess
import sys

import pytest

from hub.store import work
from hub.store.leases import SETTLE_SECONDS, holders, is_alive, machine, owner_is_dead, owner_name, release_dead

NOW = 1_800_000_000.0


@pytest.fixture
def dead():
    """The owner name of a process of this machine that has ended."""
    process = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    return f"{machine()}:{process.stdout.strip()}:x"


def held_by(store, owner, name="crm"):
    with store.write() as tx:
        assert work.acquire(tx, name, owner, NOW, 120)


def is_free(store, at, name="crm"):
    with store.write() as tx:
        return work.acquire(tx, name, "somebody else", at, 120) is not None


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
        work.add_intents(tx, [work.Intent("crm", "g1", None, "create", "hub:g1", {}, "h", NOW)], "r1")

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
