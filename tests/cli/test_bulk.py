"""`hub contacts merge --from` and `split --from`."""

from pathlib import Path

import pytest

from tests.cli.desk import HARMFUL, Desk


@pytest.fixture
def desk(hub):
    desk = Desk(hub)
    for first, last in (("Ana", "Silva"), ("Rui", "Pereira"), ("Gil", "Quintela")):
        desk.type_in("crm", first, last, f"{first}@example.org".lower())
    desk.sync("crm", "shop")
    Path("m.csv").write_text("a,b\ncrm:1,crm:2\ncrm:2,crm:9\ncrm:3\n")
    return desk


def test_without_yes_it_shows_what_would_be_done_and_does_nothing(desk):
    answer = desk("contacts", "merge", "--from", "m.csv")

    assert answer.code == 1
    for text in (
        "m.csv: 1 merge, 0 done already, 2 lines with a mistake",
        "2 golden records → 1",
        "told by the next cycles, where something is lacking: crm, shop",
        "Ana Silva",
        "line 3: there is no contact 'crm:9'",
        "line 4: 1 values instead of 2",
        "Nothing was changed. Do it: hub contacts merge --from m.csv --yes",
    ):
        assert text in answer.out
    assert desk.golden("crm:1") != desk.golden("crm:2")


def test_a_split_of_a_merge_gives_both_back(desk):
    before = [desk.golden(f"crm:{n}") for n in (1, 2, 3)]

    done = desk("contacts", "merge", "--from", "m.csv", "--yes", "--undo-file", "back.csv", "--by", "eve")
    merged = [desk.golden(f"crm:{n}") for n in (1, 2)]
    back = desk("contacts", "split", "--from", "back.csv", "--yes")

    assert (done.code, back.code) == (1, 0)
    assert "1 merge done by eve, 0 done already, 2 lines with a mistake" in done.out
    assert "hub contacts split --from back.csv --yes" in done.out
    assert "hub sync crm shop" in done.out
    assert len(set(merged)) == 1
    assert [desk.golden(f"crm:{n}") for n in (1, 2, 3)] == before


def test_the_systems_hear_of_it_by_the_next_cycles(desk):
    desk.edit("crm:1", job="Head")
    desk.sync()
    desk("contacts", "merge", "--from", "m.csv", "--yes", "--undo-file", "back.csv")
    desk.sync()
    assert desk.sql("crm", "select job from people where id = 2") == [("Head",)]

    desk("contacts", "split", "--from", "back.csv", "--yes")
    desk.sync()

    assert desk.sql("crm", "select job from people where id in (1, 2) order by id") == [("Head",), (None,)]


def test_programs_get_json(desk):
    outlook = desk.json("contacts", "merge", "--from", "m.csv")
    done = desk.json("contacts", "merge", "--from", "m.csv", "--yes")

    assert [step["line"] for step in outlook["outlook"]["steps"]] == [2]
    assert (done["changed"], [m["line"] for m in done["mistakes"]]) == (1, [3, 4])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("merge", "--from", "nowhere.csv"), "cannot be read"),
        (("split", "--from", "m.csv"), "has the columns contact and records"),
        (("merge", "g1", "g2", "--from", "m.csv"), "not both"),
        (("split", "g1", "--from", "m.csv"), "not both"),
        (("merge", "--from", "m.csv", "--yes", "--undo-file", "m.csv"), "is there already"),
        (("merge",), "Name at least two golden records, or --from FILE.csv"),
        (("split", "g1"), "at least one --record"),
    ],
)
def test_what_cannot_be_done_is_code_2_and_changes_nothing(desk, words, said):
    answer = desk("contacts", *words)

    assert answer.code == 2
    assert said in answer.err
    assert "othing was changed" in answer.err


def test_values_cannot_speak_to_the_terminal(desk):
    desk.type_in("crm", HARMFUL, "X", "x@example.org")
    desk.sync("crm")
    Path("m.csv").write_text("a,b\ncrm:1,crm:4\ncrm:1,\x1b[31m\n")

    for words in (("--from", "m.csv"), ("--from", "m.csv", "--yes")):
        answer = desk("contacts", "merge", *words)
        assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(answer.out + answer.err)
