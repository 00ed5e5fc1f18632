"""The contract suite on SQLite: tables like legacy ones, composite keys, child tables, change logs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

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

NO_SERVER = {
    **TABLE,
    "test_a_system_that_is_down_is_tried_again_later": "a SQLite file is there or not: see test_sql.py",
    "test_a_wrong_key_pauses_the_connection": "a SQLite file has no password",
    "test_a_key_that_may_not_write_is_told_and_changes_nothing": "a SQLite file has no users",
    "test_a_key_revoked_in_mid_run_pauses_the_connection": "a SQLite file has no users",
}


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Make]:
    path = tmp_path / "legacy.db"
    path.touch()
    with back_door(f"sqlite:///{path}") as engine, making(engine) as make:
        sa.event.listen(engine, "connect", never_waiting_for_the_disk)
        yield make


def never_waiting_for_the_disk(connection: sqlite3.Connection, record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


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


class TestSqliteCompositeKey(ConnectorContract):
    cannot = NO_SERVER

    @pytest.fixture
    def system(self, sqlite: Make) -> System:
        return sqlite(CompositeSystem, **FLAGGED)


class TestSqliteChildren(ConnectorContract):
    cannot = NO_SERVER

    @pytest.fixture
    def system(self, sqlite: Make) -> System:
        return sqlite(ChildSystem)


class TestSqliteLog(ConnectorContract):
    cannot = NO_SERVER

    @pytest.fixture
    def system(self, sqlite: Make) -> System:
        return sqlite(LogSystem, **LOGGED)
