"""A Singer target through the whole engine: everybody arrives once, also when the target breaks off on the way."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.config import load_config
from hub.running import Workshop, open_workshop, sync_all
from hub.store import queue
from hub.sync.run import Orders

PROGRAM = Path(__file__).with_name("singer_fake_target.py")
CONFIG = f"""
store: sqlite:///data/hub.db
connections:
  office: {{type: file, path: office.csv, key: id, deletes: propagate}}
  warehouse:
    type: singer_target
    command: [{sys.executable}, {PROGRAM}]
    config: target.json
    columns: [given_name, family_name, emails]
    deletes: propagate
"""
ALL = ["office", "warehouse"]


class Home:
    """A folder with people and a target; `cycle` is one run over both."""

    def __init__(self, folder: Path, shop: Workshop) -> None:
        self.folder, self.shop = folder, shop

    def people(self, *lines: str) -> None:
        text = "\n".join(["id,given_name,family_name,emails", *lines, ""])
        (self.folder / "office.csv").write_text(text)

    def target(self, **broken: Any) -> None:
        rows, starts = (str(self.folder / name) for name in ("rows.json", "starts"))
        told = {"rows": rows, "starts": starts, "secret": "c4nary-of-a-target", **broken}
        (self.folder / "target.json").write_text(json.dumps(told))

    def cycle(self) -> list[str]:
        results = sync_all(self.shop, ALL, dict.fromkeys(ALL, Orders(approve=True)))
        with self.shop.store.write() as tx:  # what waits for its next try need not wait
            queue.hurry(tx, "warehouse")
        return [each.status for each in results.values()]

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        path = self.folder / "rows.json"
        found = json.loads(path.read_text()).values() if path.exists() else []
        return sorted((each["given_name"] or "", each["emails"] or "", bool(each["_sdc_deleted_at"])) for each in found)

    @property
    def starts(self) -> int:
        path = self.folder / "starts"
        return path.read_text().count("\n") if path.exists() else 0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    (tmp_path / "config").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "config/hub.yaml").write_text(CONFIG)
    with open_workshop(load_config(tmp_path / "config")) as shop:
        made = Home(tmp_path, shop)
        made.target()
        made.people("1,Ann,Lee,ann@example.org", "2,Eva,Núñez,eva@example.org")
        yield made


def test_everybody_arrives_once_and_a_quiet_cycle_starts_no_target(home: Home) -> None:
    statuses = [home.cycle() for _ in range(4)]

    assert statuses == [["done", "done"]] * 4
    assert home.rows == [("Ann", "ann@example.org", False), ("Eva", "eva@example.org", False)]
    assert home.starts == 1


def test_rows_that_a_killed_target_left_in_doubt_arrive_once(home: Home) -> None:
    home.target(**{"break": "killed", "on": 2})
    home.cycle()
    home.target()

    for _ in range(3):
        home.cycle()

    assert home.rows == [("Ann", "ann@example.org", False), ("Eva", "eva@example.org", False)]


def test_changes_and_deletions_follow(home: Home) -> None:
    for _ in range(2):
        home.cycle()
    home.people("1,Anna,Lee,ann@example.org")

    for _ in range(4):
        home.cycle()

    assert home.rows == [("", "", True), ("Anna", "ann@example.org", False)]


def test_what_the_target_never_confirms_is_never_taken_for_written(home: Home) -> None:
    home.target(**{"break": "mum"})
    for _ in range(3):
        home.cycle()
    with home.shop.open("warehouse") as connector:
        report = connector.check()

    assert (report.records, len(report.warnings)) == (0, 1)
