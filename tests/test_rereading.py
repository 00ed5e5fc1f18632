"""Lines of files that could not be read, put right as text: taken in once, and known again when they come again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config import load_config
from hub.errors import ConfigError, NotThere, Overtaken
from hub.model import Raw
from hub.rereading import Amendment, forecast, line_of, look, put_all_right, put_right, take_in
from hub.running import Workshop, open_workshop, sync_all
from hub.store import audit, lists
from hub.store.amended import Amended
from hub.store.lists import ParkedFilter, ParkedRow, Part
from hub.sync.line_rules import LineRule
from hub.sync.lines import LONGEST, Piece, raw_text, read_raw, spelled, standing
from hub.sync.run import Orders

HEADER = "id,given_name,family_name,emails"
ANN, EVA = "1,Ann,Lee,ann@example.org", "2,Eva,Ray,eva@example.org"
BROKEN = "3,Ida,Moss,ida@example.org,"
MEANT = "3,Ida,Moss,ida@example.org"
CONFIG = """
store: sqlite:///data/hub.db
connections:
  list: {type: file, path: "inbox/*.csv", mode: MODE, key: id, deletes: propagate}
"""


@dataclass
class Office:
    """A folder with files, and the hub over it."""

    home: Path
    shop: Workshop
    said: list[str] = field(default_factory=list)

    def write(self, *lines: str | bytes, name: str = "a.csv") -> None:
        whole = [HEADER, *lines]
        data = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in whole)
        (self.home / "inbox" / name).write_bytes(data)

    def run(self) -> dict[str, int]:
        [result] = sync_all(self.shop, ["list"], {"list": Orders(approve=True)}).values()
        assert result.status == "done", result
        return result.counts

    def parked(self, *states: str) -> tuple[ParkedRow, ...]:
        with self.shop.store.read() as tx:
            return lists.parked(tx, ParkedFilter(states=states or lists.WAITING), Part(1_000)).rows

    def contacts(self) -> list[str]:
        """Addresses of all golden records that are there."""
        with self.shop.store.read() as tx:
            found = [json.loads(row[0]) for row in tx.all("SELECT fields FROM golden WHERE state = 'live'")]
        return sorted(key.partition("/")[2] for fields in found for key in fields if key.startswith("emails/"))

    def put_right(self, row: ParkedRow, text: str, version: str | None = None) -> Amendment:
        config, hub = self.shop.config, self.shop.hub
        made = put_right(config, self.shop.store, row.number, text, "ann", hub.clock(), version)
        take_in(config, hub, made.connections)
        return made

    def put_all_right(self, rule: LineRule, seen: int | None = None) -> Amendment:
        config, hub = self.shop.config, self.shop.hub
        made = put_all_right(config, self.shop.store, ParkedFilter(stage="read"), rule, "ann", hub.clock(), seen)
        take_in(config, hub, made.connections)
        return made


@pytest.fixture(params=["snapshot"])
def office(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    for name in ("config", "inbox", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "config/hub.yaml").write_text(CONFIG.replace("MODE", request.param))
    with open_workshop(load_config(tmp_path / "config")) as shop:
        made = Office(tmp_path, shop)
        made.write(ANN, BROKEN, EVA)
        made.run()
        yield made


every_mode = pytest.mark.parametrize("office", ["snapshot", "append", "drop"], indirect=True)
EVERYBODY = ["ann@example.org", "eva@example.org", "ida@example.org"]


@every_mode
def test_a_line_put_right_is_taken_in_and_leaves_the_list(office: Office) -> None:
    [row] = office.parked()

    office.put_right(row, MEANT)

    assert office.contacts() == EVERYBODY
    assert office.parked() == ()


@every_mode
def test_the_same_broken_line_is_not_set_aside_again(office: Office) -> None:
    office.put_right(office.parked()[0], MEANT)

    counts = [office.run() for _ in range(4)]

    assert office.parked() == ()
    assert office.contacts() == EVERYBODY
    assert [each.get("set_aside", 0) + each.get("updates", 0) for each in counts] == [0] * 4


def test_a_line_that_moved_keeps_its_correction(office: Office) -> None:
    office.put_right(office.parked()[0], MEANT)

    office.write("4,Max,Fox,max@example.org", "5,Zoe,Hill,zoe@example.org", ANN, EVA, BROKEN)
    for _ in range(3):
        office.run()

    assert office.parked() == ()
    assert office.contacts() == sorted([*EVERYBODY, "max@example.org", "zoe@example.org"])


def test_a_correction_stands_for_one_line_of_a_listing(office: Office) -> None:
    office.put_right(office.parked()[0], MEANT)

    office.write(ANN, BROKEN, EVA, BROKEN)
    office.run()

    assert [row.external_id for row in office.parked()] == ["a.csv line 5"]


def test_of_two_equal_lines_the_one_that_was_not_put_right_waits_on(office: Office) -> None:
    office.write(ANN, BROKEN, EVA, BROKEN)
    office.run()
    [first, second] = office.parked()

    office.put_right(second, MEANT)
    for _ in range(2):
        office.run()

    assert [row.number for row in office.parked()] == [first.number]


def test_another_broken_line_in_its_place_is_set_aside_anew(office: Office) -> None:
    office.put_right(office.parked()[0], MEANT)

    office.write(ANN, "3,Ida,Marsh,ida@example.org,", EVA)
    office.run()

    [row] = office.parked()
    assert "Marsh" in row.original


def test_a_line_put_right_in_the_file_doubles_nothing_and_goes_first(office: Office) -> None:
    office.put_right(office.parked()[0], MEANT)

    office.write(ANN, "3,Ida,Moss,ida.moss@example.org", EVA)
    for _ in range(3):
        office.run()

    assert office.contacts() == ["ann@example.org", "eva@example.org", "ida.moss@example.org"]


@pytest.mark.parametrize("own_first", [True, False])
def test_a_line_of_the_file_with_the_same_key_goes_before_what_was_typed(office: Office, own_first: bool) -> None:
    office.put_right(office.parked()[0], MEANT)
    own = "3,Ida,Moss,ida.moss@example.org"
    many = [f"x{n},,,x{n}@example.net" for n in range(1_000)]  # a page between the two

    office.write(*([own, *many, ANN, EVA, BROKEN] if own_first else [ANN, BROKEN, EVA, *many, own]))
    counts = [office.run() for _ in range(4)]

    assert [mail for mail in office.contacts() if mail.startswith("ida")] == ["ida.moss@example.org"]
    assert office.parked() == ()
    assert [each.get("updates", 0) for each in counts[1:]] == [0] * 3


def test_when_the_file_has_its_own_line_no_more_the_correction_stands_again(office: Office) -> None:
    office.put_right(office.parked()[0], MEANT)
    office.write(ANN, BROKEN, EVA, "3,Ida,Moss,ida.moss@example.org")
    office.run()

    office.write(ANN, BROKEN, EVA)
    for _ in range(4):
        office.run()

    assert office.contacts() == EVERYBODY
    assert office.parked() == ()


def test_a_line_that_left_the_file_is_gone_with_its_record(office: Office) -> None:
    office.put_right(office.parked()[0], MEANT)

    office.write(ANN, EVA)
    for _ in range(4):
        office.run()

    assert office.contacts() == ["ann@example.org", "eva@example.org"]


def test_without_a_run_it_waits_for_the_next(office: Office) -> None:
    [row] = office.parked()
    put_right(office.shop.config, office.shop.store, row.number, MEANT, "ann", 7.0, None)
    assert [each.state for each in office.parked()] == ["retry"]

    office.run()

    assert office.contacts() == EVERYBODY
    assert office.parked() == ()


def test_it_may_be_put_right_once_more(office: Office) -> None:
    [row] = office.parked()
    office.put_right(row, MEANT)

    office.put_right(row, MEANT.replace("Moss", "Marsh"))
    office.run()

    with office.shop.store.read() as tx:
        names = [json.loads(each[0])["family_name"] for each in tx.all("SELECT fields FROM golden ORDER BY id")]
    assert sorted(names) == ["Lee", "Marsh", "Ray"]


def test_the_audit_names_the_row_and_no_value(office: Office) -> None:
    [row] = office.parked()
    office.put_right(row, MEANT)

    with office.shop.store.read() as tx:
        [said] = audit.rows(tx, audit.Wanted(action="parked text put right"), 10)
    assert said.subject == f"parked {row.number}"
    assert "ida" not in str(said).lower()


def test_what_would_become_of_a_text_is_told_and_nothing_written(office: Office) -> None:
    [row] = office.parked()
    with office.shop.store.read() as tx:
        line = line_of(tx, row.number)
    assert line is not None
    assert line.text == BROKEN

    good = look(office.shop.config, office.shop.store, line, MEANT)
    bad = look(office.shop.config, office.shop.store, line, BROKEN)
    odd = look(office.shop.config, office.shop.store, line, "3,Ida,Moss,nonsense")
    known = look(office.shop.config, office.shop.store, line, ANN)

    assert (good.record_id, good.problem, good.known) == ("3", None, False)
    assert {cell.key: cell.after for cell in good.rows}["family_name"] == "Moss"
    assert bad.problem == "the line has 5 fields where the header has 4"
    assert not bad.is_read
    assert odd.is_read
    assert odd.problem
    assert known.known
    assert office.contacts() == ["ann@example.org", "eva@example.org"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        (f"{MEANT}\n{ANN}", "more than one line"),
        ("a\x00b", "NUL"),
        ("x" * (LONGEST + 1), "longer than"),
        ('3,"Ida,Moss,ida@example.org', "no valid CSV"),
        ("\ud800,a,b,c", "half a character"),
        (",Ida,Moss,ida@example.org", "has no key"),
    ],
)
def test_a_text_that_is_no_line_changes_nothing(office: Office, text: str, said: str) -> None:
    [row] = office.parked()

    with pytest.raises(ConfigError, match=said):
        office.put_right(row, text)

    assert [each.state for each in office.parked()] == ["open"]


def test_who_looked_at_something_else_is_refused_with_what_is_now(office: Office) -> None:
    [row] = office.parked()
    with office.shop.store.read() as tx:
        line = line_of(tx, row.number)
    assert line is not None
    office.put_right(row, MEANT, line.version)

    with pytest.raises(Overtaken, match="put right by ann"):
        office.put_right(row, "3,Somebody,Else,else@example.org", line.version)

    assert office.contacts() == EVERYBODY


def test_what_has_no_text_is_not_there(office: Office) -> None:
    with pytest.raises(NotThere):
        put_right(office.shop.config, office.shop.store, 12_345, MEANT, "ann", 7.0, None)


# --- many --------------------------------------------------------------------------------------------


@every_mode
def test_lines_in_another_encoding_are_read_again_all_at_once(office: Office) -> None:
    odd = [f"{n},Jos\xe9,N\xfa\xf1ez,j{n}@example.org".encode("cp1252") for n in range(10, 260)]
    office.write(*odd, name="b.csv")
    office.run()
    assert len(office.parked()) == 251

    seen = forecast(office.shop.config, office.shop.store, ParkedFilter(stage="read"), LineRule("cp1252"))
    made = office.put_all_right(LineRule("cp1252"), 251)
    for _ in range(2):
        office.run()

    assert (seen.total, seen.counted, seen.read, seen.same, len(seen.shown)) == (251, 251, 250, 1, 20)
    assert (len(made.numbers), made.unread, made.left) == (250, 1, 0)
    assert [row.original for row in office.parked()] == [BROKEN]
    with office.shop.store.read() as tx:
        names = {json.loads(each[0])["family_name"] for each in tx.all("SELECT fields FROM golden")}
    assert names == {"Lee", "Ray", "Núñez"}


def test_a_text_at_the_end_is_taken_away_from_all(office: Office) -> None:
    office.write(ANN, BROKEN, EVA, "4,Max,Fox,max@example.org,", "5,Zoe,")
    office.run()

    made = office.put_all_right(LineRule(find=",", at="end"), 3)

    assert (len(made.numbers), made.unread) == (2, 1)
    assert office.contacts() == sorted([*EVERYBODY, "max@example.org"])
    assert [row.original for row in office.parked()] == ["5,Zoe,"]


def test_a_rule_that_helps_nobody_changes_nothing(office: Office) -> None:
    with pytest.raises(ConfigError, match="none of these readable"):
        office.put_all_right(LineRule(find="zzz", put="y"))
    with pytest.raises(Overtaken, match="1 such records"):
        office.put_all_right(LineRule(find=",", at="end"), 7)
    with pytest.raises(ConfigError, match="Say an encoding"):
        office.put_all_right(LineRule())
    with pytest.raises(ConfigError, match="no text encoding"):
        office.put_all_right(LineRule("base64"))

    assert [each.state for each in office.parked()] == ["open"]


# --- rules -------------------------------------------------------------------------------------------


@given(st.binary(max_size=200), st.sampled_from(["utf-8", "cp1252", "latin-1"]), st.lists(st.text(max_size=5)))
def test_a_piece_is_kept_byte_by_byte(data: bytes, encoding: str, names: list[str]) -> None:
    raw = Raw(data, encoding, tuple(name.encode("utf-8", "replace").decode() for name in names))

    assert read_raw(raw_text(raw)) == raw
    assert "\x00" not in spelled(raw)


places = st.integers(1, 6).map(lambda n: f"a.csv line {n}")
marks = st.sampled_from("mno")


@given(
    st.lists(st.tuples(places, marks), unique_by=lambda each: each[0]),
    st.lists(st.tuples(places, marks), unique=True),
    st.sets(places),
)
def test_a_correction_serves_one_piece_with_its_mark_and_those_at_their_place_first(
    there: list[tuple[str, str]], made: list[tuple[str, str]], waiting: set[str]
) -> None:
    pieces = [Piece(place, mark) for place, mark in there]
    corrections = [Amended(n, mark, place, "", "", "", 0.0) for n, (place, mark) in enumerate(made)]

    found = standing(pieces, corrections, waiting, "r1")

    assert len({each.id for each in found.values()}) == len(found)
    for n, each in found.items():
        assert each.mark == pieces[n].mark
        assert each.place == pieces[n].place or pieces[n].place not in waiting
    for n, piece in enumerate(pieces):
        if (piece.place, piece.mark) in made:
            assert found[n].place == piece.place
