"""Records of a dBase, FoxPro or Clipper table (extra `files`: dbfread), deleted ones too.

Source   documentation of dbfread; a table written by the library `dbf`
Values   texts without padding, numbers as they are, dates in ISO form, memos from the .dbt or .fpt beside the table
Deleted  a flag in the record: the entry is gone
Codepage from the header, unless `encoding` names it; tables of DOS programs often name none, or a wrong one
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from pathlib import Path
from struct import error as StructError  # noqa: N812 - a class
from typing import Any

from hub.connectors.file_entries import Entry
from hub.connectors.filing.places import FileProblem
from hub.errors import ConfigError

BLOCK = 1024 * 1024  # bytes read at once
END = 0x1A
GONE = 0x2A


def table_names(path: Path, encoding: str | None) -> list[str]:
    return list(_table(path, encoding).field_names)


def table_entries(path: Path, encoding: str | None, after: int) -> Iterator[Entry]:
    """Records by number, those after a number only."""
    table = _table(path, encoding)
    from dbfread import FieldParser

    length, start = table.header.recordlen, table.header.headerlen
    if length < 1:
        raise FileProblem("has a header that is no dBase table's")
    with path.open("rb") as file, _memo(table) as memo:
        parser = FieldParser(table, memo)
        file.seek(start + after * length)
        number, left = after, table.header.numrecords - after
        while left > 0 and (block := file.read(length * min(left, max(1, BLOCK // length)))):
            for at in range(0, len(block), length):
                raw = block[at : at + length]
                number, left = number + 1, left - 1
                if raw[0] == END:
                    return
                yield _entry(number, raw, table, parser)


def _entry(number: int, raw: bytes, table: Any, parser: Any) -> Entry:
    fields: dict[str, Any] = {}
    at = 1
    shown = raw.decode("ascii", "backslashreplace")
    for field in table.fields:
        part = raw[at : at + field.length]
        at += field.length
        if len(part) < field.length:
            return Entry(number, number, number, None, "is cut off at the end of the file", shown)
        try:
            fields[field.name] = _value(parser.parse(field, part))
        except UnicodeDecodeError as error:
            problem = f"is not text in {error.encoding} in {field.name}; set `encoding`, such as cp850 or cp1252"
            return Entry(number, number, number, None, problem, shown)
        except (ValueError, StructError, ArithmeticError):
            return Entry(number, number, number, None, f"has no value of type {field.type} in {field.name}", shown)
    return Entry(number, number, number, fields, gone=raw[0] == GONE)


def _value(value: Any) -> Any:
    match value:
        case str():
            return value.strip(" \x00")
        case datetime() | date():
            return value.isoformat()
        case float():
            return (int(value) if value.is_integer() else value) if isfinite(value) else None
        case Decimal():
            return format(value, "f")
        case bytes():
            return value.hex()
    return value


def _table(path: Path, encoding: str | None) -> Any:
    try:
        from dbfread import DBF
        from dbfread.exceptions import DBFNotFound, MissingMemoFile
    except ImportError as error:
        raise ConfigError("dBase needs a library. Next: pip install 'contact-hub[files]'.") from error
    try:
        return DBF(str(path), encoding=encoding, ignorecase=False)
    except MissingMemoFile as error:
        raise FileProblem("has memo fields, and the .dbt or .fpt file of the same name is missing") from error
    except (StructError, ValueError, LookupError, TypeError, DBFNotFound) as error:
        raise FileProblem("is no dBase table, or broken") from error


@contextmanager
def _memo(table: Any) -> Iterator[Any]:
    with table._open_memofile() as memo:  # public in all but its name: a parser needs it
        yield memo
