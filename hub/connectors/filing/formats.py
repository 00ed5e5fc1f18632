"""One face for all formats: names of columns, and entries from a place on."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from hub.connectors.contract import Context
from hub.connectors.file_entries import (
    Entry,
    Lines,
    csv_column,
    csv_entries,
    csv_header,
    fixed_entries,
    jsonl_entries,
)
from hub.connectors.filing.cobol import column_names, fixed_records, line_records
from hub.connectors.filing.copybook import LayoutError, Node, parse_copybook
from hub.connectors.filing.dbase import table_entries, table_names
from hub.connectors.filing.ldif import ldif_entries
from hub.connectors.filing.pieces import Piece
from hub.connectors.filing.places import FileProblem
from hub.connectors.filing.settings import TEXTS, WIDE_TEXT, FileSettings, cuts_into_lines
from hub.connectors.filing.xlsx import sheet_entries, sheet_names
from hub.errors import AccountError, ConfigError, TransientError

UNITS = {"xlsx": "row", "dbase": "record", "cobol": "record", "ldif": "entry at line", "vcard": "card at line"}


class Format:
    """Reads pieces as the settings say. `unit` is what one entry is called; `names_vary`: each names its own fields."""

    def __init__(self, settings: FileSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self.unit = UNITS.get(settings.kind, "line")
        self.names_vary = settings.kind in ("jsonl", "ldif", "vcard")

    def names(self, piece: Piece) -> list[str]:
        """Names of the columns, none where they vary; FileProblem when the file cannot be read."""
        match self._settings.kind:
            case "xlsx":
                return sheet_names(piece.path)
            case "dbase":
                return table_names(piece.path, self._settings.encoding)
            case "cobol":
                return column_names(self._layout)
            case "fixed":
                return list(self._settings.columns or ())
            case "csv":
                with self._open(piece.path) as file:
                    return self._csv_names(file)
        return []

    def entries(self, piece: Piece, offset: int, line: int) -> Iterator[Entry]:
        """Entries after a place: `end` and `last` of the entry before."""
        match self._settings.kind:
            case "xlsx":
                return sheet_entries(piece.path, offset)
            case "dbase":
                return table_entries(piece.path, self._settings.encoding, line)
        return self._streamed(piece.path, offset, line)

    def column(self, piece: Piece, names: list[str], column: str) -> Iterator[tuple[int, str]]:
        """Of a CSV file the line and the text of this column of each sound entry: `entries` for less."""
        with self._open(piece.path) as file:
            lines = self._lines(file)
            yield from chain.from_iterable(csv_column(lines, names, self._settings.delimiter, column))

    def _streamed(self, path: Path, offset: int, line: int) -> Iterator[Entry]:
        settings = self._settings
        with self._open(path) as file:
            if settings.kind == "cobol" and not self._in_lines:
                yield from fixed_records(file, self._layout, settings.text_encoding, line)
                return
            names = self._csv_names(file) if settings.kind == "csv" else []
            lines = self._lines(file)
            if offset:
                lines.go_to(offset, line)
            yield from self._of_lines(lines, names)

    def _lines(self, file: BinaryIO) -> Lines:
        """The lines of a file, behind the names of its columns."""
        settings = self._settings
        encoding = settings.text_encoding
        lines = Lines(file, encoding if settings.kind not in TEXTS or cuts_into_lines(encoding) else WIDE_TEXT)
        if settings.kind == "csv" and settings.names is None:
            csv_header(lines, settings.delimiter)
        return lines

    def _of_lines(self, lines: Lines, names: list[str]) -> Iterator[Entry]:
        match self._settings.kind:
            case "csv":
                return csv_entries(lines, names, self._settings.delimiter)
            case "jsonl":
                return jsonl_entries(lines)
            case "cobol":
                return line_records(lines, self._layout, self._settings.text_encoding)
            case "ldif":
                return ldif_entries(lines)
            case "vcard":
                from hub.connectors.filing.vcards import card_entries

                encoding = self._settings.text_encoding
                return card_entries(lines, encoding if cuts_into_lines(encoding) else WIDE_TEXT)
        return fixed_entries(lines, self._settings.columns or {})

    def _csv_names(self, file: BinaryIO) -> list[str]:
        encoding = self._settings.text_encoding
        try:
            lines = Lines(file, encoding if cuts_into_lines(encoding) else WIDE_TEXT)
            if self._settings.names is not None:
                return self._told_names(lines, self._settings.names)
            names = csv_header(lines, self._settings.delimiter)
        except ValueError as error:
            raise FileProblem(f"cannot be read: {error}") from error
        if names is None:
            raise FileProblem("is empty, without a header")
        return names

    def _told_names(self, lines: Lines, names: list[str]) -> list[str]:
        """Where the file itself has none. One that is empty is no list of nobody, unless it only grows."""
        try:
            first = next(csv.reader(lines, delimiter=self._settings.delimiter), None)
        except csv.Error as error:
            raise FileProblem(f"cannot be read: its first line is broken: {error}") from error
        if first is None and self._settings.mode != "append":
            raise FileProblem("is empty")
        if first is not None and [name.strip() for name in first] == names:
            raise FileProblem("has a line of names; leave `names` out of the settings")
        return names

    @property
    def _in_lines(self) -> bool:
        return self._settings.records != "fixed" and cuts_into_lines(self._settings.text_encoding)

    @cached_property
    def _layout(self) -> Node:
        name = f"{self._context.name}: the layout {self._settings.layout}"
        try:
            text = (self._context.base / (self._settings.layout or "")).read_text(encoding="utf-8-sig")
            return parse_copybook(text)
        except LayoutError as error:
            raise ConfigError(f"{name}, {error}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{name} cannot be read as text in UTF-8.") from error

    @contextmanager
    def _open(self, path: Path) -> Iterator[BinaryIO]:
        try:
            file = path.open("rb")
        except PermissionError as error:
            raise AccountError(f"{self._context.name}: {path.name} may not be read; nothing was.") from error
        except OSError as error:
            raise TransientError(f"{self._context.name}: {path.name} cannot be opened; nothing was read.") from error
        with file:
            yield file
