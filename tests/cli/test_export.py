"""`hub export`: CSV files that spreadsheets can open and programs can read back."""

import csv
import io
import stat
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.cli.export import write_csv
from hub.errors import ConfigError
from hub.sync.exporting import as_written, neutral
from tests.cli.desk import Desk

FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", '=HYPERLINK("http://example.org")']


@pytest.fixture
def desk(hub):
    desk = Desk(hub)
    desk.type_in("crm", "Ana", "Silva", "ana@example.org", tel="912 345 678", job="=1+1")
    desk.type_in("crm", 'Rui, the "elder"', "Pereira", "rui@example.net")
    desk.type_in("shop", "Ana", "Silva", "ana@example.org")
    desk.sync("crm", "shop")
    return desk


def read(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_crosswalk_has_exactly_its_three_columns(desk):
    answer = desk("export", "crosswalk", "--out", "x.csv")

    rows = read("x.csv")
    assert answer.code == 0
    assert Path("x.csv").read_text().splitlines()[0] == "connection,external_id,golden_id"
    assert {(r["connection"], r["external_id"]): r["golden_id"] for r in rows}[("crm", "1")] == desk.golden("ana silva")
    assert {(r["connection"], r["external_id"]) for r in rows} >= {("crm", "1"), ("crm", "2"), ("shop", "1")}


def test_contacts_are_one_row_a_golden_record(desk):
    desk("export", "contacts", "--out", "x.csv")

    ana = next(r for r in read("x.csv") if r["given_name"] == "Ana")
    assert len(read("x.csv")) == 2
    assert (ana["golden_id"], ana["emails"], ana["phones"]) == (
        desk.golden("ana silva"),
        "ana@example.org",
        "+351912345678",
    )
    assert "crm:1" in ana["records"].split(";")
    assert as_written(ana["job_title"]) == "=1+1" != ana["job_title"]


def test_merged_contacts_are_exported_once(desk):
    desk("contacts", "merge", desk.golden("ana silva"), desk.golden("rui pereira"))

    desk("export", "contacts", "--out", "x.csv")

    assert len(read("x.csv")) == 1


def test_declared_custom_fields_have_columns_of_their_own(desk):
    desk("contacts", "pin", desk.golden("ana silva"), "custom.shoe_size", "38")

    desk("export", "contacts", "--out", "x.csv")

    assert [r["custom.shoe_size"] for r in read("x.csv")] in (["38", ""], ["", "38"])


def test_only_the_user_can_read_the_file(desk):
    Path("x.csv").write_text("before")
    Path("x.csv").chmod(0o666)

    desk("export", "contacts", "--out", "x.csv")

    assert stat.S_IMODE(Path("x.csv").stat().st_mode) == 0o600


def test_programs_get_the_number_of_rows(desk):
    assert desk.json("export", "contacts", "--out", "x.csv") == {"file": "x.csv", "rows": 2}


def test_a_file_that_cannot_be_written_is_code_2_and_says_so(desk):
    answer = desk("export", "contacts", "--out", "nowhere/x.csv")

    assert answer.code == 2
    assert "was not written" in answer.err


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_begins_like_a_formula(text):
    assert neutral(text) == "'" + text


@pytest.mark.parametrize("text", ["+351912345678", "+351912345678;+4915112345678", "Ana", "", "'tis", "1-2"])
def test_phone_numbers_and_plain_text_stay_as_they_are(text):
    assert neutral(text) == text


@given(st.text() | st.text(alphabet="'=+-@;\t\r\n0123456789＝"))
@example("'=1")
@example("''+1")
@example("'+351912345678")
@example("+351912345678;=1")
def test_what_was_made_harmless_can_be_read_back(text):
    assert as_written(neutral(text)) == text


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\0")), st.text("=+'\r\n,\"a;"))))
def test_rows_come_back_as_they_were(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("export") / "x.csv"

    assert write_csv(path, ("one", "two"), rows, len(rows), quiet=True) == len(rows)

    found = list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))
    assert [tuple(map(as_written, row)) for row in found[1:]] == rows


def test_a_file_is_whole_or_as_it_was_before(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("before")

    def rows():
        yield ("1",)
        raise ConfigError("the store went away")

    with pytest.raises(ConfigError):
        write_csv(path, ("one",), rows(), 2, quiet=True)

    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_memory_does_not_grow_with_the_rows(tmp_path):
    def peak(n: int) -> int:
        tracemalloc.start()
        write_csv(tmp_path / "x.csv", ("one", "two"), ((str(i), "x" * 50) for i in range(n)), n, quiet=True)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(40_000) < 1.2 * peak(4_000)
