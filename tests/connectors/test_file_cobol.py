"""Copybooks and the records they describe, in EBCDIC and in ASCII."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.filing.cobol import column_names, read_record
from hub.connectors.filing.copybook import LayoutError, parse_copybook
from hub.errors import AccountError, ConfigError
from tests.connectors.filing import connect, fields, problems, read

CLIENT = """\
      * Clients as the mainframe sends them
000100 01  CLIENT-RECORD.
000200     05  CLIENT-ID          PIC 9(6).
000300     05  CLIENT-NAME        PIC X(20).
           05  CLIENT-STATUS      PIC X VALUE 'A'.
               88  ACTIVE         VALUE 'A'.
               88  CLOSED         VALUES ARE 'C'.
           05  BALANCE            PIC S9(5)V99 COMP-3.
           05  ADDRESS-BLOCK.
               10  STREET         PIC X(10).
               10  POSTCODE       PIC 9(5).
           05  PHONES             OCCURS 3 TIMES.
               10  PHONE-KIND     PIC X.
               10  PHONE          PIC X(9).
           05  TAGS               PIC X(3) OCCURS 2.
           05  VISITS             PIC S9(4) USAGE IS COMP.
           05  DELTA              PIC S9(3).
           05  TEMPERATURE  PIC S99V9
               SIGN IS LEADING SEPARATE CHARACTER.
           05  FILLER             PIC X(4).
