"""The engine's own process: it runs what it is asked to, and neither of the two outlives the other unseen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from hub.config import load_config
from hub.metrics import Metrics
from hub.running import open_index, open_store
from hub.store import contacts
from hub.sync.run import Orders
from hub.worker.asking import Worker
from hub.worker.setting import LogForm, Setting

LOG = LogForm(as_json=True, level="WARNING")
ROWS = 20_000  # enough for a run to be under way when something happens to it


@pytest.fixture
def config(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "hub.yaml").write_text(
        "store: sqlite:///hub.db\ndefault_region: PT\nconnections:\n"
        "  book: {type: file, path: book.csv, key: id, push: false, schedule: manual}\n"
        "  long: {type: file, path: long.csv, key: id, push: false, schedule: manual}\n"
    )
    people = "".join(f"{n},Ana,Nome{n},n{n}@example.org\n" for n in range(ROWS))
    (tmp_path / "long.csv").write_text(f"id,given_name,family_name,email\n{people}")
    (tmp_path / "book.csv").write_text("id,given_name,family_name,email\n1,Rui,Costa,rui@example.org\n")
    return load_config(tmp_path / "config")


@pytest.fixture
def store(config):
    store = open_store(config)
    yield store
    store.close()


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def worker(config, store, registry, tmp_path):
    worker = Worker(Setting(config, tmp_path / "search.db", LOG), Metrics(registry))
    worker.start()
    wait_until(lambda: worker.pid)
    yield worker
    worker.end()
    worker.wait(20)


def people_in(store):
    with store.read() as tx:
        return tx.one("SELECT count(*) FROM golden")[0]


def begun(worker, name, stop=lambda: False):
    """A run in a thread; where its result will be."""
    found = []
    thread = threading.Thread(target=lambda: found.append(worker.cycle(name, Orders(approve=True, stop=stop))))
    thread.start()
    return thread, found


def wait_until(true, seconds=30.0):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.02)


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_a_run_is_made_by_another_process_and_counted_by_this_one(worker, store, registry):
    result = worker.cycle("book", Orders(approve=True))

    assert (result.status, people_in(store)) == ("done", 1)
    assert worker.pid != os.getpid()
    assert registry.get_sample_value("hub_runs_total", {"connection": "book", "status": "done"}) == 1
    assert registry.get_sample_value("hub_records_total", {"connection": "book", "outcome": "created"}) == 1


def test_a_connection_is_not_run_twice_at_a_time(worker, store):
    thread, found = begun(worker, "long")
    wait_until(lambda: worker.is_running("long"))

    assert worker.cycle("long", Orders()).status == "busy"
    assert worker.cycle("book", Orders(approve=True)).status == "done"
    thread.join()
    assert (found[0].status, worker.is_running("long"), people_in(store)) == ("done", False, ROWS + 1)


def test_a_run_that_is_to_stop_ends_after_its_page_and_the_next_goes_on(worker, store):
    stop = threading.Event()
    thread, found = begun(worker, "long", stop.is_set)
    wait_until(lambda: people_in(store) > 0)
    stop.set()
    thread.join(10)

    assert found[0].status == "interrupted"
    assert 0 < people_in(store) < ROWS
    assert worker.cycle("long", Orders(approve=True)).status == "done"
    assert people_in(store) == ROWS


def test_a_killed_engine_is_said_and_started_again_and_nothing_is_lost_or_doubled(worker, store):
    thread, found = begun(worker, "long")
    wait_until(lambda: people_in(store) > 0)
    killed = worker.pid
    os.kill(killed, signal.SIGKILL)
    thread.join(10)

    assert (found[0].status, "by signal 9" in found[0].message) == ("failed", True)
    assert people_in(store) < ROWS
    assert worker.cycle("long", Orders(approve=True)).status == "done"
    assert (worker.pid != killed, people_in(store)) == (True, ROWS)


def test_the_search_index_is_kept_up_there(config, store):
    index = open_index(config, store)
    worker = Worker(Setting(config, index.path, LOG), Metrics(CollectorRegistry()))
    worker.start()
    try:
        worker.cycle("book", Orders(approve=True))
        wait_until(lambda: index.size() == 1)
    finally:
        worker.end()
        assert worker.wait(20)
        index.close()
    with store.read() as tx:
        assert contacts.connections(tx) == ["book"]


PARENT = """
import sys, time
from pathlib import Path
from prometheus_client import CollectorRegistry
from hub.config import load_config
from hub.metrics import Metrics
from hub.worker.asking import Worker
from hub.worker.setting import LogForm, Setting

folder = Path(sys.argv[1])
setting = Setting(load_config(folder), folder / "search.db", LogForm(True, "ERROR"))
worker = Worker(setting, Metrics(CollectorRegistry()))
worker.start()
while worker.pid is None:
    time.sleep(0.02)
print(worker.pid, flush=True)
time.sleep(600)
"""


def test_the_engine_ends_when_whoever_started_it_is_gone(config, store):
    with subprocess.Popen([sys.executable, "-c", PARENT, str(config.folder)], stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()

    wait_until(lambda: gone(pid))


def test_signals_for_all_processes_leave_it_to_the_one_that_started_it(worker, store):
    worker.cycle("book", Orders(approve=True))
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(worker.pid, number)

    assert worker.cycle("book", Orders()).status == "done"
