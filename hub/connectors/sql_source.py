"""The database behind the `sql` connector: its engine, what its tables look like, its errors translated.

Statements hold identifiers that the database itself named, and values as parameters only. Values carry no
SQL type, so that a driver sends them as the column wants them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    SAWarning,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.types import NULLTYPE

from hub.connectors.contract import Context
from hub.connectors.rows import MYSQL_LATIN1, Layout
from hub.connectors.sql_errors import Meaning, meaning
from hub.connectors.sql_settings import SqlSettings
from hub.errors import AccountError, ConfigError, HubError, TransientError

DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql", "postgresql": "postgresql+psycopg"}
CONNECT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "pymysql": {"connect_timeout": 10, "read_timeout": 600, "write_timeout": 60},  # seconds
    "psycopg": {"connect_timeout": 10, "tcp_user_timeout": 60_000},  # seconds, milliseconds
    "pysqlite": {"timeout": 30},
}
POSTGRES_TYPES = {  # by their numbers in pg_type: what a key may be
    20: sa.BigInteger(),
    21: sa.SmallInteger(),
    23: sa.Integer(),
    1082: sa.Date(),
    1114: sa.DateTime(),
    1184: sa.DateTime(timezone=True),
    1700: sa.Numeric(),
    2950: sa.Uuid(),
}
SHOWN_NAMES = 30  # of columns or tables in a message

Column = sa.ColumnElement[Any]


class CommitRefusedError(Exception):
    """A rule that the database holds until the end refuses the transaction: it undid all of it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the database shows of the table or query.

    selected  the columns of a row, as the layout numbers them
    unique    no two rows have one key, by the database's own promise
    """

    source: sa.FromClause
    columns: tuple[str, ...]
    selected: tuple[Column, ...]
    layout: Layout
    key: Column
    changed: Column | None
    deleted: Column | None
    reference: Column | None
    key_type: type | None
    binary: frozenset[str]
    unique: bool
    nullable: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """A table or query as reflected, before the settings are held against it."""

    source: sa.FromClause
    types: dict[str, Any]
    unique: frozenset[str]
    nullable: frozenset[str]
    indexed: frozenset[str]
    engine: str


class Database:
    """One engine; `speaking` turns every error of it into one of the hub's."""

    def __init__(self, settings: SqlSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        url = _url(settings, context)
        self._file = _file(url)
        self._engine = self._make_engine(url)
        self.dialect = self._engine.dialect.name
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

    # --- what is there ----------------------------------------------------------------------------

    def look(self) -> Shape:
        """The table or query as it is now; AccountError names what the settings need and is not there."""
        with self.reading() as connection:
            self._check_encoding(connection)
            found = self._reflect_query(connection) if self._settings.query else self._reflect(connection)
        return self._fit(found)

    def _reflect(self, connection: sa.Connection) -> _Found:
        inspector, schema = sa.inspect(connection), self._settings.schema_name
        tables = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        name = self._pick("table", str(self._settings.table), tables)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # a type it does not know: values come as they are
            columns = inspector.get_columns(name, schema)
            indexes = inspector.get_indexes(name, schema)
            unique = [key["column_names"] for key in inspector.get_unique_constraints(name, schema)]
        primary = inspector.get_pk_constraint(name, schema)["constrained_columns"]
        whole = [ix["column_names"] for ix in indexes if ix["unique"] and not _is_partial(ix)]
        candidates: list[list[Any]] = [primary, *unique, *whole]
        singles = [names[0] for names in candidates if len(names) == 1 and names[0]]
        first = [name for ix in indexes for name in ix["column_names"][:1] if name]
        options = inspector.get_table_options(name, schema) if self.dialect in {"mysql", "mariadb"} else {}
        return _Found(
            sa.table(name, *(sa.column(column["name"]) for column in columns), schema=schema),
            {column["name"]: column["type"] for column in columns},
            frozenset(singles),
            frozenset(column["name"] for column in columns if column["nullable"]),
            frozenset([*first, *primary[:1], *singles]),
            str(options.get("mysql_engine", options.get("mariadb_engine", ""))),
        )

    def _reflect_query(self, connection: sa.Connection) -> _Found:
        text = str(self._settings.query).strip().rstrip(";").replace(":", r"\:")
        result = connection.execute(sa.text(f"SELECT * FROM ({text}) q WHERE 1 = 0"))  # noqa: S608
        names = list(result.keys())
        types = self._types_of(result, names)
        source = sa.text(text).columns(*(sa.column(name) for name in names)).subquery("q")
        return _Found(source, types, frozenset(), frozenset(names), frozenset(names), "")

    def _types_of(self, result: sa.CursorResult[Any], names: Sequence[str]) -> dict[str, Any]:
        """What the columns of a query hold. PostgreSQL refuses a key that is not of its column's type."""
        if self.dialect != "postgresql" or result.cursor is None:
            return dict.fromkeys(names)
        codes = [column[1] for column in result.cursor.description]
        return {name: POSTGRES_TYPES.get(code) for name, code in zip(names, codes, strict=True)}

    def _check_encoding(self, connection: sa.Connection) -> None:
        if self.dialect != "postgresql" or self._settings.encoding:
            return
        if connection.exec_driver_sql("SHOW client_encoding").scalar() == "SQL_ASCII":
            raise AccountError(
                f"{self._context.name}: the database does not know the encoding of its text (SQL_ASCII); "
                "nothing was read. Next: declare it as `encoding`."
            )

    def _fit(self, found: _Found) -> Shape:
        settings, names = self._settings, list(found.types)
        key = self._pick("column", settings.key, names)
        changed = self._pick("column", settings.changed.column, names) if settings.changed else None
        deleted = self._pick("column", settings.deleted.column, names) if settings.deleted else None
        reference = self._pick("column", settings.reference, names) if settings.reference else None
        chosen = [self._pick("column", name, names) for name in settings.columns or names]
        fields = tuple(dict.fromkeys([*chosen, key]))
        places = list(dict.fromkeys([*fields, *(name for name in (changed, deleted) if name)]))
        layout = Layout(
            fields=fields,
            key=places.index(key),
            changed=places.index(changed) if changed else None,
            deleted=places.index(deleted) if deleted else None,
            gone=_flags(settings.deleted.values) if settings.deleted else frozenset(),
            zone=ZoneInfo(settings.changed.zone if settings.changed else "UTC"),
            encoding=settings.encoding,
            labelled=self.labelled if self.dialect != "sqlite" else None,
        )
        column = found.source.c
        return Shape(
            source=found.source,
            columns=tuple(names),
            selected=tuple(column[name] for name in places),
            layout=layout,
            key=column[key],
            changed=column[changed] if changed else None,
            deleted=column[deleted] if deleted else None,
            reference=column[reference] if reference else None,
            key_type=_python_type(found.types[key]),
            binary=frozenset(n for n, kind in found.types.items() if _python_type(kind) is bytes),
            unique=key in found.unique,
            nullable=key in found.nullable,
            warnings=_warnings(found, key, changed, settings.query is not None),
        )

    def _pick(self, what: str, name: str, names: Sequence[str]) -> str:
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
                f"{name}: there is no driver for {url.drivername}. Next: install contact-hub[postgres] or "
                "contact-hub[mysql], or the driver's own package."
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
            return TransientError(f"{self._context.name}: the database: {words}; nothing was written.")
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


def _python_type(kind: Any) -> type | None:
    try:
        return None if kind is None else kind.python_type
    except NotImplementedError:
        return None


def _is_partial(index: Any) -> bool:
    return any(option.endswith("_where") for option in index.get("dialect_options", {}))


def _flags(values: Sequence[Any]) -> frozenset[Any]:
    return frozenset([*values, *(str(value) for value in values if value is not None)])


def _warnings(found: _Found, key: str, changed: str | None, is_query: bool) -> tuple[str, ...]:
    said = []
    if key not in found.unique and not is_query:
        said.append(f"column {key} is not unique: of rows with one key the last is taken")
    if changed and changed not in found.indexed:
        said.append(f"column {changed} has no index: every pull scans the table")
    if found.engine.lower() in {"myisam", "aria"}:
        said.append(f"the table ({found.engine}) has no transactions: a failed write may be half done")
    return tuple(said)


def key_values(record_id: str, kind: type | None, dialect: str) -> list[Any]:
    """What a key may be in the database, given the id; empty when it cannot be a key there."""
    made: dict[type, Any] = {
        int: int,
        float: float,
        Decimal: Decimal,
        UUID: UUID,
        bytes: bytes.fromhex,
        datetime: datetime.fromisoformat,
        date: date.fromisoformat,
    }
    if dialect == "sqlite" and record_id.lstrip("-").isdecimal() and len(record_id) < 19:
        return [record_id, int(record_id)]  # its columns take any type
    try:
        return [record_id if kind is None else made.get(kind, str)(record_id)]
    except (ValueError, ArithmeticError):
        return []
