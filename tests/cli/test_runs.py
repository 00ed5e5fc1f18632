"""`hub runs`: what one did, record by record, and one that is asked to stop."""

import json

import pytest

from hub.store import runs
from hub.store.db import Store
from tests.cli.desk import HARMFUL, Desk


@pytest.fixture
def desk(hub):
    desk = Desk(hub)
    desk.type_in("crm", "Ana", "Silva", "ana@example.org")
    desk.type_in("crm", "Bela", "Costa", "nonsense")
    desk.type_in("crm", HARMFUL, "Lima", "caio@example.org")
    desk.sync("crm")
    return desk


def last(desk: Desk) -> str:
    return desk.json("runs")["runs"][0]["id"]


def test_what_a_run_did_is_shown_record_by_record(desk):
    answer = desk("runs", last(desk), "--records")

    assert answer.code == 0
    for text in ("Ana Silva", "crm:1", "created", "emails: not an email address"):
        assert text in answer.out
    assert "\x1b[31m" not in answer.out


def test_records_are_filtered_and_all_of_them_are_a_json_line_each(desk):
    answer = desk("runs", last(desk), "--records", "--what", "created", "--text", "silva", "--json")

    [row] = map(json.loads, answer.out.splitlines())
    assert (row["name"], row["records"]) == ("Ana Silva", ["crm:1"])


@pytest.mark.parametrize("words", [("--records",), ("--stop",), ("nobody", "--records"), ("nobody", "--stop")])
def test_a_run_that_is_none_is_code_2(desk, words):
    answer = desk("runs", *words)

    assert answer.code == 2
    assert "hub runs" in answer.err


def test_a_word_that_is_none_is_refused(desk):
    assert desk("runs", last(desk), "--records", "--what", "nonsense").code == 2


def test_a_run_under_way_is_asked_to_stop_and_one_that_ended_is_not(desk):
    assert "is done already" in desk("runs", last(desk), "--stop").err
    store = Store("sqlite:///data/hub.db")
    with store.write() as tx:
        runs.start(tx, "r-now", "crm", 7.0)
    store.close()

    assert "ends after its page" in desk("runs", "r-now", "--stop").out
