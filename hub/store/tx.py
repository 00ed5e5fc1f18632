"""Statements of one transaction, in the words of the database. On PostgreSQL they are sent without waiting."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import orjson

from hub.errors import LeaseLost

if TYPE_CHECKING:
    from hub.store.keyring import Keyring

Params = Mapping[str, Any]
Row = tuple[Any, ...]


def dumps(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


loads: Callable[[str | bytes], Any] = orjson.loads


@lru_cache(1024)
def _native(text: str, dialect: str) -> tuple[str, tuple[str, ...]]:
    """`:name`, `?`, `IN :*names` and `EACH :*names TYPE alias` in the words of the driver; and the names of lists to be
    given as JSON. EACH is a table of one column, `value`.
    """
    if dialect == "sqlite":
        lists = tuple(dict.fromkeys(re.findall(r"(?:IN|EACH) :\*(\w+)", text)))
        text = re.sub(r"EACH :\*(\w+) \w+ (\w+)", r"json_each(:\1) \2", text)
        return re.sub(r"IN :\*(\w+)", r"IN (SELECT value FROM json_each(:\1))", text), lists
    text = re.sub(r"EACH :\*(\w+) (\w+) (\w+)", r"unnest(CAST(:\1 AS \2[])) AS \3(value)", text.replace("%", "%%"))
    text = re.sub(r"IN :\*(\w+)", r"= ANY(:\1)", text)
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
        self.memo: dict[str, Any] = {}  # what was read once and holds until the end of the transaction
        self._keys: Keyring | None = None

    @property
    def keys(self) -> Keyring:
        """What secrets and the audit of this store are made with."""
        assert self._keys is not None, "this transaction was begun without the keys of its store"
        return self._keys

    def with_keys(self, keys: Keyring) -> Self:
        self._keys = keys
        return self

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


def _check(fence: Fence, rows: Sequence[Row]) -> None:
    if not rows or rows[0][0] != fence.token:
        raise LeaseLost(
            f"Another process has taken over {fence.connection!r}. This one stopped without writing; "
            "the other goes on from the last saved page."
        )
