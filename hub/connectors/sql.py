"""Contacts in a table or query of any database that SQLAlchemy speaks to.

Pages    in key order, each fetch a statement of its own (a query or a key that is not unique: one stream)
Changes  by a column the database keeps: from its own values, inclusive, less the overlap; rows without a
         change time are read in every pull, since nothing else would show that they are new
Deletes  by a flag column, else by absence in a full listing
Writes   one transaction a call, a savepoint a row; a row is read and locked, compared, then written
Values   text loses the spaces that pad it on the right; numbers with a fraction, times and bytes are text
Quirk    a table without transactions (MyISAM) keeps what was written before a call failed; `check` warns

The default mapping is empty: columns named like the canonical fields map by themselves. Then a value whose
column the table does not have is left out of a write, and what is left is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, timedelta
from hashlib import blake2b
from itertools import chain
from typing import Any, ClassVar

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.types import NULLTYPE

from hub.connectors.contract import PAGE_SIZE, Can, Connector, Context, Promise, Report
from hub.connectors.rows import (
    Item,
    Layout,
    earlier,
    identity,
    moment,
    pack,
    repeated,
    row_reader,
    unpack,
)
from hub.connectors.sql_errors import Meaning, meaning
from hub.connectors.sql_settings import SqlSettings
from hub.connectors.sql_source import Column, CommitRefusedError, Database, Shape, key_values
from hub.errors import AccountError, CursorExpired
from hub.mapping.flat import SEPARATORS, SINGULAR
from hub.model import Cursor, Done, Missing, Op, Outcome, Page, Record, Refused, Stale, Unreadable, Write

FETCH = 5 * PAGE_SIZE  # rows a statement: a sort for a page each would be slow without an index
BATCH = 500
FUTURE = timedelta(days=2)  # a change time further ahead than any time zone explains is a mistake

Row = Sequence[Any]


class _UnfitError(Exception):
    """This row, with these values, cannot be written: the reason, without the values."""


class SqlConnector(Connector):
    """A legacy database: SQLite, PostgreSQL, MariaDB, MySQL, and others by their SQLAlchemy driver."""

    Settings: ClassVar[type[SqlSettings]] = SqlSettings
    default_mapping: ClassVar[str] = ""  # flat: columns named like the canonical fields
    example: ClassVar[str] = """\
