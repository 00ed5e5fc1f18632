"""Change logs: numbers that come late, logs that were trimmed, and the SQL that makes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import mssql, oracle

from hub.connectors.contract import Context
from hub.connectors.sql import SqlConnector
from hub.connectors.sql_log import MOST_GAPS, Read
from hub.connectors.sql_log_triggers import NUMBERED, Wanted, Watched, log_sql
from hub.errors import ConfigError, CursorExpired
from hub.model import Tombstone
from hub.testing.contract import items, listing, records
from tests.connectors.legacy_tables import install_log
from tests.connectors.servers import PASSWORD, USER, Server

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CHILD = {"phones": {"table": "log_phones", "key": "cli", "columns": ["number"], "row": "id"}}
Connect = Callable[..., SqlConnector]


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    with ExitStack() as closing:

        def make(url: str, **settings: Any) -> SqlConnector:
            given = {"url": url, "table": "log_people", "key": "cod", "children": CHILD, **settings}
            context = Context("shop", base=tmp_path, closing=closing)
            return SqlConnector(SqlConnector.Settings.model_validate(given), context)

        yield make


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[sa.Engine]:
    sqlite3.connect(tmp_path / "x.db").close()
    yield from shop(f"sqlite:///{tmp_path / 'x.db'}")


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[sa.Engine]:
    yield from shop(f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{postgres_server.port}/postgres")


@pytest.fixture
def maria(mariadb_server: Server) -> Iterator[sa.Engine]:
    yield from shop(f"mysql+pymysql://{USER}:{PASSWORD}@127.0.0.1:{mariadb_server.port}/legacy")


def shop(url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(url)
    run(
        engine,
        "DROP TABLE IF EXISTS log_people",
        "DROP TABLE IF EXISTS log_phones",
        "CREATE TABLE log_people (cod varchar(10) PRIMARY KEY, name varchar(20))",
        "CREATE TABLE log_phones (id int PRIMARY KEY, cli varchar(10), number varchar(20))",
        "INSERT INTO log_people VALUES ('A', 'ANA'), ('B', 'EVA'), ('C', 'IDA')",
    )
    yield engine
    engine.dispose()


def run(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def logged(connect: Connect, engine: sa.Engine, **log: Any) -> SqlConnector:
    """A connector to the shop with its log, installed as it is printed."""
    url = engine.url.render_as_string(hide_password=False)
    install_log(engine, connect(url).log_sql("hub_log"))
    return connect(url, log={"table": "hub_log", **log})


# --- what was read, and what is missing -------------------------------------------------------------


@given(st.lists(st.sets(st.integers(1, 60)), max_size=8))
def test_whatever_order_numbers_come_in_those_not_read_are_gaps(batches: list[set[int]]) -> None:
    read, seen = Read(0), set[int]()
    for batch in batches:
        new = batch - seen
        read = read.after(sorted(new), NOON)
        seen |= new

    missing = {number for first, last, _ in read.gaps for number in range(first, last + 1)}
    assert missing == set(range(1, read.high + 1)) - seen
    assert Read.of(read.place()) == read


def test_a_gap_is_given_up_when_no_transaction_can_be_that_long() -> None:
    read = Read(0).after([5], NOON)

    assert read.without_old(NOON + timedelta(seconds=300), 300) == read
    assert read.without_old(NOON + timedelta(seconds=301), 300).gaps == ()


def test_of_very_many_gaps_none_is_lost() -> None:
    read = Read(0).after(range(0, 4 * MOST_GAPS, 2), NOON)

    assert [(first, last) for first, last, _ in read.gaps] == [(1, 4 * MOST_GAPS - 3)]


# --- on real databases ------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite", "postgres", "maria"])
def test_every_change_of_rows_and_their_children_is_seen(
    connect: Connect, database: str, request: pytest.FixtureRequest
) -> None:
    engine = request.getfixturevalue(database)
    connector = logged(connect, engine)
    _, cursor = listing(connector)

    def told(*statements: str) -> dict[str, Any]:
        nonlocal cursor
        run(engine, *statements)
        pages = list(connector.pull(cursor))
        cursor = pages[-1].cursor
        return {str(item.id): getattr(item, "fields", None) for page in pages for item in page.items}

    new = {"cod": "D", "name": "UNA", "phones": []}
    assert told("INSERT INTO log_people VALUES ('D', 'UNA')") == {"D": new}
    assert told("UPDATE log_people SET name = 'EVE' WHERE cod = 'B'")["B"]["name"] == "EVE"
    assert told("UPDATE log_people SET cod = 'E' WHERE cod = 'D'") == {"D": None, "E": {**new, "cod": "E"}}
    assert told("DELETE FROM log_people WHERE cod = 'C'") == {"C": None}
    assert told("INSERT INTO log_phones VALUES (1, 'A', '6'), (2, NULL, '7')")["A"]["phones"] == [{"number": "6"}]
    assert told("UPDATE log_phones SET cli = 'B' WHERE id = 1").keys() == {"A", "B"}
    assert told("DELETE FROM log_phones")["B"]["phones"] == []
    assert told("SELECT 1") == {}


def test_a_transaction_that_commits_late_is_not_lost(connect: Connect, postgres: sa.Engine) -> None:
    connector = logged(connect, postgres)
    run(postgres, "UPDATE log_people SET name = 'X' WHERE cod = 'C'")
    _, cursor = listing(connector)
    with postgres.connect() as slow:
        slow.exec_driver_sql("UPDATE log_people SET name = 'LATE' WHERE cod = 'A'")
        run(postgres, "UPDATE log_people SET name = 'QUICK' WHERE cod = 'B'")
        *_, first = connector.pull(cursor)
        slow.commit()

    assert records(connector.pull(first.cursor))["A"].fields["name"] == "LATE"


def test_a_transaction_open_while_the_listing_begins_is_not_lost(connect: Connect, postgres: sa.Engine) -> None:
    connector = logged(connect, postgres)
    with postgres.connect() as slow:
        slow.exec_driver_sql("UPDATE log_people SET name = 'LATE' WHERE cod = 'A'")
        run(postgres, "UPDATE log_people SET name = 'QUICK' WHERE cod = 'B'")
        _, cursor = listing(connector)
        slow.commit()

    assert records(connector.pull(cursor))["A"].fields["name"] == "LATE"


def test_a_number_that_never_comes_is_forgotten(connect: Connect, postgres: sa.Engine) -> None:
    connector = logged(connect, postgres, overlap=0)
    run(postgres, "UPDATE log_people SET name = 'X' WHERE cod = 'C'")
    _, cursor = listing(connector)
    with postgres.connect() as undone:
        undone.exec_driver_sql("UPDATE log_people SET name = 'X' WHERE cod = 'A'")
    run(postgres, "UPDATE log_people SET name = 'Y' WHERE cod = 'B'")

    *_, first = connector.pull(cursor)
    *_, last = connector.pull(first.cursor)

    assert '"gaps":[]' in str(last.cursor)


def test_a_log_of_thousands_is_read_in_pages_that_resume(connect: Connect, sqlite: sa.Engine) -> None:
    connector = logged(connect, sqlite)
    _, cursor = listing(connector)
    rows = ", ".join(f"('N{number}', 'X')" for number in range(2500))
    run(sqlite, f"INSERT INTO log_people VALUES {rows}")
    pages = list(connector.pull(cursor))

    assert len(records(pages)) == 2500
    assert len(records(connector.pull(pages[0].cursor))) == 1500


def test_a_deletion_is_told_with_its_time(connect: Connect, sqlite: sa.Engine) -> None:
    connector = logged(connect, sqlite)
    _, cursor = listing(connector)
    run(sqlite, "DELETE FROM log_people WHERE cod = 'A'", "UPDATE hub_log SET hub_at = '2026-01-01 12:00:00'")

    assert items(connector.pull(cursor)) == [Tombstone("A", NOON)]


@pytest.mark.parametrize("trim", ["DELETE FROM hub_log", "DELETE FROM hub_log WHERE hub_seq < 3"])
def test_a_log_trimmed_beyond_what_was_read_asks_for_a_new_listing(
    connect: Connect, sqlite: sa.Engine, trim: str
) -> None:
    connector = logged(connect, sqlite)
    run(sqlite, "UPDATE log_people SET name = 'X' WHERE cod = 'A'")
    _, cursor = listing(connector)
    run(sqlite, "UPDATE log_people SET name = 'X'", trim)

    with pytest.raises(CursorExpired, match="trimmed"):
        list(connector.pull(cursor))


def test_a_log_trimmed_of_what_was_read_is_read_on(connect: Connect, sqlite: sa.Engine) -> None:
    connector = logged(connect, sqlite)
    run(sqlite, "UPDATE log_people SET name = 'X'")
    _, cursor = listing(connector)
    run(sqlite, "UPDATE log_people SET name = 'Y' WHERE cod = 'A'", "DELETE FROM hub_log WHERE hub_seq < 3")

    assert records(connector.pull(cursor)).keys() == {"A"}


@pytest.mark.parametrize("database", ["sqlite", "postgres", "maria"])
def test_a_log_is_removed_as_its_script_says(connect: Connect, database: str, request: pytest.FixtureRequest) -> None:
    engine = request.getfixturevalue(database)
    url = engine.url.render_as_string(hide_password=False)
    script = connect(url).log_sql("hub_log")
    install_log(engine, script)
    *_, removal = script.partition("-- To remove it:")

    run(engine, *[line.removeprefix("-- ") for line in removal.splitlines() if line.startswith("-- DROP")])
    run(engine, "INSERT INTO log_people VALUES ('Z', 'ZOE')")

    assert "hub_log" not in sa.inspect(engine).get_table_names()


def test_no_log_is_made_for_a_query(connect: Connect, sqlite: sa.Engine) -> None:
    connector = connect(str(sqlite.url), table=None, query="SELECT * FROM log_people", children={})

    with pytest.raises(ConfigError, match="needs a `table`"):
        connector.log_sql("hub_log")


# --- the SQL of databases that do not run here ------------------------------------------------------


def script_of(dialect: str, quote: Callable[[str], str]) -> str:
    tables = (Watched("CLIENTES", ("COD_EMP", "COD_CLI")), Watched("TELEFONOS", ("EMP", "CLI"), is_child=True))
    keys = (("COD_EMP", "char(2)"), ("COD_CLI", "int"))
    return log_sql(Wanted(dialect, "hub_log", keys, tables, quote, user="hub"))


@pytest.mark.parametrize("dialect", sorted(NUMBERED))
def test_every_script_makes_what_it_removes(dialect: str) -> None:
    script = script_of(dialect, lambda name: f'"{name}"')
    made = [
        line for line in script.splitlines() if line.startswith(("CREATE TABLE", "CREATE TRIGGER", "CREATE FUNCTION"))
    ]
    removed = [line for line in script.splitlines() if line.startswith("-- DROP")]

    assert len(made) == len(removed)
    assert script.count("'D'") >= 1
    assert "log: {table: hub_log}" in script


def test_names_that_need_it_are_quoted() -> None:
    script = script_of("mssql", mssql.dialect().identifier_preparer.quote)

    assert "CREATE TRIGGER hub_log_0 ON [CLIENTES] AFTER INSERT, UPDATE, DELETE AS" in script
    assert "i.[COD_EMP] = d.[COD_EMP] AND i.[COD_CLI] = d.[COD_CLI]" in script
    assert "OUTPUT" not in script


def test_a_trigger_of_oracle_names_rows_with_a_colon() -> None:
    script = script_of("oracle", oracle.dialect().identifier_preparer.quote)

    assert ':OLD."COD_EMP" <> :NEW."COD_EMP"' in script
    assert script.count("\n/\n") == 2
