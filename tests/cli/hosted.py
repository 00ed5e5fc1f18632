"""`hub run` in this process, over a service whose answers a test can hold back."""

import json
from pathlib import Path

import pytest

from hub.config import load_config
from hub.host import Host
from hub.running import open_store
from hub.store.runs import past_runs
from hub.worker.setting import LogForm
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
