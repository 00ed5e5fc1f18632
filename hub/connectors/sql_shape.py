"""What the database shows of the table or query of a connection, held against the settings.

Names are taken as the database spells them; AccountError names what the settings need and is not there.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.exc import SAWarning

from hub.connectors.rows import Layout
from hub.connectors.sql_log_triggers import Wanted, Watched, family
from hub.connectors.sql_settings import Child, Log, SqlSettings
from hub.connectors.sql_source import Column, Database
from hub.connectors.sql_values import flags, python_type
from hub.errors import AccountError

POSTGRES_TYPES: dict[Any, Any] = {  # by their numbers in pg_type: what a key may be
    20: sa.BigInteger(),
    21: sa.SmallInteger(),
    23: sa.Integer(),
    1082: sa.Date(),
    1114: sa.DateTime(),
    1184: sa.DateTime(timezone=True),
    1700: sa.Numeric(),
    2950: sa.Uuid(),
}


@dataclass(frozen=True, slots=True)
class ChildShape:
    """A child table: rows are its foreign key, then `columns`, then its own key if it has one.

    where  column → value that all rows have
    """

    source: sa.TableClause
    key: tuple[Column, ...]
    key_types: tuple[type | None, ...]
    columns: tuple[str, ...]
    row: Column | None
    order: Column | None
    changed: Column | None
    where: Mapping[str, Any]
    binary: frozenset[str]
    indexed: bool

    @property
    def selected(self) -> list[Column]:
        own = [] if self.row is None else [self.row]
        return [*self.key, *(self.source.c[name] for name in self.columns), *own]


@dataclass(frozen=True, slots=True)
class LogShape:
    """A change log."""

    source: sa.TableClause
    sequence: Column
    key: tuple[Column, ...]
    time: Column | None


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
    key: tuple[Column, ...]
    changed: Column | None
    deleted: Column | None
    reference: Column | None
    key_types: tuple[type | None, ...]
    binary: frozenset[str]
    unique: bool
    nullable: bool
    warnings: tuple[str, ...]
    children: Mapping[str, ChildShape]
    log: LogShape | None

    @property
    def table(self) -> sa.TableClause:
        assert isinstance(self.source, sa.TableClause)
        return self.source

    @property
    def keyless(self) -> sa.ColumnElement[bool]:
        return sa.or_(*(column.is_(None) for column in self.key))

    @property
    def with_key(self) -> sa.ColumnElement[bool]:
        return sa.and_(*(column.is_not(None) for column in self.key))


@dataclass(frozen=True, slots=True)
class Found:
    """A table or query as reflected, before the settings are held against it.

    unique   sets of columns that no two rows share
    indexed  columns that an index begins with
    """

    source: sa.FromClause
    types: dict[str, Any]
    unique: frozenset[frozenset[str]]
    nullable: frozenset[str]
    indexed: frozenset[str]
    engine: str


def look(db: Database, settings: SqlSettings, name: str) -> Shape:
    """The table or query as it is now, with its child tables.

    name  of the connection
    """
    with db.reading() as connection:
        _check_encoding(db, connection, settings, name)
        if settings.query:
            found = _reflect_query(db, connection, settings.query)
        else:
            found = reflect(db, connection, str(settings.table), settings.schema_name)
        children = {
            field: _child(db, reflect(db, connection, child.table, settings.schema_name), child)
            for field, child in settings.children.items()
        }
        log = None if settings.log is None else _log(db, connection, settings, settings.log)
    for field in children:
        if field in found.types:
            raise AccountError(
                f"{name}: `children` names a list {field}, and the table has a column of that name; nothing was "
                "read or written. Next: give the list another name."
            )
    return _fit(db, settings, found, children, log)


def reflect(db: Database, connection: sa.Connection, table: str, schema: str | None) -> Found:
    inspector = sa.inspect(connection)
    name = db.pick("table", table, [*inspector.get_table_names(schema), *inspector.get_view_names(schema)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # a type it does not know: values come as they are
        columns = inspector.get_columns(name, schema)
        indexes = inspector.get_indexes(name, schema)
        unique = [key["column_names"] for key in inspector.get_unique_constraints(name, schema)]
    primary = inspector.get_pk_constraint(name, schema)["constrained_columns"]
    whole = [ix["column_names"] for ix in indexes if ix["unique"] and not _is_partial(ix)]
    candidates: list[list[Any]] = [primary, *unique, *whole]
    first = [name for ix in indexes for name in ix["column_names"][:1] if name]
    options = inspector.get_table_options(name, schema) if db.dialect in {"mysql", "mariadb"} else {}
    return Found(
        sa.table(name, *(sa.column(column["name"]) for column in columns), schema=schema),
        {column["name"]: column["type"] for column in columns},
        frozenset(frozenset(names) for names in candidates if names and all(names)),
        frozenset(column["name"] for column in columns if column["nullable"]),
        frozenset([*first, *(names[0] for names in candidates if names and names[0])]),
        str(options.get("mysql_engine", options.get("mariadb_engine", ""))),
    )


def _reflect_query(db: Database, connection: sa.Connection, query: str) -> Found:
    text = query.strip().rstrip(";").replace(":", r"\:")
    result = connection.execute(sa.text(f"SELECT * FROM ({text}) q WHERE 1 = 0"))  # noqa: S608
    names = list(result.keys())
    types = _types_of(db, result, names)
    source = sa.text(text).columns(*(sa.column(name) for name in names)).subquery("q")
    return Found(source, types, frozenset(), frozenset(names), frozenset(names), "")


def _types_of(db: Database, result: sa.CursorResult[Any], names: Sequence[str]) -> dict[str, Any]:
    """What the columns of a query hold. PostgreSQL refuses a key that is not of its column's type."""
    if db.dialect != "postgresql" or result.cursor is None:
        return dict.fromkeys(names)
    codes = [column[1] for column in result.cursor.description]
    return {name: POSTGRES_TYPES.get(code) for name, code in zip(names, codes, strict=True)}


