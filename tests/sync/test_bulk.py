"""Merges and splits from a file: the same as one by one, and each other's inverse."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.sync.bulk import Back, Done, Line, Mistake, carry_out, home_of, look_ahead, read_lines, write_back
from hub.sync.people import merge, split
from tests.fakes.rig import Rig, can
from tests.sync.test_joining import contents, fill, parts


@pytest.fixture
def rig(rig: Rig) -> Rig:
    rig.add("erp", can(), push="no")
    return rig


def ref(number: int) -> str:
    return f"erp:{number}"


def merges(*pairs: tuple[int, int]) -> list[Line]:
    return [Line(n, (ref(a), ref(b))) for n, (a, b) in enumerate(pairs, 2)]


def splits(*parts: tuple[int, Sequence[int]]) -> list[Line]:
    return [Line(n, (ref(a),), tuple(("erp", str(r)) for r in rs)) for n, (a, rs) in enumerate(parts, 2)]


def do(rig: Rig, lines: Sequence[Line]) -> list[Done | Mistake]:
    return list(carry_out(rig.hub, lines, "eve"))


def plan(rig: Rig, lines: Sequence[Line]) -> Any:
    with rig.store.read() as tx:
        return look_ahead(tx, lines)


# --- the file ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["a,b\nerp:1,g2\n", "\ufeffA;B\r\nerp:1;g2\r\n", "b\ta\ng2\terp:1\n", 'a,b,note\n"erp:1",g2,"two\nlines"\n'],
)
def test_a_file_of_merges_is_read_in_the_ways_spreadsheets_write_it(tmp_path, text):
    path = tmp_path / "m.csv"
    path.write_text(text, encoding="utf-8", newline="")

    assert read_lines(path, "merge") == ([Line(2, ("erp:1", "g2"))], [])


@pytest.mark.parametrize(
    ("cell", "ids"),
    [
        ("erp:1;erp:2", ["1", "2"]),
        (" erp:1 ; erp:2;", ["1", "2"]),
        ('"""erp:A;7"";erp:2"', ["A;7", "2"]),
        ('"""erp:say """"hi"""";"" ; erp:2"', ['say "hi";', "2"]),
        ('"erp:a""b;erp:c"""', ['a"b', 'c"']),
    ],
    ids=["several", "spaces", "a separator in an id", "quotes too", "quotes as files of before have them"],
)
def test_records_are_separated_by_semicolons_and_quoted_where_they_have_one(tmp_path, cell, ids):
    path = tmp_path / "s.csv"
    path.write_text(f"contact,records\ng1,{cell}\n")

    assert read_lines(path, "split") == ([Line(2, ("g1",), tuple(("erp", each) for each in ids))], [])


ODD = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(';" :\t\n,'), min_size=1, max_size=12)


@given(st.lists(ODD, min_size=1, max_size=4, unique=True))
def test_whatever_the_ids_of_a_system_look_like_the_way_back_names_them(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("odd") / "b.csv"
    refs = tuple(("erp", each) for each in ids)
    write_back(path, "merge", [Done(2, True, (Back("g1", records=refs),), ("g1", "g2"))])

    assert read_lines(path, "split") == ([Line(2, ("g1",), refs)], [])


def test_every_mistake_is_told_with_its_line(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text('contact,records\ng1,"erp:1;erp:2"\n\ng1\n,erp:1\ng1,17\ng1,;\n"g\n1",erp:9;\n')

    lines, mistakes = read_lines(path, "split")

    assert lines == [Line(2, ("g1",), (("erp", "1"), ("erp", "2"))), Line(8, ("g\n1",), (("erp", "9"),))]
    assert mistakes == [
        Mistake(4, "1 values instead of 2"),
        Mistake(5, "contact is empty"),
        Mistake(6, "'17' names no record: write CONNECTION:EXTERNAL_ID"),
        Mistake(7, "';' names no record: write CONNECTION:EXTERNAL_ID"),
    ]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (None, "cannot be read"),
        (b"", "has the columns a and b"),
        (b"a,c\n1,2\n", "Found: a, c"),
        (b"a,b,a\n1,2,3\n", "each once"),
        (b"a,b\n\xff\xfe,2\n", "not UTF-8"),
        (b'a,b\n"1,2\n', "no proper CSV"),
    ],
)
def test_what_is_no_such_file_changes_nothing(tmp_path, raw, said):
    path = tmp_path / "m.csv"
    if raw is not None:
        path.write_bytes(raw)

    with pytest.raises(ConfigError, match=said) as found:
        read_lines(path, "merge")
    assert "othing was changed" in str(found.value)


# --- looking ahead ----------------------------------------------------------------------------------


def test_what_a_file_would_do_is_told_and_nothing_is_done(rig):
    fill(rig, 5)
    before = contents(rig)

    outlook = plan(rig, [*merges((0, 1), (1, 2), (2, 0), (3, 3)), Line(9, ("erp:4", "erp:99"))])

    assert [step.line for step in outlook.steps] == [2, 3]
    assert [step.records for step in outlook.steps] == [(1, 1), (2, 1)]
    assert (outlook.before, outlook.after, outlook.records, outlook.systems) == (3, 1, 3, ("erp",))
    assert outlook.already == 2
    assert outlook.mistakes == [Mistake(9, "there is no contact 'erp:99'")]
    assert contents(rig) == before


