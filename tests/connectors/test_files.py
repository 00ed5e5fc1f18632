"""Files as people make them, and the contract suite on a snapshot and on a file that grows."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, count, pairwise
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.connectors.contract import Context
from hub.connectors.file_entries import Entry, Lines, csv_column, csv_entries, csv_header
from hub.connectors.files import FileConnector
from hub.errors import AccountError, CursorExpired, TransientError
from hub.model import Record, Unreadable
from hub.testing import OVER_HTTP, ConnectorContract, System
from hub.testing.contract import Item, items, listing, records

NUMBERS = count(1)
GROWS = "a file that only grows tells of no deletion"
READ_ONLY = "files are read only and need no network"


class FileSystem(System):
    """A folder with one file; a person edits it."""

    many = 1100
    plenty = 10_000

    def __init__(self, folder: Path, mode: str) -> None:
        self.folder = folder
        self.path, self.mode = folder / "people.jsonl", mode
        self.connector = connect(folder, path="people.jsonl", mode=mode)
        self.seed(1)

    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.path.read_bytes().splitlines()]

    def add(self, *lines: dict[str, Any]) -> None:
        with self.path.open("ab") as file:
            file.writelines(orjson.dumps(line) + b"\n" for line in lines)

    def seed(self, count: int) -> list[str]:
        ids = [f"p{next(NUMBERS)}" for _ in range(count)]
        self.add(*({"id": i, "full_name": "Ann"} for i in ids))
        return ids

    def edit(self, record_id: str) -> None:
        if self.mode == "append":
            self.add({"id": record_id, "full_name": "Eva"})
            return
        lines = [{**line, "full_name": "Eva"} if line["id"] == record_id else line for line in self.lines()]
        self.path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))

    def remove(self, record_id: str) -> None:
        lines = [line for line in self.lines() if line["id"] != record_id]
        self.path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))

    def twin(self, record_id: str) -> str:
        return self.seed(1)[0]

    def within(self, context: Context) -> FileConnector:
        settings = FileConnector.Settings(path="people.jsonl", mode=self.mode)
        return FileConnector(settings, replace(context, base=self.folder))

    def without_field(self) -> tuple[FileConnector, str]:
        lines = [{name: value for name, value in line.items() if name != "full_name"} for line in self.lines()]
        self.path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
        return self.within(self.context()), "full_name"

    def other_encoding(self) -> FileConnector:
        """A system that writes Windows' letters, and UTF-8 is declared."""
        self.path.write_bytes(self.path.read_bytes().replace(b"Ann", "José".encode("cp1252")))
        return self.within(self.context())


def connect(folder: Path, **settings: Any) -> FileConnector:
    return FileConnector(FileConnector.Settings.model_validate(settings), Context("drop", base=folder))


CANNOT = {
    **dict.fromkeys(OVER_HTTP, READ_ONLY),
    "test_a_value_never_heard_of_is_kept_and_grants_nothing": "a file has no values of its own",
    "test_a_system_that_is_down_is_tried_again_later": READ_ONLY,
    "test_a_wrong_key_pauses_the_connection": READ_ONLY,
    "test_a_key_revoked_in_mid_run_pauses_the_connection": READ_ONLY,
}


class TestSnapshot(ConnectorContract):
    cannot = CANNOT

    @pytest.fixture
    def system(self, tmp_path: Path) -> System:
        return FileSystem(tmp_path, "snapshot")


class TestAppend(ConnectorContract):
    cannot: ClassVar = {
        **CANNOT,
        "test_a_deletion_is_seen": GROWS,
        "test_a_record_that_leaves_while_others_are_listed_hides_none": GROWS,
    }

    @pytest.fixture
    def system(self, tmp_path: Path) -> System:
        return FileSystem(tmp_path, "append")


# --- csv ------------------------------------------------------------------------------------------

Read = Callable[..., list[Item]]


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Read]:
    """What a file of these bytes is read as."""

    def of(data: bytes, name: str = "people.csv", **settings: Any) -> list[Item]:
        (tmp_path / name).write_bytes(data)
        return items(connect(tmp_path, path=name, **settings).pull(None))

    yield of


