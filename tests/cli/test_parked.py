"""`hub parked`: what could not be taken, sent back or let be."""

import pytest

from tests.cli.desk import HARMFUL, Desk


@pytest.fixture
def desk(hub):
    """Two contacts of the CRM and one of the shop have an e-mail that is none."""
    desk = Desk(hub)
    desk.type_in("crm", "Ana", "Silva", "nonsense")
    desk.type_in("crm", "Bela", "Costa", HARMFUL)
    desk.type_in("shop", "Caio", "Lima", "rubbish")
    desk.sync("crm", "shop")
    return desk


def rows(desk: Desk, *words: str) -> list[tuple[str, str]]:
    return [(r["connection"], r["external_id"]) for r in desk.json("parked", "list", *words)["rows"]]


def test_what_is_parked_is_listed_with_its_reason_and_a_summary(desk):
    answer = desk("parked", "list")

    assert answer.code == 0
    assert "crm: 2 a value was left out" in answer.out
    assert "not an email address" in answer.out


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ((), 3),
        (("-c", "crm"), 2),
        (("--reason", "NOT AN EMAIL"), 3),
        (("--reason", "%"), 0),
        (("-c", "crm", "--reason", "email", "--limit", "1"), 1),
    ],
)
def test_parked_records_are_chosen_by_connection_and_reason(desk, words, count):
    assert len(rows(desk, *words)) == count


def test_one_is_shown_with_its_original_and_what_to_do(desk):
    answer = desk("parked", "show", "1")

    assert answer.code == 0
    assert "nonsense" in answer.out
    assert "retry" in answer.out


def test_what_was_put_right_comes_through_after_a_retry(desk):
    desk.edit("crm:1", mail="ana@example.org")

    assert desk("parked", "retry", "1").code == 0
    desk.sync("crm")

    assert rows(desk, "-c", "crm") == [("crm", "2")]
    assert desk.golden("ana@example.org")


def test_what_is_still_wrong_is_parked_again_after_a_retry(desk):
    desk("parked", "retry", "--connection", "crm")

    desk.sync("crm")

    assert {r["state"] for r in desk.json("parked", "list", "-c", "crm")["rows"]} == {"open"}
    assert len(rows(desk, "-c", "crm")) == 2


def test_what_is_dropped_leaves_the_list_until_its_original_changes(desk):
    assert desk("parked", "drop", "-c", "shop").code == 0
    desk.sync("shop")
    dropped = rows(desk, "-c", "shop")
    desk.edit("shop:1", mail="other rubbish")
    desk.sync("shop")

    assert dropped == []
    assert rows(desk, "-c", "shop") == [("shop", "1")]


def test_everything_with_a_reason_is_dropped_at_once(desk):
    answer = desk("parked", "drop", "--reason", "not an email")

    assert (answer.code, answer.out) == (0, "3 records dropped.\n")
    assert desk("parked", "list").out == "Nothing is parked.\n"
    assert len(rows(desk, "--all")) == 3


@pytest.mark.parametrize("command", ["retry", "drop"])
@pytest.mark.parametrize("words", [(), ("1", "99"), ("-c", "nobody")])
def test_a_choice_that_chooses_nothing_changes_nothing(desk, command, words):
    answer = desk("parked", command, *words)

    assert answer.code == 2
    assert "othing was changed" in answer.err
    assert {r["state"] for r in desk.json("parked", "list")["rows"]} == {"open"}


def test_one_that_never_was_is_code_2(desk):
    assert desk("parked", "show", "99").code == 2


def test_values_of_systems_cannot_speak_to_the_terminal(desk):
    for words in (("list",), ("show", "2"), ("list", "--json"), ("show", "2", "--json")):
        answer = desk("parked", *words)
        assert answer.code == 0
        assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(answer.out)


def test_one_is_corrected_with_what_is_typed_in(desk, hub):
    answer = hub("parked", "edit", "1", "--field", "emails", "--by", "ann", typed="ana@example.org\n")
    assert answer.code == 0
    assert "1 record corrected" in answer.out
    assert "nonsense → ana@example.org" in desk("parked", "show", "1").out
    desk.sync("crm")

    assert rows(desk, "-c", "crm") == [("crm", "2")]
    assert desk.golden("ana@example.org")


def test_a_field_that_is_not_there_is_not_corrected(desk, hub):
    answer = hub("parked", "edit", "1", "--field", "shoe_size", typed="44")

    assert answer.code == 2
    assert "nothing was changed" in answer.err
