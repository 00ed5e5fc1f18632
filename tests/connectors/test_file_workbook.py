"""Workbooks whose cells share their texts, as spreadsheet programs write them."""

from __future__ import annotations

import zipfile
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.filing.workbook import BLOCK, BLOCKS, Texts
from hub.errors import HubError
from tests.connectors.filing import connect, fields, read, shared_xlsx_file


def test_more_texts_than_memory_keeps_come_back_each_in_its_cell(tmp_path: Path) -> None:
    rows = BLOCK * BLOCKS
    shared_xlsx_file(tmp_path / "p", rows)

    found = fields(read(tmp_path, "p.xlsx"))

    assert found == [{"id": f"p{n}", "name": f"Person {n}"} for n in range(rows)]


@given(texts=st.lists(st.text(st.characters() | st.just("\ud800"), max_size=20), max_size=300), data=st.data())
def test_shared_texts_come_back_in_any_order(texts: list[str], data: st.DataObject) -> None:
    with ExitStack() as closing:
        kept = Texts(Path(closing.enter_context(TemporaryDirectory())), closing)
        for text in texts:
            kept.add(text)

        for number in data.draw(st.permutations(range(len(texts)))):
            assert kept[number] == texts[number]
        for number in (-1, len(texts)):
            with pytest.raises(KeyError):
                kept[number]


def test_a_cell_that_refers_to_no_text_makes_the_workbook_a_broken_one(tmp_path: Path) -> None:
    told = shared_xlsx_file(tmp_path / "p", 3)
    path = tmp_path / told["path"]
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/s.xml"] = parts["xl/s.xml"].replace(b"<v>5</v>", b"<v>99</v>")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)

    with pytest.raises(HubError, match="broken"):
        list(connect(tmp_path, **told).pull(None))
