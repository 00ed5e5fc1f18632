"""One store, two databases: SQLite (WAL, one writer) and PostgreSQL, with identical results.

Schema, engine and pool are SQLAlchemy Core. Statements are prepared once as text for the dialect and run
in batches on the driver's own cursor, since that halves the cost of a row. Writing transactions run one
at a time on both databases: two pages that hold the same person must see one another (docs/why/one-writer.md).
On PostgreSQL a transaction is a pipeline: only for answers that are asked for does it wait for the server.
"""

from __future__ import annotations

import selectors
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from hub.errors import ConfigError, TransientError
from hub.store.keyring import Keyring, kept_in, passing
from hub.store.schema import metadata
from hub.store.turns import Turns
from hub.store.tx import Fence, Pipelined, Row, Tx, dumps, loads

__all__ = ["Fence", "Row", "Store", "Tx", "dumps", "insert_row_sql", "insert_sql", "loads"]

POOL = {"pool_size": 10, "max_overflow": 40}  # a thread a connection, and those of the web server
CHECKPOINT = 1_000  # blocks of 4 KiB in the log of SQLite from which on they are carried into the file
LATE_CHECKPOINT = 16_000
BUSY_SECONDS = 30  # how long a writer waits for the one before it
FOLD_SECONDS = 0.5  # how long readers are waited for before the log is folded in: the writer waits as long
BUSY_NAMES = frozenset({"SQLITE_BUSY", "SQLITE_BUSY_RECOVERY", "SQLITE_BUSY_SNAPSHOT"})
LOOK_AGAIN_SECONDS = 0.001  # whether the writer of another process has ended
LONG_SECONDS = 0.01  # of a transaction after which others come first
IDLE_SECONDS = 10  # a connection to a server that was unused for longer is tried before it is used
WRITER_LOCK = 7_210_150  # advisory lock number of "the one writer" on PostgreSQL


def insert_sql(table: sa.Table, columns: Iterable[str]) -> str:
    names = list(columns)
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(':' + n for n in names)})"


def insert_row_sql(table: sa.Table, columns: Iterable[str]) -> str:
    """For rows that are tuples."""
    names = list(columns)
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


_WRITING = "BEGIN IMMEDIATE"  # on SQLite
_ALONE = f"SELECT pg_advisory_xact_lock({WRITER_LOCK})"
_ALONE_WITH_FEW = f"{_ALONE}, set_config('plan_cache_mode', 'force_generic_plan', true)"