def _check_encoding(db: Database, connection: sa.Connection, settings: SqlSettings, name: str) -> None:
    if db.dialect != "postgresql" or settings.encoding:
        return
    if connection.exec_driver_sql("SHOW client_encoding").scalar() == "SQL_ASCII":
        raise AccountError(
            f"{name}: the database does not know the encoding of its text (SQL_ASCII); "
            "nothing was read. Next: declare it as `encoding`."
        )


def _fit(
    db: Database, settings: SqlSettings, found: Found, children: Mapping[str, ChildShape], log: LogShape | None
) -> Shape:
    names = list(found.types)
    key = [db.pick("column", name, names) for name in settings.key]
    changed = db.pick("column", settings.changed.column, names) if settings.changed else None
    deleted = db.pick("column", settings.deleted.column, names) if settings.deleted else None
    reference = db.pick("column", settings.reference, names) if settings.reference else None
    chosen = [db.pick("column", name, names) for name in settings.columns or names]
    fields = tuple(dict.fromkeys([*chosen, *key]))
    places = list(dict.fromkeys([*fields, *(name for name in (changed, deleted) if name)]))
    layout = Layout(
        fields=fields,
        key=tuple(places.index(name) for name in key),
        changed=places.index(changed) if changed else None,
        deleted=places.index(deleted) if deleted else None,
        lists={name: child.columns for name, child in children.items()},
        gone=flags(settings.deleted.values) if settings.deleted else frozenset(),
        zone=ZoneInfo(settings.changed.zone if settings.changed else "UTC"),
        encoding=settings.encoding,
        labelled=db.labelled if db.dialect != "sqlite" else None,
    )
    column = found.source.c
    return Shape(
        source=found.source,
        columns=tuple(names),
        selected=tuple(column[name] for name in places),
        layout=layout,
        key=tuple(column[name] for name in key),
        changed=column[changed] if changed else None,
        deleted=column[deleted] if deleted else None,
        reference=column[reference] if reference else None,
        key_types=tuple(python_type(found.types[name]) for name in key),
        binary=_binary(found),
        unique=any(names <= set(key) for names in found.unique),
        nullable=not found.nullable.isdisjoint(key),
        warnings=_warnings(found, key, changed, settings.query is not None, children),
        children=children,
        log=log,
    )


