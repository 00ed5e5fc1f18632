"""`hub review`: questions side by side, and their answers."""

import pytest

from tests.cli.desk import HARMFUL, Desk


@pytest.fixture
def desk(hub):
    """One question: is Maria of the CRM the Mario of the shop?"""
    desk = Desk(hub)
    desk.type_in("crm", "Maria", "Costa", "maria@example.org", tel="912 345 678")
    desk.type_in("shop", "Mario", "Pereira", "mario@example.net", tel="913 000 111", job="Head")
    desk.sync()
    desk.ask("crm:1", "shop:1")
    return desk


def number(desk: Desk) -> str:
    return str(desk.json("review", "list")["rows"][0]["number"])


def test_a_question_is_shown_side_by_side_with_evidence_in_bits_and_a_bar(desk):
    answer = desk("review", "list")

    assert answer.code == 0
    for text in ("crm:1", "shop:1", "Maria", "Mario", "a slip apart", "+2.0", "-3.0", "█", "-1.0 bits", "Head"):
        assert text in answer.out


def test_programs_get_both_records_and_the_evidence(desk):
    (row,) = desk.json("review", "list")["rows"]

    assert (row["a"]["fields"]["given_name"], row["b"]["fields"]["given_name"]) == ("Maria", "Mario")
    assert row["evidence"][1] == {"field": "phone", "level": "different", "bits": -3.0}


def test_the_likeliest_question_comes_first(desk):
    desk.store(
        "INSERT INTO ask (record_a, record_b, weight, evidence, at, state)"
        " SELECT a.id, b.id, -0.5, '[]', 0.0, 'open' FROM record a, record b"
        " WHERE a.connection || a.external_id = 'crm1' AND b.connection || b.external_id = 'crm2'"
    )

    assert [r["weight"] for r in desk.json("review", "list")["rows"]] == [-0.5, -1.0]
    assert desk.json("review", "list", "--limit", "1")["more"] == 1
    assert "1 more" in desk("review", "list", "--limit", "1").out


def test_same_makes_one_contact_of_two(desk):
    answer = desk("review", "same", number(desk), "--by", "eve")

    assert answer.code == 0
    assert desk.golden("crm:1") == desk.golden("shop:1")
    assert desk("review", "list").out == "There is no open question.\n"


def test_different_keeps_them_two_and_is_remembered(desk):
    asked = number(desk)

    assert desk("review", "different", asked).code == 0

    assert desk.golden("crm:1") != desk.golden("shop:1")
    assert desk.json("review", "list", "--all")["rows"][0]["state"] == "different"
    assert desk.json("dedupe", "explain", "crm:1", "shop:1")["decision"] == "different"


def test_an_answer_is_taken_back_by_the_other_one(desk):
    asked, before = number(desk), [desk.golden("crm:1"), desk.golden("shop:1")]
    desk("review", "same", asked)

    desk("review", "different", asked)

    assert [desk.golden("crm:1"), desk.golden("shop:1")] == before


@pytest.mark.parametrize("command", ["same", "different", "show"])
def test_a_question_that_never_was_is_code_2(desk, command):
    answer = desk("review", command, "99")

    assert answer.code == 2
    assert "hub review list" in answer.err


def test_values_of_systems_cannot_speak_to_the_terminal(hub):
    desk = Desk(hub)
    desk.type_in("crm", HARMFUL, "X", "a@example.org", job=HARMFUL)
    desk.type_in("shop", "Mario", "Costa", "m@example.net")
    desk.sync()
    desk.ask("crm:1", "shop:1")

    for words in (("list",), ("show", number(desk)), ("list", "--json")):
        answer = desk("review", *words)
        assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(answer.out)
        assert "[red]Eve" in answer.out
