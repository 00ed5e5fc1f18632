"""Words that the tests of files share."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hub.connectors.contract import Context
from hub.connectors.files import FileConnector
from hub.model import Page, Record, Unreadable
from hub.testing.words import Item, items


def connect(folder: Path, **settings: Any) -> FileConnector:
    return FileConnector(FileConnector.Settings.model_validate(settings), Context("drop", base=folder))


def read(folder: Path, name: str, **settings: Any) -> list[Item]:
    """What a snapshot of a file is read as."""
    return items(connect(folder, path=name, **settings).pull(None))


def fields(found: Sequence[Item]) -> list[dict[str, Any]]:
    return [dict(item.fields) for item in found if isinstance(item, Record)]


def names(found: Sequence[Item], field: str = "name") -> list[Any]:
    return [item.fields[field] for item in found if isinstance(item, Record)]


def problems(found: Sequence[Item]) -> list[tuple[str, str]]:
    return [(item.where, item.reason) for item in found if isinstance(item, Unreadable)]


def cursor_after(pages: list[Page]) -> str | None:
    return pages[-1].cursor


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def shared_xlsx_file(path: Path, rows: int) -> dict[str, Any]:
    """As spreadsheet programs write it, and openpyxl does not: each text once, and cells that refer to it."""
    texts = ["id", "name", *(text for n in range(rows) for text in (f"p{n}", f"Person {n}"))]
    cells = "".join(
        f'<row r="{n}"><c r="A{n}" t="s"><v>{2 * n - 2}</v></c><c r="B{n}" t="s"><v>{2 * n - 1}</v></c></row>'
        for n in range(1, rows + 2)
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{TYPES}"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{SHEETS}.sheet.main+xml"/>'
        f'<Override PartName="/xl/s.xml" ContentType="{SHEETS}.worksheet+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{SHEETS}.sharedStrings+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" Type="{OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" '
        f'Type="{OFFICE}/worksheet" Target="s.xml"/></Relationships>',
        "xl/s.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">'
        + "".join(f"<si><t>{text}</t></si>" for text in texts)
        + "</sst>",
    }
    with zipfile.ZipFile(path.with_suffix(".xlsx"), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return {"path": path.with_suffix(".xlsx").name}
