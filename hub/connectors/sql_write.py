"""Writing a table: one transaction a call, a savepoint a row.

The rows of a call are locked and read at once, each is compared and written, and all are read back at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from hub.connectors.contract import Context, Promise
from hub.connectors.rows import Item, Lists, identity, key_id, key_parts
from hub.connectors.sql_children import ChangedMeanwhileError, Lines, UnfitError
from hub.connectors.sql_errors import Meaning, meaning
from hub.connectors.sql_read import Reader
from hub.connectors.sql_settings import SqlSettings
from hub.connectors.sql_shape import Shape
from hub.connectors.sql_source import Column, CommitRefusedError, Database, Where
from hub.mapping.flat import SEPARATORS, SINGULAR
from hub.model import Done, Missing, Op, Outcome, Record, Refused, Stale, Unreadable, Write

Row = Sequence[Any]
UNDONE = "the table does not give the row back after the write: it was undone"


class _VanishedError(Exception):
    """A row is not there after its write: the transaction is undone, and its writes are made one by one."""


class Ready(NamedTuple):
    """What was read before the writes of a call: rows by id, records by the hub's key."""

    rows: Mapping[str, tuple[Row, Item, Lists]]
    made: Mapping[str, Record]


class _Stored(NamedTuple):
    """Written; the record is read back with the others."""

    id: str


