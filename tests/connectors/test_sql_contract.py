"""The contract suite on real databases: tables like legacy ones, and a query."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.connectors.contract import Connector, Context
from hub.connectors.sql import SqlConnector
from hub.testing import OVER_HTTP, ConnectorContract, System
from tests.connectors.servers import PASSWORD, USER, Server, free_port

NOW = {"sqlite": "CURRENT_TIMESTAMP", "postgresql": "now()", "mysql": "CURRENT_TIMESTAMP"}
KEYS = {
    "sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "postgresql": "serial PRIMARY KEY",
    "mysql": "int AUTO_INCREMENT PRIMARY KEY",
}
KEEPERS = {
    "sqlite": [
        "CREATE TRIGGER keeper AFTER UPDATE ON CLIENTES BEGIN "
        "UPDATE CLIENTES SET NOMBRE = OLD.NOMBRE, NIF = OLD.NIF WHERE COD_CLI = OLD.COD_CLI; END"
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION keeper() RETURNS trigger AS 'BEGIN RETURN OLD; END' LANGUAGE plpgsql",
        "CREATE TRIGGER keeper BEFORE UPDATE ON CLIENTES FOR EACH ROW EXECUTE FUNCTION keeper()",
    ],
    "mysql": [
        "CREATE TRIGGER keeper BEFORE UPDATE ON CLIENTES FOR EACH ROW SET NEW.NOMBRE = OLD.NOMBRE, NEW.NIF = OLD.NIF"
    ],
}
NUMBERS = count(1)


class SqlSystem(System):
    """A table CLIENTES, its names in upper case, its text padded; the hub's settings are given."""

    many = 2500
    plenty = 10_000

    def __init__(self, url: str, closing: ExitStack, **settings: Any) -> None:
        self.url, self.settings, self.closing = url, settings, closing
        self.secrets = (PASSWORD, "wrong-canary")
        self.engine = sa.create_engine(url)
        closing.callback(self.engine.dispose)
        self.dialect = self.engine.dialect.name
        self.run("DROP TABLE IF EXISTS CLIENTES")
        self.run(
            f"CREATE TABLE CLIENTES (COD_CLI {KEYS[self.dialect]}, NOMBRE varchar(40) NOT NULL, "
            "NIF char(20), "
            "CIUDAD varchar(30), HUB varchar(60), BAJA char(1) DEFAULT 'N', FMOD timestamp, "
            "CHECK (NOMBRE <> 'REFUSED-BY-CHECK'))"
        )
        self.connector = self.connect(url)
        self.text = self.name("NOMBRE")

    def connect(self, url: str) -> Connector:
        return self.at(url, Context("shop", closing=self.closing))

    def at(self, url: str, context: Context) -> Connector:
        settings = {"url": url, "table": "CLIENTES", "key": "COD_CLI", **self.settings}
        return SqlConnector(SqlConnector.Settings.model_validate(settings), context)

    def within(self, context: Context) -> Connector:
        return self.at(self.url, context)

    def run(self, statement: str, **values: Any) -> sa.CursorResult[Any]:
        with self.engine.begin() as connection:
            return connection.execute(sa.text(statement), values)

    def seed(self, count: int) -> list[str]:
        names = [f"JOSE NUNEZ {next(NUMBERS)}" for _ in range(count)]
        with self.engine.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO CLIENTES (NOMBRE, NIF, CIUDAD, FMOD) "
                    f"VALUES (:name, 'B0001', 'MADRID', {NOW[self.dialect]})"
                ),
                [{"name": name} for name in names],
            )
            latest = sa.text(f"SELECT COD_CLI FROM CLIENTES ORDER BY COD_CLI DESC LIMIT {count}")
            return [str(row[0]) for row in connection.execute(latest)]

    def edit(self, record_id: str) -> None:
        self.run(
            f"UPDATE CLIENTES SET CIUDAD = 'LISBOA', FMOD = {NOW[self.dialect]} WHERE COD_CLI = :id",
            id=int(record_id),
        )

    def remove(self, record_id: str) -> None:
        if "deleted" in self.settings:
            self.run(
                f"UPDATE CLIENTES SET BAJA = 'S', FMOD = {NOW[self.dialect]} WHERE COD_CLI = :id",
                id=int(record_id),
            )
        else:
            self.run("DELETE FROM CLIENTES WHERE COD_CLI = :id", id=int(record_id))

    def twin(self, record_id: str) -> str:
        self.run(
            "INSERT INTO CLIENTES (NOMBRE, FMOD) SELECT 'TWIN', FMOD FROM CLIENTES WHERE COD_CLI = :id",
            id=int(record_id),
        )
        return str(self.run("SELECT max(COD_CLI) FROM CLIENTES").scalar_one())

    def new_fields(self) -> dict[str, Any]:
        return {self.name("NOMBRE"): f"ANA SILVA {next(NUMBERS)}", self.name("NIF"): "A7"}

    def edit_fields(self) -> dict[str, Any]:
        return {self.name("NIF"): "C99", self.name("NOMBRE"): "O'NEIL-ODEGARD; DROP TABLE CLIENTES --"}

    def refused_fields(self) -> dict[str, Any]:
        return {self.name("NOMBRE"): "REFUSED-BY-CHECK"}

    def name(self, column: str) -> str:
        return column.lower() if self.dialect == "postgresql" else column

    def unreachable(self) -> Connector:
        return self.connect(str(self.engine.url.set(port=free_port()).render_as_string(hide_password=False)))

    def wrong_key(self) -> Connector:
        return self.connect(str(self.engine.url.set(password="wrong-canary").render_as_string(hide_password=False)))

    def reader(self) -> Connector:
        """Of a user who may read the table and do nothing else."""
        host = "@'127.0.0.1'" if self.dialect == "mysql" else ""
        name = f"reader{next(NUMBERS)}"
        self.run(f"CREATE USER {name}{host} {'IDENTIFIED BY' if host else 'PASSWORD'} '{PASSWORD}'")
        self.run(f"GRANT SELECT ON CLIENTES TO {name}{host}")
        self.forget = f"REVOKE SELECT ON CLIENTES FROM {name}{host}"
        return self.connect(self.engine.url.set(username=name).render_as_string(hide_password=False))

    def no_right_to_write(self) -> Connector:
        return self.reader()

    def revocable(self) -> tuple[Connector, Callable[[], object]]:
        return self.reader(), lambda: self.run(self.forget)

    def without_field(self) -> tuple[Connector, str]:
        self.run("ALTER TABLE CLIENTES DROP COLUMN CIUDAD")
        return self.within(self.context()), self.name("CIUDAD")

    def ignore_writes(self) -> None:
        """A trigger that puts back what was there, as some shops have."""
        for statement in KEEPERS[self.dialect]:
            self.run(statement)


