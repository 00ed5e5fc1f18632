"""Entries that could not be read, as they stand in their file; and read again from a text put right by a person.

A row of a worksheet is a list of values in JSON. dBase and COBOL have no lines that a person could write: what is
wrong there is put right in the file.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from hub.connectors.file_entries import BOM, Entry, Lines, csv_entries, fixed_entries, jsonl_entries
from hub.connectors.filing.ldif import ldif_entries
from hub.connectors.filing.settings import TEXTS, WIDE_TEXT, FileSettings, cuts_into_lines
from hub.connectors.filing.xlsx import row_problem
from hub.model import Raw

KINDS = TEXTS | {"xlsx"}
LARGEST = 64 * 1024  # bytes of a piece that is kept to be put right; a larger one is, in its file
PLAIN = "utf-8"


def raw_of(settings: FileSettings, path: Path, names: Sequence[str], entry: Entry) -> Raw | None:
    """None: nobody can put it right as text."""
    if settings.kind == "xlsx":
        data = _row(_lines_before(path, entry.end, 1))
        return None if data is None else Raw(data, PLAIN, tuple(names))
    if settings.kind not in TEXTS:
        return None
    encoding = settings.text_encoding if cuts_into_lines(settings.text_encoding) else WIDE_TEXT
    if entry.original:
        data = entry.original.encode(encoding, "surrogateescape").rstrip(b"\r\n")
    else:
        data = _lines_before(path, entry.end, entry.last - entry.line + 1)
    if not data or len(data) > LARGEST:
        return None
    return Raw(data, encoding, tuple(names) if settings.kind == "csv" else ())


def _lines_before(path: Path, end: int, count: int) -> bytes:
    """The last lines that end before an offset; empty: they are longer than a piece that is kept."""
    start = max(0, end - LARGEST - len(BOM) - 4)
    with path.open("rb") as file:
        file.seek(start)
        block = file.read(end - start).rstrip(b"\r\n")
    lines = block.split(b"\n")
    if start > 0 and len(lines) <= count:  # the first of them may begin before the block
        return b""
    return b"\n".join(lines[-count:]).removeprefix(BOM)


def _row(line: bytes) -> bytes | None:
    if not line:
        return None
    _number, values, _problem = orjson.loads(line)
    return orjson.dumps(values)


def entries_of(settings: FileSettings, names: Sequence[str], text: str) -> Iterator[Entry]:
    """What is in a text that stands for one entry."""
    if settings.kind == "xlsx":
        return iter([_cells(names, text)])
    lines = Lines(io.BytesIO(text.encode(PLAIN)), PLAIN)
    match settings.kind:
        case "csv":
            return csv_entries(lines, names, settings.delimiter)
        case "jsonl":
            return jsonl_entries(lines)
        case "ldif":
            return ldif_entries(lines)
        case "vcard":
            from hub.connectors.filing.vcards import card_entries

            return card_entries(lines, PLAIN)
    return fixed_entries(lines, settings.columns or {})


def _cells(names: Sequence[str], text: str) -> Entry:
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        values = None
    if not isinstance(values, list) or any(isinstance(value, list | dict) for value in values):
        return Entry(1, 1, 0, None, 'is no list of values such as [1, "Ann", null]', text)
    problem = row_problem(names, values)
    if problem is not None:
        return Entry(1, 1, 0, None, problem, text)
    width = len(names)
    return Entry(1, 1, 0, dict(zip(names, values[:width] + [None] * (width - len(values)), strict=True)))
