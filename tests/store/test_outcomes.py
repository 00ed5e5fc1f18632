"""What a run did, record by record, as the store tells it afterwards; on both databases."""

from __future__ import annotations

import csv
import io
import json

import pytest

from hub.store import outcomes as found_in
from hub.store import parked, runs
from hub.store.outcomes import Outcome, Place, Wanted, every, outcomes
from hub.store.runs import PastRun, ask_to_stop, one_run, run_detail, under_way
from hub.sync.outcome_rows import COLUMNS, parts
from tests.sync.two_systems import TwoSystems


@pytest.fixture
def two(store) -> TwoSystems:
    return TwoSystems(store)


def did(two: TwoSystems, run_id: str, **wanted: object) -> list[Outcome]:
    with two.store.read() as tx:
        return list(every(tx, run_of(tx, run_id), Wanted(**wanted)))  # type: ignore[arg-type]


def run_of(tx, run_id: str) -> PastRun:
    run = one_run(tx, run_id)
    assert run is not None
    return run


def words(found: list[Outcome]) -> list[tuple[str, str]]:
    return [(each.what, each.name) for each in found]


def test_a_run_says_what_became_of_each_record(two):
    two.type_in("c", "Ana", "Silva", "ana@example.org")
    first = two.cycle("c").run_id
    two.cycle("s")
    two.edit("c", "c1", nick="Nita")
    second = two.cycle("c").run_id
    third = two.cycle("s").run_id

    assert words(did(two, first)) == [("created", "Ana Silva")]
    assert did(two, first)[0].records == ("c:c1",)
    [changed] = did(two, second)
    assert (changed.what, dict(changed.changes)) == ("changed", {"nickname": [None, "Nita"]})
    assert [(each.what, each.said) for each in did(two, third)] == [("written", "told: update")]


def test_runs_that_overlap_are_told_apart(two):
    """Their lines of history lie between one another's."""
    two.type_in("c", "Ana", "Silva", "ana@example.org")
    one = two.cycle("c").run_id
    two.type_in("c", "Rui", "Costa", "rui@example.org")
    other = two.cycle("c").run_id
    with two.store.write() as tx:
        tx.run("UPDATE run SET first_change = 0, last_change = NULL")

    assert words(did(two, one)) == [("created", "Ana Silva")]
    assert words(did(two, other)) == [("created", "Rui Costa")]


def test_what_wants_attention_comes_first_and_pages_join_without_a_gap(two):
    for n in range(7):
        two.type_in("c", "Ana", f"Silva{n}", f"ana{n}@example.org")
    run = two.cycle("c").run_id
    with two.store.write() as tx:
        parked.park(tx, "c", [parked.Parked(f"x{n}", "map", "no name", "{}") for n in range(3)], 5.0, run)
    whole = did(two, run)
    paged, place = [], None
    with two.store.read() as tx:
        while True:
            part = outcomes(tx, run_of(tx, run), Wanted(limit=2), place)
            paged += part.rows
            if part.next is None:
                break
            place = part.next

    assert [each.what for each in whole] == ["aside"] * 3 + ["created"] * 7
    assert paged == whole


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"what": "created"}, ["Ana Silva", "Rui Costa"]),
        ({"text": "SILVA"}, ["Ana Silva"]),
        ({"text": "c2"}, ["Rui Costa"]),
        ({"text": "rui@example"}, ["Rui Costa"]),
        ({"text": "50%_"}, []),
        ({"what": "written"}, []),
    ],
)
def test_a_list_is_filtered_by_what_it_was_and_by_text(two, wanted, names):
    two.type_in("c", "Ana", "Silva", "ana@example.org")
    two.type_in("c", "Rui", "Costa", "rui@example.net")
    run = two.cycle("c").run_id

    assert [each.name for each in did(two, run, **wanted)] == names


def test_a_long_run_is_looked_at_in_parts(two, monkeypatch):
    monkeypatch.setattr(found_in, "LOOKED_INTO", 2)
    for n in range(6):
        two.type_in("c", "Ana", f"Silva{n}", f"ana{n}@example.org")
    run = two.cycle("c").run_id
    with two.store.read() as tx:
        first = outcomes(tx, run_of(tx, run), Wanted(text="Silva5"))

    assert first.rows == ()
    assert first.next == Place("history", 2)
    assert [each.name for each in did(two, run, text="Silva5")] == ["Ana Silva5"]


def test_a_place_that_is_none_of_this_list_is_its_end(two):
    run = two.cycle("c").run_id
    with two.store.read() as tx:
        part = outcomes(tx, run_of(tx, run), Wanted(), Place("nonsense", 3))

    assert (part.rows, part.next) == ((), None)


def test_a_formula_in_a_name_is_none_in_the_file(two):
    two.type_in("c", "=cmd|' /C calc'!A0", "Silva", "ana@example.org")
    found = did(two, two.cycle("c").run_id)

    [head, row] = csv.reader(io.StringIO(b"".join(parts("csv", found)).decode()))
    document = json.loads(b"".join(parts("jsonl", found)))

    assert tuple(head) == COLUMNS
    assert row[COLUMNS.index("name")].startswith("'=cmd")
    assert document["name"].startswith("=cmd")


def test_what_a_run_left_is_counted_within_its_span(two):
    two.type_in("c", "Ana", "Silva", "ana@example.org")
    run = two.cycle("c").run_id
    found = run_detail(two.store, run)

    assert found is not None
    assert found[1]["history"] == {"created": 1}


def test_only_a_run_under_way_is_asked_to_stop_and_once(two):
    run = two.cycle("c").run_id
    with two.store.write() as tx:
        runs.start(tx, "r-now", "c", 7.0)
    with two.store.write() as tx:
        assert [each.id for each in under_way(tx)] == ["r-now"]
        assert ask_to_stop(tx, "r-now", "ann")
        assert not ask_to_stop(tx, "r-now", "ben")
        assert not ask_to_stop(tx, run, "ann")
        assert run_of(tx, "r-now").stopped_by == "ann"
