"""One store, two databases: SQLite (WAL, one writer) and PostgreSQL, with identical results.

Schema, engine and pool are SQLAlchemy Core. Statements are prepared once as text for the dialect and run
in batches on the driver's own cursor, since that halves the cost of a row. Writing transactions run one
at a time on both databases: two pages that hold the same person must see one another (docs/why/one-writer.md).
On PostgreSQL a transaction is a pipeline: only for answers that are asked for does it wait for the server.
"""

from __future__ import annotations

import re
import selectors
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
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
IDLE_SECONDS = 10  # a connection to a server that was unused for longer is tried before it is used
WRITER_LOCK = 7_210_150  # advisory lock number of "the one writer" on PostgreSQL

Params = Mapping[str, Any]
Row = tuple[Any, ...]


def dumps(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


loads: Callable[[str | bytes], Any] = orjson.loads


@lru_cache(1024)
def _native(text: str, dialect: str) -> tuple[str, tuple[str, ...]]:
    """`:name`, `?` and `IN :*names` in the words of the driver; and the names of lists to be given as JSON."""
    if dialect == "sqlite":
        lists = tuple(dict.fromkeys(re.findall(r"IN :\*(\w+)", text)))
        return re.sub(r"IN :\*(\w+)", r"IN (SELECT value FROM json_each(:\1))", text), lists
    text = re.sub(r"IN :\*(\w+)", r"= ANY(:\1)", text.replace("%", "%%"))
    return re.sub(r"(?<![:\w]):(\w+)", r"%(\1)s", text).replace("?", "%s"), ()


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
        self._counted: dict[str, int] | None = None
        self._added: dict[str, int] = {}

    def _execute(self, cursor: Any, text: str, params: Params) -> None:
        native, lists = _native(text, self._dialect)
        if lists:
            params = {**params, **{name: dumps(params[name]) for name in lists}}
        cursor.execute(native, params)

    def later(self, text: str, **params: Any) -> Callable[[], list[Row]]:
        """What `all` would return now, to be had later: what is asked together costs one way to the server."""
        rows = self.all(text, **params)
        return lambda: rows

    def all(self, text: str, **params: Any) -> list[Row]:
        self._execute(self._cursor, text, params)
        return self._cursor.fetchall()  # type: ignore[no-any-return]

    def one(self, text: str, **params: Any) -> Row | None:
        self._execute(self._cursor, text, params)
        return self._cursor.fetchone()  # type: ignore[no-any-return]

    def run(self, text: str, **params: Any) -> None:
        self._execute(self._cursor, text, params)

    def touched(self, text: str, **params: Any) -> int:
        """Rows that it changed."""
        self._execute(self._cursor, text, params)
        return int(self._cursor.rowcount)

    def many(
        self, text: str, rows: Sequence[Params] | Sequence[Sequence[Any]], types: Sequence[str] | None = None
    ) -> None:
        """Rows by name, or by place where the text has `?`: that is the quicker way.

        types  of the columns, of an INSERT by place: all rows are then one statement on PostgreSQL
        """
        if not rows:
            return
        if types is None or self._dialect == "sqlite":
            self._cursor.executemany(_native(text, self._dialect)[0], rows)
            return
        names = [f"c{n}" for n in range(len(types))]
        arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in zip(names, types, strict=True))
        text = re.sub(r"VALUES \([?, ]+\)", f"SELECT * FROM unnest({arrays})", text)
        self._execute(self._cursor, text, dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))

    def stream(self, text: str, **params: Any) -> Iterator[Row]:
        self._execute(self._cursor, text, params)
        while rows := self._cursor.fetchmany(2000):
            yield from rows

    # --- counters: read once a transaction, written once at its end; nobody else changes them meanwhile

    def counter(self, name: str) -> int:
        if self._counted is None:
            self._counted = dict(self.all("SELECT name, value FROM counter"))
        return self._counted.get(name, 0) + self._added.get(name, 0)

    def count(self, name: str, n: int) -> None:
        self._added[name] = self._added.get(name, 0) + n

    # --- beginning and end

    def end(self, how: str) -> None:
        """COMMIT or ROLLBACK."""
        self.run(how)
        self._cursor.close()

    def undo(self) -> None:
        """After an error."""
        try:
            self._cursor.execute("ROLLBACK")
            self._cursor.close()
        except Exception as err:  # noqa: BLE001  the first error matters; a lost connection has rolled back by itself
            del err

    def guard(self, fence: Fence) -> None:
        """LeaseLost, now or with the first answer, when the lease has moved on."""
        _check(fence, self.all(_LEASE, name=fence.connection))

    def finish(self) -> None:
        """Before the commit."""
        self.many(_COUNT, sorted(self._added.items()), ("text", "bigint"))
        self._added.clear()
        self._counted = None


_LEASE = "SELECT lease_token, NULL FROM connection_state WHERE name = :name"
_AND_COUNTERS = " UNION ALL SELECT value, name FROM counter"
_COUNT = (
    "INSERT INTO counter (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value"
)


