"""One store, two databases: SQLite (WAL, one writer) and PostgreSQL, with identical results.

Schema, engine and pool are SQLAlchemy Core. Statements are prepared once as text for the dialect and run
in batches on the driver's own cursor, since that halves the cost of a row. Writing transactions run one
at a time on both databases: two pages that hold the same person must see one another (docs/why/one-writer.md).
"""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from hub.errors import ConfigError, LeaseLost, TransientError
from hub.store.schema import metadata

POOL = {"pool_size": 10, "max_overflow": 40}  # a thread a connection, and those of the web server
BUSY_SECONDS = 30  # how long a writer waits for the one before it
WRITER_LOCK = 7_210_150  # advisory lock number of "the one writer" on PostgreSQL

Params = Mapping[str, Any]
Row = tuple[Any, ...]


def dumps(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


loads: Callable[[str | bytes], Any] = orjson.loads


@lru_cache(1024)
def _native(text: str, dialect: str) -> str:
    """`:name`, `?` and `IN :*names` in the words of the driver."""
    if dialect == "sqlite":
        return re.sub(r"IN :\*(\w+)", r"IN (SELECT value FROM json_each(:\1))", text)
    text = re.sub(r"IN :\*(\w+)", r"= ANY(:\1)", text.replace("%", "%%"))
    return re.sub(r"(?<![:\w]):(\w+)", r"%(\1)s", text).replace("?", "%s")


@dataclass(frozen=True, slots=True)
class Fence:
    """A lease as its holder knows it: every commit under it checks the token."""

    connection: str
    token: int


class Tx:
    """One transaction. Parameters that are lists stand for `IN :*name`."""

    def __init__(self, cursor: Any, dialect: str) -> None:
        self._cursor = cursor
        self._dialect = dialect

    def _params(self, params: Params) -> Params:
        if self._dialect != "sqlite":
            return params
        return {k: dumps(v) if isinstance(v, list) else v for k, v in params.items()}

    def all(self, text: str, **params: Any) -> list[Row]:
        self._cursor.execute(_native(text, self._dialect), self._params(params))
        return self._cursor.fetchall()  # type: ignore[no-any-return]

    def one(self, text: str, **params: Any) -> Row | None:
        self._cursor.execute(_native(text, self._dialect), self._params(params))
        return self._cursor.fetchone()  # type: ignore[no-any-return]

    def run(self, text: str, **params: Any) -> int:
        """Rows touched."""
        self._cursor.execute(_native(text, self._dialect), self._params(params))
        return int(self._cursor.rowcount)

    def many(self, text: str, rows: Sequence[Params] | Sequence[Sequence[Any]]) -> None:
        """Rows by name, or by place where the text has `?`: that is the quicker way."""
        if rows:
            self._cursor.executemany(_native(text, self._dialect), rows)

    def stream(self, text: str, **params: Any) -> Iterator[Row]:
        self._cursor.execute(_native(text, self._dialect), self._params(params))
        while rows := self._cursor.fetchmany(2000):
            yield from rows


def insert_sql(table: sa.Table, columns: Iterable[str]) -> str:
    names = list(columns)
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(':' + n for n in names)})"


def insert_row_sql(table: sa.Table, columns: Iterable[str]) -> str:
    """For rows that are tuples."""
    names = list(columns)
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


def upsert_sql(table: sa.Table, columns: Iterable[str], key: Sequence[str]) -> str:
    names = list(columns)
    sets = ", ".join(f"{n} = excluded.{n}" for n in names if n not in key)
    return f"{insert_sql(table, names)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sets}"


