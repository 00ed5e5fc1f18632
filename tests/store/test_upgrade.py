"""The schema that migrations make is the schema that the code works with."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import hub.store.migrations
from hub.errors import ConfigError, TransientError
from hub.store.schema import metadata
from hub.store.upgrade import REVISIONS, ready, revision, tables, upgrade


def definitions(store):
    """Every table and index as the database describes it, without alembic's own."""
    if store.dialect == "sqlite":
        text = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    else:
        text = (
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() UNION ALL"
            " SELECT table_name || '.' || column_name, concat_ws(' ', data_type, is_nullable, column_default)"
            " FROM information_schema.columns WHERE table_schema = current_schema()"
        )
    with store.read() as tx:
        return {name: plain(sql) for name, sql in tx.all(text) if not name.startswith("alembic")}


def plain(sql):
    """Without spaces, and columns and constraints in one order."""
    return sorted(part.strip(" ()") for part in " ".join(sql.split()).replace("(", ",", 1).split(","))


def test_migrated_schema_is_the_metadata(store):
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        found = compare_metadata(context, metadata)
    assert found == []


def test_migrated_definitions_are_those_of_a_store_made_at_once(store, tmp_path, request):
    migrated = definitions(store)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        for table in [*metadata.tables, "alembic_version"]:
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("COMMIT")
    store.create()

    assert definitions(store) == migrated


def test_what_the_comparison_of_alembic_does_not_see_is_there(store):
    said = definitions(store)
    if store.dialect == "sqlite":
        assert any("WITHOUT ROWID" in part for part in said["match_key"])
        assert any("AUTOINCREMENT" in part for part in said["inbox"])
    assert any("WHERE" in part for part in said["record_in_doubt"])


def test_every_revision_is_known_without_alembic():
    folder = Path(hub.store.migrations.__file__).parent
    script = ScriptDirectory(str(folder))

    assert tuple(r.revision for r in reversed(list(script.walk_revisions()))) == REVISIONS


def test_a_new_store_is_made_and_one_of_this_version_is_left_alone(empty):
    ready(empty)
    before = definitions(empty)
    ready(empty)

    assert revision(empty) == REVISIONS[-1]
    assert definitions(empty) == before
    assert set(metadata.tables) < tables(empty)


def test_many_processes_may_make_a_new_store_at_once(connect):
    stores = [connect() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, stores))

    assert revision(stores[0]) == REVISIONS[-1]


def test_a_store_of_a_newer_hub_is_refused(store):
    with store.write() as tx:
        tx.run("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(ConfigError, match="newer version"):
        ready(store)
    with pytest.raises(ConfigError, match="newer version"):
        upgrade(store)


def test_a_database_of_somebody_else_is_refused_and_left_alone(empty):
    with empty.write() as tx:
        tx.run("CREATE TABLE theirs (x integer)")

    with pytest.raises(ConfigError, match="not the hub's"):
        ready(empty)
    with pytest.raises(ConfigError, match="not the hub's"):
        upgrade(empty)

    assert tables(empty) == {"theirs"}


def test_a_migration_that_breaks_off_leaves_nothing(empty):
    with empty.write() as tx:
        tx.run("CREATE VIEW golden AS SELECT 1 AS x")  # in the way of a table in the middle of the schema

    with pytest.raises((TransientError, sa.exc.DBAPIError)):
        upgrade(empty)

    assert tables(empty) == set()


@pytest.mark.parametrize("before", REVISIONS[:-1])
def test_a_store_of_an_older_schema_keeps_its_contacts(empty, before):
    with empty.engine.connect() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(hub.store.migrations.__file__).parent))
        connection.exec_driver_sql("BEGIN")
        command.upgrade(config, before)
        connection.exec_driver_sql("INSERT INTO name_count (word, records) VALUES ('silva', 3)")
        connection.exec_driver_sql("COMMIT")

    assert upgrade(empty) == (before, REVISIONS[-1])
    with empty.read() as tx:
        assert tx.all("SELECT word, records FROM name_count") == [("silva", 3)]
        assert tx.all("SELECT id FROM interaction") == []
        assert tx.all("SELECT number FROM audit") == []
