"""Rows as files: CSV, XLSX, JSON lines, fixed width, vCard, LDIF. What does not fit is told before it is taken."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from hub.connectors.filing.out_settings import OutSettings
from hub.connectors.filing.outbox import Row
from hub.connectors.filing.places import private_file
from hub.connectors.filing.vcards import card_problem, written_card
from hub.errors import ConfigError

LONGEST_CELL = 32_767  # characters, as spreadsheet programs have it
LINE = 76  # characters of a line in LDIF
FORMULA = re.compile(r"[=+\-@\t\r]")
NUMBER = re.compile(r"[+-][\d ()./-]*")  # a telephone or other number calculates nothing
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
PLAIN = re.compile(
    r"[\x01-\x09\x0b\x0c\x0e-\x1f!-9;=-\x7f][\x01-\x09\x0b\x0c\x0e-\x7f]*(?<! )|"
)  # RFC 2849, SAFE-STRING
IN_NAMES = re.compile(r"\{([^{}]*)\}")
SPECIAL = re.compile(r'[,+"\\<>;=\x00]')  # RFC 4514


def refusal(settings: OutSettings, fields: Mapping[str, Any]) -> str | None:
    """Why a row cannot be written, without its values; None: it can."""
    if settings.kind == "vcard":
        return card_problem(fields)
    names = settings.names
    unknown = sorted(set(fields) - set(names)) if names else []
    if unknown:
        return f"The file has no column {unknown[0]}."
    for name, value in fields.items():
        problem = _value_problem(settings, name, value)
        if problem is not None:
            return f"The value of {name} {problem}."
    return None


def _value_problem(settings: OutSettings, name: str, value: Any) -> str | None:
    if settings.kind == "jsonl":
        return _json_problem(value)
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, dict | list) for v in value)):
        return "is nested, which a cell cannot hold: map its parts to columns"
    text = cell(value)
    try:
        text.encode("utf-8" if settings.kind in ("xlsx", "ldif") else settings.encoding)
    except UnicodeEncodeError:
        return f"has characters that {settings.encoding} does not know"
    if "\x00" in text or (settings.kind == "xlsx" and CONTROL.search(text)):
        return "has control characters"
    if settings.kind == "xlsx" and len(text) >= LONGEST_CELL:
        return f"is longer than {LONGEST_CELL} characters"
    if isinstance(settings.columns, dict):
        if len(text) > settings.columns[name][1]:
            return f"is longer than its {settings.columns[name][1]} characters"
        if "\n" in text or "\r" in text:
            return "has a line break"
    return None


def _json_problem(value: Any) -> str | None:
    try:
        return "has a NUL character" if b"\\u0000" in orjson.dumps(value) else None
    except TypeError:
        return "is no JSON value"


def write_rows(settings: OutSettings, rows: Iterable[Row], path: Path) -> int:
    """The whole file; how many rows it has."""
    writer = {"csv": _csv, "xlsx": _xlsx, "jsonl": _jsonl, "fixed": _fixed, "ldif": _ldif, "vcard": _vcard}[
        settings.kind
    ]
    return writer(settings, rows, path)


def told(settings: OutSettings, row: Row) -> dict[str, Any]:
    """A row with the hub's key, and with the mark of deletion where it is deleted."""
    marks: dict[str, Any] = {settings.key: row.id}
    for name, value in (settings.deleted or {}).items():
        marks[name] = value if row.gone else row.fields.get(name, "")
    return {**row.fields, **marks}


def cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return ";".join(map(cell, value))
    return str(value)


def escaped_formula(text: str) -> str:
    """With an apostrophe where a spreadsheet program would calculate; `+351 912 345 678` stays as it is."""
    if FORMULA.match(text) and not NUMBER.fullmatch(text):
        return "'" + text
    return text


def _cells(settings: OutSettings, row: Row) -> list[str]:
    values = told(settings, row)
    texts = [cell(values.get(name)) for name in settings.names]
    return [escaped_formula(text) for text in texts] if settings.formulas == "escape" else texts


# --- formats --------------------------------------------------------------------------------------


