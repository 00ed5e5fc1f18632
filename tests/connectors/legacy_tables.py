"""Tables like legacy ones, with a back door to them: systems under test for the contract suite."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any, ClassVar

import sqlalchemy as sa

from hub.connectors.contract import Connector, Context
from hub.connectors.sql import SqlConnector
from hub.testing import OVER_HTTP, System
from tests.connectors.servers import PASSWORD, free_port

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
FLAGGED = {
    "changed": {"column": "FMOD", "overlap": 0},
    "deleted": {"column": "BAJA", "values": ["S"]},
    "reference": "HUB",
}
LOGGED = {"log": "hub_log", "reference": "HUB"}
TABLE = {
    **dict.fromkeys(OVER_HTTP, "it speaks SQL: faults of databases are in test_sql.py"),
    "test_a_value_never_heard_of_is_kept_and_grants_nothing": "a column of a table has no list of values",
}
NUMBERS = count(1)
Make = Callable[..., "SqlSystem"]


@contextmanager
def making(engine: sa.Engine) -> Iterator[Make]:
    """Makes a system in this database; what its connectors opened is closed at the end."""
    with ExitStack() as closing:
        yield lambda kind=SqlSystem, **settings: kind(engine, closing, **settings)


@contextmanager
def back_door(url: str) -> Iterator[sa.Engine]:
    """A person's own way into a database, which outlives many systems in it."""
    engine = sa.create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


