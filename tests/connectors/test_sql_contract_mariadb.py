"""The contract suite on MariaDB: tables like legacy ones, a query, composite keys, child tables, change logs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from hub.testing import ConnectorContract, System
from tests.connectors.legacy_tables import (
    FLAGGED,
    LOGGED,
    STAMPED_PHONES,
    TABLE,
    CompositeSystem,
    LogSystem,
    Make,
    StampedChildSystem,
    back_door,
    making,
)
from tests.connectors.servers import PASSWORD, USER, Server


@pytest.fixture(scope="module")
def engine(mariadb_server: Server) -> Iterator[sa.Engine]:
    with back_door(f"mysql+pymysql://{USER}:{PASSWORD}@127.0.0.1:{mariadb_server.port}/legacy") as engine:
        yield engine


@pytest.fixture
def mariadb(engine: sa.Engine) -> Iterator[Make]:
    with making(engine) as make:
        yield make


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


class TestMariadbCompositeKey(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, mariadb: Make) -> System:
        return mariadb(CompositeSystem)


class TestMariadbStampedChildren(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, mariadb: Make) -> System:
        return mariadb(StampedChildSystem, **FLAGGED, children={"telefonos": STAMPED_PHONES})


class TestMariadbLog(ConnectorContract):
    cannot = TABLE

    @pytest.fixture
    def system(self, mariadb: Make) -> System:
        return mariadb(LogSystem, **LOGGED)