class Store:
    """All that the hub remembers.

    url       sqlite:///FILE, sqlite:// (in memory) or postgresql+psycopg://…
    boundary  called with "before" and "after" at every commit: where a simulation crashes
    """

    def __init__(self, url: str, *, boundary: Callable[[str], None] | None = None) -> None:
        self.url = sa.make_url(url)
        self.dialect = self.url.get_backend_name()
        if self.dialect not in ("sqlite", "postgresql"):
            raise ConfigError(
                f"The store is of type {self.dialect!r}. Nothing was opened. "
                "Use sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE."
            )
        self.engine = _engine(self.url)
        self._boundary = boundary
        self._thread = threading.local()

    @contextmanager
    def write(self, fence: Fence | None = None) -> Iterator[Tx]:
        """A transaction of the one writer; with a fence, refused when the lease has moved on."""
        with self._transaction(
            "BEGIN IMMEDIATE" if self.dialect == "sqlite" else "BEGIN",
            fence,
        ) as tx:
            yield tx

    @contextmanager
    def read(self) -> Iterator[Tx]:
        begin = "BEGIN" if self.dialect == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        with self._driver() as cursor:
            cursor.execute(begin)
            try:
                yield Tx(cursor, self.dialect)
            finally:
                cursor.execute("ROLLBACK")

    @contextmanager
    def _transaction(self, begin: str, fence: Fence | None) -> Iterator[Tx]:
        with self._driver() as cursor:
            cursor.execute(begin)
            try:
                if self.dialect == "postgresql":
                    cursor.execute(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
                tx = Tx(cursor, self.dialect)
                if fence is not None:
                    _check(tx, fence)
                yield tx
                if self._boundary:
                    self._boundary("before")
            except BaseException:
                _rollback(cursor)
                raise
            cursor.execute("COMMIT")
        if self._boundary:
            self._boundary("after")

    @contextmanager
    def _driver(self) -> Iterator[Any]:
        connection = self._connection()
        try:
            cursor = connection.cursor()
            try:
                yield cursor
            except self.engine.dialect.loaded_dbapi.OperationalError as err:
                raise TransientError(
                    f"The store did not answer ({type(err).__name__}: {_short(err)}). The step was undone; "
                    "it is made again at the next run."
                ) from err
            finally:
                cursor.close()
        finally:
            if self.dialect != "sqlite":
                connection.close()

    def _connection(self) -> Any:
        """PostgreSQL: one of the pool. SQLite: one a thread, kept, since a check-out costs as much as a query."""
        kept = getattr(self._thread, "connection", None)
        if kept is not None:
            return kept
        try:
            connection = self.engine.raw_connection()
        except (sa.exc.OperationalError, self.engine.dialect.loaded_dbapi.OperationalError) as err:
            reason = type(getattr(err, "orig", err)).__name__
            raise TransientError(f"The store cannot be opened ({reason}). Nothing was done.") from err
        except sa.exc.TimeoutError as err:
            raise TransientError("Every connection to the store is in use. The step was not begun.") from err
        if self.dialect == "sqlite":
            self._thread.connection = connection
        return connection

    def create(self) -> None:
        """All tables, for a store that is thrown away; a kept one is made by `upgrade`."""
        metadata.create_all(self.engine)

    @contextmanager
    def scratch(self) -> Iterator[Store]:
        """A copy to try things out on: nothing done in it is kept."""
        if self.dialect == "sqlite":
            with tempfile.TemporaryDirectory(prefix="hub-plan-") as folder:
                path = Path(folder) / "plan.db"
                self.copy_to(path)
                copy = Store(f"sqlite:///{path}")
                try:
                    yield copy
                finally:
                    copy.close()
            return
        with self.engine.connect() as outer:
            yield _Undone(self, outer)

    def copy_to(self, path: Path) -> None:
        """A consistent copy of a SQLite store while it is in use."""
        import sqlite3

        target = sqlite3.connect(path)
        try:
            with self.engine.connect() as source:
                source.connection.driver_connection.backup(target)  # type: ignore[union-attr]
        finally:
            target.close()

    def close(self) -> None:
        """Threads that used the store have ended, or use it no more."""
        kept = getattr(self._thread, "connection", None)
        if kept is not None:
            kept.close()
        self._thread = threading.local()
        self.engine.dispose()


class _Undone(Store):
    """A PostgreSQL store inside one transaction that is rolled back at the end."""

    def __init__(self, store: Store, outer: sa.Connection) -> None:
        self.url, self.dialect, self.engine = store.url, store.dialect, store.engine
        self._boundary = None
        self._cursor: Any = outer.connection.cursor()
        self._cursor.execute("BEGIN")

    @contextmanager
    def write(self, fence: Fence | None = None) -> Iterator[Tx]:
        self._cursor.execute("SAVEPOINT step")
        try:
            tx = Tx(self._cursor, self.dialect)
            if fence is not None:
                _check(tx, fence)
            yield tx
        except BaseException:
            self._cursor.execute("ROLLBACK TO SAVEPOINT step")
            raise
        self._cursor.execute("RELEASE SAVEPOINT step")

    @contextmanager
    def read(self) -> Iterator[Tx]:
        yield Tx(self._cursor, self.dialect)

    def close(self) -> None:
        self._cursor.execute("ROLLBACK")


def _check(tx: Tx, fence: Fence) -> None:
    row = tx.one("SELECT lease_token FROM connection_state WHERE name = :name", name=fence.connection)
    if row is None or row[0] != fence.token:
        raise LeaseLost(
            f"Another process has taken over {fence.connection!r}. This one stopped without writing; "
            "the other goes on from the last saved page."
        )


def _rollback(cursor: Any) -> None:
    try:
        cursor.execute("ROLLBACK")
    except Exception as err:  # noqa: BLE001  the first error matters; a lost connection has rolled back by itself
        del err


def _short(err: Exception) -> str:
    return str(err).splitlines()[0][:120] if str(err) else "no detail"


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True, isolation_level="AUTOCOMMIT", **POOL)
    memory = url.database in (None, "", ":memory:")
    options: dict[str, Any] = {"poolclass": StaticPool} if memory else POOL
    engine = sa.create_engine(
        url,
        connect_args={"isolation_level": None, "timeout": BUSY_SECONDS, "check_same_thread": False},
        **options,
    )

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        if not memory:
            # FULL: a forgotten intent after a power loss would be a doubled contact
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA cache_size = -6000")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.close()

    return engine
