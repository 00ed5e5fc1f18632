"""Reading a table or query: in key order, by change column, and by key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, timedelta
from itertools import chain
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.types import NULLTYPE

from hub.connectors.contract import PAGE_SIZE
from hub.connectors.rows import Item, Lists, earlier, moment, pack, repeated, row_reader, unpack
from hub.connectors.sql_children import read_lists, touched
from hub.connectors.sql_settings import SqlSettings
from hub.connectors.sql_shape import Shape
from hub.connectors.sql_source import Column, Database, Where, locking
from hub.errors import AccountError
from hub.model import Cursor, Page, Record, Unreadable

FETCH = 5 * PAGE_SIZE  # rows a statement: a sort for a page each would be slow without an index
BATCH = 500
FUTURE = timedelta(days=2)  # a change time further ahead than any time zone explains is a mistake

Row = Sequence[Any]
Place = Mapping[str, Any]
Resume = Callable[[Row], Cursor | None]


class Reader:
    """Reads one shape.

    name  of the connection
    mark  of the settings, which cursors carry
    """

    def __init__(self, db: Database, settings: SqlSettings, name: str, mark: str) -> None:
        self._db, self._settings, self._name, self._mark = db, settings, name, mark

    def cursor(self, **place: Any) -> Cursor:
        return orjson.dumps({"of": self._mark, **place}).decode()

    # --- everything -------------------------------------------------------------------------------

    def listing(self, shape: Shape, place: Place | None, high: Any, final: Cursor | None) -> Iterator[Page]:
        """Everything in key order, after the place of an interrupted listing.

        high   what the cursors of the pages carry on to the end
        final  the last page's
        """
        key = shape.layout.key

        def resume(row: Row) -> Cursor | None:
            if any(row[at] is None for at in key):
                return None
            return self.cursor(list=[pack(row[at]) for at in key], high=high)

        after = [unpack(part) for part in place["list"]] if place else None
        rows = self._ordered(shape, list(zip(shape.key, key, strict=True)), after, None)
        if place is None and shape.nullable:
            rows = chain(self._stream(sa.select(*shape.selected).where(shape.keyless)), rows)
        yield from self.pages(shape, rows, resume, final)

    # --- by change column -------------------------------------------------------------------------

    def changes(self, shape: Shape, place: Place) -> Iterator[Page]:
        """Rows without a change time, those with changed children, then those changed since the cursor."""
        assert shape.changed is not None
        assert shape.layout.changed is not None
        changed = shape.layout.changed
        since = {name: place[name] for name in ("since", "lists") if name in place}
        high = place["high"] if "high" in place else self.high(shape)
        by_key = list(zip(shape.key, shape.layout.key, strict=True))

        def resume(row: Row) -> Cursor | None:
            keys = [pack(row[at]) for at in shape.layout.key]
            if row[changed] is None:
                return self.cursor(**since, high=high, unstamped=keys)
            return self.cursor(**since, high=high, at=[pack(row[changed]), *keys])

        where: Where = shape.changed.is_not(None)
        if since["since"] is not None:
            where = shape.changed >= self._db.bind(self._low(unpack(since["since"])))
        after = [unpack(part) for part in place["at"]] if "at" in place else None
        rows = self._ordered(shape, [(shape.changed, changed), *by_key], after, where)
        if after is None:
            yield from self._by_children(shape, since, high)
            start = [unpack(part) for part in place["unstamped"]] if "unstamped" in place else None
            rows = chain(self._ordered(shape, by_key, start, shape.changed.is_(None)), rows)
        yield from self.pages(shape, rows, resume, self.cursor(**high))

    def _by_children(self, shape: Shape, since: Place, high: Place) -> Iterator[Page]:
        """Rows a child of which has changed, whatever their own change time says. Begun anew when interrupted."""
        begun = self.cursor(**since, high=high)
        by_key = list(zip(shape.key, shape.layout.key, strict=True))
        for name, child in shape.children.items():
            if child.changed is not None:
                seen = unpack(since.get("lists", {}).get(name))
                late = touched(self._db, shape, child, None if seen is None else self._low(seen))
                rows = self._ordered(shape, by_key, None, late)
                yield from (page for page in self.pages(shape, rows, lambda _: begun, begun) if page.items)

    def high(self, shape: Shape) -> dict[str, Any]:
        """The latest changes the database knows of now, of the table and its child tables."""
        assert shape.changed is not None
        lists = {
            name: pack(self._latest(shape, child.source, child.changed))
            for name, child in shape.children.items()
            if child.changed is not None
        }
        return {"since": pack(self._latest(shape, shape.source, shape.changed))} | ({"lists": lists} if lists else {})

    def _latest(self, shape: Shape, source: sa.FromClause, changed: Column) -> Any:
        """A time in the future does not count."""
        latest = sa.select(sa.func.max(changed, type_=NULLTYPE)).select_from(source)
        with self._db.reading() as connection:
            high = connection.execute(latest).scalar()
            at = moment(high, shape.layout.zone)
            now = moment(connection.execute(sa.select(sa.func.now())).scalar(), UTC)
            if at is None or now is None or at <= now + FUTURE:
                return high
            limit = earlier(high, (at - now - FUTURE).total_seconds())
            return connection.execute(latest.where(changed <= self._db.bind(limit))).scalar()

    def _low(self, since: Any) -> Any:
        assert self._settings.changed is not None
        try:
            return earlier(since, self._settings.changed.overlap)
        except (ValueError, OverflowError) as error:
            raise AccountError(
                f"{self._name}: column {self._settings.changed.column} holds text that is no time in "
                "ISO form, so changes cannot be told by it; nothing was read. Next: remove `changed`, or set "
                "its `overlap` to 0 if the text sorts by time."
            ) from error

    # --- statements -------------------------------------------------------------------------------

    def _ordered(
        self, shape: Shape, order: list[tuple[Column, int]], after: list[Any] | None, where: Where | None
    ) -> Iterator[Row]:
        """Rows that have a key in this order (column and its place), after the given values.

        Where keys may repeat it is one stream that begins at, not after, the first of these values.
        """
        columns = [column for column, _ in order]
        base = sa.select(*shape.selected).where(shape.with_key).order_by(*columns)
        if where is not None:
            base = base.where(where)
        if not shape.unique:
            yield from self._stream(base if after is None else base.where(columns[0] >= self._db.bind(after[0])))
            return
        while True:
            rows = self._fetch(base if after is None else base.where(self._beyond(columns, after)))
            yield from rows
            if len(rows) < FETCH:
                return
            after = [rows[-1][place] for _, place in order]

    def _beyond(self, columns: list[Column], after: list[Any]) -> Where:
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

    # --- pages ------------------------------------------------------------------------------------

    def pages(self, shape: Shape, rows: Iterator[Row], resume: Resume, final: Cursor | None) -> Iterator[Page]:
        """Rows in pages; of neighbours with one key the last is taken and the others are reported."""
        read = row_reader(shape.layout)
        begun, following = self._chunk(shape, rows, None)
        while True:
            items: list[Item] = []
            for number, (row, lists) in enumerate(begun):
                item = read(row, lists)
                twice = items and item.id is not None and item.id == items[-1].id
                if twice and not isinstance(item, Unreadable):
                    items[-1] = repeated(shape.layout, begun[number - 1][0], str(item.id))
                items.append(item)
            if following is None:
                yield Page(tuple(items), final)
                return
            if items and items[-1].id is not None and read(following).id == items[-1].id:
                items[-1] = repeated(shape.layout, begun[-1][0], str(items[-1].id))
            yield Page(tuple(items), resume(begun[-1][0]))
            begun, following = self._chunk(shape, rows, following)

    def _chunk(
        self, shape: Shape, rows: Iterator[Row], first: Row | None
    ) -> tuple[list[tuple[Row, Lists | None]], Row | None]:
        """A page of rows with the lists that belong to them, and the row that follows."""
        found = [] if first is None else [first]
        for row in rows:
            if len(found) == PAGE_SIZE:
                return self._with_lists(shape, found), row
            found.append(row)
        return self._with_lists(shape, found), None

    def _with_lists(self, shape: Shape, rows: list[Row]) -> list[tuple[Row, Lists | None]]:
        if not shape.children:
            return [(row, None) for row in rows]
        with self._db.reading() as connection:
            return list(zip(rows, read_lists(self._db, connection, shape, rows), strict=True))

    # --- by key -----------------------------------------------------------------------------------

    def rows(
        self, connection: sa.Connection, shape: Shape, ids: Sequence[str], *, lock: bool = False
    ) -> dict[str, tuple[Row, Item, Lists]]:
        """By id: the row, what it is read as, and its lists; the last one where a key repeats."""
        statement = sa.select(*shape.selected)
        if lock:
            statement = locking(statement, shape.source, self._db.dialect)
        found = self._among(connection, shape, statement, shape.key, ids)
        left = [record_id for record_id in ids if record_id not in found]
        if left and any(kind in {str, None} for kind in shape.key_types):  # padded, where that matters
            found |= self._among(connection, shape, statement, self._trimmed(shape), left)
        return found

    def _trimmed(self, shape: Shape) -> list[Column]:
        def text(column: Column) -> Column:
            return sa.cast(column, sa.Text) if self._db.dialect == "postgresql" else column

        kinds = zip(shape.key, shape.key_types, strict=True)
        return [sa.func.rtrim(text(column)) if kind in {str, None} else column for column, kind in kinds]

    def _among(
        self,
        connection: sa.Connection,
        shape: Shape,
        statement: sa.Select[Any],
        key: Sequence[Column],
        ids: Sequence[str],
    ) -> dict[str, tuple[Row, Item, Lists]]:
        where = self._db.keyed(key, shape.key_types, ids)
        if where is None:
            return {}
        return self._read(connection, shape, statement.where(where), set(ids))

    def _read(
        self, connection: sa.Connection, shape: Shape, statement: sa.Select[Any], wanted: set[str] | None
    ) -> dict[str, tuple[Row, Item, Lists]]:
        rows = connection.execute(statement).all()
        beside: list[Lists] = read_lists(self._db, connection, shape, rows) if shape.children else [{}] * len(rows)
        read = row_reader(shape.layout)
        found: dict[str, tuple[Row, Item, Lists]] = {}
        for row, lists in zip(rows, beside, strict=True):
            item = read(row, lists)
            if item.id is not None and (wanted is None or item.id in wanted):
                found[item.id] = (row, item, lists)
        return found

    def carrying(self, connection: sa.Connection, shape: Shape, keys: Sequence[str]) -> dict[str, Record]:
        """The live records with these keys of the hub, by key."""
        if not keys:
            return {}
        column = shape.reference if self._settings.create_key == "database" else shape.key[0]
        assert column is not None
        ids = dict[str, list[str]]()
        where = self._db.among(column, keys)
        for row in connection.execute(sa.select(column, *shape.selected).where(where)):
            said = row[0].rstrip(" ") if isinstance(row[0], str) else str(row[0])
            ids.setdefault(said, []).append(row_reader(shape.layout)(row[1:]).id or "")
        there = self._read(connection, shape, sa.select(*shape.selected).where(where), None) if ids else {}
        found = {}
        for key in keys:
            items = [there[each][1] for each in ids.get(key, ()) if each in there]
            records = [item for item in items if isinstance(item, Record)]
            if records:
                found[key] = min(records, key=lambda record: record.id)
        return found