type: sql
url: mysql+pymysql://shop:${env:SHOP_PASSWORD}@127.0.0.1/shop?charset=latin1
table: CLIENTES
key: COD_CLI
changed: {column: FMOD, overlap: 5 minutes}
deleted: {column: BAJA, values: [S]}
reference: REF_HUB
mapping: mappings/old_shop.yaml
push: false                # begin without writing
"""

    settings: SqlSettings

    def __init__(self, settings: SqlSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._db = Database(settings, context)
        self._known: Shape | None = None
        asked = settings.model_dump(include={"table", "query", "schema_name", "key", "changed"})
        self._mark = blake2b(orjson.dumps(asked), digest_size=4).hexdigest()

    @property
    def can(self) -> Can:
        settings, table = self.settings, self.settings.table is not None
        changes = settings.changed is not None
        promise = Promise.READBACK if settings.reference else Promise.WRITE_ONLY
        return Can(
            changes=changes,
            tombstones=changes and settings.deleted is not None,
            read=True,
            create=table,
            update=table,
            delete=table,
            stale=table,
            batch=BATCH if table else 1,
            promise=Promise.KEYED if settings.create_key == "hub" else promise,
        )

    def check(self) -> Report:
        shape = self._look()
        with self._db.reading() as connection:
            count = _count(connection, shape, None)
            keyless = _count(connection, shape, shape.key.is_(None)) if shape.nullable else 0
            unstamped = 0 if shape.changed is None else _count(connection, shape, shape.changed.is_(None))
        warnings = list(shape.warnings)
        if keyless:
            warnings.append(f"{keyless} rows have no key: they are set aside")
        if unstamped:
            warnings.append(f"{unstamped} rows have no change time: they are read in every pull")
        by = "comparing all rows" if shape.changed is None else shape.changed.key
        lines = (
            f"{count} rows, key {shape.key.key}, changes by {by}",
            f"columns {', '.join(shape.columns)}",
        )
        return Report(self._db.version, lines, tuple(warnings), count)

    # --- reading ----------------------------------------------------------------------------------

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        place = None if since is None else self._place(since)
        shape = self._look()
        if place is None or "list" in place:
            yield from self._list(shape, place)
        else:
            yield from self._changes(shape, place)

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        shape, found = self._shape(), dict[str, Record]()
        for start in range(0, len(ids), BATCH):
            with self._db.reading() as connection:
                rows = self._rows(connection, shape, ids[start : start + BATCH])
            found.update({key: item for key, (_, item) in rows.items() if isinstance(item, Record)})
        return found

    def find(self, key: str) -> Record | None:
        assert self.can.promise is not Promise.WRITE_ONLY, "not declared in `can`"
        shape = self._shape()
        with self._db.reading() as connection:
            return self._carrying(connection, shape, key)

    def _list(self, shape: Shape, place: Mapping[str, Any] | None) -> Iterator[Page]:
        """Everything in key order, after the place of an interrupted listing."""
        key = shape.layout.key
        high = place["high"] if place else pack(self._high(shape))

        def resume(row: Row) -> Cursor | None:
            return None if row[key] is None else self._cursor(list=pack(row[key]), high=high)

        rows = self._ordered(shape, [(shape.key, key)], [unpack(place["list"])] if place else None, None)
        if place is None and shape.nullable:
            keyless = sa.select(*shape.selected).where(shape.key.is_(None))
            rows = chain(self._stream(keyless), rows)
        final = None if shape.changed is None else self._cursor(since=high)
        yield from _pages(shape.layout, rows, resume, final)

    def _changes(self, shape: Shape, place: Mapping[str, Any]) -> Iterator[Page]:
        """Rows without a change time, then those changed since the cursor less the overlap."""
        assert shape.changed is not None
        assert shape.layout.changed is not None
        key, changed, since = shape.layout.key, shape.layout.changed, place["since"]
        high = place["high"] if "high" in place else pack(self._high(shape))

        def resume(row: Row) -> Cursor | None:
            if row[changed] is None:
                return self._cursor(since=since, high=high, unstamped=pack(row[key]))
            return self._cursor(since=since, high=high, at=[pack(row[changed]), pack(row[key])])

        where: sa.ColumnElement[bool] = shape.changed.is_not(None)
        if since is not None:
            where = shape.changed >= self._db.bind(self._low(unpack(since)))
        order = [(shape.changed, changed), (shape.key, key)]
        after = [unpack(part) for part in place["at"]] if "at" in place else None
        rows = self._ordered(shape, order, after, where)
        if after is None:
            start = [unpack(place["unstamped"])] if "unstamped" in place else None
            rows = chain(self._ordered(shape, order[1:], start, shape.changed.is_(None)), rows)
        yield from _pages(shape.layout, rows, resume, self._cursor(since=high))

    def _ordered(
        self,
        shape: Shape,
        order: list[tuple[Column, int]],
        after: list[Any] | None,
        where: sa.ColumnElement[bool] | None,
    ) -> Iterator[Row]:
        """Rows that have a key in this order (column and its place), after the given values.

        Where keys may repeat it is one stream that begins at, not after, the first of these values.
        """
        columns = [column for column, _ in order]
        base = sa.select(*shape.selected).where(shape.key.is_not(None)).order_by(*columns)
        if where is not None:
            base = base.where(where)
        if not shape.unique:
            yield from self._stream(base if after is None else base.where(self._from(columns[0], after[0])))
            return
        while True:
            rows = self._fetch(base if after is None else base.where(self._beyond(columns, after)))
            yield from rows
            if len(rows) < FETCH:
                return
            after = [rows[-1][place] for _, place in order]

    def _from(self, column: Column, value: Any) -> sa.ColumnElement[bool]:
        return column >= self._db.bind(value)

    def _beyond(self, columns: list[Column], after: list[Any]) -> sa.ColumnElement[bool]:
        first = columns[0]
        later = first > self._db.bind(after[0])
        if len(columns) == 1:
            return later
        same = first == self._db.bind(after[0])
        return sa.or_(later, sa.and_(same, self._beyond(columns[1:], after[1:])))

    def _fetch(self, statement: sa.Select[Any]) -> Sequence[Row]:
        with self._db.reading() as connection:
            return connection.execute(statement.limit(FETCH)).all()

    def _stream(self, statement: sa.Select[Any]) -> Iterator[Row]:
        with self._db.reading() as connection:
            connection = connection.execution_options(stream_results=True, max_row_buffer=PAGE_SIZE)
            with connection.execute(statement) as result:  # closed too when nobody reads on
                yield from result

    def _high(self, shape: Shape) -> Any:
        """The latest change the database knows of now; a time in the future does not count."""
        if shape.changed is None:
            return None
        latest = sa.select(sa.func.max(shape.changed, type_=NULLTYPE))
        with self._db.reading() as connection:
            high = connection.execute(latest).scalar()
            at = moment(high, shape.layout.zone)
            now = moment(connection.execute(sa.select(sa.func.now())).scalar(), UTC)
            if at is None or now is None or at <= now + FUTURE:
                return high
            limit = earlier(high, (at - now - FUTURE).total_seconds())
            return connection.execute(latest.where(shape.changed <= self._db.bind(limit))).scalar()

    def _low(self, since: Any) -> Any:
        assert self.settings.changed is not None
        try:
            return earlier(since, self.settings.changed.overlap)
        except (ValueError, OverflowError) as error:
            raise AccountError(
                f"{self.context.name}: column {self.settings.changed.column} holds text that is no time in "
                "ISO form, so changes cannot be told by it; nothing was read. Next: remove `changed`, or set "
                "its `overlap` to 0 if the text sorts by time."
            ) from error

    # --- rows by key ------------------------------------------------------------------------------

    def _rows(
        self, connection: sa.Connection, shape: Shape, ids: Sequence[str], lock: bool = False
    ) -> dict[str, tuple[Row, Item]]:
        """By id: the row and what it is read as; the last one where a key repeats."""
        statement = sa.select(*shape.selected)
        if lock:
            statement = statement.with_for_update()
        values = [value for i in ids for value in key_values(i, shape.key_type, self._db.dialect)]
        found = self._among(connection, shape, statement, shape.key, values, ids)
        left = [record_id for record_id in ids if record_id not in found]
        if left and shape.key_type in {str, None}:  # padded, in a database to which that matters
            text = sa.cast(shape.key, sa.Text) if self._db.dialect == "postgresql" else shape.key
            found |= self._among(connection, shape, statement, sa.func.rtrim(text), left, ids)
        return found

    def _among(
        self,
        connection: sa.Connection,
        shape: Shape,
        statement: sa.Select[Any],
        column: Column,
        values: Sequence[Any],
        ids: Sequence[str],
    ) -> dict[str, tuple[Row, Item]]:
        if not values:
            return {}
        wanted, read = set(ids), row_reader(shape.layout)
        found: dict[str, tuple[Row, Item]] = {}
        for row in connection.execute(statement.where(self._db.among(column, values))):
            item = read(row)
            if item.id in wanted:
                found[str(item.id)] = (row, item)
        return found

    def _carrying(self, connection: sa.Connection, shape: Shape, key: str) -> Record | None:
        """The live record with the hub's key."""
        column = shape.reference if self.settings.create_key == "database" else shape.key
        assert column is not None
        read = row_reader(shape.layout)
        rows = connection.execute(sa.select(*shape.selected).where(column == self._db.bind(key)))
        records = [item for item in map(read, rows) if isinstance(item, Record)]
        return min(records, key=lambda record: record.id) if records else None

    # --- writing ----------------------------------------------------------------------------------

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        can = self.can
        able = {Op.CREATE: can.create, Op.UPDATE: can.update, Op.DELETE: can.delete}
        assert all(able.get(write.op) for write in writes), "not declared in `can`"
        shape = self._shape()
        try:
            with self._db.writing() as connection:
                outcomes = [self._one(connection, shape, write) for write in writes]
        except CommitRefusedError as refused:
            if len(writes) == 1:
                return [Refused(f"the database refused the row: {refused}")]
            return [outcome for write in writes for outcome in self.write([write])]
        return outcomes

    def _one(self, connection: sa.Connection, shape: Shape, write: Write) -> Outcome:
        carry_out = {Op.CREATE: self._create, Op.UPDATE: self._update, Op.DELETE: self._delete}[write.op]
        try:
            with connection.begin_nested():
                return carry_out(connection, shape, write)
        except _UnfitError as unfit:
            return Refused(str(unfit))
        except (UnicodeError, OverflowError):
            return Refused("a value does not exist in the encoding of the database, or is too large for it")
        except DBAPIError as error:
            kind, words = meaning(error.orig, self._db.dialect) if error.orig else (Meaning.UNKNOWN, "")
            unfit_class = kind is Meaning.UNKNOWN and isinstance(error, DataError | IntegrityError)
            if kind is not Meaning.REFUSED and not unfit_class:
                raise
            return Refused(f"the database refused the row: {words}")

    def _create(self, connection: sa.Connection, shape: Shape, write: Write) -> Outcome:
        if self.can.promise is not Promise.WRITE_ONLY:
            there = self._carrying(connection, shape, write.key)
            if there is not None:
                return Done(there)
        values = self._values(shape, write.fields)
        if not values:
            raise _UnfitError("the table has no column for any of the values")
        own = shape.key if self.settings.create_key == "hub" else shape.reference
        if own is not None:
            values[str(own.key)] = self._db.bind(write.key)
        assert isinstance(shape.source, sa.TableClause)
        statement = sa.insert(shape.source).values(values)
        if self._db.returning:
            new = connection.execute(statement.returning(shape.key)).scalar_one()
        else:
            result = connection.execute(statement)
            new = write.fields.get(str(shape.key.key), result.lastrowid)
        return Done(self._stored(connection, shape, identity(new)))

    def _update(self, connection: sa.Connection, shape: Shape, write: Write) -> Outcome:
        row, record = self._locked(connection, shape, write)
        if record is None:
            return Missing()
        if write.version is not None and record.version != write.version:
            return Stale()
        key = str(shape.key.key)
        if key in write.fields and identity(write.fields[key]) != record.id:
            raise _UnfitError(f"the key column {key} cannot be changed")
        values = self._values(shape, {k: v for k, v in write.fields.items() if k != key})
        if not values:
            return Done(record)
        assert isinstance(shape.source, sa.TableClause)
        unchanged = [self._holds(shape, row, name) for name in values]
        statement = sa.update(shape.source).where(self._is(shape, row), *unchanged).values(values)
        if connection.execute(statement).rowcount == 0:
            return Stale()
        return Done(self._stored(connection, shape, record.id))

    def _delete(self, connection: sa.Connection, shape: Shape, write: Write) -> Outcome:
        row, record = self._locked(connection, shape, write)
        if record is None:
            return Missing()
        if write.version is not None and record.version != write.version:
            return Stale()
        assert isinstance(shape.source, sa.TableClause)
        if shape.deleted is None or self.settings.deleted is None:
            connection.execute(sa.delete(shape.source).where(self._is(shape, row)))
            return Done(None)
        flag = {str(shape.deleted.key): self._db.bind(self.settings.deleted.values[0])}
        connection.execute(sa.update(shape.source).where(self._is(shape, row)).values(flag))
        return Done(None)

    def _locked(self, connection: sa.Connection, shape: Shape, write: Write) -> tuple[Row, Record] | tuple[Row, None]:
        assert write.id is not None
        row, item = self._rows(connection, shape, [write.id], lock=True).get(write.id, ((), None))
        if isinstance(item, Unreadable):
            raise _UnfitError(f"{item.reason}: it is not written to")
        return (row, item) if isinstance(item, Record) else (row, None)

    def _stored(self, connection: sa.Connection, shape: Shape, record_id: str) -> Record:
        _, item = self._rows(connection, shape, [record_id]).get(record_id, ((), None))
        if not isinstance(item, Record):
            raise _UnfitError("the table does not give the row back after the write: it was undone")
        return item

    def _values(self, shape: Shape, fields: Mapping[str, Any]) -> dict[str, Any]:
        if self.context.by_name:
            fields = _with_a_place(fields, shape.columns)
        unknown = sorted(set(fields) - set(shape.columns))
        if unknown:
            raise _UnfitError(f"there is no column {', '.join(unknown)}")
        return {name: self._value(shape, name, value) for name, value in fields.items()}

    def _value(self, shape: Shape, name: str, value: Any) -> Column:
        """As the column takes it, in the declared encoding."""
        layout = shape.layout
        if isinstance(value, list | dict):
            raise _UnfitError(f"column {name} takes one value, not several")
        if isinstance(value, str):
            if "\x00" in value:
                raise _UnfitError(f"the value for column {name} holds a NUL character")
            if layout.encoding is not None:
                raw = value.encode(layout.encoding)
                if name in shape.binary:
                    return self._db.bind(raw)
                value = raw.decode(layout.labelled) if layout.labelled else value
        return self._db.bind(value)

    def _is(self, shape: Shape, row: Row) -> sa.ColumnElement[bool]:
        return shape.key == self._db.bind(row[shape.layout.key])

    def _holds(self, shape: Shape, row: Row, name: str) -> sa.ColumnElement[bool]:
        """The column still has the value that was read: for tables that cannot be locked."""
        column = shape.source.c[name]
        if name not in shape.layout.fields:
            return sa.true()
        old = row[shape.layout.fields.index(name)]
        if old is None:
            return column.is_(None)
        return column == self._db.bind(old) if isinstance(old, str | int) else sa.true()

    # --- shape and cursors ------------------------------------------------------------------------

    def _look(self) -> Shape:
        self._known = self._db.look()
        return self._known

    def _shape(self) -> Shape:
        return self._known or self._look()

    def _cursor(self, **place: Any) -> Cursor:
        return orjson.dumps({"of": self._mark, **place}).decode()

    def _place(self, cursor: Cursor) -> dict[str, Any]:
        try:
            place = orjson.loads(cursor)
            known = isinstance(place, dict) and place.get("of") == self._mark
        except ValueError:
            known = False
        if not known or not ({"list", "since"} & set(place)):
            raise CursorExpired(
                f"{self.context.name}: the settings have changed since the last pull: list everything anew."
            )
        return dict(place)


