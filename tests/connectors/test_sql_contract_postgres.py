"""The contract suite on PostgreSQL: tables like legacy ones, a query, composite keys, child tables, change logs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from hub.testing import ConnectorContract, System
from tests.connectors.legacy_tables import (
    FLAGGED,
    LOGGED,
    TABLE,
    ChildSystem,
    CompositeSystem,
    LogSystem,
    Make,
    back_door,
    making,
)
from tests.connectors.servers import PASSWORD, USER, Server


@pytest.fixture(scope="module")
def engine(postgres_server: Server) -> Iterator[sa.Engine]:
    with back_door(f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{postgres_server.port}/postgres") as engine:
        yield engine


@pytest.fixture
def postgres(engine: sa.Engine) -> Iterator[Make]:
    with making(engine) as make:
        yield make


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


class TestPostgresQuery(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, postgres: Make) -> System:
        return postgres(table=None, query="SELECT c.*, 'x'::text AS mark FROM clientes c WHERE nombre LIKE '%'")


class TestPostgresCompositeKey(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, postgres: Make) -> System:
        return postgres(CompositeSystem, **FLAGGED)


class TestPostgresChildren(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, postgres: Make) -> System:
        return postgres(ChildSystem)


class TestPostgresLog(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, postgres: Make) -> System:
        return postgres(LogSystem, **LOGGED)