def names(found: list[Item], field: str = "name") -> list[Any]:
    return [item.fields[field] for item in found if isinstance(item, Record)]


def problems(found: list[Item]) -> list[tuple[str, str]]:
    return [(item.where, item.reason) for item in found if isinstance(item, Unreadable)]


def test_a_csv_file_is_read_as_text(read: Read) -> None:
    [record] = read(b"id,postcode,updated_at\n007,01234,2026-01-02T03:04:05Z\n")

    assert isinstance(record, Record)
    assert record.id == "007"
    assert record.fields == {"id": "007", "postcode": "01234", "updated_at": "2026-01-02T03:04:05Z"}
    assert record.changed_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_source_id_is_the_key_before_id(read: Read) -> None:
    assert [item.id for item in read(b"id,source_id\n1,a\n")] == ["a"]


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        ("id,name\r\n1,José\r\n".encode(), {}),
        ("\ufeffid,name\n1,José\n".encode(), {}),
        ("\ufeffid,name\n1,José\n".encode(), {"encoding": "utf-8-sig"}),
        ("id;name\n1;José".encode("latin1"), {"encoding": "latin1", "delimiter": ";"}),
        ('"id","name"\n"1","José"\n\n'.encode("cp850"), {"encoding": "cp850"}),
    ],
)
def test_files_of_other_programs_are_read(read: Read, data: bytes, settings: dict[str, Any]) -> None:
    assert names(read(data, **settings)) == ["José"]


HEADLESS = {"names": ["id", "name", "updated_at"]}


def test_a_file_without_a_line_of_names_goes_by_those_of_the_settings(read: Read) -> None:
    found = read(b'7,"Ann\nLee",2026-01-02T03:04:05Z\n8,Bo,2026-01-02T03:04:05Z\n9,Cy\n', **HEADLESS)

    assert names(found) == ["Ann\nLee", "Bo"]
    assert [where for where, _ in problems(found)] == ["people.csv line 4"]


@pytest.mark.parametrize(
    ("data", "says"), [(b"", "is empty"), (b"id,name,updated_at\n1,A,\n", "leave `names` out"), (b"\xff,A,\n", "")]
)
def test_names_of_the_settings_do_not_hide_what_is_wrong_with_a_file(read: Read, data: bytes, says: str) -> None:
    if says:
        with pytest.raises(AccountError, match=says):
            read(data, **HEADLESS)
    else:
        assert problems(read(data, **HEADLESS))


@pytest.mark.parametrize("wrong", [[], ["id", "id"], ["id", ""]])
def test_names_of_the_settings_are_different_ones(read: Read, wrong: list[str]) -> None:
    with pytest.raises(ValidationError):
        read(b"1,A\n", names=wrong)


def test_a_quoted_line_break_belongs_to_its_field(read: Read) -> None:
    found = read(b'id,name\n1,"Ann\nLee"\n2,"say ""hi"""\n')

    assert names(found) == ["Ann\nLee", 'say "hi"']


def test_a_ragged_row_costs_itself_and_names_its_line(read: Read) -> None:
    found = read(b"id,name\n1,Ann\n2\n3,Eva,x\n4,Ida\n")

    assert names(found) == ["Ann", "Ida"]
    assert problems(found) == [
        ("people.csv line 3", "the line has 1 fields where the header has 2"),
        ("people.csv line 4", "the line has 3 fields where the header has 2"),
    ]


def test_a_quote_that_is_never_closed_costs_one_line(read: Read) -> None:
    lines = [b'3,"Eva\n' if n == 3 else b"%d,P%d\n" % (n, n) for n in range(1, 30_000)]

    found = read(b"id,name\n" + b"".join(lines))

    assert len(names(found)) == 29_998
    [(where, _)] = problems(found)
    assert where == "people.csv line 4"


