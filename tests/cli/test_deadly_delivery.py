"""A delivery that kills whatever process takes it in: the others come in, and it is set aside. The kills are real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from hub.config import load_config
from hub.running import open_store
from hub.store.db import Store
from hub.store.inbox import Arrival, StoreInbox
from tests.cli.hosted import Running
from tests.cli.test_run import eventually

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HUB_YAML = """
store: sqlite:///hub.db
connections:
  website: {type: form, signature: none, allow_unsigned: true, mapping: MAPPING, schedule: manual}
""".replace("MAPPING", "form.yaml")
MAPPING = "kind: person\nfields: {given_name: given_name, emails: {from: email}}\nignore: [note]\n"

RUN = """
import os, signal, sys
from hub.connectors import forms

told = forms.read_delivery

def deadly(name, at, payload, settings):
    if name in sys.argv[1].split(","):
        os.kill(os.getpid(), signal.SIGKILL)
    return told(name, at, payload, settings)

forms.read_delivery = deadly
from hub.cli.main import app
app(sys.argv[2:])
"""


IN_THE_ENGINE = """
import os, signal, sys

if "hub.worker" in sys.orig_argv:
    from hub.connectors import forms

    told = forms.read_delivery

    def deadly(name, at, payload, settings):
        if payload.get("given_name") == "Deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        return told(name, at, payload, settings)

    forms.read_delivery = deadly
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "hub.yaml").write_text(HUB_YAML)
    (tmp_path / "config" / "form.yaml").write_text(MAPPING)
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Store:
    opened = open_store(load_config(folder / "config"))
    yield opened
    opened.close()


def deliver(store: Store, numbers: Sequence[int]) -> None:
    for n in numbers:
        named = {"given_name": "Ana", "email": f"n{n}@example.org"}
        StoreInbox(store).add([Arrival("website", f"d{n}", NOW, named)])


def hub(folder: Path, deadly: str, *args: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", RUN, deadly, *args], cwd=folder, capture_output=True, text=True, env={**os.environ}
    )
    assert done.returncode in (0, 1, -signal.SIGKILL), done.stderr
    return done.returncode


def until_it_lives(folder: Path, deadly: str) -> int:
    """Kills until a run came to its end."""
    for kills in range(12):
        if hub(folder, deadly, "sync", "--yes") != -signal.SIGKILL:
            return kills
    raise AssertionError("it is tried for ever")


def names(store: Store) -> list[str]:
    with store.read() as tx:
        return [row[0] for row in tx.all("SELECT external_id FROM record ORDER BY id")]


def parked(store: Store) -> list[tuple[str, str]]:
    with store.read() as tx:
        return [(r[0], r[1]) for r in tx.all("SELECT external_id, reason FROM parked WHERE state = 'open'")]


def test_after_three_kills_a_delivery_is_set_aside_and_the_others_come_in(folder, store):
    deliver(store, range(1, 8))

    assert until_it_lives(folder, "d4") == 3

    assert names(store) == ["d1", "d2", "d3", "d5", "d6", "d7"]
    [(name, reason)] = parked(store)
    assert name == "d4"
    assert "ended 3 times" in reason and "example.org" not in reason
    deliver(store, [8])
    assert until_it_lives(folder, "d4") == 0
    assert names(store)[-1] == "d8"


def test_each_of_several_is_set_aside(folder, store):
    deliver(store, range(1, 6))

    until_it_lives(folder, "d2,d5")

    assert names(store) == ["d1", "d3", "d4"]
    assert [name for name, _ in parked(store)] == ["d2", "d5"]


def test_one_that_a_person_sends_back_comes_in_when_it_kills_no_more(folder, store):
    deliver(store, range(1, 4))
    until_it_lives(folder, "d2")

    assert hub(folder, "", "parked", "retry", "--connection", "website") == 0
    assert until_it_lives(folder, "") == 0

    assert sorted(names(store)) == ["d1", "d2", "d3"]
    assert parked(store) == []


def test_one_that_is_set_aside_kills_nothing_when_all_is_read_again(folder, store):
    deliver(store, range(1, 4))
    until_it_lives(folder, "d2")
    with store.write() as tx:
        tx.run("UPDATE connection_state SET cursor = NULL WHERE name = 'website'")

    assert until_it_lives(folder, "d2") == 0
    assert len(parked(store)) == 1


def test_kills_that_a_delivery_has_survived_do_not_count_against_it(folder, store):
    """Whoever stops a hub by force, again and again, loses nothing by it."""
    for n in range(1, 6):
        deliver(store, [2 * n, 2 * n + 1])
        with store.write() as tx:  # as a run that was killed before it took anything in
            tx.run(
                "INSERT INTO run (id, connection, started_at, status) VALUES (:i, 'website', :n, 'running')",
                i=f"r{n}",
                n=float(n),
            )
            tx.run("UPDATE run SET started_at = 0 WHERE id <> :i", i=f"r{n}")
        assert until_it_lives(folder, "") == 0

    assert len(names(store)) == 10
    assert parked(store) == []


def test_a_running_hub_goes_on_by_itself_with_what_else_was_delivered(folder, store, monkeypatch):
    (folder / "sitecustomize.py").write_text(IN_THE_ENGINE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.chdir(folder)
    (folder / "config" / "hub.yaml").write_text(f"{HUB_YAML}web: {{port: 0}}\n")
    assert hub(folder, "", "sync", "--yes") == 0
    running = Running()
    try:
        for name in ("Ana", "Deadly", "Rui"):
            sent = {"given_name": name, "email": f"{name}@example.org"}
            assert httpx.post(f"{running.host.web.url}/forms/website", data=sent).status_code == 200

        assert eventually(lambda: len(names(store)) == 2, 150)
        assert eventually(lambda: parked(store), 10)
    finally:
        running.end()
    assert "ended 3 times" in parked(store)[0][1]
    with store.read() as tx:
        assert tx.one("SELECT count(*) FROM run WHERE error LIKE '%by signal 9%'")[0] == 3
