"""Contacts in a table or query of any database that SQLAlchemy speaks to.

Pages    in key order, each fetch a statement of its own (a query or a key that is not unique: one stream)
Changes  by a log that triggers fill; else by a column the database keeps: from its own values, inclusive, less
         the overlap, and rows without a change time in every pull, since nothing else would show that they are new
Deletes  by the log or a flag column, else by absence in a full listing
Writes   one transaction a call, a savepoint a row; the rows are read and locked, compared, then written
Lists    child tables: one statement a page, written back whole with the row
Values   text loses the spaces that pad it on the right; numbers with a fraction, times and bytes are text
Quirk    a table without transactions (MyISAM) keeps what was written before a call failed; `check` warns

The default mapping is empty: columns named like the canonical fields map by themselves. Then a value whose
column the table does not have is left out of a write, and what is left is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, ClassVar

import orjson
import sqlalchemy as sa

from hub.connectors.contract import LATE, Can, Connector, Context, Promise, Report
from hub.connectors.sql_log import LogReader
from hub.connectors.sql_log_triggers import log_sql, supported
from hub.connectors.sql_procedure import Caller
from hub.connectors.sql_read import BATCH, Reader
from hub.connectors.sql_settings import SqlSettings, Staging
from hub.connectors.sql_shape import Shape, look, wanted_log
from hub.connectors.sql_source import Database
from hub.connectors.sql_staging import Stager
from hub.connectors.sql_write import Writer
from hub.errors import ConfigError, CursorExpired
from hub.model import Cursor, Op, Outcome, Page, Record, Write

GIVEN_UP = 10.0  # seconds within which a database has undone what a lost client had begun, or has committed it


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
        asked = settings.model_dump(include={"table", "query", "schema_name", "key", "changed", "children", "log"})
        self._mark = blake2b(orjson.dumps(asked), digest_size=4).hexdigest()
        self._reader = Reader(self._db, settings, context.name, self._mark)

    @property
    def can(self) -> Can:
        settings, table = self.settings, self.settings.table is not None
        changes = settings.changed is not None or settings.log is not None
        promise = Promise.READBACK if settings.reference else Promise.WRITE_ONLY
        through = settings.write
        staging = None if through is None else through.staging
        called = None if through is None else through.procedure
        return Can(
            changes=changes,
            tombstones=settings.log is not None or (changes and settings.deleted is not None),
            read=True,
            create=table and (called is None or called.create is not None),
            update=table and (called is None or called.update is not None),
            delete=table and (called is None or called.delete is not None),
            stale=table,
            batch=BATCH if table else 1,
            promise=Promise.KEYED if settings.create_key == "hub" else promise if staging is None else Promise.EVENTUAL,
            settle_seconds=0 if staging is None else staging.settle,
            late_seconds=GIVEN_UP if staging is None else LATE,
        )

    def check(self) -> Report:
        shape = self._look()
        with self._db.reading() as connection:
            count = _count(connection, shape, None)
            keyless = _count(connection, shape, shape.keyless) if shape.nullable else 0
            unstamped = 0 if shape.changed is None else _count(connection, shape, shape.changed.is_(None))
        warnings = list(shape.warnings)
        if keyless:
            warnings.append(f"{keyless} rows have no key: they are set aside")
        if unstamped:
            warnings.append(f"{unstamped} rows have no change time: they are read in every pull")
        by = "comparing all rows" if shape.changed is None else str(shape.changed.key)
        by = by if shape.log is None else f"the log {shape.log.source.name}"
        key = ", ".join(str(column.key) for column in shape.key)
        lists = [
            f"list {name} of {child.source.name}: {', '.join(child.columns)}" for name, child in shape.children.items()
        ]
        lines = (f"{count} rows, key {key}, changes by {by}", f"columns {', '.join(shape.columns)}", *lists)
        return Report(self._db.version, lines, tuple(warnings), count)

    # --- reading ----------------------------------------------------------------------------------

    def pull(self, since: Cursor | None) -> Iterator[Page]:
        place = None if since is None else self._place(since)
        shape = self._look()
        if place is None or "list" in place:
            yield from self._list(shape, place)
        elif "log" in place:
            assert shape.log is not None
            yield from self._log().changes(shape, shape.log, place)
        else:
            yield from self._reader.changes(shape, place)

    def _list(self, shape: Shape, place: Mapping[str, Any] | None) -> Iterator[Page]:
        if shape.changed is None and shape.log is None:
            yield from self._reader.listing(shape, place, None, None)
            return
        if place is not None:
            high = place["high"]
        else:
            high = self._reader.high(shape) if shape.log is None else self._log().begin(shape.log)
        yield from self._reader.listing(shape, place, high, self._reader.cursor(**high))

    def _log(self) -> LogReader:
        assert self.settings.log is not None
        return LogReader(self._db, self.settings.log, self._reader, self.context.name)

    def log_sql(self, table: str) -> str:
        """SQL of a change log of this name, for the owner of the database to install. Nothing is run.

        ConfigError: for this kind of database, or for a query, none can be made.
        """
        if self.settings.table is None or not supported(self._db.dialect):
            raise ConfigError(
                f"{self.context.name}: a change log needs a `table` of MariaDB, MySQL, PostgreSQL, SQL Server, Oracle, "
                "SQLite or Firebird; nothing was made."
            )
        settings = self.settings.model_copy(update={"log": None})
        return log_sql(wanted_log(self._db, settings, look(self._db, settings, self.context.name), table))

    def read(self, ids: Sequence[str]) -> dict[str, Record]:
        shape, found = self._shape(), dict[str, Record]()
        for start in range(0, len(ids), BATCH):
            with self._db.reading() as connection:
                rows = self._reader.rows(connection, shape, ids[start : start + BATCH])
            found.update({key: item for key, (_, item, _) in rows.items() if isinstance(item, Record)})
        return found

    def find(self, key: str) -> Record | None:
        assert self.can.promise is not Promise.WRITE_ONLY, "not declared in `can`"
        shape = self._shape()
        if self.settings.write is not None and self.settings.write.staging is not None:
            return self._staged(self.settings.write.staging).find(shape, key)
        with self._db.reading() as connection:
            return self._reader.carrying(connection, shape, [key]).get(key)

    # --- writing ----------------------------------------------------------------------------------

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        can = self.can
        able = {Op.CREATE: can.create, Op.UPDATE: can.update, Op.DELETE: can.delete}
        assert all(able.get(write.op) for write in writes), "not declared in `can`"
        shape, through = self._shape(), self.settings.write
        if through is not None and through.staging is not None:
            return self._staged(through.staging).write(shape, writes)
        if through is not None and through.procedure is not None:
            parts = (self._db, self.settings, self.context, self._reader, can.promise)
            return Caller(through.procedure, *parts).write(shape, writes)
        return Writer(self._db, self.settings, self.context, self._reader, can.promise).write(shape, writes)

    def _staged(self, staging: Staging) -> Stager:
        return Stager(staging, self._db, self.settings, self.context, self._reader)

    # --- shape and cursors ------------------------------------------------------------------------

    def _look(self) -> Shape:
        self._known = look(self._db, self.settings, self.context.name)
        return self._known

    def _shape(self) -> Shape:
        return self._known or self._look()

    def _place(self, cursor: Cursor) -> dict[str, Any]:
        try:
            place = orjson.loads(cursor)
            known = isinstance(place, dict) and place.get("of") == self._mark
        except ValueError:
            known = False
        if not known or not ({"list", "since", "log"} & set(place)):
            raise CursorExpired(
                f"{self.context.name}: the settings have changed since the last pull: list everything anew."
            )
        return dict(place)


def _count(connection: sa.Connection, shape: Shape, where: sa.ColumnElement[bool] | None) -> int:
    statement = sa.select(sa.func.count()).select_from(shape.source)
    return int(connection.execute(statement if where is None else statement.where(where)).scalar_one())
