"""What a legacy table does to a connector, on real SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from hub.connectors.contract import Context
from hub.connectors.sql import SqlConnector
from hub.errors import AccountError, ConfigError, CursorExpired, TransientError
from hub.model import Done, Op, Record, Refused, Stale, Tombstone, Unreadable, Write
from hub.testing.contract import done, items, listing, records
from tests.connectors.servers import PASSWORD, USER, Server

Connect = Callable[..., SqlConnector]


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    with ExitStack() as closing:

        def make(url: str, **settings: Any) -> SqlConnector:
            context = Context("shop", base=tmp_path, closing=closing)
            return SqlConnector(SqlConnector.Settings.model_validate({"url": url, **settings}), context)

        yield make


def legacy(path: Path, *statements: str | tuple[str, tuple[Any, ...]], text: type = str) -> str:
    """A SQLite file made of these statements; its URL."""
    connection = sqlite3.connect(path)
    connection.text_factory = text
    for statement in statements:
        if isinstance(statement, str):
            connection.execute(statement)
        else:
            connection.execute(*statement)
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


@pytest.fixture
def maria(mariadb_server: Server) -> Iterator[sa.Engine]:
    url = f"mysql+pymysql://{USER}:{PASSWORD}@127.0.0.1:{mariadb_server.port}/legacy"
    yield from fresh(url, "legacy_people")


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[sa.Engine]:
    yield from fresh(
        f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{postgres_server.port}/postgres", "legacy_people"
    )


def fresh(url: str, table: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(url)
    run(engine, f"DROP TABLE IF EXISTS {table}")
    yield engine
    engine.dispose()


def run(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def address(engine: sa.Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


# --- values ---------------------------------------------------------------------------------------


def test_padded_char_columns_are_read_and_found_without_padding(connect: Connect, maria: sa.Engine) -> None:
    run(
        maria,
        "CREATE TABLE legacy_people (COD char(10) PRIMARY KEY, NOMBRE varchar(40)) DEFAULT CHARSET latin1",
        "INSERT INTO legacy_people VALUES ('B1', 'JOSE      '), ('B2', 'ANA')",
    )
    connector = connect(address(maria), table="LEGACY_PEOPLE", key="cod")

    assert {r.id: r.fields for r in records(connector.pull(None)).values()} == {
        "B1": {"COD": "B1", "NOMBRE": "JOSE"},
        "B2": {"COD": "B2", "NOMBRE": "ANA"},
    }
    assert connector.read(["B1"])["B1"].fields["NOMBRE"] == "JOSE"


def test_a_padded_key_of_postgres_is_read_updated_and_deleted(connect: Connect, postgres: sa.Engine) -> None:
    run(
        postgres,
        "CREATE TABLE legacy_people (cod char(10) PRIMARY KEY, nif varchar(20))",
        "INSERT INTO legacy_people VALUES ('B1', 'X    ')",
    )
    connector = connect(address(postgres), table="legacy_people", key="COD")
    seen = records(connector.pull(None))["B1"]

    after = done(connector.write([Write(Op.UPDATE, "hub:1", "B1", {"nif": "Y"}, seen.version)]))

    assert (seen.fields, after.fields) == ({"cod": "B1", "nif": "X"}, {"cod": "B1", "nif": "Y"})
    assert connector.write([Write(Op.DELETE, "hub:1", "B1", {}, after.version)]) == [Done(None)]


@pytest.mark.parametrize("database", ["postgres", "sqlite"])
def test_a_text_key_padded_by_hand_is_found(
    connect: Connect, database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    statements = (
        "CREATE TABLE legacy_people (cod varchar(10) PRIMARY KEY, name text)",
        "INSERT INTO legacy_people VALUES ('B1   ', 'ANA')",
    )
    if database == "sqlite":
        url = legacy(tmp_path / "x.db", *statements)
    else:
        engine = request.getfixturevalue("postgres")
        run(engine, *statements)
        url = address(engine)
    connector = connect(url, table="legacy_people", key="cod")

    assert connector.read(["B1"]).keys() == {"B1"}
    assert done(connector.write([Write(Op.UPDATE, "hub:1", "B1", {"name": "EVA"})])).fields["name"] == "EVA"


def test_values_that_json_does_not_know_are_text(connect: Connect, postgres: sa.Engine) -> None:
    run(
        postgres,
        "CREATE TABLE legacy_people (id uuid PRIMARY KEY, price numeric(10,2), born date, at timestamptz, "
        "raw bytea, tags text[], more jsonb, yes boolean, ratio float, mood interval)",
        "INSERT INTO legacy_people VALUES ('6f1c2b1e-0000-4000-8000-000000000001', 12.50, '1980-02-29', "
        r"'2026-01-02 03:04:05+00', '\xff00', '{a,b}', '{" + '"n": 1}' + "', true, 'NaN', '1 day')",
    )
    [record] = records(connect(address(postgres), table="legacy_people", key="id").pull(None)).values()

    at = record.fields["at"]
    assert {**record.fields, "at": datetime.fromisoformat(at).astimezone(UTC)} == {
        "id": "6f1c2b1e-0000-4000-8000-000000000001",
        "price": "12.50",
        "born": "1980-02-29",
        "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "raw": "ff00",
        "tags": ["a", "b"],
        "more": {"n": 1},
        "yes": True,
        "ratio": "nan",
        "mood": "1 day, 0:00:00",
    }


def test_utf8_in_columns_labelled_latin1_is_read_and_written_rightly(connect: Connect, maria: sa.Engine) -> None:
    run(
        maria,
        "CREATE TABLE legacy_people (id int PRIMARY KEY, name varchar(40)) DEFAULT CHARSET latin1",
        "INSERT INTO legacy_people VALUES (1, x'4AC38152C38D'), (2, x'E9')",  # JÁRÍ in UTF-8; é in latin1
    )
    connector = connect(address(maria), table="legacy_people", key="id", encoding="utf-8", labelled="latin1")

    good, bad = items(connector.pull(None))

    assert isinstance(good, Record)
    assert good.fields["name"] == "JÁRÍ"
    assert isinstance(bad, Unreadable)
    assert (bad.id, bad.reason) == ("2", "the row holds text that cannot be decoded (not utf-8)")
    done(connector.write([Write(Op.UPDATE, "hub:1", "1", {"name": "ÁÉÍÓÚ"}, good.version)]))
    with maria.connect() as connection:
        raw = connection.exec_driver_sql("SELECT hex(name) FROM legacy_people WHERE id = 1").scalar()
    assert raw == "ÁÉÍÓÚ".encode().hex().upper()


def test_a_latin1_connection_takes_the_five_bytes_that_windows_does_not_know(
    connect: Connect, maria: sa.Engine
) -> None:
    run(
        maria,
        "CREATE TABLE legacy_people (id int PRIMARY KEY, name varchar(40)) DEFAULT CHARSET latin1",
        "INSERT INTO legacy_people VALUES (1, x'818D80')",
    )
    connector = connect(f"{address(maria)}?charset=latin1", table="legacy_people", key="id")

    assert records(connector.pull(None))["1"].fields["name"] == "\x81\x8d€"


def test_bytes_are_read_in_the_declared_encoding(connect: Connect, maria: sa.Engine) -> None:
    run(
        maria,
        "CREATE TABLE legacy_people (id int PRIMARY KEY, name varbinary(40))",
        "INSERT INTO legacy_people VALUES (1, x'4A6F73E9')",
    )
    connector = connect(address(maria), table="legacy_people", key="id", encoding="latin1")

    done(connector.write([Write(Op.CREATE, "hub:2", None, {"id": 2, "name": "Ñ"})]))

    assert {r.id: r.fields["name"] for r in records(connector.pull(None)).values()} == {"1": "José", "2": "Ñ"}


def test_sqlite_text_that_is_not_utf8_costs_its_row_only(connect: Connect, tmp_path: Path) -> None:
    url = legacy(
        tmp_path / "x.db",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO people VALUES (1, 'ANA'), (2, CAST(x'4A6F73E9' AS TEXT)), (3, 'EVA')",
    )
    first, second, third = items(connect(url, table="people", key="id").pull(None))

    assert (first.id, third.id) == ("1", "3")
    assert isinstance(second, Unreadable)
    assert second.id == "2"
    assert r"Jos\xe9" in second.original


def test_sqlite_text_in_a_declared_encoding_is_read_and_written(connect: Connect, tmp_path: Path) -> None:
    url = legacy(
        tmp_path / "x.db",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO people VALUES (2, CAST(x'4A6F73E9' AS TEXT))",
    )
    connector = connect(url, table="people", key="id", encoding="latin1")
    seen = records(connector.pull(None))["2"]

    after = done(connector.write([Write(Op.UPDATE, "hub:2", "2", {"name": "Núñez"}, seen.version)]))

    assert (seen.fields["name"], after.fields["name"]) == ("José", "Núñez")
    with sqlite3.connect(tmp_path / "x.db") as connection:
        assert connection.execute("SELECT hex(name), typeof(name) FROM people").fetchone() == (
            "Núñez".encode("latin1").hex().upper(),
            "text",
        )
    connection.close()


@pytest.mark.parametrize(
    ("value", "reason"),
    [("A\x00B", "NUL"), ("A" * 10_000_000, "longer than"), (None, "has no key"), ("   ", "has no key")],
    ids=["nul", "10 MB", "null key", "blank key"],
)
def test_a_row_that_is_no_contact_is_set_aside_and_the_rest_goes_on(
    connect: Connect, tmp_path: Path, value: str | None, reason: str
) -> None:
    url = legacy(
        tmp_path / "x.db",
        "CREATE TABLE people (cod TEXT, name TEXT)",
        ("INSERT INTO people VALUES (?, ?)", (value if reason == "has no key" else "X", value)),
        "INSERT INTO people VALUES ('Y', 'EVA')",
    )
    found = items(connect(url, table="people", key="cod").pull(None))

    [bad] = [item for item in found if isinstance(item, Unreadable)]
    assert reason in bad.reason
    assert len(bad.original) <= 10_000
    assert [item.id for item in found if isinstance(item, Record)] == ["Y"]


def test_of_two_rows_with_one_key_the_last_is_taken_and_the_other_reported(connect: Connect, tmp_path: Path) -> None:
    url = legacy(
        tmp_path / "x.db",
        "CREATE TABLE people (cod TEXT, name TEXT)",
        "INSERT INTO people VALUES ('A', 'ANA'), ('B', 'EVA'), ('B', 'EVE'), ('C', 'IDA')",
    )
    found = items(connect(url, table="people", key="cod").pull(None))

    assert [item.fields["name"] for item in found if isinstance(item, Record)] == ["ANA", "EVE", "IDA"]
    [bad] = [item for item in found if isinstance(item, Unreadable)]
    assert "EVA" in bad.original


# --- changes --------------------------------------------------------------------------------------


def table_with_times(path: Path, *rows: tuple[int, str | None]) -> str:
    return legacy(
        path,
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, at TEXT)",
        *[("INSERT INTO people VALUES (?, 'X', ?)", row) for row in rows],
    )


def test_a_row_committed_late_is_seen_within_the_overlap(connect: Connect, tmp_path: Path) -> None:
    url = table_with_times(tmp_path / "x.db", (1, "2026-01-01 10:00:00"), (2, "2026-01-01 10:10:00"))
    connector = connect(url, table="people", key="id", changed={"column": "at", "overlap": "5 minutes"})
    _, cursor = listing(connector)

    legacy(tmp_path / "x.db", "INSERT INTO people VALUES (3, 'LATE', '2026-01-01 10:06:00')")

    assert records(connector.pull(cursor)).keys() == {"2", "3"}


def test_a_row_without_a_change_time_is_never_lost(connect: Connect, tmp_path: Path) -> None:
    url = table_with_times(tmp_path / "x.db", (1, "2026-01-01 10:00:00"))
    connector = connect(url, table="people", key="id", changed="at")
    _, cursor = listing(connector)

    legacy(tmp_path / "x.db", "INSERT INTO people VALUES (2, 'NEW', NULL)")

    assert "2" in records(connector.pull(cursor))
    assert "1 rows have no change time: they are read in every pull" in connector.check().warnings


def test_a_change_time_in_the_future_does_not_hide_later_changes(connect: Connect, tmp_path: Path) -> None:
    url = table_with_times(tmp_path / "x.db", (1, "2026-01-01 10:00:00"), (2, "2999-12-31 00:00:00"))
    connector = connect(url, table="people", key="id", changed="at")
    _, cursor = listing(connector)

    legacy(tmp_path / "x.db", "INSERT INTO people VALUES (3, 'NEW', '2026-01-02 10:00:00')")

    assert "3" in records(connector.pull(cursor))


def test_rows_changed_while_a_long_pull_goes_on_come_again_with_the_next(connect: Connect, tmp_path: Path) -> None:
    rows = [(n, f"2026-01-01 10:{n % 60:02}:00") for n in range(1, 2500)]
    connector = connect(
        table_with_times(tmp_path / "x.db", *rows),
        table="people",
        key="id",
        changed={"column": "at", "overlap": 0},
    )
    pull = connector.pull(None)
    next(pull)
    legacy(tmp_path / "x.db", "UPDATE people SET name = 'NEW', at = '2026-01-01 11:30:00' WHERE id = 1")

    *_, last = pull

    assert records(connector.pull(last.cursor))["1"].fields["name"] == "NEW"


def test_a_pull_of_changes_resumes_in_the_midst_of_one_instant(connect: Connect, tmp_path: Path) -> None:
    rows = [(n, "2026-01-01 10:00:00") for n in range(1, 3001)]
    connector = connect(table_with_times(tmp_path / "x.db", *rows), table="people", key="id", changed="at")
    _, cursor = listing(connector)
    first, *_ = connector.pull(cursor)

    rest = records(connector.pull(first.cursor))

    assert len(first.items) == 1000
    assert len(rest) == 2000
    assert not rest.keys() & records([first]).keys()


def test_a_resumed_pull_of_changes_does_not_skip_what_came_late_while_it_stood_still(
    connect: Connect, tmp_path: Path
) -> None:
    rows = [(n, "2026-01-01 10:00:00") for n in range(1, 2001)]
    connector = connect(
        table_with_times(tmp_path / "x.db", *rows),
        table="people",
        key="id",
        changed={"column": "at", "overlap": 0},
    )
    _, cursor = listing(connector)
    first, *_ = connector.pull(cursor)
    legacy(
        tmp_path / "x.db",
        "INSERT INTO people VALUES (9001, 'X', '2026-01-01 09:00:00'), (9002, 'X', '2026-01-01 11:00:00')",
    )

    *_, last = connector.pull(first.cursor)

    assert '"since":"2026-01-01 10:00:00"' in str(last.cursor)


def test_a_flag_becomes_a_tombstone_with_its_time(connect: Connect, tmp_path: Path) -> None:
    url = table_with_times(tmp_path / "x.db", (1, "2026-01-01 10:00:00"))
    connector = connect(
        url,
        table="people",
        key="id",
        changed={"column": "at", "zone": "Europe/Madrid"},
        deleted={"column": "name", "values": ["X"]},
    )

    assert items(connector.pull(None)) == [Tombstone("1", datetime(2026, 1, 1, 9, tzinfo=UTC))]


def test_changes_by_a_number_that_grows(connect: Connect, tmp_path: Path) -> None:
    url = legacy(
        tmp_path / "x.db",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, n INTEGER)",
        "INSERT INTO people VALUES (1, 10), (2, 20)",
    )
    connector = connect(url, table="people", key="id", changed={"column": "n", "overlap": 0})
    _, cursor = listing(connector)

    legacy(tmp_path / "x.db", "INSERT INTO people VALUES (3, 20), (4, 21)")

    assert records(connector.pull(cursor)).keys() == {"2", "3", "4"}


def test_a_change_column_that_holds_no_time_is_an_error_with_the_way_out(connect: Connect, tmp_path: Path) -> None:
    connector = connect(table_with_times(tmp_path / "x.db", (1, "31/12/2025")), table="people", key="id", changed="at")
    _, cursor = listing(connector)

    with pytest.raises(AccountError, match="set its `overlap` to 0"):
        list(connector.pull(cursor))


def test_a_cursor_of_other_settings_is_not_taken(connect: Connect, tmp_path: Path) -> None:
    url = table_with_times(tmp_path / "x.db", (1, "2026-01-01 10:00:00"))
    _, cursor = listing(connect(url, table="people", key="id", changed="at"))

    with pytest.raises(CursorExpired):
        list(connect(url, table="people", key="name", changed="at").pull(cursor))


# --- writes ---------------------------------------------------------------------------------------


def test_one_refused_row_does_not_undo_the_others(connect: Connect, maria: sa.Engine) -> None:
    run(
        maria,
        "CREATE TABLE legacy_people (id int AUTO_INCREMENT PRIMARY KEY, name varchar(5) NOT NULL UNIQUE) "
        "DEFAULT CHARSET latin1",
    )
    connector = connect(address(maria), table="legacy_people", key="id")
    names = ["ANA", "TOO LONG", "日本", None, "ANA", "EVA", "A\x00", ["X"]]

    outcomes = connector.write([Write(Op.CREATE, f"hub:{n}", None, {"name": n}) for n in names])

    reasons = [outcome.reason if isinstance(outcome, Refused) else "done" for outcome in outcomes]
    assert [word in reason for word, reason in zip(EXPECTED, reasons, strict=True)] == [True] * 8
    assert sorted(str(r.fields["name"]) for r in records(connector.pull(None)).values()) == ["ANA", "EVA"]


EXPECTED = ["done", "too long (name)", "encoding", "missing (name)", "unique", "done", "NUL", "one value"]


def test_values_too_long_are_refused_where_the_server_would_cut_them(connect: Connect, maria: sa.Engine) -> None:
    run(
        maria,
        "CREATE TABLE legacy_people (id int PRIMARY KEY, name varchar(5))",
        "INSERT INTO legacy_people VALUES (1, 'ANA')",
        "SET GLOBAL sql_mode = ''",
    )
    connector = connect(address(maria), table="legacy_people", key="id")

    [outcome] = connector.write([Write(Op.UPDATE, "hub:1", "1", {"name": "TOO LONG"})])

    run(maria, "SET GLOBAL sql_mode = DEFAULT")
    assert outcome == Refused("the database refused the row: a value is too long (name)")


def test_postgres_names_what_it_refuses(connect: Connect, postgres: sa.Engine) -> None:
    run(
        postgres,
        "CREATE TABLE legacy_people (id serial PRIMARY KEY, name varchar(5) NOT NULL, born date, "
        "CONSTRAINT no_zed CHECK (name <> 'ZED'))",
    )
    connector = connect(address(postgres), table="legacy_people", key="id")
    rows: list[dict[str, Any]] = [
        {"name": "TOO LONG"},
        {"name": None},
        {"name": "ZED"},
        {"name": "A", "born": "31/31/31"},
        {"no": 1},
    ]

    outcomes = connector.write([Write(Op.CREATE, "hub:1", None, row) for row in rows])

    assert [getattr(outcome, "reason", outcome) for outcome in outcomes] == [
        "the database refused the row: a value is too long",
        "the database refused the row: a value is missing (name)",
        "the database refused the row: a rule of the table forbids it (no_zed)",
        "the database refused the row: a value does not fit its column",
        "there is no column no",
    ]


def test_a_row_without_its_key_column_is_created_with_the_key_of_the_hub(connect: Connect, tmp_path: Path) -> None:
    url = legacy(tmp_path / "x.db", "CREATE TABLE people (cod TEXT PRIMARY KEY, name TEXT)")
    connector = connect(url, table="people", key="cod", create_key="hub")
    write = Write(Op.CREATE, "hub:7", None, {"name": "ANA"})

    once, twice = done(connector.write([write])), done(connector.write([write]))

    assert once == twice == connector.find("hub:7")
    assert once.id == "hub:7"


def test_a_person_editing_between_our_read_and_our_write_wins(connect: Connect, tmp_path: Path) -> None:
    url = table_with_times(tmp_path / "x.db", (1, "2026-01-01 10:00:00"))
    connector = connect(url, table="people", key="id")
    seen = records(connector.pull(None))["1"]
    legacy(tmp_path / "x.db", "UPDATE people SET name = 'PERSON'")

    assert connector.write([Write(Op.UPDATE, "hub:1", "1", {"name": "HUB"}, seen.version)]) == [Stale()]
    assert connector.read(["1"])["1"].fields["name"] == "PERSON"


def test_the_key_column_cannot_be_changed(connect: Connect, tmp_path: Path) -> None:
    url = table_with_times(tmp_path / "x.db", (1, None))

    [outcome] = connect(url, table="people", key="id").write([Write(Op.UPDATE, "hub:1", "1", {"id": 2})])

    assert outcome == Refused("the key column id cannot be changed")


def test_a_locked_database_is_tried_again_later_and_nothing_is_written(connect: Connect, tmp_path: Path) -> None:
    url = table_with_times(tmp_path / "x.db", (1, None))
    connector = connect(f"{url}?timeout=0.1", table="people", key="id")
    connector.check()
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(TransientError, match="locked") as caught:
        connector.write([Write(Op.UPDATE, "hub:1", "1", {"name": "A"})])

    other.close()
    assert not caught.value.maybe_done


# --- two at once, and failures in the midst ---------------------------------------------------------


@contextmanager
def meanwhile(event: str, act: Callable[[str], None]) -> Iterator[None]:
    """Somebody acts whenever a statement is about to run, or a transaction to commit."""
    busy: list[bool] = []

    def once_inside(*arguments: Any) -> None:
        if not busy:
            busy.append(True)
            try:
                act(arguments[2] if event == "before_cursor_execute" else "COMMIT")
            finally:
                busy.pop()

    sa.event.listen(sa.Engine, event, once_inside)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, event, once_inside)


def test_in_a_table_without_locks_an_edit_at_the_last_moment_wins(connect: Connect, maria: sa.Engine) -> None:
    run(
        maria,
        "CREATE TABLE legacy_people (id int PRIMARY KEY, name varchar(20), city varchar(20)) ENGINE=MyISAM",
        "INSERT INTO legacy_people VALUES (1, 'ANA', NULL)",
    )
    connector = connect(address(maria), table="legacy_people", key="id")
    [warning] = connector.check().warnings
    seen = connector.read(["1"])["1"]

    def edit(statement: str) -> None:
        if statement.startswith("UPDATE"):
            run(maria, "UPDATE legacy_people SET city = 'PORTO'")

    with meanwhile("before_cursor_execute", edit):
        outcomes = connector.write([Write(Op.UPDATE, "hub:1", "1", {"city": "FARO"}, seen.version)])

    assert warning == "the table (MyISAM) has no transactions: a failed write may be half done"
    assert outcomes == [Stale()]
    assert connector.read(["1"])["1"].fields["city"] == "PORTO"


@pytest.mark.parametrize("database", ["postgres", "maria"])
def test_a_row_is_locked_from_our_look_to_our_write(
    connect: Connect, database: str, request: pytest.FixtureRequest
) -> None:
    engine = request.getfixturevalue(database)
    run(
        engine,
        "CREATE TABLE legacy_people (id int PRIMARY KEY, name varchar(20))",
        "INSERT INTO legacy_people VALUES (1, 'ANA')",
    )
    connector = connect(address(engine), table="legacy_people", key="id")
    limit = "SET lock_timeout = 100" if database == "postgres" else "SET innodb_lock_wait_timeout = 1"
    locked: list[str] = []

    def edit(statement: str) -> None:
        if statement.startswith("UPDATE"):
            try:
                run(engine, limit, "UPDATE legacy_people SET name = 'PERSON'")
            except sa.exc.OperationalError:
                locked.append(statement)

    with meanwhile("before_cursor_execute", edit):
        done(connector.write([Write(Op.UPDATE, "hub:1", "1", {"name": "HUB"})]))

    assert len(locked) == 1


def test_sqlite_is_ours_from_our_look_to_our_write(connect: Connect, tmp_path: Path) -> None:
    connector = connect(table_with_times(tmp_path / "x.db", (1, None)), table="people", key="id")
    connector.check()
    locked: list[bool] = []

    def edit(statement: str) -> None:
        if statement.startswith("SELECT"):
            other = sqlite3.connect(tmp_path / "x.db", timeout=0, isolation_level=None)
            try:
                other.execute("UPDATE people SET name = 'PERSON'")
                locked.append(False)
            except sqlite3.OperationalError:
                locked.append(True)
            finally:
                other.close()

    with meanwhile("before_cursor_execute", edit):
        connector.write([Write(Op.UPDATE, "hub:1", "1", {"name": "HUB"})])

    assert locked
    assert all(locked)


def kill_others(engine: sa.Engine) -> None:
    run(
        engine,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
        "backend_type = 'client backend'",
    )


def people(engine: sa.Engine, extra: str = "") -> None:
    run(
        engine,
        f"CREATE TABLE legacy_people (id serial PRIMARY KEY, name varchar(20) {extra})",
        "INSERT INTO legacy_people (name) VALUES ('ANA'), ('EVA')",
    )


def test_a_connection_lost_while_it_commits_leaves_the_outcome_unknown(connect: Connect, postgres: sa.Engine) -> None:
    people(postgres)
    connector = connect(address(postgres), table="legacy_people", key="id")

    with meanwhile("commit", lambda _: kill_others(postgres)), pytest.raises(TransientError) as caught:
        connector.write([Write(Op.UPDATE, "hub:1", "1", {"name": "HUB"})])

    assert caught.value.maybe_done


def test_a_connection_lost_before_that_wrote_nothing_and_the_next_call_works(
    connect: Connect, postgres: sa.Engine
) -> None:
    people(postgres)
    connector = connect(address(postgres), table="legacy_people", key="id")
    write = Write(Op.UPDATE, "hub:1", "1", {"name": "HUB"})

    def kill(statement: str) -> None:
        if statement.startswith("UPDATE"):
            kill_others(postgres)

    with meanwhile("before_cursor_execute", kill), pytest.raises(TransientError) as caught:
        connector.write([write])

    assert not caught.value.maybe_done
    assert connector.read(["1"])["1"].fields["name"] == "ANA"
    assert done(connector.write([write])).fields["name"] == "HUB"


def test_a_rule_checked_at_the_end_costs_its_own_row_only(connect: Connect, postgres: sa.Engine) -> None:
    people(postgres, "UNIQUE DEFERRABLE INITIALLY DEFERRED")
    connector = connect(address(postgres), table="legacy_people", key="id")
    names = ["IDA", "ANA", "UNA"]

    outcomes = connector.write([Write(Op.CREATE, f"hub:{n}", None, {"name": n}) for n in names])

    assert [type(outcome) for outcome in outcomes] == [Done, Refused, Done]
    assert sorted(str(r.fields["name"]) for r in records(connector.pull(None)).values()) == [
        "ANA",
        "EVA",
        "IDA",
        "UNA",
    ]


def test_a_server_that_stops_and_comes_back_is_read_again(
    connect: Connect, postgres: sa.Engine, postgres_server: Server
) -> None:
    people(postgres)
    connector = connect(address(postgres), table="legacy_people", key="id")
    connector.check()

    postgres.dispose()
    postgres_server.stop()
    try:
        with pytest.raises(TransientError):
            list(connector.pull(None))
    finally:
        postgres_server.start()

    assert len(records(connector.pull(None))) == 2


@pytest.mark.parametrize("database", ["postgres", "maria"])
def test_a_query_of_any_length_is_read_in_constant_memory(
    connect: Connect, database: str, request: pytest.FixtureRequest
) -> None:
    engine = request.getfixturevalue(database)
    series = (
        "SELECT n AS id, 'PERSON' AS name FROM generate_series(1, {}) n"
        if database == "postgres"
        else "SELECT seq AS id, 'PERSON' AS name FROM seq_1_to_{}"
    )

    def peak(rows: int) -> int:
        connector = connect(address(engine), query=series.format(rows), key="id")
        connector.check()
        tracemalloc.start()
        assert sum(len(page.items) for page in connector.pull(None)) == rows
        _, top = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return top

    peak(3_000)
    small, large = peak(6_000), peak(30_000)

    assert large < 1.2 * small


# --- what is missing ------------------------------------------------------------------------------


def test_a_missing_file_is_not_made(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(AccountError, match=r"there is no database file .*gone\.db"):
        connect("sqlite:///gone.db", table="people", key="id").check()

    assert list(tmp_path.iterdir()) == []


def test_a_missing_table_is_named_with_those_that_are_there(connect: Connect, tmp_path: Path) -> None:
    url = table_with_times(tmp_path / "x.db")

    with pytest.raises(AccountError, match=r"there is no table peeple; .* There are: people"):
        connect(url, table="peeple", key="id").check()


@pytest.mark.parametrize(
    "settings",
    [
        {"key": "COD"},
        {"key": "id", "changed": "COD"},
        {"key": "id", "deleted": {"column": "COD", "values": ["S"]}},
        {"key": "id", "reference": "COD"},
        {"key": "id", "columns": ["name", "COD"]},
    ],
)
def test_a_table_that_lost_a_column_stops_the_connection_by_name(
    connect: Connect, tmp_path: Path, settings: dict[str, Any]
) -> None:
    connector = connect(table_with_times(tmp_path / "x.db"), table="people", **settings)

    with pytest.raises(AccountError, match=r"there is no column COD; .* There are: id, name, at"):
        list(connector.pull(None))


def test_a_column_lost_in_the_midst_of_a_pull_stops_it(connect: Connect, tmp_path: Path) -> None:
    url = table_with_times(tmp_path / "x.db", *[(n, None) for n in range(1, 6001)])
    connector = connect(url, table="people", key="id")
    pull = connector.pull(None)
    next(pull)
    legacy(tmp_path / "x.db", "ALTER TABLE people DROP COLUMN at")

    with pytest.raises(AccountError, match="at"):
        list(pull)


def test_only_the_listed_columns_are_read(connect: Connect, tmp_path: Path) -> None:
    url = table_with_times(tmp_path / "x.db", (1, "2026-01-01 10:00:00"))
    connector = connect(url, table="people", key="id", columns=["name"], changed="at")

    [record] = records(connector.pull(None)).values()

    assert record.fields == {"name": "X", "id": 1}
    assert record.changed_at == datetime(2026, 1, 1, 10, tzinfo=UTC)


def test_an_empty_table_is_one_empty_page(connect: Connect, tmp_path: Path) -> None:
    connector = connect(table_with_times(tmp_path / "x.db"), table="people", key="id", changed="at")

    [page] = connector.pull(None)

    assert page.items == ()
    assert [p.items for p in connector.pull(page.cursor)] == [()]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"key": "id"}, "either `table` or `query`"),
        ({"key": "id", "table": "a", "query": "b"}, "either `table` or `query`"),
        ({"key": "id", "table": "a", "encoding": "latin-17"}, "no encoding 'latin-17'"),
        (
            {"key": "id", "table": "a", "changed": {"column": "b", "zone": "Mars/Base"}},
            "no time zone 'Mars/Base'",
        ),
        ({"key": "id", "table": "a", "changed": {"column": "b", "overlap": "soon"}}, "like `5 minutes`"),
        ({"key": "id", "query": "a", "reference": "b"}, "cannot be written to"),
        ({"key": "id", "tabel": "a"}, "tabel"),
    ],
)
def test_wrong_settings_say_what_is_wrong(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says) as caught:
        SqlConnector.Settings.model_validate({"url": "sqlite:///canary-secret", **settings})

    assert "canary-secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["not a url: canary", "klingon://u:canary@h/d"])
def test_an_address_that_cannot_work_is_a_configuration_error_without_its_text(connect: Connect, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(url, table="people", key="id")

    assert "canary" not in str(caught.value)


def test_a_missing_database_is_told_from_a_server_that_is_down(connect: Connect, postgres: sa.Engine) -> None:
    url = postgres.url.set(database="nowhere").render_as_string(hide_password=False)

    with pytest.raises(AccountError, match="no such database"):
        connect(url, table="people", key="id").check()


# --- without a mapping ------------------------------------------------------------------------------

PEOPLE = "CREATE TABLE legacy_people (id integer PRIMARY KEY, given_name text, email text)"
SENT = {"given_name": "Ana", "tags": "vip", "emails": "ana@example.org", "email": None}
"""What is sent where columns go by name: for several addresses, with the column for one of them emptied."""


@pytest.fixture
def by_name(tmp_path: Path) -> Iterator[SqlConnector]:
    """A table without the columns `tags` and `emails`, and no mapping."""
    url = legacy(tmp_path / "x.db", PEOPLE, "INSERT INTO legacy_people VALUES (1, 'Rui', 'rui@example.org')")
    with ExitStack() as closing:
        context = Context("shop", base=tmp_path, closing=closing, by_name=True)
        settings = SqlConnector.Settings.model_validate({"url": url, "table": "legacy_people", "key": "id"})
        yield SqlConnector(settings, context)


def test_by_name_a_value_without_a_column_is_left_out_and_the_rest_is_written(by_name: SqlConnector) -> None:
    made = done(by_name.write([Write(Op.CREATE, "hub:1", None, SENT)]))

    assert made.fields == {"id": 2, "given_name": "Ana", "email": "ana@example.org"}


def test_by_name_of_several_addresses_none_is_chosen_for_one_column_and_none_lost(by_name: SqlConnector) -> None:
    several = {**SENT, "emails": "rui@example.org;rc@example.org"}

    changed = done(by_name.write([Write(Op.UPDATE, "hub:1", "1", several)]))

    assert changed.fields == {"id": 1, "given_name": "Ana", "email": "rui@example.org"}


def test_by_name_an_emptied_field_is_emptied(by_name: SqlConnector) -> None:
    changed = done(by_name.write([Write(Op.UPDATE, "hub:1", "1", {"emails": None, "email": None})]))

    assert changed.fields["email"] is None


def test_by_name_a_create_with_nothing_to_write_is_refused(by_name: SqlConnector) -> None:
    (outcome,) = by_name.write([Write(Op.CREATE, "hub:1", None, {"tags": "vip"})])

    assert outcome == Refused("the table has no column for any of the values")


def test_with_a_mapping_a_column_that_is_not_there_is_refused(connect: Connect, tmp_path: Path) -> None:
    connector = connect(legacy(tmp_path / "x.db", PEOPLE), table="legacy_people", key="id")

    (outcome,) = connector.write([Write(Op.CREATE, "hub:1", None, SENT)])

    assert outcome == Refused("there is no column emails, tags")
