"""Child tables: the lists that belong to the rows of a table, read in one statement for a page, written back whole.

A list is compared with what the table holds. Rows that are wanted as they are stay untouched, with the columns that
nobody named; a row with the same value in the first column is changed where it stands, if the child table has a key
of its own; what is left is deleted, or inserted behind the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from hub.connectors.rows import Layout, Lists, identity, key_id, key_parts, text_converter
from hub.connectors.sql_shape import ChildShape, Shape
from hub.connectors.sql_source import Column, Database, Where
from hub.connectors.sql_values import key_values

Row = Sequence[Any]
Value = Callable[[str, Any, frozenset[str]], Column]
"""(column, value, columns that hold bytes) → the value as the column takes it."""


class UnfitError(Exception):
    """This row, with these values, cannot be written: the reason, without the values."""


class ChangedMeanwhileError(Exception):
    """What is about to be written is no longer what was read."""


# --- reading ----------------------------------------------------------------------------------------


def read_lists(db: Database, connection: sa.Connection, shape: Shape, rows: Sequence[Row]) -> list[Lists]:
    """The lists that belong to each of these rows: one statement a child table."""
    ids = [row_id(shape.layout, row) for row in rows]
    wanted = {each for each in ids if each}
    found: dict[str, dict[str, list[Row]]] = {each: {} for each in wanted}
    for name, child in shape.children.items():
        for owner, row in _of(db, connection, shape.layout, child, wanted):
            found[owner].setdefault(name, []).append(row)
    return [found.get(each, {}) for each in ids]


def row_id(layout: Layout, row: Row) -> str:
    """The id a row will be read as; empty when it has none or it cannot be decoded."""
    convert = text_converter(layout)
    try:
        return key_id([convert(value) if value is not None else None for value in (row[at] for at in layout.key)])
    except (UnicodeError, TypeError):
        return ""


def _of(
    db: Database, connection: sa.Connection, layout: Layout, child: ChildShape, wanted: set[str]
) -> Iterable[tuple[str, Row]]:
    """(id of the owner, row without its foreign key), in the order of the list."""
    where = db.keyed(child.key, child.key_types, sorted(wanted))
    if where is None:
        return
    order = [column for column in (child.order, child.row) if column is not None]
    statement = sa.select(*child.selected).where(where, *_always(db, child)).order_by(*order)
    rows = connection.execute(statement).all()
    if not order:
        rows = sorted(
            rows, key=lambda row: orjson.dumps(list(row), default=str, option=orjson.OPT_PASSTHROUGH_DATETIME)
        )
    width = len(child.key)
    alike = {each.casefold(): each for each in wanted}
    at = Layout(layout.fields, tuple(range(width)), encoding=layout.encoding, labelled=layout.labelled)
    for row in rows:
        owner = row_id(at, row)
        owner = owner if owner in wanted else alike.get(owner.casefold(), "")
        if owner:
            yield owner, row[width:]


def _always(db: Database, child: ChildShape) -> list[Where]:
    return [child.source.c[name] == db.bind(value) for name, value in child.where.items()]


def touched(db: Database, shape: Shape, child: ChildShape, since: Any) -> Where:
    """Rows with a child that has changed since; None: that has a change time at all."""
    assert child.changed is not None
    same = [own == of for own, of in zip(child.key, shape.key, strict=True)]
    late = child.changed.is_not(None) if since is None else child.changed >= db.bind(since)
    return sa.exists().where(*same, *_always(db, child), late).correlate(shape.source)


# --- writing ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lines:
    """The rows of one child table that belong to one row."""

    db: Database
    child: ChildShape
    owner: str
    value: Value

    def replace(self, connection: sa.Connection, old: Sequence[Row], wanted: Any) -> None:
        """Make the list `wanted`. ChangedMeanwhileError: the table no longer holds `old`."""
        objects = self._checked(wanted)
        left = list(old)
        missing = []
        for each in objects:
            same = next((row for row in left if self._is(row, each)), None)
            left.remove(same) if same is not None else missing.append(each)
        if self.child.row is not None:
            missing = self._change(connection, left, missing)
        self._delete(connection, left, old)
        if missing:
            self._insert(connection, missing)

    def remove(self, connection: sa.Connection) -> None:
        connection.execute(sa.delete(self.child.source).where(self._own(), *_always(self.db, self.child)))

    def _checked(self, wanted: Any) -> list[Mapping[str, Any]]:
        objects = [] if wanted is None else wanted
        name = self.child.source.name
        if not isinstance(objects, list) or not all(isinstance(each, dict) for each in objects):
            raise UnfitError(f"the list of table {name} takes objects")
        unknown = sorted({key for each in objects for key in each} - set(self.child.columns))
        if unknown:
            raise UnfitError(f"the list of table {name} has no column {', '.join(unknown)}")
        return objects

    def _is(self, row: Row, wanted: Mapping[str, Any]) -> bool:
        held = dict(zip(self.child.columns, row, strict=False))
        return all(_same(held[name], value) for name, value in wanted.items())

    def _change(
        self, connection: sa.Connection, left: list[Row], missing: list[Mapping[str, Any]]
    ) -> list[Mapping[str, Any]]:
        """Rows changed where they stand, taken out of `left`; what is to be inserted."""
        assert self.child.row is not None
        new = []
        for each in missing:
            first = self.child.columns[0]
            row = next((row for row in left if first in each and _same(row[0], each[first])), None)
            if row is None:
                new.append(each)
                continue
            left.remove(row)
            statement = sa.update(self.child.source).where(self._this(row), *self._holding(row))
            self._strikes(connection, statement.values(self._values(each)), 1)
        return new

    def _delete(self, connection: sa.Connection, gone: Sequence[Row], old: Sequence[Row]) -> None:
        if self.child.row is not None:
            for row in gone:
                self._strikes(connection, sa.delete(self.child.source).where(self._this(row), *self._holding(row)), 1)
            return
        there = Counter(tuple(row) for row in old)
        for content, count in Counter(tuple(row) for row in gone).items():
            if count < there[content]:
                raise UnfitError(
                    f"table {self.child.source.name} holds the same row twice, and without `row` one of them "
                    "cannot be deleted"
                )
            self._strikes(connection, sa.delete(self.child.source).where(self._own(), *self._holding(content)), count)

    def _insert(self, connection: sa.Connection, missing: Sequence[Mapping[str, Any]]) -> None:
        parts = self._key_values()
        fixed = {str(column.key): self.db.bind(part) for column, part in zip(self.child.key, parts, strict=True)}
        fixed |= {name: self.db.bind(value) for name, value in self.child.where.items()}
        order, last = self.child.order, 0
        if order is not None:
            last = int(connection.execute(sa.select(sa.func.max(order)).where(self._own())).scalar() or 0)
        for number, each in enumerate(missing, start=last + 1):
            place = {} if order is None else {str(order.key): self.db.bind(number)}
            connection.execute(sa.insert(self.child.source).values({**fixed, **place, **self._values(each)}))

    def _strikes(self, connection: sa.Connection, statement: sa.Update | sa.Delete, count: int) -> None:
        if connection.execute(statement).rowcount != count:
            raise ChangedMeanwhileError

    def _values(self, wanted: Mapping[str, Any]) -> dict[str, Column]:
        return {name: self.value(name, value, self.child.binary) for name, value in wanted.items()}

    def _key_values(self) -> list[Any]:
        found = []
        parts = key_parts(self.owner, len(self.child.key)) or []
        for part, kind in zip(parts, self.child.key_types, strict=True):
            values = key_values(part, kind, self.db.dialect)
            if not values:
                raise UnfitError(f"the key of the row does not fit table {self.child.source.name}")
            found.append(values[-1])
        return found

    def _own(self) -> Where:
        where = self.db.keyed(self.child.key, self.child.key_types, [self.owner])
        return sa.false() if where is None else where

    def _this(self, row: Row) -> Where:
        assert self.child.row is not None
        return self.child.row == self.db.bind(row[-1])

    def _holding(self, row: Row) -> list[Where]:
        """The row still has the values that were read, as far as they can be compared."""
        found: list[Where] = []
        for name, old in zip(self.child.columns, row, strict=False):
            column = self.child.source.c[name]
            if old is None:
                found.append(column.is_(None))
            elif isinstance(old, str | int):
                found.append(column == self.db.bind(old))
        return found


def _same(held: Any, wanted: Any) -> bool:
    held = held.rstrip(" ") if isinstance(held, str) else held
    if held is None and wanted == "":  # Oracle keeps no empty text
        return True
    return held == wanted or (held is not None and wanted is not None and identity(held) == identity(wanted))
