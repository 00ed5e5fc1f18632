"""Rows as messages of the Singer specification: SCHEMA, RECORD and STATE. No I/O."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, TypeAlias

import orjson

Kind: TypeAlias = Literal["text", "integer", "number", "boolean", "date", "datetime", "list", "object"]

SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "text": {"type": ["string", "null"]},
    "integer": {"type": ["integer", "null"]},
    "number": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "datetime": {"type": ["string", "null"], "format": "date-time"},
    "list": {"type": ["array", "null"], "items": {"type": "string"}},
    "object": {"type": ["object", "null"]},
}
WHOLE = re.compile(r"-?\d{1,18}")
BETWEEN = ";"  # values of a list in a column of text


@dataclass(frozen=True, slots=True)
class Shape:
    """What every message of a stream has in common.

    key      column with the hub's key
    deleted  column with the time of a deletion; None: nobody is deleted
    """

    stream: str
    key: str
    columns: Mapping[str, Kind]
    deleted: str | None

    def schema(self) -> bytes:
        properties: dict[str, Any] = {self.key: {"type": "string"}}
        properties |= {name: SCHEMAS[kind] for name, kind in self.columns.items()}
        if self.deleted is not None:
            properties[self.deleted] = SCHEMAS["datetime"]
        schema = {"type": "object", "properties": properties, "required": [self.key]}
        return _line("SCHEMA", stream=self.stream, schema=schema, key_properties=[self.key])

    def record(self, key: str, fields: Mapping[str, Any] | None, now: datetime) -> bytes:
        """All columns of a row, since a target may take one that is missing for "unchanged" or for "empty".

        fields  None: the row is deleted, so that nothing of it stays but its key and the time
        """
        given = fields or {}
        row = {name: fitted(kind, given.get(name)) for name, kind in self.columns.items()}
        if self.deleted is not None:
            row[self.deleted] = now.isoformat() if fields is None else None
        return _line("RECORD", stream=self.stream, record={self.key: key, **row}, time_extracted=now.isoformat())

    def state(self, count: int) -> bytes:
        return _line("STATE", value={"bookmarks": {self.stream: {"told": count}}})

    def heard(self, line: bytes) -> int:
        """How many records a target says are written; 0 where the line is no state of ours."""
        try:
            count = orjson.loads(line)["bookmarks"][self.stream]["told"]
        except (ValueError, KeyError, TypeError):
            return 0
        return count if type(count) is int else 0

    def problem(self, fields: Mapping[str, Any]) -> str | None:
        """Why a row cannot be told, without its values; None: it can."""
        unknown = sorted(set(fields) - set(self.columns))
        if unknown:
            return f"The target was told of no column {unknown[0]}."
        for name, value in fields.items():
            try:
                fitted(self.columns[name], value)
            except ValueError as error:
                return f"The value of {name} {error}."
        return None


def fitted(kind: Kind, value: Any) -> Any:
    """The value as a column of this kind takes it; ValueError says what is wrong, without the value."""
    if value is None or value == "" or value == []:
        return None
    try:
        if b"\\u0000" in orjson.dumps(value):
            raise ValueError("has a NUL character")
    except TypeError as error:
        raise ValueError("is no JSON value") from error
    return _FITTED[kind](value)


def _text(value: Any) -> str:
    match value:
        case dict():
            raise ValueError("is nested, which text cannot hold: map its parts to columns, or make it an object")
        case list():
            return BETWEEN.join(map(_text, value))
        case bool():
            return "true" if value else "false"
    return str(value)


def _integer(value: Any) -> int:
    if type(value) is int or (isinstance(value, str) and WHOLE.fullmatch(value)):
        return int(value)
    raise ValueError("is no whole number")


def _number(value: Any) -> float:
    if isinstance(value, bool | list | dict):
        raise ValueError("is no number")
    try:
        found = float(value)
    except ValueError as error:
        raise ValueError("is no number") from error
    if not math.isfinite(found):
        raise ValueError("is no number")
    return found


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("is neither true nor false")


def _timed(read: Callable[[str], Any], what: str) -> Callable[[Any], str]:
    def fit(value: Any) -> str:
        try:
            read(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"is no {what}") from error
        return str(value)

    return fit


def _list(value: Any) -> list[str]:
    return [_text(each) for each in (value if isinstance(value, list) else [value])]


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ValueError("is no object")


_FITTED: Mapping[str, Callable[[Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _timed(date.fromisoformat, "date"),
    "datetime": _timed(datetime.fromisoformat, "time"),
    "list": _list,
    "object": _object,
}


def _line(kind: str, **more: Any) -> bytes:
    return orjson.dumps({"type": kind, **more}, option=orjson.OPT_APPEND_NEWLINE)


def messages(shape: Shape, rows: Sequence[tuple[str, Mapping[str, Any] | None]], now: datetime, every: int) -> bytes:
    """What a target is given: the schema, the rows, and a state after every so many of them and at the end."""
    told = [shape.schema()]
    for number, (key, fields) in enumerate(rows, 1):
        told.append(shape.record(key, fields, now))
        if number % every == 0 or number == len(rows):
            told.append(shape.state(number))
    return b"".join(told)
