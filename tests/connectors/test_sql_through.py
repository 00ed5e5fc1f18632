"""Writes that go through a staging table or a stored procedure."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from hub.connectors.contract import Context, Promise
from hub.connectors.sql import SqlConnector
from hub.connectors.sql_errors import cleaned, raised
from hub.connectors.sql_procedure import FORMS, call_text
from hub.connectors.sql_settings import Procedure
from hub.errors import ConfigError
from hub.model import Done, Missing, Op, Refused, Stale, Unknown, Write
from hub.testing.clock import Clock
from hub.testing.contract import done
from tests.connectors.servers import PASSWORD, USER, Server

STAGING = {
    "table": "inbox", "request": "req", "operation": "op", "status": "state", "done": ["D"], "failed": ["E"],
    "error": "why", "wait": 5, "settle": 60,
}  # fmt: skip
Connect = Callable[..., SqlConnector]


class Shop:
    """A SQLite file with a program that looks into the staging table whenever the hub waits."""

    def __init__(self, path: Path, closing: ExitStack) -> None:
        self.path, self.closing, self.works = path, closing, True
        self.clock = Clock()
        self.run(
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO people VALUES (1, 'ANA'), (2, 'EVA');"
            "CREATE TABLE inbox (n INTEGER PRIMARY KEY, req TEXT, op TEXT, id INTEGER, name TEXT, state TEXT, why TEXT)"
        )

    def run(self, script: str) -> None:
        connection = sqlite3.connect(self.path)
        connection.executescript(script)
        connection.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.path)
        found = connection.execute(query).fetchall()
        connection.close()
        return found

    def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        if self.works:
            self.process()

    def process(self) -> None:
        self.run(
            "UPDATE inbox SET state = 'E', why = 'name ' || name || ' of ann@example.org is taken (4711)' "
            "WHERE state = 'N' AND name = 'ZED';"
            "INSERT INTO people (name) SELECT name FROM inbox WHERE state = 'N' AND op = 'C';"
            "UPDATE inbox SET id = (SELECT max(p.id) FROM people p WHERE p.name = inbox.name) "
            "WHERE state = 'N' AND op = 'C';"
            "UPDATE people SET name = (SELECT i.name FROM inbox i WHERE i.id = people.id AND i.state = 'N') "
            "WHERE id IN (SELECT id FROM inbox WHERE state = 'N' AND op = 'U');"
            "DELETE FROM people WHERE id IN (SELECT id FROM inbox WHERE state = 'N' AND op = 'D');"
            "UPDATE inbox SET state = 'D' WHERE state = 'N'"
        )

    def connect(self, **staging: Any) -> SqlConnector:
        given = {"url": f"sqlite:///{self.path}", "table": "people", "key": "id"}
        context = Context("shop", closing=self.closing, clock=self.clock, sleep=self.sleep)
        settings = {**given, "write": {"staging": {**STAGING, **staging}}}
        return SqlConnector(SqlConnector.Settings.model_validate(settings), context)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with ExitStack() as closing:
        yield Shop(tmp_path / "shop.db", closing)


def create(name: str, key: str = "hub:1") -> Write:
    return Write(Op.CREATE, key, None, {"name": name})


# --- staging tables ---------------------------------------------------------------------------------


def test_requests_are_carried_out_by_the_program_and_read_back(shop: Shop) -> None:
    writes = [
        create("IDA"),
        Write(Op.UPDATE, "hub:2", "1", {"name": "ANNA"}),
        Write(Op.DELETE, "hub:3", "2", {}),
        Write(Op.UPDATE, "hub:4", "99", {"name": "X"}),
    ]

    made, changed, *others = shop.connect().write(writes)

    assert done([made]).fields == {"id": 3, "name": "IDA"}
    assert done([changed]).fields == {"id": 1, "name": "ANNA"}
    assert others == [Done(None), Missing()]


def test_what_the_program_refuses_is_told_in_its_words_without_values(shop: Shop) -> None:
    [outcome] = shop.connect().write([create("ZED")])

    assert outcome == Refused("the program behind the staging table refused the row: name … of … is taken (…)")


def test_what_was_not_answered_in_time_is_unknown_and_a_create_is_found_later(shop: Shop) -> None:
    shop.works = False
    connector = shop.connect()

    [outcome] = connector.write([create("IDA")])
    before = connector.find("hub:1")
    shop.process()

    assert outcome == Unknown("the request is in the staging table and was not answered within 5 seconds")
    assert before is None
    assert connector.find("hub:1") == connector.read(["3"])["3"]
    assert (connector.can.promise, connector.can.settle_seconds) == (Promise.EVENTUAL, 60)


def test_a_create_made_again_is_one_request(shop: Shop) -> None:
    connector = shop.connect()

    once, twice = connector.write([create("IDA")]), connector.write([create("IDA")])

    assert done(once) == done(twice)
    assert len(shop.rows("SELECT * FROM inbox")) == 1


def test_a_request_on_an_outdated_version_is_not_made(shop: Shop) -> None:
    connector = shop.connect()
    seen = connector.read(["1"])["1"]
    shop.run("UPDATE people SET name = 'PERSON'")

    assert connector.write([Write(Op.UPDATE, "hub:1", "1", {"name": "HUB"}, seen.version)]) == [Stale()]
    assert shop.rows("SELECT * FROM inbox") == []


def test_a_column_that_the_staging_table_lacks_is_refused(shop: Shop) -> None:
    shop.run("ALTER TABLE people ADD COLUMN city TEXT")

    [outcome] = shop.connect().write([Write(Op.UPDATE, "hub:1", "1", {"city": "FARO"})])

    assert outcome == Refused("the staging table has no column city")


# --- procedures -------------------------------------------------------------------------------------


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def postgres(postgres_server: Server, closing: ExitStack) -> SqlConnector:
    url = f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{postgres_server.port}/postgres"
    raising = "IF p_name = 'ZED' THEN RAISE EXCEPTION 'name %% is taken', p_name; END IF;"
    script = f"""
        DROP TABLE IF EXISTS called CASCADE;
        CREATE TABLE called (id serial PRIMARY KEY, name varchar(20), city varchar(20));
        INSERT INTO called (name, city) VALUES ('ANA', 'FARO');
        CREATE OR REPLACE FUNCTION called_new(p_city text, p_name text) RETURNS integer LANGUAGE plpgsql AS $$
            DECLARE made integer; BEGIN {raising}
            INSERT INTO called (name, city) VALUES (p_name, p_city) RETURNING id INTO made; RETURN made; END $$;
        CREATE OR REPLACE FUNCTION called_set(p_id integer, p_name text, p_city text) RETURNS void
            LANGUAGE plpgsql AS $$
            BEGIN {raising} UPDATE called SET name = p_name, city = p_city WHERE id = p_id; END $$;
        CREATE OR REPLACE FUNCTION called_end(p_id integer) RETURNS void LANGUAGE sql AS $$
            DELETE FROM called WHERE id = p_id $$;"""
    return with_procedures(url, [script], closing, kind="function")


@pytest.fixture
def maria(mariadb_server: Server, closing: ExitStack) -> SqlConnector:
    url = f"mysql+pymysql://{USER}:{PASSWORD}@127.0.0.1:{mariadb_server.port}/legacy"
    raising = (
        "IF p_name = 'ZED' THEN SET @said = CONCAT('name ', p_name, ' is taken'); "
        "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = @said; END IF;"
    )
    statements = [
        "DROP TABLE IF EXISTS called",
        *(f"DROP PROCEDURE IF EXISTS called_{name}" for name in ("new", "set", "end")),
        "CREATE TABLE called (id int AUTO_INCREMENT PRIMARY KEY, name varchar(20), city varchar(20))",
        "INSERT INTO called (name, city) VALUES ('ANA', 'FARO')",
        f"CREATE PROCEDURE called_new(p_name varchar(20), p_city varchar(20)) BEGIN {raising} "
        "INSERT INTO called (name, city) VALUES (p_name, p_city); SELECT LAST_INSERT_ID(); END",
        f"CREATE PROCEDURE called_set(p_id int, p_name varchar(20), p_city varchar(20)) BEGIN {raising} "
        "UPDATE called SET name = p_name, city = p_city WHERE id = p_id; END",
        "CREATE PROCEDURE called_end(p_id int) DELETE FROM called WHERE id = p_id",
    ]
    return with_procedures(url, statements, closing)


def with_procedures(url: str, statements: list[str], closing: ExitStack, **more: Any) -> SqlConnector:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
    names = {"create": "called_new", "update": "called_set", "delete": "called_end", "result": True}
    arguments = {"p_id": "id", "p_name": "name", "p_city": "city"}
    write = {"procedure": {**names, "arguments": arguments, **more}}
    settings = {"url": url, "table": "called", "key": "id", "write": write}
    return SqlConnector(SqlConnector.Settings.model_validate(settings), Context("shop", closing=closing))


@pytest.mark.parametrize("database", ["postgres", "maria"])
def test_procedures_create_update_and_delete(database: str, request: pytest.FixtureRequest) -> None:
    connector: SqlConnector = request.getfixturevalue(database)
    seen = connector.read(["1"])["1"]

    made = done(connector.write([Write(Op.CREATE, "hub:1", None, {"name": "IDA"})]))
    changed = done(connector.write([Write(Op.UPDATE, "hub:1", "1", {"name": "ÁNNA"}, seen.version)]))
    gone = connector.write([Write(Op.DELETE, "hub:2", "2", {})])

    assert made.fields == {"id": 2, "name": "IDA", "city": None}
    assert changed.fields == {"id": 1, "name": "ÁNNA", "city": "FARO"}
    assert gone == [Done(None)]
    assert connector.read(["1", "2"]).keys() == {"1"}


@pytest.mark.parametrize("database", ["postgres", "maria"])
def test_what_a_procedure_refuses_is_told_in_its_words_without_values(
    database: str, request: pytest.FixtureRequest
) -> None:
    connector: SqlConnector = request.getfixturevalue(database)
    names = ["UNA", "ZED", "EVA"]

    outcomes = connector.write([Write(Op.CREATE, f"hub:{name}", None, {"name": name}) for name in names])

    assert [type(outcome) for outcome in outcomes] == [Done, Refused, Done]
    assert outcomes[1] == Refused("the database refused the row: name … is taken")


def test_a_value_that_no_parameter_takes_is_refused(postgres: SqlConnector) -> None:
    [outcome] = postgres.write([Write(Op.UPDATE, "hub:1", "1", {"nif": "X"})])

    assert outcome == Refused("there is no column nif")


def test_a_database_without_procedures_says_so(tmp_path: Path, closing: ExitStack) -> None:
    sqlite3.connect(tmp_path / "x.db").close()
    url = f"sqlite:///{tmp_path / 'x.db'}"
    connector = with_procedures(url, ["CREATE TABLE called (id INTEGER PRIMARY KEY, name TEXT, city TEXT)"], closing)

    with pytest.raises(ConfigError, match="no stored procedures"):
        connector.write([Write(Op.CREATE, "hub:1", None, {"name": "IDA"})])


@pytest.mark.parametrize("dialect", sorted(FORMS))
def test_parameters_go_by_name_where_the_database_has_names(dialect: str) -> None:
    procedure = Procedure(create="pkg.make", arguments={"p_a": "A", "p_b": "B"})

    text = call_text(procedure, "pkg.make", ["p_a", "p_b"], dialect)

    assert "pkg.make" in text
    assert ("p_a" in text) == (dialect not in {"mysql", "mariadb", "firebird"})
    assert text.index(":p0") < text.index(":p1")


@pytest.mark.parametrize("name", ["x; DROP TABLE y", "a b", "", "x()", "1a"])
def test_what_is_no_name_of_a_procedure_is_a_mistake_in_the_settings(name: str) -> None:
    with pytest.raises(ValidationError):
        Procedure(create=name, arguments={"p_a": "A"})


# --- words ------------------------------------------------------------------------------------------


def test_words_lose_values_addresses_quotations_and_numbers() -> None:
    text = "Customer Ana Silva (ana@example.org, 600 111 222) has 'IBAN PT50' in row 17"

    assert cleaned(text, ["ana silva", None, 5]) == "Customer … (…, …) has … in row …"


def test_an_error_that_nobody_raised_on_purpose_has_no_words() -> None:
    assert raised(ValueError("boom"), "postgresql", []) is None
