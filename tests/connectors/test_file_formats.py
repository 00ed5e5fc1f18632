"""XLSX, dBase and LDIF files as the programs that make them write them; packed files; encodings."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dbf
import openpyxl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.connectors.file_entries import Lines
from hub.connectors.files import FileConnector
from hub.connectors.filing.encodings import likely_encoding
from hub.connectors.filing.ldif import ldif_entries
from hub.connectors.filing.vcards import card_entries
from hub.errors import AccountError
from hub.mapping.spec import load_mapping
from hub.model import Record, Tombstone
from tests.connectors.filing import connect, fields, names, problems, read


def workbook(path: Path, sheets: dict[str, list[list[Any]]], formats: dict[str, str] | None = None) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
        for cell, form in (formats or {}).items():
            sheet[cell].number_format = form
    book.save(path)
    return path


# --- xlsx -----------------------------------------------------------------------------------------


def test_cells_keep_their_types_and_numbers_never_turn_into_powers_of_ten(tmp_path: Path) -> None:
    rows = [
        ["id", "phone", "born", "seen", "postcode", "vip", "share", "name"],
        [12000000000.0, 351912345678, date(1980, 2, 1), datetime(2026, 1, 2, 3, 4), 1234, True, 0.25, " Ann "],
    ]
    workbook(tmp_path / "p.xlsx", {"People": rows}, {"E2": "00000"})

    assert fields(read(tmp_path, "p.xlsx")) == [
        {
            "id": 12000000000,
            "phone": 351912345678,
            "born": "1980-02-01",
            "seen": "2026-01-02T03:04:00",
            "postcode": "01234",
            "vip": True,
            "share": 0.25,
            "name": "Ann",
        }
    ]
    assert [item.id for item in read(tmp_path, "p.xlsx")] == ["12000000000"]


def test_sheets_are_read_by_name_and_number_with_the_header_in_any_row(tmp_path: Path) -> None:
    first = [["Customers of 2026"], [None], ["id", "name"], [1, "Ann"], [None, None], [2, "Eva"]]
    second = [["x"], [], ["id", "name"], [3, "Ida"]]
    workbook(tmp_path / "p.xlsx", {"North": first, "South": second})

    found = read(tmp_path, "p.xlsx", sheets=["South", 1], header_row=3)

    assert names(found) == ["Ida", "Ann", "Eva"]
    assert names(read(tmp_path, "p.xlsx", header_row=3)) == ["Ann", "Eva"]


def test_a_merged_range_has_its_value_in_the_first_cell(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["id", "company", "name"], [1, "Acme", "Ann"], [2, None, "Eva"]):
        book.active.append(row)
    book.active.merge_cells("B2:B3")
    book.save(tmp_path / "p.xlsx")

    assert [row["company"] for row in fields(read(tmp_path, "p.xlsx"))] == ["Acme", None]


def test_a_row_with_an_error_value_or_too_many_cells_is_set_aside(tmp_path: Path) -> None:
    workbook(tmp_path / "p.xlsx", {"S": [["id", "name"], [1, "#N/A"], [2, "Eva", "x"], [3, "Ida"]]})

    found = read(tmp_path, "p.xlsx")

    assert names(found) == ["Ida"]
    assert problems(found) == [
        ("p.xlsx sheet 1 row 2", "the row shows the error #N/A in name"),
        ("p.xlsx sheet 1 row 3", "the row has 1 values beyond the columns of the header"),
    ]


def test_formulas_without_results_are_never_empty_cells(tmp_path: Path) -> None:
    workbook(tmp_path / "p.xlsx", {"S": [["id", "name"], [1, '="A"&"nn"']]})

    with pytest.raises(AccountError, match="formulas without their results"):
        read(tmp_path, "p.xlsx")


def test_the_stored_result_of_a_formula_is_read(tmp_path: Path) -> None:
    path = workbook(tmp_path / "raw.xlsx", {"S": [["id", "name"], [1, "=UPPER(x)"], [2, '=IF(1,"","")']]})
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "p.xlsx", "w") as new:
        for member in old.infolist():
            data = old.read(member)
            if member.filename.endswith("sheet1.xml"):  # as a spreadsheet program stores results
                data = data.replace(b'<c r="B2"><f>UPPER(x)</f><v />', b'<c r="B2" t="str"><f>UPPER(x)</f><v>ANN</v>')
                data = data.replace(b'<c r="B2"><f>UPPER(x)</f><v/>', b'<c r="B2" t="str"><f>UPPER(x)</f><v>ANN</v>')
                data = data.replace(b'<c r="B3"><f>', b'<c r="B3" t="str"><f>')
            new.writestr(member, data)

    assert names(read(tmp_path, "p.xlsx")) == ["ANN", None]


@pytest.mark.parametrize(
    ("rows", "more", "says"),
    [
        ([["id", "id"], [1, 2]], {}, "names id twice"),
        ([["id", None, "name"]], {}, "no name for column 2"),
        ([["nif"], [1]], {}, "no column source_id or id"),
        ([[None]], {}, "empty header row|no row 1"),
        ([["id"]], {"sheets": ["Other"]}, "no sheet Other; it has 1: S"),
        ([["id"]], {"header_row": 9}, "no row 9"),
        ([["id"], ["x" * 5000]], {"max_bytes": 3000}, "unpacks to more than 3000"),
    ],
)
def test_a_workbook_that_does_not_fit_stops_before_anything_is_read(
    tmp_path: Path, rows: list[list[Any]], more: dict[str, Any], says: str
) -> None:
    workbook(tmp_path / "p.xlsx", {"S": rows})

    with pytest.raises(AccountError, match=says):
        read(tmp_path, "p.xlsx", **more)


@pytest.mark.parametrize("data", [b"no workbook", b"PK\x03\x04broken", b"\xd0\xcf\x11\xe0 encrypted by Office"])
def test_what_is_no_workbook_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "p.xlsx").write_bytes(data)

    with pytest.raises(AccountError, match="no XLSX file"):
        read(tmp_path, "p.xlsx")


def test_an_interrupted_workbook_goes_on_at_its_row(tmp_path: Path) -> None:
    workbook(tmp_path / "p.xlsx", {"S": [["id", "name"], *([n, f"P{n}"] for n in range(2500))]})
    connector = connect(tmp_path, path="p.xlsx")
    first, *_ = connector.pull(None)

    rest = [item for page in connector.pull(first.cursor) for item in page.items]

    assert len(first.items) == 1000
    assert names(rest) == [f"P{n}" for n in range(1000, 2500)]


# --- dBase ----------------------------------------------------------------------------------------


def table(path: Path, rows: list[tuple[Any, ...]], codepage: str = "cp850", spec: str = "") -> Path:
    spec = spec or "id C(8); name C(20); born D; balance N(10,2); vip L; note M"
    made = dbf.Table(str(path), spec, codepage=codepage, dbf_type="db3")
    made.open(mode=dbf.READ_WRITE)
    for row in rows:
        made.append(row)
    made.close()
    return path


def test_a_dbase_table_is_read_with_its_codepage_and_memos(tmp_path: Path) -> None:
    table(tmp_path / "clients.dbf", [("007", "José Ñandú", date(1980, 2, 1), 12.5, True, "A long note " * 60)])

    [row] = fields(read(tmp_path, "clients.dbf", key="ID"))

    assert row | {"NOTE": ""} == {
        "ID": "007",
        "NAME": "José Ñandú",
        "BORN": "1980-02-01",
        "BALANCE": 12.5,
        "VIP": True,
        "NOTE": "",
    }
    assert row["NOTE"] == ("A long note " * 60).strip()


def test_a_record_marked_as_deleted_is_a_tombstone(tmp_path: Path) -> None:
    path = table(tmp_path / "c.dbf", [(i, "Ann", None, 0, None, "") for i in ("1", "2", "3")])
    made = dbf.Table(str(path))
    made.open(mode=dbf.READ_WRITE)
    dbf.delete(made[1])
    made.append(("3x", "Eva", None, 0, None, ""))
    made.close()

    found = read(tmp_path, "c.dbf", key="ID")

    assert [item.id for item in found if isinstance(item, Tombstone)] == ["2"]
    assert [item.id for item in found if isinstance(item, Record)] == ["1", "3", "3x"]


def test_a_deleted_record_whose_key_lives_on_is_passed_over(tmp_path: Path) -> None:
    path = table(tmp_path / "c.dbf", [("1", "Old", None, 0, None, ""), ("1", "New", None, 0, None, "")])
    made = dbf.Table(str(path))
    made.open(mode=dbf.READ_WRITE)
    dbf.delete(made[0])
    made.close()

    found = read(tmp_path, "c.dbf", key="ID")

    assert [(type(item), item.id) for item in found] == [(Record, "1")]


def test_a_codepage_of_the_settings_is_stronger_than_that_of_the_table(tmp_path: Path) -> None:
    path = table(tmp_path / "c.dbf", [("1", "Jos\u00e9", None, 0, None, "")], codepage="cp850")
    raw = bytearray(path.read_bytes())
    raw[29] = 0  # names no codepage, as tables of DOS programs do
    path.write_bytes(raw)

    found = read(tmp_path, "c.dbf", key="ID")
    assert problems(found) == [
        ("c.dbf record 1", "the record is not text in ascii in NAME; set `encoding`, such as cp850 or cp1252")
    ]
    assert names(read(tmp_path, "c.dbf", key="ID", encoding="cp850"), "NAME") == ["José"]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.write_bytes(b"no table at all"), "no dBase table"),
        (lambda path: path.with_suffix(".dbt").unlink(), "memo fields"),
    ],
)
def test_a_table_that_cannot_be_read_is_told(tmp_path: Path, spoil: Any, says: str) -> None:
    spoil(table(tmp_path / "c.dbf", [("1", "Ann", None, 0, None, "note")]))

    with pytest.raises(AccountError, match=says):
        read(tmp_path, "c.dbf", key="ID")


def test_a_table_cut_off_in_a_record_loses_that_record_only(tmp_path: Path) -> None:
    path = table(tmp_path / "c.dbf", [("1", "Ann"), ("2", "Eva")], spec="id C(8); name C(20)")
    path.write_bytes(path.read_bytes().rstrip(b"\x1a")[:-5])

    found = read(tmp_path, "c.dbf", key="ID")

    assert names(found, "NAME") == ["Ann"]
    assert problems(found) == [("c.dbf record 2", "the record is cut off at the end of the file")]


@settings(max_examples=15)
@given(rows=st.lists(st.tuples(st.text("abcé ñ123", max_size=9), st.dates(date(1900, 1, 1))), max_size=20))
def test_what_a_table_holds_is_read_back(rows: list[tuple[str, date]], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("dbase")
    table(folder / "c.dbf", [(f"k{n}", *row) for n, row in enumerate(rows)], spec="id C(8); name C(20); born D")

    found = fields(read(folder, "c.dbf", key="ID"))

    assert [(row["NAME"], row["BORN"]) for row in found] == [(n.strip(), d.isoformat()) for n, d in rows]


# --- ldif -----------------------------------------------------------------------------------------

LDIF = """version: 1
# made by hand

