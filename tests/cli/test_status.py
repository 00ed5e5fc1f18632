"""`hub status` and `hub runs`."""

import json

import pytest

from tests.cli.company import Company


@pytest.fixture
def company(tmp_path, hub):
    made = Company(tmp_path)
    made.hire(0, 5)
    made.deliver(3, 8)
    return made


def states(answer):
    return {c["name"]: c["state"] for c in json.loads(answer.out)["connections"]}


def test_before_the_first_sync_the_next_step_is_its_plan(company, hub):
    answer = hub("status")

    assert answer.code == 1
    assert "hub plan crm" in answer.out


def test_all_is_healthy_after_a_sync(company, hub):
    hub("sync", "--yes")

    answer = hub("status", "--json")

    found = json.loads(answer.out)["connections"][0]
    assert answer.code == 0
    assert states(answer) == {"crm": "healthy", "partners": "healthy"}
    assert found["records"] == 8
    assert 0 <= found["lag_seconds"] < 60
    assert found["next"] is None


def test_a_failing_connection_is_named_with_the_next_step(company, hub, tmp_path):
    hub("sync", "--yes")
    (tmp_path / "crm.db").unlink()
    hub("sync")

    answer = hub("status")

    assert answer.code == 2
    assert "hub sync crm" in answer.out


def test_what_is_held_waits_for_a_person(company, hub):
    hub("sync", "--yes")
    company.hire(1000, 2500)
    hub("sync", "crm")

    assert hub("status").code == 1
    assert states(hub("status", "--json"))["crm"] == "held"


def test_runs_are_listed_newest_first_and_shown_in_detail(company, hub):
    hub("sync", "--yes", "crm")
    company.hire(20, 22)
    hub("sync", "crm")

    listed = json.loads(hub("runs", "--json").out)["runs"]
    shown = json.loads(hub("runs", listed[0]["id"], "--json").out)

    assert listed[0]["started_at"] >= listed[-1]["started_at"]
    assert shown["counts"]["created"] == 2
    assert shown["history"]["history"]["created"] == 2


def test_a_run_that_never_was_is_refused(company, hub):
    answer = hub("runs", "r0")

    assert answer.code == 2
    assert "hub runs" in answer.err


def test_runs_of_one_connection(company, hub):
    hub("sync", "--yes")

    listed = json.loads(hub("runs", "--connection", "partners", "--json").out)["runs"]

    assert {r["connection"] for r in listed} == {"partners"}
