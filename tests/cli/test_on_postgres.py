"""The commands on a PostgreSQL store: the same results as on SQLite."""

import json

import psycopg
import pytest

from tests.cli.company import Company
from tests.connectors.conftest import postgres_server  # noqa: F401  a fixture
from tests.connectors.servers import PASSWORD
from tests.store.conftest import new_database


@pytest.fixture
def company(tmp_path, hub, monkeypatch, request):
    url = new_database(request.getfixturevalue("postgres_server"))
    monkeypatch.setenv("STORE_SECRET", PASSWORD)
    made = Company(tmp_path, store=url.replace(PASSWORD, "${env:STORE_SECRET}"))
    made.url = url.replace("+psycopg", "")
    made.hire(0, 20)
    made.deliver(15, 30)
    return made


def ask(company, text):
    with psycopg.connect(company.url) as connection:
        return connection.execute(text).fetchall()


def contents(company):
    with psycopg.connect(company.url) as connection:
        names = [n for (n,) in connection.execute("select tablename from pg_tables where schemaname = 'public'")]
        return {n: sorted(map(repr, connection.execute(f'select * from "{n}"'))) for n in sorted(names)}


def test_one_command_brings_everything_to_rest(company, hub):
    assert hub("sync", "--yes").code == 0
    hub("sync")
    quiet = json.loads(hub("sync", "--json").out)["connections"]

    assert company.sql("select count(*) from people") == [(30,)]
    assert [c["counts"] for c in quiet] == [{"pulled": 30, "unchanged": 30}, {"pulled": 15, "unchanged": 15}]
    assert hub("db", "check").code == 0


def test_a_plan_writes_nothing(company, hub):
    hub("sync", "--yes")
    company.hire(50, 60)
    company.sql("update people set last = 'Novo' where id = 3")
    before = contents(company)

    planned = json.loads(hub("plan", "--json").out)

    assert contents(company) == before
    assert planned["counts"]["crm"]["created"] == 10
    assert [r["subject"] for r in planned["rows"] if r["op"] == "updated"] == ["3"]


def test_two_processes_at_once_lose_and_double_nothing(company, hub):
    company.hire(100, 400)
    both = [company.popen("sync", "--yes"), company.popen("sync", "--yes")]
    said = [process.communicate(timeout=120) for process in both]
    hub("sync", "--yes")

    assert [p.returncode for p in both] == [0, 0], said
    assert ask(company, "select count(*) from golden where state = 'live'") == [(330,)]
    assert company.sql("select count(*), count(distinct mail) from people") == [(330, 330)]


def test_a_backup_is_put_back_and_everything_waits_for_a_person(company, hub, tmp_path):
    hub("sync", "--yes")
    made = hub("db", "backup", "copy.dump")
    company.hire(40, 45)
    company.deliver(15, 35)
    hub("sync", "--yes")
    ask(
        company,
        "insert into inbox (connection, delivery_id, received_at, payload) values ('w', 'd', 1, '{}') returning 1",
    )

    restored = hub("db", "restore", "copy.dump")

    assert (made.code, restored.code) == (0, 0), made.err + restored.err
    assert (tmp_path / "copy.dump").stat().st_mode & 0o777 == 0o600
    assert ask(company, "select count(*) from golden") == [(30,)]
    assert ask(company, "select delivery_id from inbox") == [("d",)]
    assert hub("sync").code == 1
    hub("sync", "--yes")
    hub("sync", "--yes")
    assert company.sql("select count(*), count(distinct mail) from people") == [(40, 40)]
    assert hub("db", "check").code == 0


def test_what_is_no_backup_is_refused(company, hub, tmp_path):
    hub("sync", "--yes")
    (tmp_path / "bad.dump").write_bytes(b"PGDMP but no more of it")
    before = contents(company)

    answer = hub("db", "restore", "bad.dump")

    assert answer.code == 2
    assert PASSWORD not in answer.err
    assert contents(company) == before


def test_without_pg_dump_it_says_what_to_install(company, hub, monkeypatch):
    hub("sync", "--yes")
    monkeypatch.setenv("PATH", "/nowhere")

    answer = hub("db", "backup", "copy.dump")

    assert answer.code == 2
    assert "postgresql-client" in answer.err


def test_training_and_evaluating_work_as_on_sqlite(company, hub):
    hub("sync", "--yes")
    rows = "".join(f"crm,{n},p{n}\n" for n in range(20))
    (company.home / "truth.csv").write_text("connection,external_id,person_id\n" + rows)

    trained = json.loads(hub("dedupe", "train", "--use", "--json").out)
    score = json.loads(hub("dedupe", "evaluate", "--truth", "truth.csv", "--json").out)["score"]

    assert (trained["version"], trained["used"]) == (1, True)
    assert ask(company, "select number, active from model") == [(1, 1)]
    assert (score["records"], score["exact"], score["wrong_merges"]) == (20, 20, 0)


def test_matching_keys_of_an_older_version_are_made_anew(company, hub):
    hub("sync", "--yes")
    keys = "select key, record_id from match_key union all select key, record_id from recent_key order by 1, 2"
    before = ask(company, keys), ask(company, "select id, features from record order by id")
    with psycopg.connect(company.url) as connection:
        connection.execute("update record set features = '[0]' where features is not null")
        connection.execute("delete from recent_key")

    answer = hub("db", "upgrade")

    assert answer.code == 0
    assert "Matching keys were made anew" in answer.out
    assert (ask(company, keys), ask(company, "select id, features from record order by id")) == before
    assert hub("db", "check").code == 0
