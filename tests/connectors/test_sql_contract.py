"""The contract suite on real databases: tables like legacy ones, a query, composite keys, child tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from hub.testing import OVER_HTTP, ConnectorContract, System
from tests.connectors.legacy_tables import (
    STAMPED_PHONES,
    ChildSystem,
    CompositeSystem,
    LogSystem,
    SqlSystem,
    StampedChildSystem,
)
from tests.connectors.servers import PASSWORD, USER, Server

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
        yield lambda kind=SqlSystem, **settings: kind(url, closing, **settings)


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


# --- keys of several columns ------------------------------------------------------------------------


class TestSqliteCompositeKey(ConnectorContract):
    cannot = NO_SERVER

    @pytest.fixture
    def system(self, sqlite: Make) -> System:
        return sqlite(CompositeSystem, **FLAGGED)


class TestPostgresCompositeKey(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, postgres: Make) -> System:
        return postgres(CompositeSystem, **FLAGGED)


class TestMariadbCompositeKey(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, mariadb: Make) -> System:
        return mariadb(CompositeSystem)


# --- child tables -----------------------------------------------------------------------------------


class TestSqliteChildren(ConnectorContract):
    cannot = NO_SERVER

    @pytest.fixture
    def system(self, sqlite: Make) -> System:
        return sqlite(ChildSystem)


class TestPostgresChildren(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, postgres: Make) -> System:
        return postgres(ChildSystem)


class TestMariadbStampedChildren(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, mariadb: Make) -> System:
        return mariadb(StampedChildSystem, **FLAGGED, children={"telefonos": STAMPED_PHONES})


# --- change logs ------------------------------------------------------------------------------------

LOGGED = {"log": "hub_log", "reference": "HUB"}


class TestSqliteLog(ConnectorContract):
    cannot = NO_SERVER

    @pytest.fixture
    def system(self, sqlite: Make) -> System:
        return sqlite(LogSystem, **LOGGED)


class TestPostgresLog(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, postgres: Make) -> System:
        return postgres(LogSystem, **LOGGED)


class TestMariadbLog(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, mariadb: Make) -> System:
        return mariadb(LogSystem, **LOGGED)