def _csv(settings: OutSettings, rows: Iterable[Row], path: Path) -> int:
    count = 0
    with io.TextIOWrapper(private_file(path), encoding=settings.encoding, newline="") as file:
        writer = csv.writer(file, delimiter=settings.delimiter, lineterminator="\r\n")
        if settings.header:
            writer.writerow(settings.names)
        for row in rows:
            writer.writerow(_cells(settings, row))
            count += 1
    return count


def _xlsx(settings: OutSettings, rows: Iterable[Row], path: Path) -> int:
    try:
        from openpyxl import Workbook
        from openpyxl.cell import WriteOnlyCell
    except ImportError as error:
        raise ConfigError("XLSX needs a library. Next: pip install 'contact-hub[files]'.") from error
    book: Any = Workbook(write_only=True)
    sheet = book.create_sheet("people")

    def text(value: str) -> Any:
        made: Any = WriteOnlyCell(sheet, value)
        made.data_type = "s"  # never a formula, a number or an error
        return made

    count = 0
    if settings.header:
        sheet.append([text(name) for name in settings.names])
    for row in rows:
        sheet.append([text(value) if value else None for value in _cells(settings, row)])
        count += 1
    with private_file(path) as file:
        book.save(file)
    return count


def _jsonl(settings: OutSettings, rows: Iterable[Row], path: Path) -> int:
    count = 0
    with private_file(path) as file:
        for row in rows:
            file.write(orjson.dumps(told(settings, row), option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count


def _fixed(settings: OutSettings, rows: Iterable[Row], path: Path) -> int:
    columns = settings.columns
    assert isinstance(columns, dict)
    placed = sorted(columns.items(), key=lambda item: item[1])
    count = 0
    with io.TextIOWrapper(private_file(path), encoding=settings.encoding, newline="") as file:
        for row in rows:
            values, line = told(settings, row), ""
            for name, (start, length) in placed:
                line = line.ljust(start - 1) + cell(values.get(name)).ljust(length)
            file.write(line + "\r\n")
            count += 1
    return count


def _vcard(settings: OutSettings, rows: Iterable[Row], path: Path) -> int:
    count = 0
    with io.TextIOWrapper(private_file(path), encoding="utf-8", newline="") as file:
        for row in rows:
            file.write(written_card(row.id, settings.vcard, row.fields))
            count += 1
    return count


def _ldif(settings: OutSettings, rows: Iterable[Row], path: Path) -> int:
    count = 0
    with io.TextIOWrapper(private_file(path), encoding="ascii", newline="\n") as file:
        file.write("version: 1\n")
        for row in rows:
            file.write("\n" + "".join(ldif_lines(settings, row)))
            count += 1
    return count


def ldif_lines(settings: OutSettings, row: Row) -> Iterator[str]:
    values = told(settings, row)
    yield _line("dn", IN_NAMES.sub(lambda found: _in_dn(cell(values.get(found[1]))), settings.dn or ""))
    for name, value in {**settings.constants, **values}.items():
        if name == settings.key and f"{{{name}}}" not in (settings.dn or "") and name == "hub_key":
            continue  # no attribute of any schema: it is in the file only where `key` names one
        for each in value if isinstance(value, list) else [value]:
            if cell(each):
                yield _line(name, cell(each))


def _in_dn(text: str) -> str:
    """Special characters of a name, and blanks at its ends, as RFC 4514 writes them."""
    text = SPECIAL.sub(lambda found: "\\00" if found[0] == "\x00" else "\\" + found[0], text)
    if text.startswith((" ", "#")):
        text = "\\" + text
    return text[:-1] + "\\ " if text.endswith(" ") and len(text) > 1 and not text.endswith("\\ ") else text


def _line(name: str, value: str) -> str:
    if PLAIN.fullmatch(value):
        whole = f"{name}: {value}"
    else:
        whole = f"{name}:: {base64.b64encode(value.encode()).decode()}"
    parts = [whole[:LINE], *(whole[at : at + LINE - 1] for at in range(LINE, len(whole), LINE - 1))]
    return "\n ".join(parts) + "\n"
