"""The contract suite on drop folders, on formats that are not lines, and on a folder of an SFTP server."""

from __future__ import annotations

import csv
import os
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import dbf
import openpyxl
import pytest

from hub.connectors.contract import Context
from hub.connectors.files import FileConnector
from hub.testing import OVER_HTTP, ConnectorContract, System
from tests.connectors.filing import connect, shared_xlsx_file
from tests.connectors.test_file_places import Sftp, sftp, sshd

__all__ = ["sftp", "sshd"]  # fixtures

NUMBERS = count(1)
STAMPS = count(1_700_000_000)
READ_ONLY = "files are read only and need no network"
NO_CHOICE = "a file has no values of its own"
NEW_LISTING = "files that changed are listed anew: CursorExpired says so, and nothing of the old listing is told"
CANNOT = {
    **dict.fromkeys((*OVER_HTTP, "Rights"), READ_ONLY),
    "test_a_value_never_heard_of_is_kept_and_grants_nothing": NO_CHOICE,
}


class Folder(System):
    """Settings of a connector, and a person who works in the folder. `rows` is what the file holds."""

    plenty = 10_000

    def __init__(self, folder: Path, **told: Any) -> None:
        self.folder, self.told = folder, told
        self.rows: dict[str, str] = {}
        self.connector = self.within(Context("kit"))
        self.seed(1)

    def within(self, context: Context) -> FileConnector:
        settings = FileConnector.Settings.model_validate(self.told)
        return FileConnector(settings, replace(context, base=self.folder))

    def save(self, changed: dict[str, str], gone: tuple[str, ...] = ()) -> None:
        """Make the file again from `rows`."""
        raise NotImplementedError

    def seed(self, count: int) -> list[str]:
        ids = [f"p{next(NUMBERS)}" for _ in range(count)]
        self.rows |= dict.fromkeys(ids, "Ann")
        self.save(dict.fromkeys(ids, "Ann"))
        return ids

    def edit(self, record_id: str) -> None:
        self.rows[record_id] = f"Eva {next(NUMBERS)}"
        self.save({record_id: self.rows[record_id]})

    def remove(self, record_id: str) -> None:
        del self.rows[record_id]
        self.save({}, (record_id,))

    def twin(self, record_id: str) -> str:
        return self.seed(1)[0]


class InText(Folder):
    """Files of which the settings say the encoding."""

    def other_encoding(self) -> FileConnector:
        for path in self.folder.glob("*.csv"):
            path.write_bytes(path.read_bytes().replace(b"Ann", "José".encode("cp1252")))
        return self.within(self.context())


class DropFolder(InText):
    """Somebody drops a file with each change."""

    def save(self, changed: dict[str, str], gone: tuple[str, ...] = ()) -> None:
        stamp = next(STAMPS)
        path = self.folder / f"{stamp}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "full_name", "op"])
            writer.writerows([key, name, "U"] for key, name in changed.items())
            writer.writerows([key, "", "D"] for key in gone)
        os.utime(path, (stamp, stamp))

    def without_field(self) -> tuple[FileConnector, str]:
        for path in self.folder.glob("*.csv"):
            lines = [line.split(",") for line in path.read_text().splitlines()]
            path.write_text("".join(f"{line[0]},{line[2]}\n" for line in lines))
        return self.within(self.context()), "full_name"


class Workbook(Folder):
    def save(self, changed: dict[str, str], gone: tuple[str, ...] = (), column: str = "full_name") -> None:
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("S")
        sheet.append(["id", column])
        for row in self.rows.items():
            sheet.append(row)
        book.save(self.folder / "p.xlsx")

    def without_field(self) -> tuple[FileConnector, str]:
        self.save({}, column="other")
        return self.within(self.context()), "full_name"


class Table(Folder):
    def save(self, changed: dict[str, str], gone: tuple[str, ...] = (), column: str = "FULL_NAME") -> None:
        table = dbf.Table(str(self.folder / "p.dbf"), f"ID C(12); {column} C(20)", codepage="cp1252", on_disk=True)
        table.open(mode=dbf.READ_WRITE)
        for row in self.rows.items():
            table.append(row)
        table.close()

    def without_field(self) -> tuple[FileConnector, str]:
        self.save({}, column="OTHER")
        return self.within(self.context()), "FULL_NAME"


class Elsewhere(InText):
    """A listing on a server."""

    many = 1100

    def save(self, changed: dict[str, str], gone: tuple[str, ...] = (), column: str = "full_name") -> None:
        text = f"id,{column}\n" + "".join(f"{key},{name}\n" for key, name in self.rows.items())
        (self.folder / "p.csv").write_text(text)

    def without_field(self) -> tuple[FileConnector, str]:
        self.save({}, column="other")
        return self.within(self.context()), "full_name"


