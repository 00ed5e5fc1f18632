"""Files through the whole engine: in from drop folders and workbooks, out to a system that only imports."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.config import load_config
from hub.running import Workshop, open_workshop, sync_all
from hub.sync.run import Orders
from tests.connectors.test_file_formats import workbook

CONFIG = """
store: sqlite:///data/hub.db
connections:
  partners: {type: file, path: inbox/*.csv, mode: drop, key: id, deletes: propagate}
  office: {type: file, path: office.xlsx, key: id}
  import:
    type: file_out
    path: out/people-{number}.csv
    columns: [given_name, family_name, emails, state]
    content: changes
    deleted: {state: D}
"""
ALL = ["partners", "office", "import"]
PEOPLE = [
    ["id", "given_name", "family_name", "emails"],
    [1, "Ann", "Lee", "ann@example.org"],
    [2, "Eva", "Núñez", "eva@example.org"],
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("config", "inbox", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "config/hub.yaml").write_text(CONFIG)
    workbook(tmp_path / "office.xlsx", {"S": PEOPLE})
    drop(tmp_path, "a.csv", "p1,Ann,Lee,ann@example.org", "p3,Ida,Ray,ida@example.org")
    return tmp_path


@pytest.fixture
def shop(home: Path) -> Iterator[Workshop]:
    with open_workshop(load_config(home / "config")) as made:
        yield made


def drop(home: Path, name: str, *lines: str) -> None:
    (home / "inbox" / name).write_text("\n".join(["id,given_name,family_name,emails", *lines, ""]))


def cycle(shop: Workshop) -> list[str]:
    results = sync_all(shop, ALL, dict.fromkeys(ALL, Orders(approve=True)))
    return [f"{each.connection} {each.status}: {each.message}" for each in results.values() if each.status != "done"]


def told(home: Path) -> list[list[tuple[str, str, str]]]:
    """Given name, email and state of the rows of each file, in order."""
    found = []
    for path in sorted((home / "out").glob("*.csv")):
        rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
        found.append(sorted((row["given_name"], row["emails"], row["state"]) for row in rows))
    return found


def test_everybody_goes_out_once_and_quiet_cycles_write_nothing(home: Path, shop: Workshop) -> None:
    problems = [cycle(shop) for _ in range(4)]

    assert problems == [[]] * 4
    assert told(home) == [
        [("Ann", "ann@example.org", ""), ("Eva", "eva@example.org", ""), ("Ida", "ida@example.org", "")]
    ]
    assert [path.name for path in (home / "inbox").rglob("*.csv")] == ["a.csv"]
    assert (home / "inbox/done/a.csv").is_file()


def test_a_change_goes_out_in_one_more_file_and_comes_to_rest(home: Path, shop: Workshop) -> None:
    for _ in range(3):
        cycle(shop)
    drop(home, "b.csv", "p3,Idalina,Ray,ida@example.org")

    for _ in range(4):
        cycle(shop)

    assert told(home)[1:] == [[("Idalina", "ida@example.org", "")]]


def test_a_file_that_failed_is_shown_to_people(home: Path, shop: Workshop) -> None:
    (home / "inbox/b.csv").write_text("no,header,of,ours\n1,2,3,4\n")

    for _ in range(3):
        cycle(shop)
    with shop.store.read() as tx:
        parked = tx.all("SELECT external_id, reason FROM parked")

    assert [(row[0], "has no column id" in row[1]) for row in parked] == [("file b.csv", True)]
    assert (home / "inbox/failed/b.csv.reason").is_file()


def test_a_connection_of_files_out_knows_what_it_told(home: Path, shop: Workshop) -> None:
    for _ in range(2):
        cycle(shop)
    with shop.open("import") as connector:
        report = connector.check()
        rows = [item for page in connector.pull(None) for item in page.items]

    assert report.lines == ("last file people-000001.csv",)
    assert report.warnings == ()
    assert len({item.id for item in rows}) == report.records == 3
    assert "ann@example.org" not in json.dumps([report.lines, report.warnings])
