"""Entries of a CSV, JSONL or fixed width file, one at a time, each with its line and the offset after it.

What cannot be read costs its own line: reading goes on with the next one. A quote that is never closed
would swallow the lines after it, so they are read again on their own.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, BinaryIO, NamedTuple

import orjson

MAX_LINE = 1024 * 1024  # bytes; more is no contact
BOM = b"\xef\xbb\xbf"
BLOCK = 16 * 1024  # bytes of lines that are read at once; less than MAX_LINE


class Entry(NamedTuple):
    """One entry. `fields`, or the `problem` it has; `end` is the offset and `last` the line it ends at.

    whole  ends with a line break: nobody is still writing it
    gone   the file says that it is deleted
    """

    line: int
    last: int
    end: int
    fields: Mapping[str, Any] | None
    problem: str | None = None
    original: str = ""
    whole: bool = True
    gone: bool = False


class Lines:
    """Lines of an open file as text; bytes that cannot be decoded come as lone surrogates.

    number, offset  of the line handed out last, and where the next one begins
    first_end       where the first line since `begin` ended; `first` is its text
    """

    def __init__(self, file: BinaryIO, encoding: str, offset: int = 0, number: int = 0) -> None:
        self._file, self._encoding = file, encoding
        self.go_to(offset, number)

    def go_to(self, offset: int, number: int) -> None:
        self._file.seek(offset)
        self.offset, self.number = offset, number
        self.begin()

    def ahead(self, size: int) -> list[bytes]:
        """The whole lines of the next block without their breaks; it goes on from where it was.

        None at the beginning, where a mark may stand, and before a line that has no break or is longer than a block.
        """
        if self.offset == 0:
            return []
        self._file.seek(self.offset)
        block = self._file.read(size)
        self._file.seek(self.offset)
        return block.split(b"\n")[:-1]

    def text(self, raw: bytes) -> str:
        return raw.decode(self._encoding, "surrogateescape")

    def begin(self) -> None:
        self.first, self.first_end = "", -1
        self.too_long, self.whole = False, True

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        raw = self._file.readline(MAX_LINE)
        if not raw:
            raise StopIteration
        size, ended = len(raw), raw.endswith(b"\n")
        while not ended and (rest := self._file.readline(MAX_LINE)):
            self.too_long = True
            size, ended = size + len(rest), rest.endswith(b"\n")
        if self.offset == 0:
            raw = raw.removeprefix(BOM)
        text = self.text(raw)
        self.number += 1
        self.offset += size
        self.whole = ended
        if self.first_end < 0:
            self.first, self.first_end = text, self.offset
        return "\n" if self.too_long else text


def csv_header(lines: Lines, delimiter: str) -> list[str] | None:
    """The names in the first line; None for an empty file. ValueError says what is wrong with them."""
    try:
        header = next(csv.reader(lines, delimiter=delimiter, strict=True), None)
    except csv.Error as error:
        raise ValueError(f"its header is broken: {error}") from error
    if header is None:
        return None
    names = [name.strip() for name in header]
    if any(not name.isprintable() for name in names) or lines.too_long:
        raise ValueError("its header is not text in the declared encoding")
    if "" in names:
        raise ValueError(f"column {names.index('') + 1} of its header has no name")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"its header names {', '.join(twice)} twice")
    return names


def csv_entries(lines: Lines, names: Sequence[str], delimiter: str, block: int = BLOCK) -> Iterator[Entry]:
    """Blocks of sound lines at once; what is not as simple one entry after the other."""
    for raw, rows, until in _csv_blocks(lines, delimiter, block):
        if rows is None:
            yield from _csv_singly(lines, names, delimiter, until)
        else:
            yield from _csv_block(lines, names, raw, rows)


def csv_column(
    lines: Lines, names: Sequence[str], delimiter: str, column: str, block: int = BLOCK
) -> Iterator[list[tuple[int, str]]]:
    """(line, text of this column) of the entries that `csv_entries` finds sound, block after block."""
    at, width = names.index(column), len(names)
    for raw, rows, until in _csv_blocks(lines, delimiter, block):
        if rows is None:
            singly = _csv_singly(lines, names, delimiter, until)
            yield [(entry.line, entry.fields[column]) for entry in singly if entry.fields is not None]
        else:
            first = lines.number + 1
            lines.go_to(until, lines.number + len(raw))
            yield [(number, row[at]) for number, row in enumerate(rows, first) if len(row) == width]


def _csv_blocks(lines: Lines, delimiter: str, block: int) -> Iterator[tuple[list[bytes], list[list[str]] | None, int]]:
    """Lines that come next, their rows, and the offset where they end: whoever takes them goes on behind them.

    Without rows what begins before that offset is to be read one entry after the other.
    """
    before = -1
    while lines.offset > before:
        before = lines.offset
        while raw := lines.ahead(block):
            rows = _simple_rows(list(map(lines.text, raw)), delimiter)
            yield raw, rows, lines.offset + sum(map(len, raw)) + len(raw)
        yield [], None, lines.offset + 1


def _simple_rows(texts: list[str], delimiter: str) -> list[list[str]] | None:
    """A row for each line; None where a row goes over several lines, or one of them is broken."""
    try:
        rows = list(csv.reader(texts, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows if len(rows) == len(texts) else None


def _csv_block(lines: Lines, names: Sequence[str], raw: list[bytes], rows: list[list[str]]) -> Iterator[Entry]:
    width, first = len(names), lines.number + 1
    ends = accumulate(map(len, raw), lambda end, size: end + size + 1, initial=lines.offset)
    next(ends)
    lines.go_to(lines.offset + sum(map(len, raw)) + len(raw), lines.number + len(raw))
    for number, (end, row) in enumerate(zip(ends, rows, strict=True), first):
        if len(row) == width:
            yield Entry(number, number, end, dict(zip(names, row)))  # noqa: B905  as long as each other
        elif row:
            yield Entry(number, number, end, None, _width_problem(row, names), lines.text(raw[number - first]) + "\n")


def _csv_singly(lines: Lines, names: Sequence[str], delimiter: str, until: int | None) -> Iterator[Entry]:
    """until: an offset from which on no entry begins; None: to the end"""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while until is None or lines.offset < until:
        line = lines.number + 1
        lines.begin()
        problem: str | None
        try:
            row = next(reader, None)
        except csv.Error as error:
            row, problem = [], _quoted(error)
        else:
            if row is None:
                return
            problem = _row_problem(lines, row, names)
        if problem == "":
            continue
        if problem is None:
            fields = dict(zip(names, row, strict=True))
            yield Entry(line, lines.number, lines.offset, fields, whole=lines.whole)
            continue
        if lines.number > line:  # a quote swallowed what follows: only its own line is lost
            first = lines.first
            lines.go_to(lines.first_end, line)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            yield Entry(line, line, lines.offset, None, problem, first)
            continue
        yield Entry(line, line, lines.offset, None, problem, lines.first, lines.whole)


def _quoted(error: csv.Error) -> str:
    return f"is no valid CSV ({error})"


def _row_problem(lines: Lines, row: Sequence[str], names: Sequence[str]) -> str | None:
    """What is wrong with a row; None: nothing; empty: it is a blank line."""
    if lines.too_long:
        return f"is longer than {MAX_LINE} bytes"
    if not row:
        return ""
    return _width_problem(row, names) if len(row) != len(names) else None


def _width_problem(row: Sequence[str], names: Sequence[str]) -> str:
    return f"has {len(row)} fields where the header has {len(names)}"


def jsonl_entries(lines: Lines) -> Iterator[Entry]:
    while True:
        lines.begin()
        text = next(lines, None)
        if text is None:
            return
        if lines.too_long:
            problem: str | None = f"is longer than {MAX_LINE} bytes"
        elif not text.strip():
            continue
        else:
            fields, problem = _json_object(text)
            if fields is not None:
                yield Entry(lines.number, lines.number, lines.offset, fields, whole=lines.whole)
                continue
        yield Entry(lines.number, lines.number, lines.offset, None, problem, lines.first, lines.whole)


def _json_object(text: str) -> tuple[dict[str, Any] | None, str | None]:
    try:
        value = orjson.loads(text)
    except ValueError:
        broken = any("\ud800" <= character <= "\udfff" for character in text)
        return None, "is not text in the declared encoding" if broken else "is broken or truncated JSON"
    return (value, None) if isinstance(value, dict) else (None, "is JSON, but no object")


def fixed_entries(lines: Lines, columns: Mapping[str, tuple[int, int]]) -> Iterator[Entry]:
    """Columns by (first character, counted from 1, and length); a line may end early, at its padding."""
    cuts = {name: slice(start - 1, start - 1 + length) for name, (start, length) in columns.items()}
    while True:
        lines.begin()
        text = next(lines, None)
        if text is None:
            return
        if lines.too_long:
            problem = f"is longer than {MAX_LINE} bytes"
            yield Entry(lines.number, lines.number, lines.offset, None, problem, lines.first, lines.whole)
        elif text.strip():
            line = text.rstrip("\r\n")
            fields = {name: line[cut].strip(" ") for name, cut in cuts.items()}
            yield Entry(lines.number, lines.number, lines.offset, fields, whole=lines.whole)