class TestDropFolder(ConnectorContract):
    cannot: ClassVar = CANNOT

    @pytest.fixture
    def system(self, tmp_path: Path) -> System:
        return DropFolder(tmp_path, path="*.csv", mode="drop", deleted={"op": ["D"]}, again="read")


class TestWorkbook(ConnectorContract):
    cannot: ClassVar = CANNOT

    @pytest.fixture
    def system(self, tmp_path: Path) -> System:
        return Workbook(tmp_path, path="p.xlsx")


class TestTable(ConnectorContract):
    cannot: ClassVar = CANNOT

    @pytest.fixture
    def system(self, tmp_path: Path) -> System:
        return Table(tmp_path, path="p.dbf", key="ID")


class TestElsewhere(ConnectorContract):
    cannot: ClassVar = {
        **CANNOT,
        "test_a_change_is_seen": NEW_LISTING,
        "test_a_new_record_is_seen": NEW_LISTING,
        "test_the_same_change_pulled_twice_is_told_the_same": NEW_LISTING,
        "test_records_of_the_very_instant_of_the_cursor_are_not_lost": NEW_LISTING,
        "test_a_cursor_keeps_its_worth_while_others_are_used": NEW_LISTING,
    }

    @pytest.fixture
    def system(self, sftp: Sftp) -> Iterator[System]:
        yield Elsewhere(sftp.home, **sftp.settings("p.csv"))


# --- memory ---------------------------------------------------------------------------------------


def csv_file(path: Path, rows: int) -> dict[str, Any]:
    path.with_suffix(".csv").write_text("id,name\n" + "".join(f"{n},Person {n}\n" for n in range(rows)))
    return {"path": path.with_suffix(".csv").name}


def xlsx_file(path: Path, rows: int) -> dict[str, Any]:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("S")
    sheet.append(["id", "name"])
    for n in range(rows):
        sheet.append([n, f"Person {n % 100}"])
    book.save(path.with_suffix(".xlsx"))
    return {"path": path.with_suffix(".xlsx").name}


def cobol_file(path: Path, rows: int) -> dict[str, Any]:
    path.with_suffix(".cpy").write_text("01 P.\n 05 ID PIC 9(8).\n 05 NAME PIC X(20).\n")
    path.with_suffix(".dat").write_bytes(b"".join(f"{n:08d}{'Ann':20}".encode("cp037") for n in range(rows)))
    told = {"path": path.with_suffix(".dat").name, "format": "cobol", "encoding": "cp037", "key": "ID"}
    return {**told, "layout": path.with_suffix(".cpy").name}


def ldif_file(path: Path, rows: int) -> dict[str, Any]:
    path.with_suffix(".ldif").write_text("".join(f"dn: uid={n}\nsn: Lee\n\n" for n in range(rows)))
    return {"path": path.with_suffix(".ldif").name}


def vcard_file(path: Path, rows: int) -> dict[str, Any]:
    card = "BEGIN:VCARD\nVERSION:4.0\nUID:{}\nFN:Ann\nEND:VCARD\n"
    path.with_suffix(".vcf").write_text("".join(card.format(n) for n in range(rows)))
    return {"path": path.with_suffix(".vcf").name}


def peak(folder: Path, make: Callable[[Path, int], dict[str, Any]], rows: int) -> int:
    """Bytes, the most at once, that listing a file of so many rows takes."""
    connector = connect(folder, **make(folder / "p", rows))
    tracemalloc.start()
    assert sum(len(page.items) for page in connector.pull(None)) == rows
    _, top = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return top


@pytest.mark.parametrize("make", [csv_file, cobol_file, ldif_file, vcard_file])
def test_memory_does_not_grow_with_the_file(make: Callable[[Path, int], dict[str, Any]], tmp_path: Path) -> None:
    peak(tmp_path, make, 10)

    small, large = (peak(tmp_path, make, rows) for rows in (3500, 7000))

    assert large < 1.3 * small


@pytest.mark.parametrize("make", [xlsx_file, shared_xlsx_file])
def test_memory_does_not_grow_with_the_rows_and_the_texts_of_a_workbook(
    make: Callable[[Path, int], dict[str, Any]], tmp_path: Path
) -> None:
    """The texts are more than those that are kept in memory."""
    peak(tmp_path, make, 10)

    small, large = (peak(tmp_path, make, rows) for rows in (5000, 10_000))

    assert large < 1.3 * small
