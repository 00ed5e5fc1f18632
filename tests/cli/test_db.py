"""`hub db`: upgrade, backup, restore, check."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.cli.company import Company


@pytest.fixture
def company(tmp_path, hub):
    made = Company(tmp_path)
    made.hire(0, 20)
    made.deliver(15, 30)
    hub("sync", "--yes")
    hub("sync")
    return made


def test_a_sound_store_is_said_to_be_sound(company, hub):
    answer = hub("db", "check", "--json")

    assert answer.code == 0
    assert json.loads(answer.out)["rows"]["golden"] == 30
    assert json.loads(answer.out)["wrong"] == []


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("delete from golden where id = (select min(id) from golden)", "belong to no golden record"),
        ("insert into golden values ('g0', 'live', null, 1, '{}', 0, 0)", "have no source record"),
        ("update golden set state = 'merged', merged_into = 'g0' where id = (select min(id) from golden)", "nowhere"),
        ("insert into match_key (key, record_id) values (1, 99999)", "matching keys have no record"),
        ("update golden set fields = '{}' where id = (select min(id) from golden)", "are not what their sources"),
        (
            "insert into queue values ('crm', 'g0', 'sync', 0, null, 0, 0, null, 0)",
            "waiting writes have no golden record",
        ),
    ],
)
def test_what_does_not_hang_together_is_told(company, hub, tmp_path, harm, told):
    with closing(sqlite3.connect(tmp_path / "data" / "hub.db")) as db, db:
        db.execute(harm)

    answer = hub("db", "check")

    assert answer.code == 2
    assert told in answer.out


def test_matching_keys_of_an_older_version_are_told_and_made_anew(company, hub, tmp_path):
    with closing(sqlite3.connect(tmp_path / "data" / "hub.db")) as db, db:
        db.execute("update record set features = '[0]' where features is not null")
    told = hub("db", "check")

    upgraded = hub("db", "upgrade")

    assert told.code == 2
    assert "matching keys of another version" in told.out
    assert "Matching keys were made anew" in upgraded.out
    assert hub("db", "check").code == 0
    assert "Matching keys" not in hub("db", "upgrade").out


def test_a_damaged_file_is_told(company, hub, tmp_path):
    path = tmp_path / "data" / "hub.db"
    content = bytearray(path.read_bytes())
    content[8192:20000] = b"\xff" * (20000 - 8192)
    path.write_bytes(content)

    answer = hub("db", "check")

    assert answer.code == 2
    assert "faults in the database file" in answer.out


def test_a_backup_is_whole_private_and_not_replaced_unasked(company, hub, tmp_path):
    assert hub("db", "backup", "copy.db").code == 0
    again = hub("db", "backup", "copy.db")

    with closing(sqlite3.connect(tmp_path / "copy.db")) as db:
        assert db.execute("select count(*) from golden").fetchone() == (30,)
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert again.code == 2
    assert "exists already" in again.err
    assert hub("db", "backup", "copy.db", "--overwrite").code == 0


def test_a_backup_is_made_while_the_hub_writes(company, hub):
    company.hire(100, 900)
    process = company.popen("sync", "--yes")
    answers = [hub("db", "backup", f"copy{n}.db") for n in range(5)]
    process.communicate(timeout=60)

    assert [a.code for a in answers] == [0] * 5
    hub("db", "restore", "copy3.db")
    assert hub("db", "check").code == 0


def test_after_a_restore_everything_waits_for_a_person_then_loses_and_doubles_nothing(company, hub, tmp_path):
    hub("db", "backup", "copy.db")
    company.hire(40, 45)
    company.deliver(15, 35)
    company.sql("update people set last = 'Novo' where id = 3")
    hub("sync", "--yes")
    assert company.sql("select count(*) from people") == [(40,)]

    assert hub("db", "restore", "copy.db").code == 0
    assert hub("sync").code == 1
    assert company.sql("select count(*) from people") == [(40,)]
    hub("sync", "--yes")
    hub("sync", "--yes")

    assert company.sql("select count(*), count(distinct mail) from people") == [(40, 40)]
    assert company.store("select count(*) from golden where state = 'live'") == [(40,)]
    assert company.sql("select last from people where id = 3") == [("Novo",)]
    assert hub("db", "check").code == 0
    assert (tmp_path / "data" / "hub.db.before-restore").is_file()


def test_what_was_there_before_is_kept_of_every_restore(company, hub, tmp_path):
    hub("db", "backup", "copy.db")
    before = company.store("select id from golden order by id")
    company.hire(40, 45)
    hub("sync", "--yes")
    present = company.store("select id from golden order by id")

    assert "hub.db.before-restore" in hub("db", "restore", "copy.db").out
    assert "hub.db.before-restore-2" in hub("db", "restore", "copy.db").out

    def held(name: str) -> list[tuple[str]]:
        with closing(sqlite3.connect(tmp_path / "data" / name)) as db:
            return db.execute("select id from golden order by id").fetchall()

    assert held("hub.db.before-restore") == present
    assert held("hub.db.before-restore-2") == before


def test_a_store_of_an_older_version_is_backed_up_before_it_is_upgraded(company, hub, tmp_path):
    with closing(sqlite3.connect(tmp_path / "data" / "hub.db")) as db, db:
        [newest] = db.execute("select version_num from alembic_version").fetchone()
        db.execute("update alembic_version set version_num = '0001'")
    assert "Make a backup with `hub db backup FILE`" in hub("status").err

    answer = hub("db", "backup", "copy.db")

    assert answer.code == 0, answer.err
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("select version_num from alembic_version").fetchone() == ("0001",)
        assert copy.execute("select count(*) from golden").fetchone() > (0,)
    assert newest > "0001"


def test_where_there_is_no_store_no_backup_is_made(hub, tmp_path):
    hub("init")

    answer = hub("db", "backup", "copy.db")

    assert answer.code == 2
    assert "There is no store yet, so no backup was made" in answer.err
    assert not (tmp_path / "copy.db").exists()


def test_deliveries_since_the_backup_are_carried_over(company, hub, tmp_path):
    hub("db", "backup", "copy.db")
    with closing(sqlite3.connect(tmp_path / "data" / "hub.db")) as db, db:
        db.execute("insert into inbox (connection, delivery_id, received_at, payload) values ('w', 'd', 1, '{}')")

    hub("db", "restore", "copy.db")

    assert company.store("select delivery_id from inbox") == [("d",)]


def test_a_restore_is_refused_while_another_process_is_at_work(company, hub, tmp_path):
    hub("db", "backup", "copy.db")
    with closing(sqlite3.connect(tmp_path / "data" / "hub.db")) as db, db:
        db.execute("update connection_state set lease_owner = 'elsewhere:1:x', lease_until = 9e12 where name = 'crm'")

    answer = hub("db", "restore", "copy.db")

    assert answer.code == 2
    assert "Another process is running crm" in answer.err
    assert company.store("select count(*) from connection_state where started_at is null") == [(0,)]


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\x00" + b"\xff" * 9000])
def test_what_is_no_backup_is_refused_and_the_store_stays(company, hub, tmp_path, content):
    (tmp_path / "bad.db").write_bytes(content)

    answer = hub("db", "restore", "bad.db")

    assert answer.code == 2
    assert "Nothing was restored" in answer.err
    assert company.store("select count(*) from golden") == [(30,)]


def test_a_damaged_store_can_be_replaced_by_a_backup(company, hub, tmp_path):
    hub("db", "backup", "copy.db")
    (tmp_path / "data" / "hub.db").write_bytes(b"\xff" * 50_000)

    assert hub("db", "restore", "copy.db").code == 0

    assert hub("db", "check").code == 0
    assert company.store("select count(*) from golden") == [(30,)]


def test_a_restore_reaches_a_process_that_has_the_store_open(company, hub, tmp_path):
    hub("db", "backup", "copy.db")
    with closing(sqlite3.connect(tmp_path / "data" / "hub.db")) as db:
        db.execute("select count(*) from golden").fetchone()
        hub("db", "restore", "copy.db")

        assert db.execute("select count(*) from connection_state where started_at is null").fetchone() == (2,)


def test_an_older_schema_is_refused_until_it_is_upgraded(company, hub, tmp_path):
    with closing(sqlite3.connect(tmp_path / "data" / "hub.db")) as db, db:
        db.execute("update alembic_version set version_num = '9999'")

    answer = hub("sync")

    assert answer.code == 2
    assert "newer version" in answer.err


def test_an_upgrade_of_a_store_that_is_up_to_date_changes_nothing(company, hub):
    answer = hub("db", "upgrade")

    assert answer.code == 0
    assert "already" in answer.out


def test_a_database_of_somebody_else_is_left_alone(tmp_path, hub):
    Company(tmp_path).hire(0, 1)
    (tmp_path / "data").mkdir()
    with closing(sqlite3.connect(tmp_path / "data" / "hub.db")) as db, db:
        db.execute("create table theirs (x)")

    answers = [hub("sync"), hub("db", "upgrade")]

    assert [a.code for a in answers] == [2, 2]
    assert "not the hub's" in answers[0].err


def test_two_processes_may_make_a_new_store_at_once(tmp_path, hub):
    company = Company(tmp_path)
    both = [company.popen("status") for _ in range(3)]
    said = [process.communicate(timeout=60) for process in both]

    assert [p.returncode for p in both] == [1, 1, 1], said