"""


def packed(value: int, length: int, sign: str = "c") -> bytes:
    return bytes.fromhex(f"{abs(value):0{length * 2 - 1}d}{sign}")


def client(encoding: str, number: str = "000042", name: str = "José Núñez") -> bytes:
    over = {"cp037": b"\xf0\xf1\xd2", "cp500": b"\xf0\xf1\xd2", "cp1140": b"\xf0\xf1\xd2"}.get(encoding, b"01K")

    def text(value: str, length: int) -> bytes:
        return value.ljust(length).encode(encoding)

    parts = [
        text(number, 6),
        text(name, 20),
        text("A", 1),
        packed(-1234567, 4, "d"),
        text("Rua 1", 10),
        text("01234", 5),
        text("M912345678", 10),
        text("", 10),
        text("H", 1) + text("21", 9),
        text("VIP", 3) + text("", 3),
        (-7).to_bytes(2, "big", signed=True),
        over,
        text("-125", 4),
        b"\x00" * 4,
    ]
    return b"".join(parts)


EXPECTED = {
    "CLIENT-ID": "000042",
    "CLIENT-NAME": "José Núñez",
    "CLIENT-STATUS": "A",
    "BALANCE": "-12345.67",
    "STREET": "Rua 1",
    "POSTCODE": "01234",
    "PHONES": [{"PHONE-KIND": "M", "PHONE": "912345678"}, {"PHONE-KIND": "H", "PHONE": "21"}],
    "TAGS": ["VIP"],
    "VISITS": "-7",
    "DELTA": "-12",
    "TEMPERATURE": "-12.5",
}


@pytest.mark.parametrize("encoding", ["cp037", "cp500", "cp1140", "cp1252"])
def test_a_record_of_every_kind_of_field_is_read(encoding: str) -> None:
    layout = parse_copybook(CLIENT)

    assert layout.length == len(client(encoding)) == 95
    assert read_record(layout, client(encoding), encoding) == EXPECTED
    assert column_names(layout) == list(EXPECTED)


def test_a_file_of_records_without_line_breaks_is_read_and_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "client.cpy").write_text(CLIENT)
    (tmp_path / "clients.dat").write_bytes(b"".join(client("cp037", f"{n:06d}") for n in range(2500)))
    settings = {"format": "cobol", "layout": "client.cpy", "encoding": "cp037", "key": "CLIENT-ID"}
    connector = connect(tmp_path, path="clients.dat", **settings)

    first, *_ = connector.pull(None)
    rest = [item.id for page in connector.pull(first.cursor) for item in page.items]

    assert connector.check().lines[1].startswith("clients.dat: 237500 bytes, columns CLIENT-ID, CLIENT-NAME")
    assert [item.id for item in first.items][-1] == "000999"
    assert rest == [f"{n:06d}" for n in range(1000, 2500)]


def test_bad_records_cost_themselves_and_name_their_field(tmp_path: Path) -> None:
    (tmp_path / "client.cpy").write_text(CLIENT)
    bad = bytearray(client("cp037", "000002"))
    bad[27:31] = b"\x12\x34\x56\x7a\x00"[:4].replace(b"\x7a", b"\x72")
    (tmp_path / "clients.dat").write_bytes(
        client("cp037", "000001") + bytes(bad) + client("cp037", "000003") + client("cp037", "000004")[:50]
    )

    found = read(tmp_path, "clients.dat", format="cobol", layout="client.cpy", encoding="cp037", key="CLIENT-ID")

    assert [row["CLIENT-ID"] for row in fields(found)] == ["000001", "000003"]
    assert problems(found) == [
        ("clients.dat record 2", "the record has no value of its picture in BALANCE"),
        ("clients.dat record 4", "the record has 50 bytes where the layout has 95"),
    ]


def test_records_of_another_length_are_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "client.cpy").write_text(CLIENT)
    (tmp_path / "clients.dat").write_bytes(b"\x40" * 20)

    with pytest.raises(AccountError, match="20 bytes where the layout has 95"):
        read(tmp_path, "clients.dat", format="cobol", layout="client.cpy", encoding="cp037", key="CLIENT-ID")


def test_a_text_file_may_have_a_record_a_line(tmp_path: Path) -> None:
    (tmp_path / "p.cpy").write_text("01 P.\n 05 ID PIC 9(4).\n 05 NAME PIC X(8).\n 05 PHONES PIC 9(9) OCCURS 2.\n")
    (tmp_path / "p.txt").write_bytes("0007José    912345678\r\n\r\n0008Ann\n".encode("cp1252"))

    found = read(tmp_path, "p.txt", format="cobol", layout="p.cpy", encoding="cp1252", key="ID")

    assert fields(found) == [
        {"ID": "0007", "NAME": "José", "PHONES": ["912345678"]},
        {"ID": "0008", "NAME": "Ann", "PHONES": []},
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("05 B REDEFINES A PIC X(5).", "line 3: B: REDEFINES gives one place two meanings"),
        ("05 B PIC X OCCURS 1 TO 5 TIMES DEPENDING ON A.", "OCCURS takes a number of times"),
        ("05 B PIC X OCCURS 5 DEPENDING ON A.", "records of several lengths"),
        ("05 B COMP-1.", "floating-point"),
        ("05 B PIC 9(4) COMP-5.", "depends on the machine"),
        ("05 B PIC 9(4) COMP SYNC.", "by the machine's rules"),
        ("05 B PIC ZZ9.99.", "PIC ZZ9.99 is not read"),
        ("05 B PIC S9(20) COMP.", "more than 18 digits"),
        ("05 B PIC 9(40).", "more than 31 digits"),
        ("05 B.", "neither a picture nor fields"),
        ("05 A PIC X.", "A is named in line 2 too"),
        ("05 B PIC X(5)", "no period"),
        ("66 C RENAMES A.", "level 66"),
        ("51 C PIC X.", "there is no level 51"),
        ("07 C PIC X.", "stands below A, which has a picture"),
        ("03 C PIC X.", "has level 3 beside 5"),
        ("01 SECOND.", "a second record|neither"),
        ("COPY OTHER.", "names another file"),
        ("hello world.", "no level number"),
        ("05 B PIC X(9) FANCY.", "FANCY is not known"),
        ("05 B PIC X(40000).", "at most 32760"),
        ("05 B PIC X OCCURS 99999.", "more than 10000"),
        ("05 B COMP-3.\n10 C PIC 9.", "usage or sign without a picture"),
    ],
)
def test_a_layout_that_is_not_read_is_refused_with_its_line(line: str, says: str) -> None:
    with pytest.raises(LayoutError, match=says):
        parse_copybook(f"01 R.\n05 A PIC X(5).\n{line}\n")


def test_a_wrong_layout_stops_the_connection_with_the_name_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "p.cpy").write_text("01 P.\n05 A PIC X.\n05 B REDEFINES A PIC 9.\n")
    (tmp_path / "p.dat").write_bytes(b"\x40")

    with pytest.raises(ConfigError, match=r"layout p\.cpy, line 3: B"):
        read(tmp_path, "p.dat", format="cobol", layout="p.cpy", encoding="cp037", key="A")


# --- what is written by the rules is read back ----------------------------------------------------

NUMBERS = st.tuples(st.integers(1, 7), st.integers(0, 3), st.booleans()).flatmap(
    lambda shape: st.tuples(
        st.just(shape), st.integers(-(10 ** (shape[0] + shape[1])) + 1 if shape[2] else 0, 10 ** sum(shape[:2]) - 1)
    )
)


@given(NUMBERS, st.sampled_from(["COMP-3", "COMP", "DISPLAY"]))
def test_numbers_come_back_as_they_were_written(number: tuple[tuple[int, int, bool], int], usage: str) -> None:
    (whole, decimals, signed), value = number
    digits = whole + decimals
    point = f"V9({decimals})" if decimals else ""
    layout = parse_copybook(f"01 R.\n05 N PIC {'S' if signed else ''}9({whole}){point} {usage}.\n")
    if usage == "COMP-3":
        raw = packed(value, digits // 2 + 1, ("d" if value < 0 else "c") if signed else "f")
    elif usage == "COMP":
        raw = value.to_bytes(layout.length, "big", signed=signed)
    else:
        text = bytearray(f"{abs(value):0{digits}d}".encode("cp037"))
        if signed:
            text[-1] = (0xD0 if value < 0 else 0xC0) | (text[-1] & 0xF)
        raw = bytes(text)

    [read] = read_record(layout, raw, "cp037").values()

    if read == "":
        assert usage != "COMP-3" or value == 0
        assert value == 0 or not raw.strip(b"\x00")
    else:
        assert Decimal(read) == Decimal(value).scaleb(-decimals)
        assert signed or decimals or len(read) >= digits


@given(st.text("ABCxyz 0'19éñ", max_size=12), st.sampled_from(["cp037", "cp500", "cp1140", "cp1252"]))
def test_text_comes_back_without_its_padding(text: str, encoding: str) -> None:
    layout = parse_copybook("01 R.\n05 T PIC X(12).\n")

    assert read_record(layout, text.ljust(12).encode(encoding), encoding) == {"T": text.rstrip(" ")}


@given(st.binary(min_size=95, max_size=95), st.sampled_from(["cp037", "cp1252"]))
def test_no_record_breaks_the_reader(raw: bytes, encoding: str) -> None:
    layout = parse_copybook(CLIENT)
    try:
        found: Any = read_record(layout, raw, encoding)
    except ValueError as error:
        found = str(error)

    assert found


@given(st.text("019 XSV.()-PICOMBRUEDA\n*", max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        assert parse_copybook(text).length > 0
    except LayoutError as error:
        assert str(error).startswith("line ")