class Pipelined(Tx):
    """On PostgreSQL: a statement is sent at once, and an error of it comes with the next answer or the commit."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection.cursor(), "postgresql")
        self._connection = connection
        self._guard: tuple[Fence, Any] | None = None
        self._mode = ExitStack()
        self._pipeline = self._mode.enter_context(connection.pipeline())

    def _sent(self, text: str, params: Params) -> Any:
        """Each question has a cursor of its own: answers to what was sent before would be taken for its own."""
        cursor = self._connection.cursor()
        self._execute(cursor, text, params)
        return cursor

    def _pass(self) -> None:
        """Nothing is answered to who has lost the lease."""
        if self._guard is not None:
            (fence, cursor), self._guard = self._guard, None
            rows = cursor.fetchall()
            _check(fence, [row for row in rows if row[1] is None])
            self._counted = {name: value for value, name in rows if name is not None}

    def counter(self, name: str) -> int:
        self._pass()
        return super().counter(name)

    def later(self, text: str, **params: Any) -> Callable[[], list[Row]]:
        cursor = self._sent(text, params)

        def rows() -> list[Row]:
            self._pass()
            return cursor.fetchall()  # type: ignore[no-any-return]

        return rows

    def all(self, text: str, **params: Any) -> list[Row]:
        return self.later(text, **params)()

    def one(self, text: str, **params: Any) -> Row | None:
        cursor = self._sent(text, params)
        self._pass()
        return cursor.fetchone()  # type: ignore[no-any-return]

    def touched(self, text: str, **params: Any) -> int:
        cursor = self._sent(text, params)
        self._pass()
        with self._connection.pipeline():
            pass  # leaving an inner one waits for all answers
        return int(cursor.rowcount)

    def stream(self, text: str, **params: Any) -> Iterator[Row]:
        cursor = self._sent(text, params)
        self._pass()
        while rows := cursor.fetchmany(2000):
            yield from rows

    def guard(self, fence: Fence) -> None:
        self._guard = fence, self._sent(_LEASE + _AND_COUNTERS, {"name": fence.connection})

    def finish(self) -> None:
        super().finish()
        self._pass()

    def end(self, how: str) -> None:
        self.run(how)
        self._mode.close()

    def undo(self) -> None:
        try:
            self._pipeline.sync()  # what is still on its way says nothing new, and leaving would log it
        except Exception as err:  # noqa: BLE001  the first error matters
            del err
        try:
            self._mode.close()
        except Exception as err:  # noqa: BLE001  the same
            del err
        super().undo()


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


_ALONE = f"SELECT pg_advisory_xact_lock({WRITER_LOCK})"
_ALONE_WITH_FEW = f"{_ALONE}, set_config('plan_cache_mode', 'force_generic_plan', true)"


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
    def write(self, fence: Fence | None = None, *, few: bool = False) -> Iterator[Tx]:
        """A transaction of the one writer; with a fence, refused when the lease has moved on.

        few  all lists in it are short: then PostgreSQL keeps its plans, where a long list is worth a plan of its own
        """
        connection, tx = self._tx()
        try:
            if self.dialect == "sqlite":
                tx.run("BEGIN IMMEDIATE")
            else:
                tx.run("BEGIN")
                tx.run(_ALONE_WITH_FEW if few else _ALONE)
            if fence is not None:
                tx.guard(fence)
            yield tx
            tx.finish()
            if self._boundary:
                self._boundary("before")
            tx.end("COMMIT")
        except BaseException as err:
            tx.undo()
            self._say_away(err)
            raise
        finally:
            self._give_back(connection)
        if self._boundary:
            self._boundary("after")

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """What all statements in it see is one moment."""
        connection, tx = self._tx()
        try:
            tx.run("BEGIN" if self.dialect == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield tx
            tx.end("ROLLBACK")
        except BaseException as err:
            tx.undo()
            self._say_away(err)
            raise
        finally:
            self._give_back(connection)

    @contextmanager
    def glance(self) -> Iterator[Tx]:
        """For a single statement: what it sees is one moment without a transaction around it."""
        connection = self._connection()
        try:
            yield Tx(connection.cursor(), self.dialect)
        except self.engine.dialect.loaded_dbapi.OperationalError as err:
            self._say_away(err)
            raise
        finally:
            self._give_back(connection)

    def _tx(self) -> tuple[Any, Tx]:
        connection = self._connection()
        if self.dialect == "sqlite":
            return connection, Tx(connection.cursor(), self.dialect)
        try:
            return connection, Pipelined(connection.driver_connection)
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
    def write(self, fence: Fence | None = None, *, few: bool = False) -> Iterator[Tx]:  # noqa: ARG002  as in `Store`
        self._cursor.execute("SAVEPOINT step")
        try:
            tx = Tx(self._cursor, self.dialect)
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
        yield Tx(self._cursor, self.dialect)

    glance = read

    def close(self) -> None:
        self._cursor.execute("ROLLBACK")


def _check(fence: Fence, rows: Sequence[Row]) -> None:
    if not rows or rows[0][0] != fence.token:
        raise LeaseLost(
            f"Another process has taken over {fence.connection!r}. This one stopped without writing; "
            "the other goes on from the last saved page."
        )


def _short(err: Exception) -> str:
    return str(err).splitlines()[0][:120] if str(err) else "no detail"


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return _kept_alive(sa.create_engine(url, isolation_level="AUTOCOMMIT", **POOL))
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
