"""Rows of a worksheet, streamed (extra `files`: openpyxl).

Source  documentation of openpyxl, read-only mode; ECMA-376 part 1, 18.3
Values  whole numbers without a fraction, with the zeros of a format such as 00000; dates in ISO form; of a formula
        the result that the spreadsheet program stored. One without a stored result makes the file unreadable: it
        would pass for an empty cell
Merged  the first cell of a merged range holds the value, the others are empty
Quirk   strings are shared by the whole workbook and kept in memory; rows are not
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from hub.connectors.file_entries import Entry
from hub.connectors.filing.places import FileProblem
from hub.errors import ConfigError

ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"})
ZEROS = re.compile(r"0{2,}")
FORMULA = re.compile(rb"<c\b([^>]*)>\s*<f\b[^>]*?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>")
BLOCK, TAIL = 1024 * 1024, 16 * 1024  # bytes of XML looked at together, and of a cell at most
EMPTY_ROWS = 10_000  # in a row: a sheet formatted to its end


def sheet_names(path: Path, sheet: str | int, header_row: int, limit: int) -> list[str]:
    """The columns as the header names them, without empty ones at the end. FileProblem tells what is wrong."""
    _weigh(path, limit)
    with _sheet(path, sheet) as rows:
        for number, row in enumerate(rows, start=1):
            if number == header_row:
                return _names(row)
    raise FileProblem(f"has no row {header_row} for its header")


def _names(row: Sequence[Any]) -> list[str]:
    names = ["" if cell.value is None else str(_value(cell)).strip() for cell in row]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise FileProblem("has an empty header row; set `header_row`")
    if "" in names:
        raise FileProblem(f"has no name for column {names.index('') + 1} in its header row; set `header_row`")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FileProblem(f"names {', '.join(twice)} twice in its header row")
    return names


def sheet_entries(path: Path, sheet: str | int, header_row: int, after: int) -> Iterator[Entry]:
    """Rows below the header that are not blank, those after a row number only."""
    with _sheet(path, sheet) as rows:
        names: list[str] = []
        blank = 0
        for number, row in enumerate(rows, start=1):
            if number == header_row:
                names = _names(row)
            if number <= max(after, header_row):
                continue
            values = [_value(cell) for cell in row]
            blank = 0 if any(value not in (None, "") for value in values) else blank + 1
            if blank > EMPTY_ROWS:
                return
            if not blank:
                yield _entry(number, names, values)


def _entry(number: int, names: Sequence[str], values: Sequence[Any]) -> Entry:
    beyond = [value for value in values[len(names) :] if value not in (None, "")]
    fields = {name: values[n] if n < len(values) else None for n, name in enumerate(names)}
    wrong = next((name for name, value in fields.items() if isinstance(value, str) and value in ERRORS), None)
    if beyond:
        return Entry(number, number, number, None, f"has {len(beyond)} values beyond the columns of the header", "")
    if wrong is not None:
        original = str({name: str(value) for name, value in fields.items()})
        return Entry(number, number, number, None, f"shows the error {fields[wrong]} in {wrong}", original)
    return Entry(number, number, number, fields)


def _value(cell: Any) -> Any:
    """As JSON knows it."""
    match cell.value:
        case None | bool() as value:
            return value
        case str() as value:
            return value.strip()
        case int() | float() as value:
            return _number(value, cell)
        case datetime() as value:
            return value.date().isoformat() if value.time() == time() else value.isoformat()
        case date() | time() as value:
            return value.isoformat()
        case timedelta() as value:
            return str(value)
        case other:
            return str(other)


def _number(value: int | float, cell: Any) -> Any:
    """12000000000.0 is 12000000000, never 1.2E+10; with the format 00000 the number 1234 is the text 01234."""
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(whole, int) and whole >= 0 and (form := cell.number_format) and ZEROS.fullmatch(form):
        return str(whole).zfill(len(form))
    return whole


@contextmanager
def _sheet(path: Path, sheet: str | int) -> Iterator[Iterator[Sequence[Any]]]:
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as error:
        raise ConfigError("XLSX needs a library. Next: pip install 'contact-hub[files]'.") from error
    with path.open("rb") as file:
        try:
            book = load_workbook(file, read_only=True, data_only=True)
        except (InvalidFileException, zipfile.BadZipFile, KeyError, ParseError, ValueError) as error:
            raise FileProblem("is no XLSX file, or broken; an encrypted one cannot be read either") from error
        try:
            chosen: Any = _choose(book, sheet)
            chosen.reset_dimensions()  # what some programs write there is wrong
            yield chosen.iter_rows()
        except (zipfile.BadZipFile, ParseError, KeyError) as error:
            raise FileProblem("is a broken XLSX file") from error
        finally:
            book.close()


def _choose(book: Any, sheet: str | int) -> Any:
    names = [each.title for each in book.worksheets]
    if isinstance(sheet, int) and 1 <= sheet <= len(names):
        return book.worksheets[sheet - 1]
    if sheet in names:
        return book[sheet]
    raise FileProblem(f"has no sheet {sheet}; it has {len(names)}: {', '.join(names)[:300]}")


def _weigh(path: Path, limit: int) -> None:
    """FileProblem for a file that unpacks to too much, or holds formulas without results."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(each.file_size for each in archive.infolist()) > limit:
                raise FileProblem(f"unpacks to more than {limit} bytes (`max_bytes`)")
            for member in archive.infolist():
                if member.filename.startswith("xl/worksheets/") and member.filename.endswith(".xml"):
                    with archive.open(member) as source:
                        _see_formulas(source)
    except zipfile.BadZipFile as error:
        raise FileProblem("is no XLSX file, or an encrypted one") from error


def _see_formulas(source: Any) -> None:
    held = b""
    while chunk := source.read(BLOCK):
        held += chunk
        if b"<f" in held:
            for found in FORMULA.finditer(held):
                if b't="str"' not in found[1]:
                    raise FileProblem(
                        "holds formulas without their results: open it in a spreadsheet program and save it there"
                    )
        held = held[-TAIL:]