def _with_a_place(fields: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """Fields that go by name, as far as there is a column for them.

    A table with `email` and without `emails` takes one address; of several, none is chosen and none is emptied.
    """
    found = {name: value for name, value in fields.items() if name in columns}
    for name, other in SINGULAR.items():
        if name in fields and name not in columns and other in columns:
            value = fields[name]
            found.pop(other, None)
            if not (isinstance(value, str) and any(mark in value for mark in SEPARATORS)):
                found[other] = value
    return found


def _pages(
    layout: Layout, rows: Iterator[Row], resume: Callable[[Row], Cursor | None], final: Cursor | None
) -> Iterator[Page]:
    """Rows in pages; of neighbours with one key the last is taken and the others are reported."""
    read = row_reader(layout)
    items: list[Item] = []
    last: Row = ()
    for row in rows:
        item = read(row)
        if items and item.id is not None and item.id == items[-1].id and not isinstance(item, Unreadable):
            items[-1] = repeated(layout, last, item.id)
        if len(items) >= PAGE_SIZE:
            yield Page(tuple(items), resume(last))
            items = []
        items.append(item)
        last = row
    yield Page(tuple(items), final)


def _count(connection: sa.Connection, shape: Shape, where: sa.ColumnElement[bool] | None) -> int:
    statement = sa.select(sa.func.count()).select_from(shape.source)
    return int(connection.execute(statement if where is None else statement.where(where)).scalar_one())