def test_text_after_a_closing_quote_costs_one_line(read: Read) -> None:
    found = read(b'id,name\n1,"Ann"x\n2,Eva\n')

    assert names(found) == ["Eva"]
    assert problems(found) == [
        ("people.csv line 2", "the line is no valid CSV (',' expected after '\"')"),
    ]


def test_bytes_that_are_no_text_cost_their_line_and_are_kept(read: Read) -> None:
    found = read(b"id,name\n1,Jos\xe9\n2,Eva\n")

    assert names(found) == ["Eva"]
    [bad] = [item for item in found if isinstance(item, Unreadable)]
    assert (bad.where, bad.id) == ("people.csv line 2", "1")
    assert bad.reason == "the line is not text in utf-8; it looks like cp1252: see `encoding`"
    assert r"Jos\xe9" in orjson.loads(bad.original)["name"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [(b"A\x00B", "NUL"), (b"A" * 10_000_000, "longer than"), (b"A" * 200_000, "field larger")],
    ids=["nul", "10 MB", "200 kB"],
)
def test_a_field_that_is_no_contact_costs_its_line(read: Read, value: bytes, reason: str) -> None:
    found = read(b"id,name\n1," + value + b"\n2,Eva\n")

    assert names(found) == ["Eva"]
    [(where, said)] = problems(found)
    assert where == "people.csv line 2"
    assert reason in said


def test_a_line_without_a_key_is_set_aside(read: Read) -> None:
    found = read(b"id,name\n ,Ann\n2,Eva\n")

    assert problems(found) == [("people.csv line 2", "the line has no key")]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"id,name,name\n1,A,B\n", "names name twice"),
        (b"id,,name\n", "column 2 of its header has no name"),
        (b"nif,name\n1,A\n", "no column source_id or id; .* It has: nif, name"),
        (b"id;name\n1;A\n", "or `delimiter` if these are not its columns"),
        (b"i\xffd,name\n", "not text in the declared encoding"),
        (b'id,"na"me\n', "header is broken"),
        (b"", "empty, without a header"),
    ],
)
def test_a_wrong_header_stops_before_anything_is_read(read: Read, data: bytes, says: str) -> None:
    with pytest.raises(AccountError, match=says):
        read(data)


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), st.text("a,\"\n\r;' "))))
def test_what_csv_writes_is_read_back_with_its_lines(rows: list[tuple[str, str]]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *rows])
    lines = Lines(io.BytesIO(buffer.getvalue().encode()), "utf-8")
    header = csv_header(lines, ",")

    entries = list(csv_entries(lines, header or [], ","))

    assert [tuple((entry.fields or {}).values()) for entry in entries] == rows
    assert [entry.end for entry in entries][-1:] in ([], [len(buffer.getvalue().encode())])


@given(st.text('a,"\n\r;é\x00', max_size=200), st.integers(0, 60))
def test_lines_read_together_are_what_they_are_one_by_one(text: str, block: int) -> None:
    def entries(size: int) -> list[Entry]:
        lines = Lines(io.BytesIO(b"id,name\n" + text.encode("latin-1")), "utf-8")
        csv_header(lines, ",")
        return list(csv_entries(lines, ["id", "name"], ",", size))

    assert entries(block) == entries(0)


@given(st.text('a,"\n\r;é\x00', max_size=200), st.integers(0, 60))
def test_a_column_read_alone_is_that_of_the_entries(text: str, block: int) -> None:
    def lines() -> Lines:
        found = Lines(io.BytesIO(b"id,name\n" + text.encode("latin-1")), "utf-8")
        csv_header(found, ",")
        return found

    entries = csv_entries(lines(), ["id", "name"], ",", block)
    column = chain.from_iterable(csv_column(lines(), ["id", "name"], ",", "name", block))

    assert list(column) == [(entry.line, entry.fields["name"]) for entry in entries if entry.fields is not None]