class SqlSystem(System):
    """A table CLIENTES, its names in upper case, its text padded; the hub's settings are given."""

    OWN = "COD_CLI = :id"
    many = 1100
    plenty = 10_000

    def __init__(self, engine: sa.Engine, closing: ExitStack, **settings: Any) -> None:
        self.engine, self.settings, self.closing = engine, settings, closing
        self.url = engine.url.render_as_string(hide_password=False)
        self.secrets = (PASSWORD, "wrong-canary")
        self.dialect = engine.dialect.name
        self.make_tables()
        self.connector = self.connect(self.url)
        self.text = self.name("NOMBRE")

    def make_tables(self) -> None:
        self.run("DROP TABLE IF EXISTS CLIENTES")
        self.run(
            f"CREATE TABLE CLIENTES (COD_CLI {KEYS[self.dialect]}, NOMBRE varchar(40) NOT NULL, "
            "NIF char(20), "
            "CIUDAD varchar(30), HUB varchar(60), BAJA char(1) DEFAULT 'N', FMOD timestamp, "
            "CHECK (NOMBRE <> 'REFUSED-BY-CHECK'))"
        )

    def key_of(self, record_id: str) -> dict[str, Any]:
        return {"id": int(record_id)}

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
            f"UPDATE CLIENTES SET CIUDAD = 'LISBOA', FMOD = {NOW[self.dialect]} WHERE {self.OWN}",
            **self.key_of(record_id),
        )

    def remove(self, record_id: str) -> None:
        if "deleted" in self.settings:
            self.run(
                f"UPDATE CLIENTES SET BAJA = 'S', FMOD = {NOW[self.dialect]} WHERE {self.OWN}",
                **self.key_of(record_id),
            )
        else:
            self.run(f"DELETE FROM CLIENTES WHERE {self.OWN}", **self.key_of(record_id))

    def twin(self, record_id: str) -> str:
        self.run(
            f"INSERT INTO CLIENTES (NOMBRE, FMOD) SELECT 'TWIN', FMOD FROM CLIENTES WHERE {self.OWN}",
            **self.key_of(record_id),
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

    def other_encoding(self) -> Connector | None:
        """SQLite keeps the bytes that a program gave it; servers know how theirs are meant."""
        if self.dialect != "sqlite":
            return None
        self.run("UPDATE CLIENTES SET NOMBRE = CAST(X'4A6F73E9' AS TEXT)")
        return self.within(self.context())

    def ignore_writes(self) -> None:
        """A trigger that puts back what was there, as some shops have."""
        for statement in KEEPERS[self.dialect]:
            self.run(statement)


PHONES = {"table": "TELEFONOS", "key": "COD_CLI", "columns": ["NUMERO", "TIPO"], "row": "COD_TEL", "order": "ORDEN"}


class CompositeSystem(SqlSystem):
    """Customers by company and number; the company is padded text."""

    nobody = '["01","999999999"]'

    def make_tables(self) -> None:
        self.run("DROP TABLE IF EXISTS CLIENTES")
        self.run(
            "CREATE TABLE CLIENTES (COD_EMP char(4) NOT NULL, COD_CLI int NOT NULL, NOMBRE varchar(40) NOT NULL, "
            "NIF char(20), CIUDAD varchar(30), HUB varchar(60), BAJA char(1) DEFAULT 'N', FMOD timestamp, "
            "PRIMARY KEY (COD_EMP, COD_CLI), CHECK (NOMBRE <> 'REFUSED-BY-CHECK'))"
        )

    def at(self, url: str, context: Context) -> Connector:
        settings = {"url": url, "table": "CLIENTES", "key": ["COD_EMP", "COD_CLI"], **self.settings}
        return SqlConnector(SqlConnector.Settings.model_validate(settings), context)

    def seed(self, count: int) -> list[str]:
        numbers = [next(NUMBERS) for _ in range(count)]
        rows = [{"emp": f"0{n % 3}", "cli": n, "name": f"JOSE NUNEZ {n}"} for n in numbers]
        with self.engine.begin() as connection:
            insert = (
                "INSERT INTO CLIENTES (COD_EMP, COD_CLI, NOMBRE, NIF, CIUDAD, FMOD) "
                f"VALUES (:emp, :cli, :name, 'B0001', 'MADRID', {NOW[self.dialect]})"
            )
            connection.execute(sa.text(insert), rows)
        return [json.dumps([row["emp"], str(row["cli"])], separators=(",", ":")) for row in rows]

    def key_of(self, record_id: str) -> dict[str, Any]:
        emp, cli = json.loads(record_id)
        return {"emp": emp, "id": int(cli)}

    OWN = "COD_EMP = :emp AND COD_CLI = :id"

    def twin(self, record_id: str) -> str:
        number = next(NUMBERS)
        self.run(
            "INSERT INTO CLIENTES (COD_EMP, COD_CLI, NOMBRE, FMOD) "
            f"SELECT COD_EMP, {number}, 'TWIN', FMOD FROM CLIENTES WHERE {self.OWN}",
            **self.key_of(record_id),
        )
        return json.dumps([json.loads(record_id)[0], str(number)], separators=(",", ":"))

    def new_fields(self) -> dict[str, Any]:
        return {**super().new_fields(), self.name("COD_EMP"): "01", self.name("COD_CLI"): next(NUMBERS)}

    def refused_fields(self) -> dict[str, Any]:
        return {**self.new_fields(), **super().refused_fields()}


class ChildSystem(SqlSystem):
    """Customers with their phones in a table of their own; what a person edits is a phone."""

    def make_tables(self) -> None:
        self.run("DROP TABLE IF EXISTS TELEFONOS")
        super().make_tables()
        self.run(
            f"CREATE TABLE TELEFONOS (COD_TEL {KEYS[self.dialect]}, COD_CLI int NOT NULL, NUMERO varchar(20), "
            "TIPO char(8), NOTA varchar(20), ORDEN int)"
        )
        self.run("CREATE INDEX TEL_CLI ON TELEFONOS (COD_CLI)")

    def at(self, url: str, context: Context) -> Connector:
        columns = {"columns": [self.name(each) for each in PHONES["columns"]]}
        self.settings.setdefault("children", {"telefonos": {**PHONES, **columns}})
        return super().at(url, context)

    def seed(self, count: int) -> list[str]:
        ids = super().seed(count)
        rows = [{"id": int(i), "n": f"91000{n}{i}", "pos": n} for i in ids for n in (1, 2)]
        with self.engine.begin() as connection:
            insert = "INSERT INTO TELEFONOS (COD_CLI, NUMERO, TIPO, NOTA, ORDEN) VALUES (:id, :n, 'home', 'kept', :pos)"
            connection.execute(sa.text(insert), rows)
        return ids

    def edit(self, record_id: str) -> None:
        self.run("UPDATE TELEFONOS SET TIPO = 'work' WHERE COD_CLI = :id AND ORDEN = 1", id=int(record_id))

    def new_fields(self) -> dict[str, Any]:
        return {**super().new_fields(), "telefonos": [self.phone("600111222"), self.phone("600111333")]}

    def edit_fields(self) -> dict[str, Any]:
        return {**super().edit_fields(), "telefonos": [self.phone("600111444"), self.phone("600111222")]}

    def phone(self, number: str, kind: str = "mobile") -> dict[str, str]:
        return {self.name("NUMERO"): number, self.name("TIPO"): kind}

    def reader(self) -> Connector:
        connector = super().reader()
        user = self.forget.rpartition(" FROM ")[2]
        self.run(f"GRANT SELECT ON TELEFONOS TO {user}")
        return connector


STAMPED_PHONES = {**PHONES, "changed": "FTEL"}


class StampedChildSystem(ChildSystem):
    """Phones with a change time of their own, where the customers' stands still."""

    def make_tables(self) -> None:
        super().make_tables()
        self.run("ALTER TABLE TELEFONOS ADD COLUMN FTEL timestamp NULL")

    def edit(self, record_id: str) -> None:
        self.run(
            f"UPDATE TELEFONOS SET TIPO = 'work', FTEL = {NOW[self.dialect]} WHERE COD_CLI = :id AND ORDEN = 1",
            id=int(record_id),
        )


class LogSystem(ChildSystem):
    """Customers and phones with a change log, installed as `hub connector sql-log` prints it."""

    scripts: ClassVar[dict[str, str]] = {}

    def make_tables(self) -> None:
        super().make_tables()
        if self.dialect not in self.scripts:  # it looks at every table, and finds the same each time
            self.scripts[self.dialect] = self.without_log().log_sql("hub_log")
        install_log(self.engine, self.scripts[self.dialect])

    def without_log(self) -> SqlConnector:
        log = self.settings.pop("log", None)
        connector = self.connect(self.url)
        self.settings["log"] = log
        assert isinstance(connector, SqlConnector)
        return connector

    def reader(self) -> Connector:
        connector = super().reader()
        self.run(f"GRANT SELECT ON hub_log TO {self.forget.rpartition(' FROM ')[2]}")
        return connector


def install_log(engine: sa.Engine, script: str) -> None:
    """As the owner of the database does it."""
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS hub_log")
        if engine.dialect.name == "sqlite":
            connection.connection.executescript(script)
        elif engine.dialect.name == "postgresql":
            for number in range(3):
                connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS public.hub_log_{number} CASCADE")
            connection.exec_driver_sql(script)
        else:
            triggers = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
            for (name,) in connection.exec_driver_sql(triggers).all():  # those on tables of other tests
                connection.exec_driver_sql(f"DROP TRIGGER `{name}`")
            lines = [line for line in script.splitlines() if not line.startswith("--")]
            for statement in "\n".join(lines).split(";\n"):
                if statement.strip():
                    connection.exec_driver_sql(statement)