Make = Callable[..., SqlSystem]
FLAGGED = {
    "changed": {"column": "FMOD", "overlap": 0},
    "deleted": {"column": "BAJA", "values": ["S"]},
    "reference": "HUB",
}
TABLE = {
    **dict.fromkeys(OVER_HTTP, "it speaks SQL: faults of databases are in test_sql.py"),
    "test_a_value_never_heard_of_is_kept_and_grants_nothing": "a column of a table has no list of values",
}
NO_SERVER = {
    **TABLE,
    "test_a_system_that_is_down_is_tried_again_later": "a SQLite file is there or not: see test_sql.py",
    "test_a_wrong_key_pauses_the_connection": "a SQLite file has no password",
    "test_a_key_that_may_not_write_is_told_and_changes_nothing": "a SQLite file has no users",
    "test_a_key_revoked_in_mid_run_pauses_the_connection": "a SQLite file has no users",
}


@contextmanager
def making(url: str) -> Iterator[Make]:
    with ExitStack() as closing:
        yield lambda **settings: SqlSystem(url, closing, **settings)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Make]:
    path = tmp_path / "legacy.db"
    path.touch()
    with making(f"sqlite:///{path}") as make:
        yield make


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[Make]:
    with making(f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{postgres_server.port}/postgres") as make:
        yield make


@pytest.fixture
def mariadb(mariadb_server: Server) -> Iterator[Make]:
    with making(f"mysql+pymysql://{USER}:{PASSWORD}@127.0.0.1:{mariadb_server.port}/legacy") as make:
        yield make


class TestSqliteByChanges(ConnectorContract):
    cannot = NO_SERVER

    @pytest.fixture
    def system(self, sqlite: Make) -> System:
        return sqlite(**FLAGGED)


class TestSqliteByComparing(ConnectorContract):
    cannot = NO_SERVER

    @pytest.fixture
    def system(self, sqlite: Make) -> System:
        return sqlite()


class TestPostgresByChanges(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, postgres: Make) -> System:
        return postgres(**FLAGGED)


class TestPostgresByComparing(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, postgres: Make) -> System:
        return postgres()


class TestMariadbByChanges(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, mariadb: Make) -> System:
        return mariadb(**FLAGGED)


class TestMariadbByComparing(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, mariadb: Make) -> System:
        return mariadb()


class TestMariadbQuery(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, mariadb: Make) -> System:
        query = "SELECT c.*, 'a:b' AS mark FROM CLIENTES c WHERE c.NOMBRE LIKE '%' ORDER BY c.FMOD;"
        return mariadb(table=None, query=query, changed={"column": "FMOD", "overlap": 0})


class TestPostgresQuery(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, postgres: Make) -> System:
        return postgres(table=None, query="SELECT c.*, 'x'::text AS mark FROM clientes c WHERE nombre LIKE '%'")
