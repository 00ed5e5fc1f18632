"""Runs that are under way, or asked for, while a changed configuration is taken in: none is lost."""

import json
from pathlib import Path

import pytest

from hub.config import load_config
from hub.host import Host
from hub.running import open_store
from hub.store.runs import past_runs
from hub.sync import desk
from hub.worker import LogForm
from tests.cli.slow_service import SIZE, slow_service
from tests.cli.test_run import eventually

COUNT = 3 * SIZE
CONFIG = """
store: sqlite:///data/hub.db
connections:
  people: {type: acorn, secret: env:ACORN_KEY, push: false, schedule: SCHEDULE}
web: {port: 0}
"""


@pytest.fixture
def service(hub, monkeypatch):
    monkeypatch.setenv("ACORN_KEY", "any")
    with slow_service(COUNT) as (found, described):
        Path("config/services").mkdir(parents=True)
        Path("config/services/acorn.yaml").write_text(described)
        write("manual")
        answer = hub("sync", "--yes")
        assert answer.code == 0, answer.err
        yield found


def write(schedule):
    Path("config/hub.yaml").write_text(CONFIG.replace("SCHEDULE", f'"{schedule}"'))


class Running:
    """`hub run`, in this process."""

    def __init__(self):
        config = load_config(Path("config").absolute())
        self.store = open_store(config)
        self.before = past_runs(self.store, "people", 100)
        self.host = Host(config, self.store, LogForm(as_json=False, level="INFO"))
        self.host.start()

    def end(self):
        self.host.stop(20)
        self.store.close()

    def runs(self):
        """Since then, the oldest first."""
        return past_runs(self.store, "people", 100)[: -len(self.before) or None][::-1]

    def ended(self):
        found = self.runs()
        return [run.status for run in found] if all(run.status != "running" for run in found) else []

    def asked_for(self):
        """Who asked, and whether for everything."""
        with self.store.read() as tx:
            rows = tx.all("SELECT who, detail FROM audit WHERE action = 'run started' ORDER BY number")
        return [(who, json.loads(detail)["full"]) for who, detail in rows if who in ("ann", "bob")]

    def take_in(self):
        """Begun; the service of before waits for its runs. How to wait for the other one."""
        before = self.host.service
        self.host.ask()
        assert eventually(before._stopping.is_set)
        return lambda: eventually(lambda: self.host.service is not before, 30)


@pytest.fixture
def running(service):
    found = Running()
    yield found
    service.go_on()
    found.end()


def test_a_full_run_under_way_ends_after_its_page_and_is_begun_again_for_who_asked(running, service):
    service.hold()
    assert running.host.service.run_now("people", True, "ann")
    assert service.is_asked.wait(30)
    taken_in = running.take_in()
    service.go_on()

    assert taken_in()
    assert eventually(lambda: running.ended() == ["interrupted", "done"], 30), running.runs()
    assert running.asked_for() == [("ann", True), ("ann", True)]
    assert service.pages[-3:] == [0, SIZE, 2 * SIZE]


def test_one_that_a_person_stopped_stays_stopped(running, service):
    service.hold()
    running.host.service.run_now("people", True, "ann")
    assert service.is_asked.wait(30)
    taken_in = running.take_in()
    desk.stop_run(running.store, running.runs()[0].id, "bob", running.host.service.shop.hub.clock())
    service.go_on()

    assert taken_in()
    assert not eventually(lambda: len(running.runs()) > 1, 3)
    assert running.ended() == ["interrupted"]


def test_orders_given_meanwhile_are_one_run_of_everything(running, service):
    service.hold()
    running.host.service.run_now("people", False, "ann")
    assert service.is_asked.wait(30)
    taken_in = running.take_in()
    assert running.host.service.run_now("people", True, "bob")
    assert running.host.service.run_now("people", False, "ann")
    service.go_on()

    assert taken_in()
    assert eventually(lambda: running.ended() == ["interrupted", "done"], 30), running.runs()
    assert running.asked_for() == [("ann", False), ("bob", True)]


def test_one_that_the_schedule_overtakes_is_made_after_it(running, service, monkeypatch):
    service.hold()
    now = running.host.service
    now._scheduler.at_once("people", now._run_scheduled)
    assert service.is_asked.wait(30)
    monkeypatch.setattr(now._worker, "is_running", lambda name: False)  # it began just after this look
    assert now.run_now("people", True, "bob")
    service.go_on()

    assert eventually(lambda: running.ended() == ["done", "done"], 30), running.runs()
    assert running.asked_for() == [("bob", True)]


def test_a_scheduled_run_under_way_goes_on_at_once_not_at_its_next_time(service):
    write("every 6 hours")
    service.hold()
    running = Running()
    try:
        assert service.is_asked.wait(30)
        taken_in = running.take_in()
        service.go_on()

        assert taken_in()
        assert eventually(lambda: running.ended() == ["interrupted", "done"], 30), running.runs()
        assert service.pages[-3:] == [0, SIZE, 2 * SIZE]
        with running.store.read() as tx:
            assert tx.one("SELECT count(*) FROM record")[0] == COUNT
    finally:
        service.go_on()
        running.end()
