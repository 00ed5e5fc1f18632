"""Rows of a worksheet, streamed (extra `files`: openpyxl).

Source  documentation of openpyxl, read-only mode; ECMA-376 part 1, 18.3
Values  whole numbers without a fraction, with the zeros of a format such as 00000; dates in ISO form; of a formula
        the result that the spreadsheet program stored. One without a stored result makes the file unreadable: it
        would pass for an empty cell
Merged  the first cell of a merged range holds the value, the others are empty
Memory  neither rows nor the texts that cells share are kept: see workbook
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import orjson

from hub.connectors.file_entries import Entry
from hub.connectors.filing.places import FileProblem, private_file
from hub.connectors.filing.settings import FileSettings
from hub.errors import ConfigError

ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"})
ZEROS = re.compile(r"0{2,}")
FORMULA = re.compile(rb"<c\b([^>]*)>\s*<f\b[^>]*?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>")
BLOCK, TAIL = 1024 * 1024, 16 * 1024  # bytes of XML looked at together, and of a cell at most
EMPTY_ROWS = 10_000  # in a row: a sheet formatted to its end


def flattened(path: Path, sheet: str | int, settings: FileSettings, target: Path, most: int | None) -> None:
    """Rewrite a sheet as lines of JSON, since XML is slow and is read twice otherwise: names, then rows.

    most  rows that are enough; None: all
    FileProblem tells what is wrong with the file as a whole.
    """
    _weigh(path, settings.max_bytes)
    with _sheet(path, sheet, target.parent) as rows, private_file(target) as out:
        numbered = enumerate(rows, start=1)
        names = next((_names(row) for number, row in numbered if number == settings.header_row), None)
        if names is None:
            raise FileProblem(f"has no row {settings.header_row} for its header")
        out.write(orjson.dumps(names) + b"\n")
        for number, row in islice(_filled(numbered), most):
            out.write(orjson.dumps([number, row, row_problem(names, row)]) + b"\n")


def _filled(rows: Iterator[tuple[int, Sequence[Any]]]) -> Iterator[tuple[int, list[Any]]]:
    """Values of the rows that are not blank, up to where a sheet was only formatted."""
    blank = 0
    for number, row in rows:
        values = [_value(cell) for cell in row]
        blank = 0 if any(value is not None and value != "" for value in values) else blank + 1
        if blank > EMPTY_ROWS:
            return
        if not blank:
            yield number, values


def row_problem(names: Sequence[str], values: Sequence[Any]) -> str | None:
    """What keeps a row from being read; None: nothing."""
    beyond = [value for value in values[len(names) :] if value is not None and value != ""]
    if beyond:
        return f"has {len(beyond)} values beyond the columns of the header"
    for name, value in zip(names, values, strict=False):
        if type(value) is str and value.startswith("#") and value in ERRORS:
            return f"shows the error {value} in {name}"
    return None


def sheet_names(path: Path) -> list[str]:
    """The columns of a sheet that was rewritten."""
    with path.open("rb") as file:
        names: list[str] = orjson.loads(file.readline())
        return names


def sheet_entries(path: Path, offset: int) -> Iterator[Entry]:
    """Rows of a sheet that was rewritten, after an offset."""
    with path.open("rb") as file:
        names = orjson.loads(file.readline())
        width = len(names)
        if offset:
            file.seek(offset)
        at = file.tell()
        for line in file:
            at += len(line)
            number, values, problem = orjson.loads(line)
            if problem is not None:
                yield Entry(number, number, at, None, problem, line.decode())
                continue
            values = values[:width] + [None] * (width - len(values))
            yield Entry(number, number, at, dict(zip(names, values, strict=True)))


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


def _value(cell: Any) -> Any:
    """As JSON knows it."""
    value = cell.value
    if type(value) is str:
        return value.strip()
    if value is None:
        return None
    match value:
        case bool():
            return value
        case int() | float():
            return _number(value, cell)
        case datetime():
            return value.date().isoformat() if value.time() == time() else value.isoformat()
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
    return str(value)


def _number(value: int | float, cell: Any) -> Any:
    """12000000000.0 is 12000000000, never 1.2E+10; with the format 00000 the number 1234 is the text 01234."""
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(whole, int) and whole >= 0 and (form := cell.number_format) and ZEROS.fullmatch(form):
        return str(whole).zfill(len(form))
    return whole


@contextmanager
def _sheet(path: Path, sheet: str | int, folder: Path) -> Iterator[Iterator[Sequence[Any]]]:
    try:
        from openpyxl.utils.exceptions import InvalidFileException

        from hub.connectors.filing.workbook import Texts, Workbook
    except ImportError as error:
        raise ConfigError("XLSX needs a library. Next: pip install 'contact-hub[files]'.") from error
    with ExitStack() as closing:
        texts = Texts(folder, closing)
        file = closing.enter_context(path.open("rb"))
        try:
            book = Workbook(file, texts)
        except (InvalidFileException, zipfile.BadZipFile, KeyError, ParseError, ValueError) as error:
            raise FileProblem("is no XLSX file, or broken; an encrypted one cannot be read either") from error
        closing.callback(book.archive.close)
        target = _choose(book.sheets, sheet)
        try:
            yield book.rows(target)
        except (zipfile.BadZipFile, ParseError, KeyError) as error:
            raise FileProblem("is a broken XLSX file") from error


def _choose(sheets: Sequence[tuple[str, str]], sheet: str | int) -> str:
    names = [name for name, _ in sheets]
    if isinstance(sheet, int) and 1 <= sheet <= len(sheets):
        return sheets[sheet - 1][1]
    if sheet in names:
        return dict(sheets)[str(sheet)]
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
