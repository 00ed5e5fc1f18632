"""What could not be read of a file comes with its raw piece, and is read again from a text by the same settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.contract import Context
from hub.connectors.files import FileConnector, FileSettings
from hub.model import Item, Raw, Record, Tombstone, Unreadable
from tests.connectors.test_file_formats import workbook


def connector(folder: Path, **settings: Any) -> FileConnector:
    return FileConnector(FileSettings(key="id", **settings), Context("files", folder))


def unread(made: FileConnector) -> list[Unreadable]:
    items = [item for page in made.pull(None) for item in page.items]
    return [item for item in items if isinstance(item, Unreadable)]


def again(made: FileConnector, item: Unreadable, text: str) -> Item:
    assert item.raw is not None
    return made.reread(item.raw, text, item.where)


CSV = b'id;name\n1;Ann;Lee\n2;Jos\xe9\n3;"Eva\n4;Zoe\n;Max\n'
FIXED = b"1  Ann\n2  Jos\xe9\n   Max\n"
JSONL = b'{"id": 1, "name": "Ann"}\n{"id": 2, "name": "Ev\n{"name": "Max"}\n'
LDIF = b"dn: cn=ann\nid: 1\nname: Ann\n\ndn: cn=eva\nid: 2\nname Eva\n\ndn: cn=max\nname: Max\n"
CARD = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:1\r\nFN:Ann\r\nBEGIN:VCARD\r\nVERSION:4.0\r\nFN:Max\r\nEND:VCARD\r\n"


@pytest.mark.parametrize(
    ("name", "content", "settings", "pieces"),
    [
        ("a.csv", CSV, {"delimiter": ";"}, [b"1;Ann;Lee", b"2;Jos\xe9", b'3;"Eva', b";Max"]),
        ("a.csv", CSV[8:], {"delimiter": ";", "names": ["id", "name"]}, [*CSV[8:].split(b"\n")[:3], b";Max"]),
        ("a.txt", FIXED, {"format": "fixed", "columns": {"id": (1, 3), "name": (4, 9)}}, FIXED.split(b"\n")[1:3]),
        ("a.jsonl", JSONL, {}, JSONL.split(b"\n")[1:3]),
        ("a.ldif", LDIF, {}, [b"dn: cn=eva\nid: 2\nname Eva", b"dn: cn=max\nname: Max"]),
    ],
)
def test_a_piece_is_what_stands_in_the_file(
    tmp_path: Path, name: str, content: bytes, settings: dict[str, Any], pieces: list[bytes]
) -> None:
    (tmp_path / name).write_bytes(content)

    found = unread(connector(tmp_path, path=name, **settings))

    assert [item.raw.data for item in found if item.raw is not None] == pieces
    assert len(found) == len(pieces)


def test_a_line_is_read_by_the_header_and_delimiter_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CSV)
    made = connector(tmp_path, path="a.csv", delimiter=";")
    item = unread(made)[0]

    assert again(made, item, "1;Ann Lee") == Record("1", {"id": "1", "name": "Ann Lee"}, version_of(made, item))
    assert again(made, item, '1;"two\nlines"').fields["name"] == "two\nlines"


def version_of(made: FileConnector, item: Unreadable) -> str | None:
    found = again(made, item, "1;Ann Lee")
    assert isinstance(found, Record)
    return found.version


def test_a_layout_cuts_the_line_as_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(FIXED)
    made = connector(tmp_path, path="a.txt", format="fixed", columns={"id": (1, 3), "name": (4, 9)})

    assert again(made, unread(made)[0], "2  José").fields == {"id": "2", "name": "José"}


def test_entries_and_cards_are_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a.ldif").write_bytes(LDIF)
    (tmp_path / "a.vcf").write_bytes(CARD)
    ldif = connector(tmp_path, path="a.ldif")
    cards = FileConnector(FileSettings(path="a.vcf"), Context("files", tmp_path))

    entry = again(ldif, unread(ldif)[0], "dn: cn=eva\nid: 2\nname: Eva")
    card = again(cards, unread(cards)[0], "BEGIN:VCARD\nVERSION:4.0\nUID:1\nFN:Ann\nEND:VCARD")

    assert isinstance(entry, Record)
    assert (entry.id, entry.fields["name"]) == ("2", ["Eva"])
    assert isinstance(card, Record)
    assert (card.id, card.fields["full_name"]) == ("1", "Ann")


def test_a_row_of_a_sheet_is_a_list_of_values(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    workbook(tmp_path / "a.xlsx", {"S": [["id", "name"], [1, "#N/A"], [2, "Eva", "more"], [3, "Zoe"]]})
    made = connector(tmp_path, path="a.xlsx")
    first, second = unread(made)

    assert [item.raw.data for item in (first, second) if item.raw is not None] == [b'[1,"#N/A"]', b'[2,"Eva","more"]']
    assert again(made, first, '[1, "Ann"]').fields == {"id": 1, "name": "Ann"}
    assert again(made, second, "2;Eva").reason == 'the row is no list of values such as [1, "Ann", null]'
    assert "beyond the columns" in again(made, second, '[2, "Eva", 3]').reason


def test_a_line_that_says_it_is_deleted_is_a_tombstone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,state\n1,x,y\n")
    made = connector(tmp_path, path="a.csv", mode="drop", deleted={"state": ["gone"]})

    assert again(made, unread(made)[0], "1,gone") == Tombstone("1", None)


@pytest.mark.parametrize("text", ["", "1,a\n2,b", "1", "1,a,b", '"1,a', ",a", "1,\x00", "\ud800,a"])
def test_a_text_that_is_no_line_says_why(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,name\n1,x,y\n")
    made = connector(tmp_path, path="a.csv")

    found = again(made, unread(made)[0], text)

    assert isinstance(found, Unreadable)
    assert len(found.reason) > 10
    assert found.raw == Raw(b"1,x,y", "utf-8", ("id", "name"))


def test_what_has_no_text_comes_without_a_piece(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,name\n1,x," + b"y" * 70_000 + b"\n2,a\n2,b\n")

    assert [item.raw for item in unread(connector(tmp_path, path="a.csv"))] == [None, None]
    assert not FileConnector(FileSettings(path="a.dbf"), Context("files", tmp_path)).can.reread


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20), max_size=4))
def test_any_line_that_a_file_holds_is_read_alike_alone(
    tmp_path_factory: pytest.TempPathFactory, values: list[str]
) -> None:
    """The piece itself, read again unchanged, is set aside for the same reason."""
    folder = tmp_path_factory.mktemp("one")
    line = ",".join(values).replace("\n", "").replace("\r", "")
    (folder / "a.csv").write_bytes(b"id,name\n" + line.encode() + b"\n")
    made = connector(folder, path="a.csv")

    for item in unread(made):
        assert item.raw is not None
        told = again(made, item, item.raw.data.decode())
        assert isinstance(told, Unreadable)
        assert told.reason == item.reason
