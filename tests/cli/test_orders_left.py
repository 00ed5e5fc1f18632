"""Runs that people asked for and that the end of the hub came before are made after its next start."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from hub.config import load_config
from hub.running import open_store
from hub.store import leases
from tests.cli.hosted import Running, service
from tests.cli.slow_service import SIZE
from tests.cli.test_run import eventually

__all__ = ["service"]


def ended_in_the_middle(service, full, person):
    """A hub that was told to stop while it made a run that somebody asked for."""
    service.hold()
    running = Running()
    assert running.host.service.run_now("people", full, person)
    assert service.is_asked.wait(60)
    end = threading.Thread(target=running.end)
    end.start()
    assert eventually(running.host.service._stopping.is_set)
    service.go_on()
    end.join(60)
    assert not end.is_alive()


def test_a_run_that_the_end_of_the_hub_cut_short_goes_on_for_who_asked(service):
    ended_in_the_middle(service, True, "ann")
    running = Running()
    try:
        assert eventually(lambda: running.ended() == ["done"], 60), running.runs()
        assert running.asked_for() == [("ann", True), ("ann", True)]
        assert service.pages[-3:] == [0, SIZE, 2 * SIZE]
    finally:
        running.end()

    again = Running()
    try:
        assert not eventually(again.runs, 3)
    finally:
        again.end()


def test_one_of_a_connection_that_is_there_no_more_is_not_made(service, caplog):
    ended_in_the_middle(service, False, "ann")
    Path("config/hub.yaml").write_text("store: sqlite:///data/hub.db\nconnections: {}\nweb: {port: 0}\n")
    running = Running()
    try:
        assert "there is no connection people any more" in caplog.text
    finally:
        running.end()


KILLED = """
import os, signal
from pathlib import Path
from hub.config import load_config
from hub.host import Host
from hub.running import open_store
from hub.worker.setting import LogForm

config = load_config(Path("config").absolute())
host = Host(config, open_store(config), LogForm(as_json=False, level="INFO"))
host.start()
assert host.service.run_now("people", True, "ann")
os.kill(os.getpid(), signal.SIGKILL)
"""


@contextmanager
def held_by_another():
    """Another process over the store runs the connection meanwhile."""
    store = open_store(load_config(Path("config").absolute()))
    with store.write() as tx:
        token = leases.acquire(tx, "people", "elsewhere:1:0", time.time(), 600.0)
    assert token is not None
    try:
        yield
    finally:
        with store.write() as tx:
            leases.release(tx, "people", token)
        store.close()


def test_a_run_that_was_asked_for_is_made_after_the_whole_hub_was_killed(service):
    with held_by_another():
        killed = subprocess.run([sys.executable, "-c", KILLED], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL

    running = Running()
    try:
        assert eventually(lambda: running.ended() == ["done"], 60), running.runs()
        assert running.asked_for() == [("ann", True)]
    finally:
        running.end()


def test_of_two_hubs_over_one_store_one_makes_it(service):
    with held_by_another():
        one = Running()
        assert one.host.service.run_now("people", True, "ann")
        two = Running()  # knows of it from the store
    try:
        assert eventually(lambda: one.ended() == ["done"], 60), one.runs()
        assert eventually(lambda: not any(each.host.service._asked.get("people") for each in (one, two)), 30)
        assert one.asked_for() == [("ann", True)]
    finally:
        one.end()
        two.end()