dn: uid=ann,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: ann
cn: Ann
  Lee
sn:: {sn}
mail: ann@example.org
mail: lee@example.org
description;lang-de: Sehr
 nett
jpegPhoto:: /9j/4AAQ
userPassword: secret

# the next one
dn:: {dn}
sn: Zo
entryUUID: 6f2a
""".format(sn=base64.b64encode("Núñez".encode()).decode(), dn=base64.b64encode("uid=zoë".encode()).decode())


def test_ldif_entries_are_unfolded_decoded_and_keyed(tmp_path: Path) -> None:
    (tmp_path / "people.ldif").write_text(LDIF)

    ann, zoe = read(tmp_path, "people.ldif")

    assert isinstance(ann, Record)
    assert ann.id == "uid=ann,ou=people,dc=example,dc=org"
    assert ann.fields == {
        "dn": "uid=ann,ou=people,dc=example,dc=org",
        "objectclass": ["inetOrgPerson"],
        "uid": ["ann"],
        "cn": ["Ann Lee"],
        "sn": ["Núñez"],
        "mail": ["ann@example.org", "lee@example.org"],
        "description;lang-de": ["Sehrnett"],
    }
    assert zoe.id == "6f2a"


def test_people_of_a_directory_need_no_mapping(tmp_path: Path) -> None:
    (tmp_path / "p.ldif").write_text(LDIF + "telephoneNumber: +351 21 000 0000\nl: Lisboa\n")
    _, zoe = read(tmp_path, "p.ldif")
    mapping = load_mapping(
        yaml.safe_load(FileConnector.mapping_text({"path": "p.ldif"})), where="ldif", default_region=None
    )

    fields = mapping.inward(zoe).fields

    assert fields["family_name"] == "Zo"
    assert [key for key in fields if key.startswith("phones/")] == ["phones/+351210000000"]
    assert FileConnector.mapping_text({"path": "p.csv"}) == ""


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("dn: uid=a\nchangetype: delete", "change record"),
        ("dn: uid=a\njpegfile:< file:///etc/passwd", "not fetched"),
        ("cn: Ann", "does not begin with `dn:`"),
        ("dn: uid=a\nno colon here", "attribute: value"),
        ("dn: uid=a\ncn:: %%%", "broken base64"),
        (" folded from nothing", "goes on from nothing"),
    ],
)
def test_ldif_that_is_not_plain_content_is_set_aside(tmp_path: Path, entry: str, says: str) -> None:
    (tmp_path / "p.ldif").write_text(f"dn: uid=1\nsn: Lee\n\n{entry}\n\ndn: uid=2\nsn: Ray\n")

    found = read(tmp_path, "p.ldif")

    assert [item.id for item in found if isinstance(item, Record)] == ["uid=1", "uid=2"]
    [(where, reason)] = problems(found)
    assert where == "p.ldif entry at line 4"
    assert says in reason


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=60)


@given(st.lists(st.lists(TEXT, min_size=1, max_size=4), max_size=6), st.integers(2, 76))
def test_ldif_written_by_the_rules_is_read_back(entries: list[list[str]], width: int) -> None:
    written = []
    for number, values in enumerate(entries):
        written.append(f"dn: uid={number}")
        for value in values:
            line = "cn:: " + base64.b64encode(value.encode()).decode()
            written.append("\n ".join(line[at : at + width] for at in range(0, len(line), width)))
        written.append("")
    text = "\n".join(written) + "\n"

    found = [entry.fields for entry in ldif_entries(Lines(io.BytesIO(text.encode()), "utf-8"))]

    assert found == [{"dn": f"uid={n}", "cn": values} for n, values in enumerate(entries)]


@given(st.binary(max_size=400))
def test_no_ldif_breaks_the_reader(data: bytes) -> None:
    lines = Lines(io.BytesIO(data), "utf-8")

    list(ldif_entries(lines))

    assert lines.offset == len(data)


# --- vcard ----------------------------------------------------------------------------------------

CARDS = """BEGIN:VCARD
VERSION:3.0
UID:u1
FN:Ann Lee
N:Lee;Ann;;;
EMAIL;TYPE=WORK:ann@example.org
TEL;TYPE=CELL:+351 912 345 678
NOTE:folded
  here