class Writer:
    """Writes one table."""

    def __init__(self, db: Database, settings: SqlSettings, context: Context, reader: Reader, promise: Promise) -> None:
        self._db, self._settings, self._context, self._reader = db, settings, context, reader
        self._finds = promise is not Promise.WRITE_ONLY

    def write(self, shape: Shape, writes: Sequence[Write]) -> list[Outcome]:
        try:
            with self._db.writing() as connection:
                return [outcome for group in apart(writes) for outcome in self._group(connection, shape, group)]
        except (CommitRefusedError, _VanishedError) as refused:
            if len(writes) == 1:
                vanished = isinstance(refused, _VanishedError)
                return [Refused(UNDONE if vanished else f"the database refused the row: {refused}")]
            return [outcome for write in writes for outcome in self.write(shape, [write])]

    def _group(self, connection: sa.Connection, shape: Shape, writes: Sequence[Write]) -> list[Outcome]:
        """Writes of which no two are about the same row."""
        ids = [write.id for write in writes if write.id is not None]
        rows = self._reader.rows(connection, shape, ids, lock=True) if ids else {}
        keys = [write.key for write in writes if write.op is Op.CREATE] if self._finds else []
        ready = Ready(rows, self._reader.carrying(connection, shape, keys))
        results = [self._one(connection, shape, ready, write) for write in writes]
        stored = [result.id for result in results if isinstance(result, _Stored)]
        there = self._reader.rows(connection, shape, stored) if stored else {}
        return [_read_back(there, result) if isinstance(result, _Stored) else result for result in results]

    def _one(self, connection: sa.Connection, shape: Shape, ready: Ready, write: Write) -> Outcome | _Stored:
        carry_out = {Op.CREATE: self._create, Op.UPDATE: self._update, Op.DELETE: self._delete}[write.op]
        try:
            with connection.begin_nested():
                return carry_out(connection, shape, ready, write)
        except UnfitError as unfit:
            return Refused(str(unfit))
        except ChangedMeanwhileError:
            return Stale()
        except (UnicodeError, OverflowError):
            return Refused("a value does not exist in the encoding of the database, or is too large for it")
        except DBAPIError as error:
            said = self._raised(ready, write, error)
            if said is not None:
                return Refused(f"the database refused the row: {said}")
            refused = self.refusal(error)
            if refused is None:
                raise
            return refused

    def refusal(self, error: DBAPIError) -> Refused | None:
        """The row does not fit; None: the error is about something else."""
        kind, words = meaning(error.orig, self._db.dialect) if error.orig else (Meaning.UNKNOWN, "")
        unfit_class = kind is Meaning.UNKNOWN and isinstance(error, DataError | IntegrityError)
        if kind is not Meaning.REFUSED and not unfit_class:
            return None
        return Refused(f"the database refused the row: {words}")

    def plain_values(self, shape: Shape, fields: Mapping[str, Any]) -> dict[str, Column]:
        """Of the row itself, as its columns take them."""
        return self._values(shape, self._split(shape, fields)[0])

    def _raised(self, ready: Ready, write: Write, error: DBAPIError) -> str | None:  # noqa: ARG002 - see Caller
        """Words that a procedure raised on purpose."""
        return None

    # --- create -----------------------------------------------------------------------------------

    def _create(self, connection: sa.Connection, shape: Shape, ready: Ready, write: Write) -> Outcome | _Stored:
        if write.key in ready.made:
            return Done(ready.made[write.key])
        fields, lists = self._split(shape, write.fields)
        values = self._values(shape, fields)
        if not values:
            raise UnfitError("the table has no column for any of the values")
        own = shape.key[0] if self._settings.create_key == "hub" else shape.reference
        if own is not None:
            values[str(own.key)] = self._db.bind(write.key)
        record_id = self._insert(connection, shape, write, values)
        for name, wanted in lists.items():
            self._lines(shape, name, record_id).replace(connection, [], wanted)
        return _Stored(record_id)

    def _insert(self, connection: sa.Connection, shape: Shape, write: Write, values: Mapping[str, Column]) -> str:
        """The id of the new row."""
        statement = sa.insert(shape.table).values(values)
        given = {str(column.key): write.fields.get(str(column.key)) for column in shape.key}
        if self._settings.create_key == "hub":
            given = {str(shape.key[0].key): write.key}
        unknown = [name for name, value in given.items() if value is None]
        if self._db.returning and (self._db.dialect != "mssql" or (unknown and shape.reference is None)):
            new = connection.execute(statement.returning(*shape.key)).one()
            return key_id([part.rstrip(" ") if isinstance(part, str) else part for part in new])
        last = connection.execute(statement).lastrowid if self._db.tells_last else None
        if len(unknown) == 1 and last:
            given[unknown[0]] = last
        elif unknown:
            there = self._reader.carrying(connection, shape, [write.key]) if self._finds else {}
            if write.key not in there:
                raise UnfitError("the database does not tell the key of a new row: map the key, or name `reference`")
            return there[write.key].id
        return key_id(list(given.values()))

    # --- update and delete ------------------------------------------------------------------------

    def _update(self, connection: sa.Connection, shape: Shape, ready: Ready, write: Write) -> Outcome | _Stored:
        found = _there(ready, write)
        if not isinstance(found, tuple):
            return found
        row, record, beside = found
        key = [str(column.key) for column in shape.key]
        held = dict(zip(key, key_parts(record.id, len(key)) or [], strict=False))
        for name in key:
            if name in write.fields and identity(write.fields[name]) != held[name]:
                raise UnfitError(f"the key column {name} cannot be changed")
        fields, lists = self._split(shape, write.fields)
        values = self._values(shape, {k: v for k, v in fields.items() if k not in key})
        if values:
            self._change(connection, shape, write, row, values)
        for name, wanted in lists.items():
            self._lines(shape, name, record.id).replace(connection, beside.get(name, ()), wanted)
        return _Stored(record.id) if values or lists else Done(record)

    def _change(
        self,
        connection: sa.Connection,
        shape: Shape,
        write: Write,  # noqa: ARG002 - procedures take the hub's key from it
        row: Row,
        values: Mapping[str, Column],
    ) -> None:
        unchanged = [self._holds(shape, row, name) for name in values]
        statement = sa.update(shape.table).where(self._is(shape, row), *unchanged).values(values)
        if connection.execute(statement).rowcount == 0:
            raise ChangedMeanwhileError

    def _delete(self, connection: sa.Connection, shape: Shape, ready: Ready, write: Write) -> Outcome:
        found = _there(ready, write)
        if not isinstance(found, tuple):
            return found
        row, record, _ = found
        self._remove(connection, shape, write, row, record)
        return Done(None)

    def _remove(
        self,
        connection: sa.Connection,
        shape: Shape,
        write: Write,  # noqa: ARG002 - procedures take the hub's key from it
        row: Row,
        record: Record,
    ) -> None:
        if shape.deleted is None or self._settings.deleted is None:
            for name in shape.children:
                self._lines(shape, name, record.id).remove(connection)
            connection.execute(sa.delete(shape.table).where(self._is(shape, row)))
            return
        flag = {str(shape.deleted.key): self._db.bind(self._settings.deleted.values[0])}
        connection.execute(sa.update(shape.table).where(self._is(shape, row)).values(flag))

    # --- values -----------------------------------------------------------------------------------

    def _split(self, shape: Shape, fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Fields of the row itself, and the lists beside it."""
        if self._context.by_name:
            named = {name: value for name, value in fields.items() if name in self._context.named}
            fields = _with_a_place(fields, [*shape.columns, *shape.children]) | named
        own = {name: value for name, value in fields.items() if name not in shape.children}
        return own, {name: value for name, value in fields.items() if name in shape.children}

    def _values(self, shape: Shape, fields: Mapping[str, Any]) -> dict[str, Column]:
        unknown = sorted(set(fields) - set(shape.columns))
        if unknown:
            raise UnfitError(f"there is no column {', '.join(unknown)}")
        return {name: self._value(shape, name, value, shape.binary) for name, value in fields.items()}

    def _value(self, shape: Shape, name: str, value: Any, binary: frozenset[str]) -> Column:
        """As the column takes it, in the declared encoding."""
        layout = shape.layout
        if isinstance(value, list | dict):
            raise UnfitError(f"column {name} takes one value, not several")
        if isinstance(value, str):
            if "\x00" in value:
                raise UnfitError(f"the value for column {name} holds a NUL character")
            if layout.encoding is not None:
                raw = value.encode(layout.encoding)
                if name in binary:
                    return self._db.bind(raw)
                value = raw.decode(layout.labelled) if layout.labelled else value
        return self._db.bind(value)

    def _lines(self, shape: Shape, name: str, record_id: str) -> Lines:
        def value(column: str, given: Any, binary: frozenset[str]) -> Column:
            return self._value(shape, column, given, binary)

        return Lines(self._db, shape.children[name], record_id, value)

    def _is(self, shape: Shape, row: Row) -> Where:
        parts = zip(shape.key, shape.layout.key, strict=True)
        return sa.and_(*(column == self._db.bind(row[at]) for column, at in parts))

    def _holds(self, shape: Shape, row: Row, name: str) -> Where:
        """The column still has the value that was read: for tables that cannot be locked."""
        column = shape.source.c[name]
        if name not in shape.layout.fields:
            return sa.true()
        old = row[shape.layout.fields.index(name)]
        if old is None:
            return column.is_(None)
        return column == self._db.bind(old) if isinstance(old, str | int) else sa.true()


def apart(writes: Sequence[Write]) -> list[list[Write]]:
    """The writes in their order, in groups of which none is about the same row, or the same new row, twice."""
    groups: list[list[Write]] = []
    seen: set[tuple[bool, str | None]] = set()
    for write in writes:
        which = (write.id is None, write.key if write.id is None else write.id)
        if not groups or which in seen:
            groups.append([])
            seen.clear()
        groups[-1].append(write)
        seen.add(which)
    return groups


def _there(ready: Ready, write: Write) -> tuple[Row, Record, Lists] | Outcome:
    """The row that a write is about, as it was read with its lock; else what becomes of the write."""
    row, item, lists = ready.rows.get(str(write.id), ((), None, {}))
    if isinstance(item, Unreadable):
        raise UnfitError(f"{item.reason}: it is not written to")
    if not isinstance(item, Record):
        return Missing()
    if write.version is not None and item.version != write.version:
        return Stale()
    return row, item, lists


def _read_back(there: Mapping[str, tuple[Row, Item, Lists]], stored: _Stored) -> Done:
    _, item, _ = there.get(stored.id, ((), None, {}))
    if not isinstance(item, Record):
        raise _VanishedError
    return Done(item)


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
