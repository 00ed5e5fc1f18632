"""`hub sync` on a real database and real files; in this process and in processes of its own."""

import json
import random
import time

import pytest

from tests.cli.company import SECRET, Company


@pytest.fixture
def company(tmp_path, hub):
    made = Company(tmp_path)
    made.hire(0, 20)
    made.deliver(15, 30)
    return made


def counts(answer):
    return {c["connection"]: c["counts"] for c in json.loads(answer.out)["connections"]}


def test_a_first_sync_stops_at_its_plan_and_writes_nothing(company, hub):
    answer = hub("sync")

    assert answer.code == 1
    assert "the plan of the first sync" in answer.out
    assert "hub sync crm --yes" in answer.out
    assert company.store("select count(*) from record") == [(0,)]
    assert company.sql("select count(*) from people") == [(20,)]


def test_the_plan_of_a_first_sync_is_kept_row_by_row(company, hub):
    hub("sync", "crm")

    rows = company.store("select op, subject, detail from plan_row")

    assert len([op for op, _, _ in rows if op == "created"]) == 20
    assert json.loads(rows[0][2])["fields"]


def test_one_command_brings_everything_to_rest(company, hub):
    first = hub("sync", "--yes", "--json")
    assert first.code == 0
    assert company.sql("select count(*) from people") == [(30,)]
    assert company.store("select count(*) from golden") == [(30,)]

    hub("sync")
    quiet = counts(hub("sync", "--json"))

    assert quiet == {
        "crm": {"pulled": 30, "unchanged": 30},
        "partners": {"pulled": 15, "unchanged": 15},
    }


def test_an_edit_is_one_change(company, hub):
    hub("sync", "--yes")
    hub("sync")
    company.sql("update people set last = 'Novo' where id = 3")

    answer = hub("sync", "--json")

    assert counts(answer)["crm"]["updates"] == 1
    assert company.store("select count(*) from golden where fields like '%Novo%'") == [(1,)]


def test_a_connection_that_fails_does_not_stop_the_others(company, hub, tmp_path):
    hub("sync", "--yes")
    (tmp_path / "crm.db").unlink()

    answer = hub("sync", "--json")

    status = {c["connection"]: c["status"] for c in json.loads(answer.out)["connections"]}
    assert answer.code == 2
    assert status["partners"] == "done"
    assert status["crm"] == "failed"


def test_a_missing_secret_stops_its_connection_only_and_is_on_record(tmp_path, hub):
    more = "  shop:\n    type: sql\n    url: mysql+pymysql://hub:${env:SHOP_SECRET}@127.0.0.1:1/shop\n    table: t\n"
    company = Company(tmp_path, more=more + "    key: id\n")
    company.hire(0, 3)

    answer = hub("sync", "--yes", "--json")

    found = {c["connection"]: c for c in json.loads(answer.out)["connections"]}
    assert found["crm"]["status"] == "done"
    assert found["shop"]["status"] == "failed"
    assert "SHOP_SECRET" in found["shop"]["message"]
    assert company.store("select status from run where connection = 'shop'") == [("failed",)]


def test_a_secret_is_never_shown(tmp_path, hub, monkeypatch):
    more = "  shop:\n    type: sql\n    url: mysql+pymysql://hub:${env:SHOP_SECRET}@127.0.0.1:1/shop\n    table: t\n"
    Company(tmp_path, more=more + "    key: id\n").hire(0, 3)
    monkeypatch.setenv("SHOP_SECRET", SECRET)

    said = [hub("sync", "--yes"), hub("sync", "--json"), hub("status"), hub("runs"), hub("runs", "--json")]

    assert said[0].code == 2
    assert not [a for a in said if SECRET in a.out + a.err]
    assert not [f for f in tmp_path.glob("data/*") if SECRET.encode() in f.read_bytes()]


def test_a_connection_that_is_not_enabled_is_refused(tmp_path, hub):
    company = Company(tmp_path, more="  old:\n    type: file\n    path: x.csv\n    key: id\n    enabled: false\n")
    company.hire(0, 1)

    answer = hub("sync", "old")

    assert answer.code == 2
    assert "not enabled" in answer.err


def test_the_store_belongs_to_its_user_alone(company, hub, tmp_path):
    hub("sync")

    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / "hub.db").stat().st_mode & 0o777 == 0o600


def test_two_processes_at_once_lose_and_double_nothing(company, hub):
    company.hire(100, 700)
    both = [company.popen("sync", "--yes"), company.popen("sync", "--yes")]
    said = [process.communicate(timeout=120) for process in both]

    assert [p.returncode for p in both] == [0, 0], said
    hub("sync", "--yes")
    assert company.store("select count(*) from golden where state = 'live'") == [(630,)]
    assert company.sql("select count(*), count(distinct mail) from people") == [(630, 630)]
    assert hub("db", "check").code == 0


def test_a_sync_killed_at_random_moments_loses_and_doubles_nothing(company, hub):
    """A create in this table cannot be found again, so one under way when the process died is for a person."""
    rng = random.Random(4)
    company.hire(100, 500)
    for n in range(4):
        company.deliver(15, 250 + 100 * n)
        process = company.popen("sync", "--yes")
        company.wait_until_running(process)
        time.sleep(rng.uniform(0, 0.4))
        process.kill()
        process.communicate()

    for _ in range(3):
        hub("sync", "--yes")

    everybody = len({*range(20), *range(100, 500), *range(15, 550)})
    assert company.store("select count(*) from golden where state = 'live'") == [(everybody,)]
    doubled = company.sql("select mail from people group by mail having count(*) > 1")
    missing = everybody - company.sql("select count(distinct mail) from people")[0][0]
    unsure = company.store("select count(*) from parked where stage = 'unknown' and state = 'open'")[0][0]
    assert doubled == []
    assert missing <= unsure
    assert hub("db", "check").code == 0


def test_sigterm_ends_a_sync_in_a_state_that_goes_on(company, hub):
    company.hire(100, 4000)
    process = company.popen("sync", "--yes", "crm")
    company.wait_until_running(process)
    process.terminate()
    process.communicate(timeout=30)

    assert process.returncode in (0, 130)
    assert hub("sync", "--yes", "crm").code == 0
    assert company.store("select count(*) from record where connection = 'crm'") == [(3920,)]