def _child(db: Database, found: Found, child: Child) -> ChildShape:
    names = list(found.types)
    assert isinstance(found.source, sa.TableClause)
    column = found.source.c

    def one(name: str | None) -> Column | None:
        return None if name is None else column[db.pick("column", name, names)]

    key = [db.pick("column", name, names) for name in child.key]
    return ChildShape(
        source=found.source,
        key=tuple(column[name] for name in key),
        key_types=tuple(python_type(found.types[name]) for name in key),
        columns=tuple(db.pick("column", name, names) for name in child.columns),
        row=one(child.row),
        order=one(child.order),
        changed=one(child.changed),
        where={db.pick("column", name, names): value for name, value in child.where.items()},
        binary=_binary(found),
        indexed=not found.indexed.isdisjoint(key),
    )


def _log(db: Database, connection: sa.Connection, settings: SqlSettings, log: Log) -> LogShape:
    try:
        found = reflect(db, connection, log.table, settings.schema_name)
    except AccountError as error:
        raise AccountError(f"{error} `hub connector sql-log CONNECTION` prints the SQL that makes it.") from error
    names = list(found.types)
    assert isinstance(found.source, sa.TableClause)
    column = found.source.c
    return LogShape(
        source=found.source,
        sequence=column[db.pick("column", log.sequence, names)],
        key=tuple(column[db.pick("column", name, names)] for name in log.key or settings.key),
        time=None if log.time is None else column[db.pick("column", log.time, names)],
    )


def _binary(found: Found) -> frozenset[str]:
    return frozenset(name for name, kind in found.types.items() if python_type(kind) is bytes)


def _is_partial(index: Any) -> bool:
    return any(option.endswith("_where") for option in index.get("dialect_options", {}))


def _warnings(
    found: Found, key: Sequence[str], changed: str | None, is_query: bool, children: Mapping[str, ChildShape]
) -> tuple[str, ...]:
    said = []
    if not any(names <= set(key) for names in found.unique) and not is_query:
        one = f"column {key[0]} is" if len(key) == 1 else f"columns {', '.join(key)} together are"
        said.append(f"{one} not unique: of rows with one key the last is taken")
    if changed and changed not in found.indexed:
        said.append(f"column {changed} has no index: every pull scans the table")
    if found.engine.lower() in {"myisam", "aria"}:
        said.append(f"the table ({found.engine}) has no transactions: a failed write may be half done")
    for child in children.values():
        if not child.indexed:
            said.append(f"table {child.source.name} has no index on its key: every page scans it")
    return tuple(said)


def wanted_log(db: Database, settings: SqlSettings, shape: Shape, table: str) -> Wanted:
    """What the change log of a table needs, its child tables among it."""
    with db.reading() as connection:
        types = reflect(db, connection, str(settings.table), settings.schema_name).types
        default = sa.inspect(connection).default_schema_name if db.dialect == "postgresql" else None
        account = db.user
        if family(db.dialect) == "mysql":  # with its host, as the grant has to name it
            account = str(connection.scalar(sa.text("SELECT CURRENT_USER()")))
    names = tuple(str(column.key) for column in shape.key)
    children = [
        Watched(child.source.name, tuple(str(column.key) for column in child.key), is_child=True)
        for child in shape.children.values()
    ]
    return Wanted(
        dialect=family(db.dialect),
        log=table,
        keys=tuple((name, db.type_text(types[name])) for name in names),
        tables=(Watched(shape.table.name, names), *dict.fromkeys(children)),
        quote=db.quote,
        schema=settings.schema_name or default or "",
        user=account,
    )
