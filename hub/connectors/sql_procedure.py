"""Writing by stored procedures of the owner, with named parameters where the database has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NULLTYPE

from hub.connectors.contract import Context, Promise
from hub.connectors.rows import key_id
from hub.connectors.sql_children import UnfitError
from hub.connectors.sql_errors import raised
from hub.connectors.sql_read import Reader, Row
from hub.connectors.sql_settings import Procedure, SqlSettings
from hub.connectors.sql_shape import Shape
from hub.connectors.sql_source import Column, Database
from hub.connectors.sql_write import Ready, Writer
from hub.errors import ConfigError
from hub.model import Record, Write

HUB_KEY = "$key"
FORMS = {  # call, one argument
    "postgresql": ("CALL {name}({arguments})", "{name} => :{bind}"),
    "oracle": ("BEGIN {name}({arguments}); END;", "{name} => :{bind}"),
    "mssql": ("EXEC {name} {arguments}", "@{name} = :{bind}"),
    "mysql": ("CALL {name}({arguments})", ":{bind}"),
    "mariadb": ("CALL {name}({arguments})", ":{bind}"),
    "firebird": ("EXECUTE PROCEDURE {name}({arguments})", ":{bind}"),
    "ibm_db_sa": ("CALL {name}({arguments})", "{name} => :{bind}"),
}
FUNCTION = "SELECT * FROM {name}({arguments})"


def call_text(procedure: Procedure, name: str, arguments: list[str], dialect: str) -> str:
    """The statement; parameter number n is bound as `pn`."""
    whole, each = FORMS[dialect]
    if procedure.kind == "function" and dialect == "postgresql":
        whole = FUNCTION
    made = [each.format(name=argument, bind=f"p{number}") for number, argument in enumerate(arguments)]
    return whole.format(name=name, arguments=", ".join(made))


class Caller(Writer):
    """Writes one table by procedures; reads, compares and reads back as `Writer` does."""

    def __init__(
        self,
        procedure: Procedure,
        db: Database,
        settings: SqlSettings,
        context: Context,
        reader: Reader,
        promise: Promise,
    ) -> None:
        super().__init__(db, settings, context, reader, promise)
        self._procedure = procedure
        if db.dialect not in FORMS:
            raise ConfigError(f"{context.name}: {db.dialect} has no stored procedures. Next: remove `write`.")

    def _raised(self, ready: Ready, write: Write, error: DBAPIError) -> str | None:
        row = ready.rows.get(str(write.id), ((),))[0]
        values = [*write.fields.values(), *row]
        return None if error.orig is None else raised(error.orig, self._db.dialect, values)

    def _insert(self, connection: sa.Connection, shape: Shape, write: Write, values: Mapping[str, Column]) -> str:
        self._refuse_ignored(shape, values)
        key = [str(column.key) for column in shape.key]
        known = all(name in values for name in key)
        if not (known or self._procedure.result or self._finds):
            raise UnfitError("nothing tells the key of a new row: set `result` or `reference`, or map the key")
        given = {name: values.get(name) for name in self._columns(shape) if name in values or name not in key}
        answered = self._call(connection, self._procedure.create, write, given)
        if self._procedure.result:
            if answered is None:
                raise UnfitError("the procedure answered no row with the key of the new row")
            return key_id([part.rstrip(" ") if isinstance(part, str) else part for part in answered[: len(key)]])
        if known:
            return key_id([write.fields[name] for name in key])
        there = self._reader.carrying(connection, shape, [write.key])
        if write.key not in there:
            raise UnfitError("the procedure made no row that carries the hub's key")
        return there[write.key].id

    def _change(
        self, connection: sa.Connection, shape: Shape, write: Write, row: Row, values: Mapping[str, Column]
    ) -> None:
        """All parameters, with what the row holds where nothing changes."""
        self._refuse_ignored(shape, values)
        held = {str(column.key): self._db.bind(value) for column, value in zip(shape.selected, row, strict=True)}
        missing = [name for name in self._columns(shape) if name not in held]
        if missing:
            raise UnfitError(f"the procedure takes {', '.join(missing)}, which `columns` leaves out")
        self._call(connection, self._procedure.update, write, {**held, **values})

    def _remove(self, connection: sa.Connection, shape: Shape, write: Write, row: Row, record: Record) -> None:  # noqa: ARG002
        parts = zip(shape.key, shape.layout.key, strict=True)
        self._call(connection, self._procedure.delete, write, {str(c.key): self._db.bind(row[at]) for c, at in parts})

    def _columns(self, shape: Shape) -> list[str]:
        """The columns that parameters stand for, as the database spells them."""
        named = [column for column in self._procedure.arguments.values() if column != HUB_KEY]
        return [self._db.pick("column", name, shape.columns) for name in named]

    def _call(
        self, connection: sa.Connection, name: str | None, write: Write, given: Mapping[str, Column | None]
    ) -> Row | None:
        """The first row of the answer. Parameters whose column is not given are left out."""
        assert name is not None, "not declared in `can`"
        spelt = {column.casefold(): value for column, value in given.items()}
        arguments: dict[str, Any] = {}
        for argument, column in self._procedure.arguments.items():
            if column == HUB_KEY:
                arguments[argument] = self._db.bind(write.key)
            elif column.casefold() in spelt:
                arguments[argument] = spelt[column.casefold()]
        text = call_text(self._procedure, name, list(arguments), self._db.dialect)
        binds = [
            sa.bindparam(f"p{number}", getattr(value, "value", None), type_=NULLTYPE)
            for number, value in enumerate(arguments.values())
        ]
        result = connection.execute(sa.text(text).bindparams(*binds))
        return result.first() if result.returns_rows else None

    def _refuse_ignored(self, shape: Shape, values: Mapping[str, Column]) -> None:
        """What no parameter takes would be lost in silence."""
        taken = {*self._columns(shape), "" if shape.reference is None else str(shape.reference.key)}
        if left := sorted(set(values) - taken):
            raise UnfitError(f"no parameter of the procedure takes {', '.join(left)}")
