"""`hub contacts erase` and `hub erasures`: what is shown, done, written down, and what a restore makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.desk import Desk

NAME = "Zyxwvica"
FAMILY = "Quuxfjord"
MAIL = "zyxwvica.quuxfjord@example.org"


@pytest.fixture
def desk(hub) -> Desk:
    made = Desk(hub)
    made.type_in("crm", NAME, FAMILY, MAIL, tel="912345678", job="astrolaber")
    made.type_in("crm", "Rui", "Castanheira", "rui@example.org")
    made("sync", "--yes")
    made("sync")
    return made


def golden_id(desk: Desk) -> str:
    [found] = json.loads(desk("contacts", "find", MAIL, "--json").out)["rows"]
    return str(found["id"])


def in_files() -> list[str]:
    """Files of the hub that have anything of them, byte by byte."""
    words = [word.encode() for text in (NAME, FAMILY, MAIL, "912345678", "astrolaber") for word in (text, text.lower())]
    files = [path for path in Path("data").rglob("*") if path.is_file()]
    return sorted({path.name for path in files for word in words if word in path.read_bytes()})


def test_without_a_yes_it_is_only_shown(desk):
    answer = desk("contacts", "erase", golden_id(desk))

    assert answer.code == 1
    assert "Nothing was done" in answer.out
    assert "is told to delete it" in answer.out
    assert in_files()


def test_a_dry_run_says_what_is_held_and_who_is_told(desk):
    answer = desk("contacts", "erase", golden_id(desk), "--dry-run", "--json")

    said = json.loads(answer.out)
    assert said["rows"]["golden"] == 1
    assert said["rows"]["record"] == 2
    assert {each["connection"] for each in said["systems"]} == {"crm", "shop"}


def test_nobody_is_found_in_any_file_and_the_receipt_is_done(desk):
    assert in_files()
    answer = desk("contacts", "erase", golden_id(desk), "--yes", "--reference", "case 7", "--json")
    made = json.loads(answer.out)
    assert made["emptied_at"] is not None

    desk("sync")

    assert in_files() == []
    assert desk.sql("crm", "select last from people") == [("Castanheira",)]
    receipt = json.loads(desk("erasures", "show", made["id"], "--json").out)
    assert receipt["state"] == "done"
    assert {(step["connection"], step["outcome"]) for step in receipt["systems"]} == {
        ("crm", "deleted"),
        ("shop", "deleted"),
    }
    assert MAIL not in json.dumps(receipt)


def test_they_do_not_come_back_and_that_is_counted(desk):
    desk("contacts", "erase", golden_id(desk), "--yes")
    desk("sync")

    desk.type_in("shop", NAME, FAMILY, MAIL)
    desk("sync")

    assert in_files() == []
    assert '"withheld"' in desk("runs", "--json").out


def test_a_backup_from_before_brings_nobody_back(desk):
    erased = golden_id(desk)
    desk("db", "backup", "old.db")
    desk("contacts", "erase", erased, "--yes")
    desk("sync")

    answer = desk("db", "restore", "old.db")

    assert "1 erasures are newer than the backup" in answer.out
    assert desk("contacts", "show", erased).code != 0
    receipt = json.loads(desk("erasures", "list", "--all", "--json").out)
    assert [step["outcome"] for step in receipt[0]["systems"]] == ["told before", "told before"]
    desk("sync", "--yes")
    desk("sync")
    assert "Castanheira" in desk("contacts", "find", "rui@example.org").out
    assert json.loads(desk("contacts", "find", MAIL, "--json").out)["rows"] == []


def test_a_database_that_was_copied_back_by_hand_brings_nobody_back(desk):
    erased = golden_id(desk)
    desk("db", "backup", "old.db")
    desk("contacts", "erase", erased, "--yes")
    for path in Path("data").glob("hub.db*"):
        if path.suffix not in (".key", ".erasures"):
            path.unlink()
    Path("old.db").rename("data/hub.db")

    assert json.loads(desk("contacts", "find", MAIL, "--json").out)["rows"] == []


def test_a_file_that_cannot_be_read_stops_everything(desk):
    desk("contacts", "erase", golden_id(desk), "--yes")
    Path("data/hub.db.erasures").write_text("not a line\n")

    answer = desk("sync")

    assert answer.code == 2
    assert "file of erasures" in answer.err


def test_what_waits_for_a_person_is_confirmed(desk):
    config = Path("config/hub.yaml")
    config.write_text(config.read_text().replace("  shop:\n", "  shop:\n    erasure: by_hand\n"))
    desk("contacts", "erase", golden_id(desk), "--yes")
    desk("sync")
    [listed] = json.loads(desk("erasures", "list", "--json").out)
    assert "waits for a person" in desk("erasures", "show", listed["id"]).out

    desk("erasures", "confirm", listed["id"], "shop", "--by", "eve")

    [receipt] = json.loads(desk("erasures", "list", "--all", "--json").out)
    assert receipt["state"] == "done"
    assert {(s["connection"], s["outcome"], s["by"]) for s in receipt["systems"]} == {
        ("crm", "deleted", None),
        ("shop", "by hand", "eve"),
    }
    assert desk("erasures", "confirm", listed["id"], "shop").code == 2


def test_one_that_is_lifted_may_come_in_again(desk):
    desk("contacts", "erase", golden_id(desk), "--yes")
    desk("sync")
    [listed] = json.loads(desk("erasures", "list", "--all", "--json").out)
    assert desk("erasures", "lift", listed["id"], "--reason", "asked to come back").code == 0

    desk.type_in("crm", NAME, FAMILY, MAIL)
    desk("sync")

    assert golden_id(desk)
    assert "lifted" in Path("data/hub.db.erasures").read_text()
