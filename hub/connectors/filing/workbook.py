"""A workbook read with a bounded memory: openpyxl understands it, and what it would keep lies on disk or is forgotten.

The library keeps all shared texts in a list and an empty element for each row that was read. Here the texts are in a
file, of which some blocks are in memory, and a row goes once it is read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from types import SimpleNamespace
from typing import Any, BinaryIO

from openpyxl.cell.read_only import EMPTY_CELL, ReadOnlyCell
from openpyxl.cell.text import Text
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.worksheet._reader import WorkSheetParser
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
from openpyxl.xml.functions import iterparse

SI, TEXT, ROW, DATA = (f"{{{SHEET_MAIN_NS}}}{name}" for name in ("si", "t", "row", "sheetData"))
BLOCK = 64  # texts read together: a sheet refers to them nearly in their order
BLOCKS = 128  # kept in memory
PLACE = struct.Struct("<Q")


class Texts:
    """Texts by number, in two files of a folder: the texts, and where each ends."""

    def __init__(self, folder: Path, closing: ExitStack) -> None:
        self._texts = closing.enter_context(TemporaryFile(dir=folder))  # noqa: SIM115  closed with the others
        self._ends = closing.enter_context(TemporaryFile(dir=folder))  # noqa: SIM115
        self._ends.write(PLACE.pack(0))
        self._read = lru_cache(maxsize=BLOCKS)(self._block)
        self._count = self._size = 0

    def add(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self._size += len(data)
        self._count += 1
        self._texts.write(data)
        self._ends.write(PLACE.pack(self._size))

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < self._count:
            raise KeyError("the workbook has no such text")
        return self._read(number // BLOCK)[number % BLOCK]

    def _block(self, block: int) -> list[str]:
        self._ends.seek(block * BLOCK * PLACE.size)
        ends = [end for (end,) in PLACE.iter_unpack(self._ends.read((BLOCK + 1) * PLACE.size))]
        self._texts.seek(ends[0])
        data = self._texts.read(ends[-1] - ends[0])
        return [data[a - ends[0] : b - ends[0]].decode("utf-8", "surrogatepass") for a, b in pairwise(ends)]


class Workbook(ExcelReader):
    """sheets: (title, its place in the archive), in order."""

    def __init__(self, file: BinaryIO, texts: Texts) -> None:
        super().__init__(file, read_only=True, data_only=True, keep_links=False)
        self.read_manifest()
        self.shared_strings: Any = texts
        self._keep_texts()
        self.read_workbook()
        apply_stylesheet(self.archive, self.wb)
        found = self.parser.find_sheets()
        self.sheets = [
            (str(sheet.name), str(rel.target))
            for sheet, rel in found
            if rel.target in self.valid_files and "chartsheet" not in rel.Type
        ]

    def _keep_texts(self) -> None:
        package: Any = self.package
        part = package.find(SHARED_STRINGS)
        if part is None:
            return
        with self.archive.open(part.PartName[1:]) as source:
            for _, table, node in _ends(source, SI):
                plain = len(node) == 1 and node[0].tag == TEXT
                rich: Any = None if plain else Text.from_tree(node)
                text = (node[0].text or "") if plain else rich.content
                self.shared_strings.add(text.replace("x005F_", ""))
                table.clear()

    def rows(self, target: str) -> Iterator[Sequence[Any]]:
        """Cells of each row; one that is missing in the file is empty."""
        book: Any = self.wb
        parent = SimpleNamespace(parent=book)
        next_row = 1
        with self.archive.open(target) as source:
            parser = WorkSheetParser(
                source,
                self.shared_strings,
                data_only=True,
                epoch=book.epoch,
                date_formats=book._date_formats,
                timedelta_formats=book._timedelta_formats,
            )
            for tag, data, node in _ends(source, ROW, DATA):
                if tag == DATA:
                    return
                number, cells = parser.parse_row(node)
                data.clear()
                for _ in range(next_row, number):
                    yield ()
                if number >= next_row:
                    yield _row(parent, cells)
                next_row = max(next_row, number + 1)


def _row(parent: Any, cells: Sequence[dict[str, Any]]) -> Sequence[Any]:
    if not cells:
        return ()
    row: list[Any] = [EMPTY_CELL] * max(cell["column"] for cell in cells)
    for cell in cells:
        row[cell["column"] - 1] = ReadOnlyCell(parent, **cell)
    return row


def _ends(source: Any, *wanted: str) -> Iterator[tuple[str, Any, Any]]:
    """(tag, the element around it, itself) for each end of an element with one of these tags."""
    around: list[Any] = []
    for event, node in iterparse(source, events=("start", "end")):
        if event == "start":
            around.append(node)
            continue
        around.pop()
        if node.tag in wanted:
            yield node.tag, around[-1] if around else node, node
