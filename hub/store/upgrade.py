"""The schema of a store and its version: made when the store is new, brought up to date when asked."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from hub.errors import ConfigError, HubError, TransientError
from hub.store.db import WRITER_LOCK, Store
from hub.store.keyring import Keyring

DAMAGED = (sqlite3.DatabaseError, sa.exc.DatabaseError)
"""What a SQLite file raises that is none, or not any more; locks and the like are other errors before."""

REVISIONS = tuple(f"{number:04}" for number in range(1, 20))
"""Every schema there ever was, oldest first. Known without alembic, whose loading costs 0.1 s a command."""


def ready(store: Store) -> None:
    """Make a new store's schema; refuse one of another version. ConfigError says what to do."""
    found = revision(store)
    if found is None and not tables(store):
        upgrade(store)
    elif found != REVISIONS[-1]:
        raise ConfigError(_say_other(found))


def revision(store: Store) -> str | None:
    """The version of the schema; None: it has none, being new or foreign."""
    if "alembic_version" not in tables(store):
        return None
    with store.read() as tx:
        row = tx.one("SELECT version_num FROM alembic_version")
    return row[0] if row else None


def tables(store: Store) -> frozenset[str]:
    text = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        if store.dialect == "sqlite"
        else "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    )
    with store.read() as tx:
        return frozenset(row[0] for row in tx.all(text))


def upgrade(store: Store) -> tuple[str | None, str]:
    """Bring the schema to the newest version, all of it or nothing. (version before, version now)

    ConfigError for a store of a newer hub or of another program.
    """
    try:
        with store.engine.connect() as connection:
            _lock(connection)
            try:
                before = _upgrade(connection)
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
    except sa.exc.OperationalError as err:
        raise TransientError(
            f"The store did not answer ({type(err.orig).__name__}). Its schema was left as it was; "
            "run `hub db upgrade` again."
        ) from err
    except sa.exc.DatabaseError as err:
        if type(err.orig) is not sqlite3.DatabaseError:  # its own class is of a file that is none, or not any more
            raise
        raise damaged(err.orig) from err
    return before, REVISIONS[-1]


def _lock(connection: sa.Connection) -> None:
    """One upgrade at a time: a second process waits here and finds the work done."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")


def _upgrade(connection: sa.Connection) -> str | None:
    from alembic import command
    from alembic.config import Config

    known = sa.inspect(connection).get_table_names()
    before = None
    if "alembic_version" in known:
        before = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if (before is None and set(known) - {"alembic_version"}) or (before and before not in REVISIONS):
        raise ConfigError(_say_other(before))
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    command.upgrade(config, "head")
    return before


def damaged(err: BaseException) -> ConfigError:
    return ConfigError(
        f"The store is damaged ({err}). Nothing was done. `hub db check` says more; "
        "`hub db restore FILE` puts a backup in its place."
    )


def _say_other(found: str | None) -> str:
    if found is None:
        return (
            "The database of the store holds tables that are not the hub's. Nothing was done. "
            "Name an empty database under `store` in hub.yaml."
        )
    if found not in REVISIONS:
        return (
            f"The store was made by a newer version of the hub (schema {found}, this one knows "
            f"{REVISIONS[-1]}). Nothing was done. Install that version again, or restore an older backup."
        )
    return (
        f"The store has schema {found}, this version needs {REVISIONS[-1]}. Nothing was done. "
        "Make a backup with `hub db backup FILE`, then run `hub db upgrade`."
    )


def make_private(path: Path) -> None:
    """A new SQLite file for this user only (0600), new folders too (0700); what is there stays as it is."""
    missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as err:
        raise ConfigError(
            f"The store {path} cannot be used ({err.strerror or type(err).__name__}). Nothing was done. "
            "Name a place this user may write to under `store` in hub.yaml."
        ) from err


def opened(url: str, keys: Keyring | None = None) -> Store:
    """A store ready for use: a new one is made, one of another version refused."""
    store = connected(url, keys)
    try:
        ready(store)
    except DAMAGED as err:
        store.close()
        raise damaged(err) from err
    except BaseException:
        store.close()
        raise
    return store


def opened_if_ready(url: str, keys: Keyring | None = None) -> Store | None:
    """A store that is there with today's schema; None otherwise: nothing is made, and nothing refused."""
    store = Store(url, keys=keys)
    file = store.url.database if store.dialect == "sqlite" else None
    try:
        if (file is None or Path(file).is_file()) and revision(store) == REVISIONS[-1]:
            return store
    except (*DAMAGED, HubError) as err:
        del err  # whoever needs the store says what is wrong with it
    store.close()
    return None


def connected(url: str, keys: Keyring | None = None) -> Store:
    """A store as it is, whatever its version."""
    store = Store(url, keys=keys)
    if store.dialect == "sqlite" and not store.in_memory:
        make_private(Path(str(store.url.database)))
    return store
