"""The database behind the `sql` connector: its engine, values as it takes them, its errors translated.

Statements hold identifiers that the database itself named, and values as parameters only. Values carry no
SQL type, so that a driver sends them as the column wants them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.types import NULLTYPE

from hub.connectors.contract import Context
from hub.connectors.rows import MYSQL_LATIN1, key_parts
from hub.connectors.sql_errors import Meaning, meaning
from hub.connectors.sql_settings import SqlSettings
from hub.connectors.sql_values import key_values
from hub.errors import AccountError, ConfigError, HubError, TransientError

DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "postgresql": "postgresql+psycopg",
    "mssql": "mssql+pymssql",
    "oracle": "oracle+oracledb",
    "firebird": "firebird+firebird",
    "db2": "db2+ibm_db",
}
EXTRAS = {"mysql": "mysql", "mariadb": "mysql", "postgresql": "postgres", "mssql": "mssql", "oracle": "oracle"} | {
    "firebird": "firebird",
    "db2": "db2",
}
CONNECT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "pymysql": {"connect_timeout": 10, "read_timeout": 600, "write_timeout": 60},  # seconds
    "psycopg": {"connect_timeout": 10, "tcp_user_timeout": 60_000},  # seconds, milliseconds
    "pysqlite": {"timeout": 30},
    "pymssql": {"login_timeout": 10, "timeout": 600},  # seconds
    "oracledb": {"tcp_connect_timeout": 10},  # seconds
}
SHOWN_NAMES = 30  # of columns or tables in a message

Column = sa.ColumnElement[Any]
Where = sa.ColumnElement[bool]


class CommitRefusedError(Exception):
    """A rule that the database holds until the end refuses the transaction: it undid all of it."""


class Database:
    """One engine; `speaking` turns every error of it into one of the hub's."""

    def __init__(self, settings: SqlSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        url = _url(settings, context)
        self._file = _file(url)
        self._engine = self._make_engine(url)
        self.dialect = self._engine.dialect.name.partition(".")[0]  # "firebird.firebird"
        self.labelled = settings.labelled
        if self.dialect in {"mysql", "mariadb"} and settings.labelled:
            latin1 = settings.labelled.lower().replace("-", "") in {"latin1", "cp1252", "iso88591"}
            self.labelled = MYSQL_LATIN1 if latin1 else settings.labelled
        context.closing.callback(self._engine.dispose)

    @property
    def version(self) -> str:
        known = self._engine.dialect.server_version_info or ()
        return f"{self.dialect} {'.'.join(map(str, known))}".strip()

    @property
    def returning(self) -> bool:
        return self._engine.dialect.insert_returning

    @property
    def user(self) -> str:
        return self._engine.url.username or "hub"

    def quote(self, name: str) -> str:
        """A name as it stands in a statement."""
        return self._engine.dialect.identifier_preparer.quote(name)

    def type_text(self, kind: Any) -> str:
        """A type as a CREATE TABLE names it; "" where SQLite knows none."""
        return "" if isinstance(kind, sa.types.NullType) else str(kind.compile(dialect=self._engine.dialect))

    @property
    def tells_last(self) -> bool:
        """The driver names the key that the database gave to the last row."""
        return self.dialect in {"mysql", "mariadb", "sqlite"}

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        with self.speaking(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction. An error on the way undid it all; one while it commits leaves it in doubt."""
        with self.speaking(), self._engine.connect() as connection:
            connection = connection.execution_options(hub_writes=True)
            with connection.begin() as transaction:
                yield connection
                try:
                    transaction.commit()
                except DBAPIError as error:
                    kind, words = meaning(error.orig, self.dialect) if error.orig else (Meaning.UNKNOWN, "")
                    if kind is Meaning.REFUSED:
                        raise CommitRefusedError(words) from error
                    raise TransientError(
                        f"{self._context.name}: the database failed while it committed: it is not known "
                        "whether the rows were written.",
                        maybe_done=True,
                    ) from error

    @contextmanager
    def speaking(self) -> Iterator[None]:
        if self._file is not None and not self._file.is_file():
            raise AccountError(
                f"{self._context.name}: there is no database file {self._file}; nothing was read or written. "
                "Next: check `url`."
            )
        try:
            yield
        except SQLAlchemyError as error:
            raise self._translated(error) from error

    def bind(self, value: Any) -> Column:
        """A parameter without a type: the column decides."""
        if self.dialect == "sqlite" and isinstance(value, str) and not value.isascii():
            raw = value.encode(self._settings.encoding or "utf-8", "surrogateescape")
            return sa.cast(sa.literal(raw, sa.LargeBinary), sa.Text)
        return sa.bindparam(None, value, type_=NULLTYPE, unique=True)

    def among(self, column: Column, values: Sequence[Any]) -> sa.ColumnElement[bool]:
        if self.dialect == "sqlite":
            return column.in_([self.bind(value) for value in values])
        return column.in_(sa.bindparam(None, list(values), type_=NULLTYPE, expanding=True, unique=True))

    def keyed(self, columns: Sequence[Column], types: Sequence[type | None], ids: Iterable[str]) -> Where | None:
        """The rows with these ids: one column, or several columns together. None: none can be there.

        Rows that share all but the last column of the key, a company and its customers, are one condition.
        """
        lasts: dict[tuple[tuple[Any, ...], ...], list[Any]] = {}
        for record_id in ids:
            parts = key_parts(record_id, len(columns)) or []
            values = [tuple(key_values(*of, self.dialect)) for of in zip(parts, types, strict=False)]
            if values and all(values):
                lasts.setdefault(tuple(values[:-1]), []).extend(values[-1])
        found = []
        for firsts, last in lasts.items():
            same = [self.among(column, values) for column, values in zip(columns, firsts, strict=False)]
            found.append(sa.and_(*same, self.among(columns[-1], last)))
        return sa.or_(*found) if found else None

    def pick(self, what: str, name: str, names: Sequence[str]) -> str:
        """The name as the database spells it: exact, else the only one that differs in case alone."""
        if name in names:
            return name
        alike = [known for known in names if known.casefold() == name.casefold()]
        if len(alike) == 1:
            return alike[0]
        there = ", ".join(names[:SHOWN_NAMES]) + (", …" if len(names) > SHOWN_NAMES else "")
        raise AccountError(
            f"{self._context.name}: there is no {what} {name}; nothing was read or written. There are: "
            f"{there or 'none that this user may see'}. Next: correct the settings, or bring the {what} back."
        )

    # --- engine and errors ------------------------------------------------------------------------

    def _make_engine(self, url: sa.URL) -> sa.Engine:
        name = self._context.name
        try:
            driver = url.get_dialect().driver
            arguments = {k: v for k, v in CONNECT_ARGUMENTS.get(driver, {}).items() if k not in url.query}
            engine = sa.create_engine(url, connect_args=arguments, pool_pre_ping=True, hide_parameters=True)
        except (NoSuchModuleError, ImportError) as error:
            raise ConfigError(
                f"{name}: there is no driver for {url.drivername}. Next: install "
                f"{_extra(url)} or the driver's own package."
            ) from error
        if driver in {"pysqlite", "pymysql"}:
            prepare = self._prepare_sqlite if driver == "pysqlite" else _prepare_mysql
            sa.event.listen(engine, "connect", prepare)
        if driver == "pysqlite":
            sa.event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _prepare_sqlite(self, connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say so
        decode = partial(bytes.decode, encoding=self._settings.encoding or "utf-8", errors="surrogateescape")
        connection.text_factory = decode  # what cannot be decoded costs its row, not the page

    def _translated(self, error: SQLAlchemyError) -> HubError:
        kind, words = Meaning.UNKNOWN, f"error {type(error).__name__}"
        if isinstance(error, DBAPIError) and error.orig is not None:
            kind, words = meaning(error.orig, self.dialect)
        lost = isinstance(error, OperationalError | InterfaceError | PoolTimeout)
        broken = isinstance(error, DBAPIError) and error.connection_invalidated
        if kind is Meaning.TRANSIENT or (kind is Meaning.UNKNOWN and (lost or broken)):
            url = self._engine.url
            where = f" at {url.host}" + (f":{url.port}" if url.port else "") if url.host else ""
            return TransientError(
                f"{self._context.name}: the database{where}: {words}; nothing was written. Next: check `url` and that "
                "the database runs, or wait: every run tries again."
            )
        if not isinstance(error, DBAPIError):
            raise error
        return AccountError(
            f"{self._context.name}: the database: {words}; nothing was written. Next: check `url`, the "
            "password, the rights of the user and the names in the settings, then run `hub check`."
        )


def _url(settings: SqlSettings, context: Context) -> sa.URL:
    try:
        url = sa.make_url(settings.url.get_secret_value())
    except (ArgumentError, ValueError):
        raise ConfigError(
            f"{context.name}: `url` is no database address. One looks like mysql://user:password@host/database"
        ) from None  # its text may hold the password
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}:
        url = url.set(database=str(context.base / str(url.database)))
    return url


def locking(statement: sa.Select[Any], source: sa.FromClause, dialect: str) -> sa.Select[Any]:
    """The statement so that nobody else changes its rows before the transaction ends."""
    if dialect == "mssql":
        return statement.with_hint(source, "WITH (UPDLOCK, ROWLOCK)")
    if dialect == "ibm_db_sa":
        return statement.with_statement_hint("WITH RS USE AND KEEP UPDATE LOCKS")
    if dialect == "firebird":
        return statement.with_statement_hint("WITH LOCK")
    return statement.with_for_update()


def _extra(url: sa.URL) -> str:
    extra = EXTRAS.get(url.drivername.partition("+")[0])
    return f"contact-hub[{extra}]," if extra else "its SQLAlchemy dialect,"


def _file(url: sa.URL) -> Path | None:
    """The file that must be there: SQLite would make an empty one."""
    is_file = url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}
    return Path(str(url.database)) if is_file and "uri" not in url.query else None


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("hub_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_mysql(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:  # a value too long is an error, not cut in silence
        cursor.execute("SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')")
    if connection.encoding == "cp1252":
        connection.encoding = MYSQL_LATIN1