@given(st.binary(max_size=300))
def test_no_file_breaks_the_reader_and_every_line_is_accounted_for(data: bytes) -> None:
    lines = Lines(io.BytesIO(b"id,name\n" + data), "utf-8")
    csv_header(lines, ",")

    covered = [(entry.line, entry.last) for entry in csv_entries(lines, ["id", "name"], ",")]

    assert all(a_last < b_line for (_, a_last), (b_line, _) in pairwise(covered))
    assert lines.offset == len(data) + 8


# --- the same key twice ---------------------------------------------------------------------------


def test_of_two_lines_with_one_key_the_last_is_taken_and_both_are_named(read: Read) -> None:
    found = read(b"id,name\n1,Ann\n2,Eva\n1,Anna\n1,Anne\n")

    assert names(found) == ["Eva", "Anne"]
    assert problems(found) == [
        ("people.csv line 2", "the line has the key of people.csv line 5, which was taken"),
        ("people.csv line 4", "the line has the key of people.csv line 5, which was taken"),
    ]


def test_a_key_in_two_files_is_taken_from_the_last_by_name(tmp_path: Path) -> None:
    (tmp_path / "p-1.csv").write_bytes(b"id,name\n1,Old\n2,Eva\n")
    (tmp_path / "p-2.csv").write_bytes(b"name,id\nNew,1\n")

    found = items(connect(tmp_path, path="p-*.csv").pull(None))

    assert names(found) == ["Eva", "New"]
    assert problems(found) == [("p-1.csv line 2", "the line has the key of p-2.csv line 2, which was taken")]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        with (tmp_path / "big.csv").open("w") as file:
            file.write("id,name\n")
            file.writelines(f"{n % (rows // 2)},Person {n}\n" for n in range(rows))
        connector = connect(tmp_path, path="big.csv")
        tracemalloc.start()
        assert sum(len(page.items) for page in connector.pull(None)) == rows
        _, top = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return top

    peak(4_000)
    small, large = peak(10_000), peak(40_000)

    assert large < 1.2 * small


# --- snapshots ------------------------------------------------------------------------------------


def test_a_missing_file_is_never_an_empty_listing(tmp_path: Path) -> None:
    with pytest.raises(AccountError, match="nothing counts as deleted"):
        list(connect(tmp_path, path="gone-*.csv").pull(None))


def test_an_empty_file_is_never_an_empty_listing(read: Read) -> None:
    with pytest.raises(AccountError, match="nothing counts as deleted"):
        read(b"", "people.jsonl")


def test_a_file_that_changes_while_it_is_read_is_no_complete_listing(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"id,name\n" + b"".join(b"%d,A\n" % n for n in range(2500)))
    pull = connect(tmp_path, path="people.csv").pull(None)
    next(pull)
    with path.open("ab") as file:
        file.write(b"9999,B\n")

    with pytest.raises(TransientError, match="changed while they were read"):
        list(pull)


def test_an_interrupted_listing_goes_on_unless_the_files_changed(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"id,name\n" + b"".join(b"%d,A\n" % n for n in range(2500)))
    connector = connect(tmp_path, path="people.csv")
    first, *_ = connector.pull(None)

    assert len(records(connector.pull(first.cursor))) == 1500
    path.write_bytes(b"id,name\n1,A\n")
    with pytest.raises(CursorExpired):
        list(connector.pull(first.cursor))


# --- append ---------------------------------------------------------------------------------------


def test_only_what_was_added_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"id,name\n1,Ann\n")
    connector = connect(tmp_path, path="log.csv", mode="append")
    _, cursor = listing(connector)

    path.write_bytes(path.read_bytes() + b"2,Eva\nx\n")

    found = items(connector.pull(cursor))
    assert names(found) == ["Eva"]
    assert problems(found) == [("log.csv line 4", "the line has 1 fields where the header has 2")]


def test_a_line_still_being_written_waits(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"id,name\n1,Ann\n2,Ev")
    connector = connect(tmp_path, path="log.csv", mode="append")
    first, cursor = listing(connector)

    path.write_bytes(b"id,name\n1,Ann\n2,Eva\n")

    assert list(first) == ["1"]
    assert names(items(connector.pull(cursor))) == ["Eva"]


