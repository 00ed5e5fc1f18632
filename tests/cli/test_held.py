"""`hub held`: look at what a run would do, then approve or refuse."""

from pathlib import Path

import pytest

from tests.cli.desk import HARMFUL, Desk


@pytest.fixture
def desk(hub):
    """The first sync of the CRM stopped at its plan: three contacts."""
    desk = Desk(hub)
    for first in ("Ana", "Bela", HARMFUL):
        desk.type_in("crm", first, "Silva", None)
    assert desk("sync", "crm").code == 1
    return desk


def test_what_is_held_is_listed_with_counts_and_reason(desk):
    answer = desk("held", "list")

    assert answer.code == 0
    for text in ("crm", "the first sync", "3 creat", "stops at its plan", "open"):
        assert text in answer.out


@pytest.mark.parametrize(("words", "rows"), [((), 1), (("-c", "crm"), 1), (("-c", "shop"), 0), (("--skip", "1"), 0)])
def test_holds_are_chosen_by_connection(desk, words, rows):
    assert len(desk.json("held", "list", *words)["rows"]) == rows


def test_the_plan_is_shown_row_by_row(desk):
    answer = desk("held", "show", "1")

    assert answer.code == 0
    for text in ("Ana", "Bela", "given_name", "then", "hub held approve 1", "hub held refuse 1"):
        assert text in answer.out


def test_the_plan_pages(desk):
    first = desk.json("held", "show", "1", "--limit", "1")

    assert first["more"] == len(desk.json("held", "show", "1")["plan"]) - 1
    assert f"{first['more']} more: --skip 1" in desk("held", "show", "1", "--limit", "1").out


def test_an_approved_plan_is_carried_out_by_the_next_run(desk):
    answer = desk("held", "approve", "1", "--by", "eve")

    assert answer.code == 0
    assert "hub sync crm" in answer.out
    assert desk("sync", "crm").code == 0
    assert len(desk.json("contacts", "find", "silva")["rows"]) == 3
    assert desk.json("held", "list", "--all")["rows"][0]["person"] == "eve"


def test_a_refused_plan_pauses_the_connection_and_says_what_next(desk):
    answer = desk("held", "refuse", "1", "--by", "eve")

    assert answer.code == 0
    assert "crm is paused" in answer.out
    assert "hub sync crm" in answer.out
    assert desk("contacts", "find", "silva").code == 1
    assert desk("held", "list").out == "Nothing is held.\n"


def test_a_refused_first_sync_plans_anew_when_it_is_started_by_hand(desk):
    desk("held", "refuse", "1")

    assert desk("sync", "crm").code == 1

    assert [h["number"] for h in desk.json("held", "list")["rows"]] == [2]


@pytest.mark.parametrize("command", ["approve", "refuse"])
def test_a_hold_is_decided_once(desk, command):
    desk("held", "approve", "1")

    answer = desk("held", command, "1")

    assert answer.code == 2
    assert "approved already, so nothing was changed" in answer.err


@pytest.mark.parametrize("command", ["show", "approve", "refuse"])
def test_a_hold_that_never_was_is_code_2(desk, command):
    answer = desk("held", command, "99")

    assert answer.code == 2
    assert "hub held list" in answer.err


def test_values_of_systems_cannot_speak_to_the_terminal(desk):
    for words in (("show", "1"), ("show", "1", "--json")):
        answer = desk("held", *words)
        assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(answer.out)
        assert "[red]Eve" in answer.out


@pytest.fixture
def waiting(hub):
    """Three contacts of the CRM wait to be made in the shop."""
    desk = Desk(hub)
    desk.sync()
    config = Path("config/hub.yaml")
    config.write_text(config.read_text().replace("  shop:\n", "  shop:\n    limits: {creates: 0}\n"))
    for first in ("Ana", "Bela", "Caio"):
        desk.type_in("crm", first, "Silva", f"{first}@example.org".lower())
    desk.sync("crm")
    assert desk("sync", "shop").code == 1
    return desk


def made(desk: Desk) -> list[str]:
    return [row[0] for row in desk.sql("shop", "select first from people order by first")]


def test_some_rows_are_approved_some_refused_and_the_rest_waits(waiting):
    assert "shop: 3 create" in waiting("held", "show", "1").out
    assert waiting("held", "approve", "1", "--row", "1").code == 0
    answer = waiting("held", "refuse", "1", "--row", "2")
    assert "1 row refused" in answer.out
    waiting("sync", "shop")

    assert made(waiting) == ["Ana"]
    assert "create (refused)" in waiting("held", "show", "1").out
    assert waiting.json("held", "list")["rows"][0]["counts"] == {"creates": 1}


def test_rows_that_changed_since_are_named(waiting):
    waiting.edit("crm:2", job="Director")
    waiting.sync("crm")
    answer = waiting("held", "approve", "1", "--op", "create")

    assert "not decided: row 2" in answer.out
    waiting("sync", "shop")
    assert made(waiting) == ["Ana", "Caio"]
