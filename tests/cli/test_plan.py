"""`hub plan`: row by row, and nothing is written anywhere."""

import hashlib
import json

import pytest

from tests.cli.company import Company


@pytest.fixture
def company(tmp_path, hub):
    made = Company(tmp_path)
    made.hire(0, 20)
    made.deliver(15, 30)
    return made


def contents(company):
    """A hash of every table of the hub's store, and of the CRM."""
    tables = [name for (name,) in company.store("select name from sqlite_master where type = 'table'")]
    found = {
        t: sorted(map(repr, company.store(f"select * from {t}"))) for t in sorted(tables) if t != "sqlite_sequence"
    }
    found["crm"] = company.sql("select * from people order by id")
    return hashlib.sha256(repr(found).encode()).hexdigest()


def rows(answer):
    return json.loads(answer.out)["rows"]


def test_a_plan_writes_nothing(company, hub):
    hub("sync", "--yes")
    company.hire(50, 60)
    before = contents(company)

    assert hub("plan").code == 0

    assert contents(company) == before


def test_a_plan_before_the_first_sync_would_wait_for_a_person(company, hub):
    answer = hub("plan", "--json", "--limit", "100")

    ops = [(row["connection"], row["op"]) for row in rows(answer)]
    assert answer.code == 1
    assert ops.count(("crm", "created")) == 20
    assert ops.count(("partners", "created")) == 10
    assert ops.count(("crm", "create")) == 10
    assert {held["gate"] for held in json.loads(answer.out)["held"]} == {"first"}


def test_a_change_is_shown_with_its_old_and_new_value(company, hub):
    hub("sync", "--yes")
    hub("sync")
    old = company.sql("select last from people where id = 3")[0][0]
    company.sql("update people set last = 'Novo' where id = 3")

    (row,) = rows(hub("plan", "--json"))

    assert (row["connection"], row["op"], row["subject"]) == ("crm", "updated", "3")
    assert row["detail"]["fields"] == {"family_name": [old, "Novo"]}


def test_what_is_planned_is_what_is_done(company, hub):
    planned = json.loads(hub("plan", "--json", "--limit", "1000").out)
    hub("sync", "--yes")

    assert planned["counts"]["crm"]["create there"] == 10
    assert company.sql("select count(*) from people") == [(30,)]
    assert planned["counts"]["crm"]["created"] + planned["counts"]["partners"]["created"] == 30


def test_a_deletion_is_shown_when_it_is_proven(company, hub):
    hub("sync", "--yes")
    company.sql("delete from people where id = 3")
    hub("sync", "crm")

    found = rows(hub("plan", "crm", "--json"))

    assert [(row["op"], row["subject"]) for row in found] == [("gone", "3")]


def test_where_all_agree_it_says_so(company, hub):
    hub("sync", "--yes")
    hub("sync")

    answer = hub("plan")

    assert answer.code == 0
    assert "Nothing would be done: all agree." in answer.out


def test_more_than_the_limit_would_be_held(company, hub, tmp_path):
    hub("sync", "--yes")
    company.hire(1000, 2200)

    answer = hub("plan", "crm")

    assert answer.code == 1
    assert "would wait for you (intake)" in answer.out


def test_rows_for_people_show_each_field(company, hub):
    answer = hub("plan", "crm", "--limit", "1")

    assert "crm: a new contact (20)" in answer.out
    assert "family_name" in answer.out
    assert "and 19 more" in answer.out


# --- a connection that cannot be used ---------------------------------------------------------------


@pytest.fixture
def broken(company, hub):
    """The CRM's file is gone; the partners' is there."""
    hub("sync", "--yes")
    company.deliver(40, 45)
    (company.home / "crm.db").rename(company.home / "away.db")
    return company


def test_a_plan_goes_on_past_a_connection_that_cannot_be_read(broken, hub):
    answer = hub("plan")

    assert answer.code == 1
    assert "✗ crm is not in this plan: crm: there is no database file" in answer.out
    assert "What the others would be told because of it is not in this plan either." in answer.out
    assert "partners: a new contact (5)" in answer.out


def test_what_waits_for_a_connection_that_cannot_be_read_is_still_planned(broken, hub):
    found = json.loads(hub("plan", "--json", "--limit", "100").out)

    assert [f["connection"] for f in found["failed"]] == ["crm"]
    assert found["counts"]["crm"]["create there"] == 5


def test_a_plan_goes_on_past_a_connection_whose_secret_is_missing(company, hub):
    hub("sync", "--yes")
    path = company.home / "config" / "hub.yaml"
    path.write_text(path.read_text().replace("url: sqlite:///crm.db", "url: sqlite:///${env:HUB_TEST_NOT_THERE}.db"))
    company.deliver(40, 45)

    answer = hub("plan")

    assert answer.code == 1
    assert "crm is not in this plan" in answer.out
    assert "HUB_TEST_NOT_THERE" in answer.out
    assert "partners: a new contact (5)" in answer.out


def test_a_plan_of_nothing_but_connections_that_cannot_be_used_is_code_2(broken, hub):
    assert hub("plan", "crm").code == 2