@pytest.mark.parametrize("data", [b"id,name\n9,New\n", b"id,name\n9,New\n8,A much longer name than before\n"])
def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"id,name\n1,Ann\n2,Eva\n")
    connector = connect(tmp_path, path="log.csv", mode="append")
    _, cursor = listing(connector)

    path.write_bytes(data)

    assert "9" in records(connector.pull(cursor))


def test_a_long_file_that_was_cut_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"id,name\n" + b"".join(b"%d,A\n" % n for n in range(3000)))
    connector = connect(tmp_path, path="log.csv", mode="append")
    _, cursor = listing(connector)

    path.write_bytes(b"id,name\n" + b"".join(b"%d,A\n" % n for n in range(2000)))

    assert len(records(connector.pull(cursor))) == 2000


def test_a_new_file_of_the_pattern_is_read_from_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "log-1.csv").write_bytes(b"id,name\n1,Ann\n")
    connector = connect(tmp_path, path="log-*.csv", mode="append")
    _, cursor = listing(connector)

    (tmp_path / "log-2.csv").write_bytes(b"id,name\n2,Eva\n")

    assert list(records(connector.pull(cursor))) == ["2"]


# --- jsonl and fixed width ------------------------------------------------------------------------


def test_json_lines_keep_their_types_and_broken_ones_are_set_aside(read: Read) -> None:
    found = read(
        b'{"id": 1, "emails": ["a@example.org"], "vip": true}\n[1]\n{"id": 2\n\n{"name": "x"}\n'
        b'{"id":"a\\u0000"}\n'
        b'{"id": "\xff"}\n' + b'{"id": 3, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        "people.jsonl",
    )

    [record] = [item for item in found if isinstance(item, Record)]
    assert record.fields == {"id": 1, "emails": ["a@example.org"], "vip": True}
    assert record.id == "1"
    assert [(where.split()[-1], reason) for where, reason in problems(found)] == [
        ("2", "the line is JSON, but no object"),
        ("3", "the line is broken or truncated JSON"),
        ("5", "the line has no key"),
        ("6", "the line holds a NUL character"),
        ("7", "the line is not text in the declared encoding"),
        ("8", "the line is broken or truncated JSON"),
    ]


def test_fixed_width_lines_are_cut_by_characters(read: Read) -> None:
    found = read(
        "0001José      MADRID\r\n0002Ana\r\n\r\n".encode("cp850"),
        "old.dat",
        format="fixed",
        encoding="cp850",
        columns={"id": [1, 4], "name": [5, 10], "city": [15, 10]},
    )

    assert [item.fields for item in found if isinstance(item, Record)] == [
        {"id": "0001", "name": "José", "city": "MADRID"},
        {"id": "0002", "name": "Ana", "city": ""},
    ]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"path": "x.dat"}, "name the `format`"),
        ({"path": "x.csv", "encoding": "utf-16", "mode": "append"}, "line by line"),
        ({"path": "x.csv", "encoding": "utf-88"}, "no encoding"),
        ({"path": "x.csv", "columns": {"id": [1, 2]}}, "format: fixed"),
        ({"path": "x.txt", "format": "fixed"}, "format: fixed"),
        ({"path": "x.txt", "format": "fixed", "columns": {"id": [0, 2]}}, "from 1"),
        ({"path": "x.csv", "delimiter": ";;"}, "at most 1 character"),
        ({"path": "x.csv", "time_zone": "Mars"}, "no time zone"),
        ({"path": "x.csv", "pth": "y"}, "pth"),
    ],
)
def test_wrong_settings_say_what_is_wrong(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        FileConnector.Settings.model_validate(settings)


def test_a_check_shows_columns_and_the_first_line_in_trouble(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(b"id,name\n1\n")

    report = connect(tmp_path, path="p.csv").check()

    assert report.lines == ("1 files", "p.csv: 10 bytes, columns id, name")
    assert report.warnings == ("p.csv line 2 has 1 fields where the header has 2",)
