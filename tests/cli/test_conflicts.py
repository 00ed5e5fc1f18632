"""`hub conflicts`: list, show, overturn, accept."""

from pathlib import Path

import pytest

from tests.cli.desk import HARMFUL, Desk


@pytest.fixture
def desk(hub):
    """Ana's job was edited in both systems since they agreed: one conflict."""
    return in_conflict(Desk(hub))


def in_conflict(desk: Desk, there: str = "Head", here: str = "Chief") -> Desk:
    desk.type_in("crm", "Ana", "Silva", "ana@example.org", job="Buyer")
    desk.sync("crm", "shop", "crm", "shop")
    desk.edit("crm:1", job=here)
    desk.sync("crm")
    desk.edit("shop:1", job=there)
    desk.sync("shop")
    return desk


def number(desk: Desk) -> str:
    return str(desk.json("conflicts", "list")["rows"][0]["number"])


def test_a_conflict_is_listed_with_both_values_and_the_winner(desk):
    answer = desk("conflicts", "list")

    assert answer.code == 0
    for text in ("job_title", "Head", "Chief", "latest", "shop"):
        assert text in answer.out


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        ((), 1),
        (("--connection", "shop"), 1),
        (("--connection", "crm"), 0),
        (("--field", "job_title"), 1),
        (("--field", "job"), 0),
        (("--field", "emails"), 0),
        (("--skip", "1"), 0),
    ],
)
def test_conflicts_are_chosen_by_connection_and_field(desk, words, rows):
    assert len(desk.json("conflicts", "list", *words)["rows"]) == rows


def test_an_empty_list_says_so_and_is_code_0(desk):
    answer = desk("conflicts", "list", "--field", "website")

    assert (answer.code, answer.out) == (0, "There is no open conflict.\n")


def test_one_conflict_is_shown_with_its_claims_its_difference_and_who_is_told(desk):
    answer = desk("conflicts", "show", number(desk))

    assert answer.code == 0
    for text in ("last agreed", "Buyer", "Chief", "Head", "difference", "crm:1", "told: crm, shop", "overturn"):
        assert text in answer.out


def test_overturning_pins_the_value_that_lost(desk):
    conflict = desk.json("conflicts", "show", number(desk))
    loser = {"Head": "Chief", "Chief": "Head"}[conflict["winner"]]

    answer = desk("conflicts", "overturn", str(conflict["number"]), "--by", "eve")

    assert answer.code == 0
    desk.sync()
    assert {desk.sql(n, "select job from people")[0][0] for n in ("crm", "shop")} == {loser}
    assert desk.json("conflicts", "list")["rows"] == []
    assert desk.json("conflicts", "list", "--all")["rows"][0]["state"] == "overturned"


def test_a_conflict_is_overturned_once(desk):
    found = number(desk)
    desk("conflicts", "overturn", found)

    answer = desk("conflicts", "overturn", found)

    assert answer.code == 2
    assert "hub contacts unpin" in answer.err


def test_accepted_conflicts_leave_the_list(desk):
    answer = desk("conflicts", "accept", number(desk), "99", "--by", "eve")

    assert answer.code == 1  # 99 was never open
    assert desk.json("conflicts", "list")["rows"] == []
    assert "accepted by eve" in desk("contacts", "show", desk.golden("ana silva")).out


@pytest.mark.parametrize("command", ["show", "overturn"])
def test_a_conflict_that_never_was_is_code_2(desk, command):
    answer = desk("conflicts", command, "99")

    assert answer.code == 2
    assert "hub conflicts list" in answer.err


def test_values_of_systems_cannot_speak_to_the_terminal(hub):
    desk = in_conflict(Desk(hub), there=HARMFUL, here="\x1b]0;title\x07 [bold]x")

    for words in (("list",), ("show", number(desk)), ("list", "--json"), ("show", number(desk), "--json")):
        answer = desk("conflicts", *words)
        assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(answer.out)
        assert "[red]Eve" in answer.out
        assert "[bold]x" in answer.out


# --- another rule -----------------------------------------------------------------------------------


def test_fields_in_conflict_are_counted(desk):
    (row,) = desk.json("conflicts", "fields")["rows"]

    assert (row["field"], row["connection"], row["conflicts"], row["overturned"]) == ("job_title", "shop", 1, 0)
    assert "job_title" in desk("conflicts", "fields").out


def test_a_rule_is_tried_and_nothing_is_changed(desk):
    before = Path("config/hub.yaml").read_text()

    answer = desk("conflicts", "propose", "job_title", "crm")

    assert answer.code == 0, answer.err
    for text in ("1 of 1 conflict", "Head", "Chief", "job_title: [crm]", "Nothing was changed"):
        assert text in answer.out
    assert Path("config/hub.yaml").read_text() == before


def test_a_saved_rule_decides_from_then_on(desk):
    assert desk("conflicts", "propose", "job_title", "crm", "shop", "--save", "--by", "eve").code == 0

    desk.sync("crm")
    desk.edit("crm:1", job="Owner")
    desk.edit("shop:1", job="Clerk")
    desk.sync("crm", "shop")

    newest = desk.json("conflicts", "list")["rows"][0]
    assert (newest["winner"], newest["rule"]) == ("Owner", "order: crm, shop")
    assert desk.json("conflicts", "propose", "job_title", "crm", "shop")["difference"] == ""
    assert "rule saved" in desk("audit", "list").out


def test_what_is_no_rule_is_refused(desk):
    answer = desk("conflicts", "propose", "job_title", "newest")

    assert answer.code == 2 and "Nothing was changed" in answer.err
