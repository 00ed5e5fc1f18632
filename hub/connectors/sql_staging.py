"""Writing through a staging table, which a program of the owner reads, checks and carries out in its own time.

The version of a row is compared when the request is made, not when it is carried out. A request that is not answered in
time is unknown: an update is read back before anything else is done, a create is found later by its request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from hub.connectors.contract import Context, Promise
from hub.connectors.rows import key_id, key_parts
from hub.connectors.sql_children import UnfitError
from hub.connectors.sql_errors import cleaned
from hub.connectors.sql_read import Reader, Row
from hub.connectors.sql_settings import SqlSettings, Staging
from hub.connectors.sql_shape import Found, Shape, reflect
from hub.connectors.sql_source import Database
from hub.connectors.sql_values import key_values
from hub.connectors.sql_write import Writer, apart
from hub.model import Done, Missing, Op, Outcome, Record, Refused, Stale, Unknown, Write

LETTERS = {Op.CREATE: "C", Op.UPDATE: "U", Op.DELETE: "D"}
STEP = 1.0  # second between two looks at what became of the requests
LATE = "the request is in the staging table and was not answered within {:g} seconds"


class Stager:
    """Puts requests into the staging table and reads what became of them."""

    def __init__(self, staging: Staging, db: Database, settings: SqlSettings, context: Context, reader: Reader) -> None:
        self._staging, self._db, self._settings, self._context, self._reader = staging, db, settings, context, reader
        self._values = Writer(db, settings, context, reader, Promise.WRITE_ONLY)
        self._known: Found | None = None

    def find(self, shape: Shape, key: str) -> Record | None:
        """The record that the program made of the create with this key."""
        with self._db.reading() as connection:
            row = self._answers(connection, shape, [key]).get(key)
            if row is None or row[1] not in self._staging.done:
                return None
            return self._record(connection, shape, key_id(row[3:]))

    def write(self, shape: Shape, writes: Sequence[Write]) -> list[Outcome]:
        """Requests for the same row one after the other, each when the one before it is answered."""
        return [outcome for group in apart(writes) for outcome in self._group(shape, group)]

    def _group(self, shape: Shape, writes: Sequence[Write]) -> list[Outcome]:
        results: list[Outcome | str] = []
        with self._db.writing() as connection:
            ids = [write.id for write in writes if write.id is not None]
            rows = self._reader.rows(connection, shape, ids) if ids else {}
            keys = [write.key for write in writes if write.op is Op.CREATE]
            asked = self._answers(connection, shape, keys)
            for write in writes:
                item = rows[write.id][1] if write.id in rows else None
                results.append(self._ask(connection, shape, write, item, write.key in asked))
        requests = [result for result in results if isinstance(result, str)]
        answers = self._wait(shape, requests) if requests else {}
        return [
            self._outcome(shape, write, answers.get(result)) if isinstance(result, str) else result
            for write, result in zip(writes, results, strict=True)
        ]

    def _ask(self, connection: sa.Connection, shape: Shape, write: Write, item: Any, asked: bool) -> Outcome | str:
        """The mark of the request; or what stands in its way."""
        if write.op is not Op.CREATE:
            if not isinstance(item, Record):
                return Missing()
            if write.version is not None and item.version != write.version:
                return Stale()
        if asked:
            return write.key
        mark = write.key if write.op is Op.CREATE else f"{write.key[:40]}#{uuid4().hex[:16]}"
        try:
            with connection.begin_nested():
                values = {**self._taken(shape, write), **self._marks(shape, write, mark)}
                connection.execute(sa.insert(self._found(connection).source).values(values))  # type: ignore[arg-type]
        except UnfitError as unfit:
            return Refused(str(unfit))
        except UnicodeError:
            return Refused("a value does not exist in the encoding of the database")
        except sa.exc.DBAPIError as error:
            refused = self._values.refusal(error)
            if refused is None:
                raise
            return refused
        return mark

    def _taken(self, shape: Shape, write: Write) -> dict[str, Any]:
        """The values, for columns of the staging table."""
        values = self._values.plain_values(shape, write.fields)
        there = {name.casefold(): name for name in (self._known.types if self._known else ())}
        if left := sorted(name for name in values if name.casefold() not in there):
            raise UnfitError(f"the staging table has no column {', '.join(left)}")
        return {there[name.casefold()]: value for name, value in values.items()}

    def _marks(self, shape: Shape, write: Write, mark: str) -> dict[str, Any]:
        staging = self._staging
        made = {staging.request: mark, staging.operation: LETTERS[write.op], staging.status: staging.new}
        if write.id is not None:
            parts = key_parts(write.id, len(shape.key)) or []
            for name, part, kind in zip(self._id_columns(shape), parts, shape.key_types, strict=True):
                made[name] = key_values(part, kind, self._db.dialect)[-1]
        return {self._column(name).name: self._db.bind(value) for name, value in made.items()}

    # --- answers ----------------------------------------------------------------------------------

    def _wait(self, shape: Shape, requests: Sequence[str]) -> Mapping[str, Row]:
        """The answers so far, by request: one statement a look, until all are there or the time is over."""
        staging, end = self._staging, self._context.clock() + timedelta(seconds=self._staging.wait)
        final = {*staging.done, *staging.failed}
        while True:
            with self._db.reading() as connection:
                found = self._answers(connection, shape, requests)
            answered = {request: row for request, row in found.items() if row[1] in final}
            if len(answered) == len(requests) or self._context.clock() >= end:
                return answered
            self._context.sleep(STEP)

    def _answers(self, connection: sa.Connection, shape: Shape, requests: Sequence[str]) -> dict[str, Row]:
        """request → request, status, error, key of the row."""
        staging = self._staging
        self._found(connection)
        if not requests:
            return {}
        error = sa.null() if staging.error is None else self._column(staging.error)
        columns = [self._column(name) for name in (staging.request, staging.status)]
        ids = [self._column(name) for name in self._id_columns(shape)]
        asked = self._column(staging.request)
        rows = connection.execute(sa.select(*columns, error, *ids).where(self._db.among(asked, requests)))
        trimmed = ([v.rstrip(" ") if isinstance(v, str) else v for v in row] for row in rows)
        return {str(row[0]): row for row in trimmed}

    def _outcome(self, shape: Shape, write: Write, answer: Row | None) -> Outcome:
        if answer is None:
            return Unknown(LATE.format(self._staging.wait))
        if answer[1] in self._staging.failed:
            words = cleaned(str(answer[2] or "no reason was given"), write.fields.values())
            return Refused(f"the program behind the staging table refused the row: {words}")
        if write.op is Op.DELETE:
            return Done(None)
        with self._db.reading() as connection:
            record = self._record(connection, shape, write.id or key_id(answer[3:]))
        return Unknown("the request was answered as done, and the row is not there") if record is None else Done(record)

    def _record(self, connection: sa.Connection, shape: Shape, record_id: str) -> Record | None:
        found = self._reader.rows(connection, shape, [record_id]).get(record_id)
        return found[1] if found is not None and isinstance(found[1], Record) else None

    # --- the staging table ------------------------------------------------------------------------

    def _found(self, connection: sa.Connection) -> Found:
        if self._known is None:
            self._known = reflect(self._db, connection, self._staging.table, self._settings.schema_name)
        return self._known

    def _column(self, name: str) -> Any:
        assert self._known is not None
        return self._known.source.c[self._db.pick("column", name, list(self._known.types))]

    def _id_columns(self, shape: Shape) -> Sequence[str]:
        return self._staging.id or [str(column.key) for column in shape.key]