class Store:
    """All that the hub remembers.

    url       sqlite:///FILE, sqlite:// (in memory) or postgresql+psycopg://…
    keys      what secrets and the audit are made with; None: a file beside a SQLite store, else keys that pass with it
    boundary  called with "before" and "after" at every commit: where a simulation crashes
    """

    def __init__(self, url: str, *, boundary: Callable[[str], None] | None = None, keys: Keyring | None = None) -> None:
        self.url = sa.make_url(url)
        self.dialect = self.url.get_backend_name()
        if self.dialect not in ("sqlite", "postgresql"):
            raise ConfigError(
                f"The store is of type {self.dialect!r}. Nothing was opened. "
                "Use sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE."
            )
        self.engine = _engine(self.url)
        self.keys = keys or Keyring(self._own_master())
        self._boundary = boundary
        self._thread = threading.local()
        # PostgreSQL's advisory lock is given in the order in which it was asked for
        self._turns: AbstractContextManager[None] = Turns() if self.dialect == "sqlite" else nullcontext()

    @property
    def in_memory(self) -> bool:
        """One connection for all threads: for a test or a trial, where no two use it at once."""
        return self.dialect == "sqlite" and self.url.database in (None, "", ":memory:")

    def _own_master(self) -> Callable[[bool], bytes]:
        kept = self.dialect == "sqlite" and not self.in_memory
        return kept_in(Path(f"{self.url.database}.key")) if kept else passing()

    @contextmanager
    def write(self, fence: Fence | None = None, *, few: bool = False) -> Iterator[Tx]:
        """A transaction of the one writer; with a fence, refused when the lease has moved on. Not one within another.

        few  all lists in it are short: then PostgreSQL keeps its plans, where a long list is worth a plan of its own
        """
        begin = (_WRITING,) if self.dialect == "sqlite" else ("BEGIN", _ALONE_WITH_FEW if few else _ALONE)
        with self._turns:
            with self._transaction(*begin) as tx:
                began = time.monotonic()
                if fence is not None:
                    tx.guard(fence)
                yield tx
                tx.finish()
                if self._boundary:
                    self._boundary("before")
                tx.end("COMMIT")
            self._let_others_in(began)
        if self._boundary:
            self._boundary("after")

    def _let_others_in(self, began: float) -> None:
        """Writers of other processes look every now and then whether it is their turn: after a long one of ours they
        find it before the next of ours begins."""
        if self.dialect == "sqlite" and time.monotonic() - began > LONG_SECONDS:
            time.sleep(2 * LOOK_AGAIN_SECONDS)

    @contextmanager
    def many_pages(self) -> Iterator[None]:
        """For a load that writes page after page all over the indexes: what was committed is carried from the log of
        SQLite into its file less often. A kill loses as little as ever. In this thread only."""
        if self.dialect != "sqlite":
            yield
            return
        connection = self._connection()
        connection.execute(f"PRAGMA wal_autocheckpoint = {LATE_CHECKPOINT}")
        try:
            yield
        finally:
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """What all statements in it see is one moment."""
        begin = "BEGIN" if self.dialect == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        with self._transaction(begin) as tx:
            yield tx
            tx.end("ROLLBACK")

    @contextmanager
    def _transaction(self, *begin: str) -> Iterator[Tx]:
        """Undone by an error; who begins one ends it."""
        connection, tx = self._tx()
        try:
            for text in begin:
                if text == _WRITING:
                    self._begin_writing(tx)
                else:
                    tx.run(text)
            yield tx
        except BaseException as err:
            tx.undo()
            self._say_away(err)
            raise
        finally:
            self._give_back(connection)

    def _begin_writing(self, tx: Tx) -> None:
        """Wait for the writer of another process, and come right after it.

        SQLite itself would look again after up to 0.1 s each time: beside a process that writes page after page, a
        small write then seldom finds the moment in between.
        """
        until = time.monotonic() + BUSY_SECONDS
        busy: type[Exception] = self.engine.dialect.loaded_dbapi.OperationalError
        tx.run("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    tx.run(_WRITING)
                    return
                except busy as err:
                    if getattr(err, "sqlite_errorname", "") not in BUSY_NAMES or time.monotonic() > until:
                        raise
                time.sleep(LOOK_AGAIN_SECONDS)
        finally:
            tx.run(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")

    @contextmanager
    def glance(self) -> Iterator[Tx]:
        """For a single statement: what it sees is one moment without a transaction around it."""
        connection = self._connection()
        try:
            yield Tx(connection.cursor(), self.dialect).with_keys(self.keys)
        except self.engine.dialect.loaded_dbapi.OperationalError as err:
            self._say_away(err)
            raise
        finally:
            self._give_back(connection)

    def _tx(self) -> tuple[Any, Tx]:
        connection = self._connection()
        if self.dialect == "sqlite":
            return connection, Tx(connection.cursor(), self.dialect).with_keys(self.keys)
        try:
            return connection, Pipelined(connection.driver_connection).with_keys(self.keys)
        except BaseException:
            connection.close()
            raise

    def _give_back(self, connection: Any) -> None:
        if self.dialect != "sqlite":
            connection.close()

    def _say_away(self, err: BaseException) -> None:
        if isinstance(err, self.engine.dialect.loaded_dbapi.OperationalError):
            raise TransientError(
                f"The store did not answer ({type(err).__name__}: {_short(err)}). The step was undone; "
                "it is made again at the next run."
            ) from err

    def _connection(self) -> Any:
        """PostgreSQL: one of the pool. SQLite: one a thread, kept, since a check-out costs as much as a query."""
        kept = getattr(self._thread, "connection", None)
        if kept is not None:
            return kept
        try:
            connection = self.engine.raw_connection()
        except (sa.exc.OperationalError, self.engine.dialect.loaded_dbapi.OperationalError) as err:
            reason = type(getattr(err, "orig", err)).__name__
            url = self.engine.url
            where = f" at {url.host}" + (f":{url.port}" if url.port else "") if url.host else ""
            raise TransientError(
                f"The store{where} cannot be opened ({reason}). Nothing was done. Next: see that it runs and lets this "
                "user in, or correct `store` in hub.yaml."
            ) from err
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
                copy = Store(f"sqlite:///{path}", keys=self.keys)
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

    def fold_log(self) -> bool:
        """Leave nothing in the log beside a SQLite file. False: somebody was reading; to be tried again.

        A server looks after its own.
        """
        if self.dialect != "sqlite" or self.in_memory:
            return True
        from contextlib import closing
        from sqlite3 import connect

        with closing(connect(str(self.url.database), timeout=FOLD_SECONDS, isolation_level=None)) as connection:
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

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
        self.keys = store.keys
        self._boundary = None
        self._cursor: Any = outer.connection.cursor()
        self._cursor.execute("BEGIN")

    @contextmanager
    def write(self, fence: Fence | None = None, *, few: bool = False) -> Iterator[Tx]:  # noqa: ARG002  as in `Store`
        self._cursor.execute("SAVEPOINT step")
        try:
            tx = Tx(self._cursor, self.dialect).with_keys(self.keys)
            if fence is not None:
                tx.guard(fence)
            yield tx
            tx.finish()
        except BaseException:
            self._cursor.execute("ROLLBACK TO SAVEPOINT step")
            raise
        self._cursor.execute("RELEASE SAVEPOINT step")

    @contextmanager
    def read(self) -> Iterator[Tx]:
        yield Tx(self._cursor, self.dialect).with_keys(self.keys)

    glance = read

    def close(self) -> None:
        self._cursor.execute("ROLLBACK")


def _short(err: Exception) -> str:
    return str(err).splitlines()[0][:120] if str(err) else "no detail"


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return _kept_alive(sa.create_engine(url, isolation_level="AUTOCOMMIT", **POOL))
    memory = url.database in (None, "", ":memory:")
    # a thread that ends gives its connection back: where all share one, nobody's transaction is undone by that
    options: dict[str, Any] = {"poolclass": StaticPool, "pool_reset_on_return": None} if memory else POOL
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
            # what is deleted is gone from the file too, and not only from its tables
            cursor.execute("PRAGMA secure_delete = ON")
        cursor.execute("PRAGMA cache_size = -6000")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.close()

    return engine


def _kept_alive(engine: sa.Engine) -> sa.Engine:
    """Connections that the server has closed are replaced before they are used.

    One that was used a moment ago is alive unless the server has sent something, such as its end: to look at the
    socket costs a hundredth of asking the server each time.
    """

    @sa.event.listens_for(engine, "checkin")
    def _note(_: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def _try(connection: Any, record: Any, _: Any) -> None:
        used = record.info.get("used")
        if used is None or (time.monotonic() - used < IDLE_SECONDS and not _has_news(connection)):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as err:
            raise sa.exc.DisconnectionError("The server has closed the connection.") from err

    return engine


def _has_news(connection: Any) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(connection.fileno(), selectors.EVENT_READ)
        return bool(selector.select(0))