NUMBERS = st.integers(0, 5)
MERGE = st.tuples(NUMBERS, NUMBERS)
SPLIT = st.tuples(NUMBERS, st.sets(NUMBERS, min_size=1, max_size=3).map(sorted))


@settings(max_examples=60)
@given(st.lists(MERGE, max_size=6), st.lists(SPLIT, max_size=5))
def test_what_is_foretold_is_what_is_done(joined, parted):
    with closing(Rig()) as rig:
        rig.add("erp", can(), push="no")
        fill(rig, 6)
        for lines in (merges(*joined), splits(*parted)):
            outlook, before = plan(rig, lines), parts(rig)

            found = do(rig, lines)

            done = [d for d in found if isinstance(d, Done)]
            assert [d.line for d in done if d.changed] == [s.line for s in outlook.steps]
            assert sum(not d.changed for d in done) == outlook.already
            assert [m for m in found if isinstance(m, Mistake)] == outlook.mistakes
            assert len(parts(rig)) - len(before) == outlook.after - outlook.before


# --- doing it ---------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.lists(MERGE, min_size=1, max_size=6), st.lists(SPLIT, max_size=5))
def test_in_bulk_is_the_same_as_one_by_one(joined, parted):
    with closing(Rig()) as bulk, closing(Rig()) as single:
        for rig in (bulk, single):
            rig.add("erp", can(), push="no")
            fill(rig, 6, "YNYNYN")
        lines = [*merges(*joined), *splits(*parted)]

        do(bulk, lines)
        for line in lines:
            one_by_one(single, line)

        assert contents(bulk) == contents(single)
        verdicts = "SELECT record_a, record_b, answer FROM verdict ORDER BY record_a, record_b"
        assert bulk.rows(verdicts) == single.rows(verdicts)


def one_by_one(rig: Rig, line: Line) -> None:
    with rig.store.read() as tx:
        homes = [home_of(tx, name) for name in line.contacts]
    if not line.records:
        merge(rig.hub, homes, "eve")
        return
    try:
        split(rig.hub, homes[0], line.records, "eve")
    except ConfigError:
        return


@settings(max_examples=60)
@given(st.lists(MERGE, min_size=1, max_size=8))
def test_the_file_that_takes_merges_back_gives_everything_back(tmp_path_factory, joined):
    with closing(Rig()) as rig:
        rig.add("erp", can(), push="no")
        fill(rig, 6, "NYNYNY")
        before = contents(rig)
        there_and_back(rig, tmp_path_factory.mktemp("back") / "b.csv", "merge", merges(*joined))

        assert contents(rig) == before


@settings(max_examples=60)
@given(st.lists(SPLIT, min_size=1, max_size=5))
def test_the_file_that_takes_splits_back_gives_everything_back(tmp_path_factory, parted):
    with closing(Rig()) as rig:
        rig.add("erp", can(), push="no")
        merge(rig.hub, fill(rig, 6, "NYNYNY"), "eve")
        before = contents(rig)
        there_and_back(rig, tmp_path_factory.mktemp("back") / "b.csv", "split", splits(*parted))

        assert contents(rig) == before


def there_and_back(rig: Rig, path: Path, kind: Any, lines: Sequence[Line]) -> None:
    done = [d for d in do(rig, lines) if isinstance(d, Done)]
    write_back(path, kind, done)
    back, mistakes = read_lines(path, "split" if kind == "merge" else "merge")
    rig.later(5)
    assert mistakes == []
    assert all(isinstance(d, Done) and d.changed for d in do(rig, back))


def test_a_line_with_a_mistake_changes_nothing_and_the_others_are_done(rig):
    fill(rig, 4)

    found = do(rig, [*merges((0, 1)), Line(3, ("erp:2", "gnobody")), Line(4, ("erp:2", "erp:3"))])

    assert [type(f) for f in found] == [Done, Mistake, Done]
    assert rig.home("erp", "0") == rig.home("erp", "1") != rig.home("erp", "2") == rig.home("erp", "3")


def test_a_file_that_was_carried_out_is_done_already(rig):
    fill(rig, 4)
    lines = merges((0, 1), (2, 3))
    do(rig, lines)
    before = contents(rig)

    assert [d.changed for d in do(rig, lines) if isinstance(d, Done)] == [False, False]
    assert contents(rig) == before


def test_an_interruption_undoes_the_batch_it_was_in_and_no_other(rig):
    fill(rig, 8)
    lines = [line for _ in range(60) for line in merges((0, 1), (2, 3))]
    saved: list[int] = []

    def stop(count: int) -> None:
        saved.append(count)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(carry_out(rig.hub, lines, "eve", stop))

    assert saved == [100]
    assert rig.home("erp", "2") == rig.home("erp", "3")