END:VCARD

BEGIN:VCARD
VERSION:4.0
UID:u2
KIND:group
FN:Friends
END:VCARD
BEGIN:VCARD
VERSION:4.0
UID:u3
FN:Eva N\u00fa\u00f1ez
END:VCARD
"""


def test_many_cards_stand_in_one_file_and_groups_are_no_contacts(tmp_path: Path) -> None:
    (tmp_path / "p.vcf").write_text(CARDS)

    ann, eva = read(tmp_path, "p.vcf")

    assert (ann.id, eva.id) == ("u1", "u3")
    assert isinstance(ann, Record)
    mapping = load_mapping(
        yaml.safe_load(FileConnector.mapping_text({"path": "p.vcf"})), where="vcard", default_region=None
    )
    fields = mapping.inward(ann).fields
    assert (fields["given_name"], fields["family_name"], fields["note"]) == ("Ann", "Lee", "folded here")
    assert {"emails/ann@example.org", "phones/+351912345678"} <= fields.keys()


def test_broken_cards_cost_themselves(tmp_path: Path) -> None:
    (tmp_path / "p.vcf").write_text(
        "hello\nBEGIN:VCARD\nVERSION:3.0\nFN:never ended\n"
        + CARDS
        + "BEGIN:VCARD\nVERSION:3.0\nFN:No Uid\nEND:VCARD\nBEGIN:VCARD\n"
    )

    found = read(tmp_path, "p.vcf")

    assert [item.id for item in found if isinstance(item, Record)] == ["u1", "u3"]
    assert [where for where, _ in problems(found)] == [f"p.vcf card at line {n}" for n in (1, 2, 27, 31)]


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader_of_cards(data: bytes) -> None:
    lines = Lines(io.BytesIO(data), "utf-8")

    list(card_entries(lines, "utf-8"))

    assert lines.offset == len(data)


# --- packed ---------------------------------------------------------------------------------------

PEOPLE = b"id,name\n1,Ann\n2,Eva\n"


def test_gzip_is_unpacked_whatever_the_name(tmp_path: Path) -> None:
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress(PEOPLE))
    (tmp_path / "p.csv").write_bytes(gzip.compress(PEOPLE))

    assert names(read(tmp_path, "p.csv.gz")) == names(read(tmp_path, "p.csv")) == ["Ann", "Eva"]


def test_members_of_a_zip_are_chosen_by_a_pattern(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export/people-1.csv", PEOPLE)
        archive.writestr("export/people-2.csv", b"id,name\n3,Ida\n")
        archive.writestr("export/readme.txt", b"no list")
        archive.writestr("__MACOSX/people-3.csv", b"\x00")

    found = read(tmp_path, "all.zip", format="csv", member="people-*.csv")

    assert names(found) == ["Ann", "Eva", "Ida"]


def test_a_table_in_a_zip_keeps_its_memos(tmp_path: Path) -> None:
    table(tmp_path / "c.dbf", [("1", "Ann", None, 0, None, "noted")])
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.write(tmp_path / "c.dbf", "c.dbf")
        archive.write(tmp_path / "c.dbt", "c.dbt")

    assert names(read(tmp_path, "c.zip", format="dbase", member="*.dbf", key="ID"), "NOTE") == ["noted"]


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("p.csv", b"id,name\n" + b"0" * 5_000_000)


def lying_bomb(path: Path) -> None:
    bomb(path)
    raw = path.read_bytes()
    path.write_bytes(raw.replace((5_000_008).to_bytes(4, "little"), (50).to_bytes(4, "little")))


def encrypted(path: Path) -> None:
    bomb(path)
    raw = bytearray(path.read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (bomb, "more than 100000 bytes"),
        (lying_bomb, "more than 100000 bytes|broken"),
        (encrypted, "encrypted"),
        (lambda path: path.write_bytes(b"PK no zip"), "broken zip"),
        (lambda path: zipfile.ZipFile(path, "w").close(), "holds no file"),
    ],
)
def test_zips_that_are_bombs_encrypted_or_broken_are_refused(tmp_path: Path, make: Any, says: str) -> None:
    make(tmp_path / "p.zip")

    with pytest.raises(AccountError, match=says):
        read(tmp_path, "p.zip", format="csv", max_bytes=100_000)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (gzip.compress(b"0" * 5_000_000, mtime=0), "more than 100000 bytes"),
        (gzip.compress(PEOPLE, mtime=0)[:-9], "truncated gzip"),
        (b"id,name\n", "no gzip file"),
    ],
)
def test_gzip_that_is_a_bomb_or_broken_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "p.csv.gz").write_bytes(data)

    with pytest.raises(AccountError, match=says):
        read(tmp_path, "p.csv.gz", max_bytes=100_000)


def test_what_was_unpacked_is_private_and_gone_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress(b"id,name\n" + b"".join(b"%d,A\n" % n for n in range(3000))))
    pull = connect(tmp_path, path="p.csv.gz").pull(None)
    next(pull)

    [copy] = {path for fd in Path("/proc/self/fd").iterdir() if "hub-file-" in str(path := fd.resolve())}
    modes = [oct(path.stat().st_mode & 0o777) for path in (copy, copy.parent)]
    pull.close()

    assert modes == ["0o600", "0o700"]
    assert not copy.parent.exists()


# --- encodings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_text_with_wide_characters_is_read(tmp_path: Path, encoding: str) -> None:
    text = 'id,name\r\n1,"José\nMaría"\r\n'
    (tmp_path / "p.csv").write_bytes(text.encode(encoding))

    assert names(read(tmp_path, "p.csv", encoding=encoding)) == ["José\nMaría"]


def test_a_mark_at_the_beginning_tells_wide_text_by_itself(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes("id,name\n1,José\n".encode("utf-16"))

    assert names(read(tmp_path, "p.csv")) == ["José"]


def test_broken_wide_text_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes("id,name\n1,José\n".encode("utf-16") + b"\x00\xd8\x00\xd8")

    with pytest.raises(AccountError, match="not text in utf-16 near line"):
        read(tmp_path, "p.csv")


def test_utf_8_declared_as_another_encoding_is_not_read_as_garbage(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes("id,name\n1,Ann\n2,José\n".encode())

    with pytest.raises(AccountError, match="in utf-8 and not in cp1252, as line 3 shows"):
        read(tmp_path, "p.csv", encoding="cp1252")


@pytest.mark.parametrize("encoding", ["cp1252", "cp850", "cp1250", "cp1251"])
def test_the_likely_encoding_of_names_is_guessed(encoding: str) -> None:
    names = {
        "cp1252": "José Núñez, João Conceição, Müller, Françoise",
        "cp850": "José Núñez, João Conceição, Müller, Françoise",
        "cp1250": "Wałęsa, Dvořák, Łukasz Żółty, Őry",
        "cp1251": "Иванов, Пётр Сергеев",
    }[encoding]

    assert likely_encoding(names.encode(encoding)) == encoding


def test_an_undecodable_line_names_the_likely_encoding(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes("id,name\n1,Ann\n2,Müller\n".encode("cp1252"))

    assert problems(read(tmp_path, "p.csv")) == [
        ("p.csv line 3", "the line is not text in utf-8; it looks like cp1252: see `encoding`")
    ]
