"""`hub review`: questions side by side, and their answers."""

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

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


def test_the_question_most_worth_an_answer_comes_first(desk):
    """As likely as the other one, but it touches records in both systems."""
    wide = number(desk)
    small = ask_besides(desk, *newcomers(desk), -1.0)

    assert [str(r["number"]) for r in desk.json("review", "list")["rows"]] == [wide, small]
    assert desk.json("review", "list", "--limit", "1")["more"] == 1
    assert "1 more" in desk("review", "list", "--limit", "1").out


def newcomers(desk: Desk) -> list[str]:
    """Two contacts that are in one system only."""
    refs = [desk.type_in("crm", first, "Abreu", f"{first}@example.org".lower()) for first in ("Bela", "Dora")]
    desk.sync("crm")
    desk.store("UPDATE ask SET state = 'open' WHERE state = 'withdrawn'")  # made up, so that nothing is in doubt
    return refs


def ask_besides(desk: Desk, a: str, b: str, weight: float) -> str:
    """One more question."""
    desk.store(
        "INSERT INTO ask (record_a, record_b, weight, evidence, at, state)"
        " SELECT a.id, b.id, :w, '[]', 0.0, 'open' FROM record a, record b"
        " WHERE a.connection || ':' || a.external_id = :a AND b.connection || ':' || b.external_id = :b",
        a=a,
        b=b,
        w=weight,
    )
    return str(max(r["number"] for r in desk.json("review", "list")["rows"]))


def test_the_likelier_of_two_questions_about_as_many_records_comes_first(desk):
    bela, dora = newcomers(desk)
    ask_besides(desk, bela, "shop:1", -3.0)
    likelier = ask_besides(desk, dora, "shop:1", -0.5)

    rows = desk.json("review", "list")["rows"]

    assert [r["weight"] for r in rows] == [-0.5, -1.0, -3.0]
    assert str(rows[0]["number"]) == likelier
    assert [r["worth"] for r in rows] == sorted((r["worth"] for r in rows), reverse=True)


def test_how_much_is_asked_is_printed_below_the_list(desk):
    assert desk("review", "list").out.count("1 open question about 2 of") == 1
    rate = desk.json("review", "list")["rate"]
    assert (rate["questions"], rate["concerned"]) == (1, 2)


def test_the_lines_of_evidence_add_up(desk):
    """What the stored lines leave open is shown as the rest."""
    desk.store("UPDATE ask SET weight = -2.0")

    (rest,) = [line for line in desk("review", "list").out.splitlines() if "prior, household" in line]

    assert rest.split()[-2] == "-1.0"


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


@pytest.mark.parametrize("word", ["different", "undo"])
def test_same_is_taken_back_by_undo_and_by_the_other_answer(desk, word):
    asked, before = number(desk), [desk.golden("crm:1"), desk.golden("shop:1")]
    desk("review", "same", asked)

    answer = desk("review", word, asked)

    assert answer.code == 0
    assert [desk.golden("crm:1"), desk.golden("shop:1")] == before


def test_after_undo_the_question_is_open_again(desk):
    asked = number(desk)
    desk("review", "different", asked)
    assert desk.json("review", "list")["rows"] == []

    assert "the question is open again" in desk("review", "undo", asked).out

    assert number(desk) == asked
    assert desk.json("dedupe", "explain", "crm:1", "shop:1")["decision"] != "different"


def test_what_was_never_answered_cannot_be_taken_back(desk):
    answer = desk("review", "undo", number(desk))

    assert answer.code == 2
    assert "no answer to take back" in answer.err


# --- one after the other ----------------------------------------------------------------------------


def more_questions(desk: Desk) -> list[str]:
    """Three open questions, in their order."""
    for n, ref in enumerate(newcomers(desk)):
        ask_besides(desk, "shop:1", ref, -2.0 - n)
    return [str(r["number"]) for r in desk.json("review", "list")["rows"]]


def states(desk: Desk) -> dict[str, str]:
    return {str(r["number"]): r["state"] for r in desk.json("review", "list", "--all")["rows"]}


def test_questions_are_worked_off_one_after_the_other(desk):
    first, second, third = more_questions(desk)

    answer = desk.hub("review", "work", "--by", "eve", typed="d\nskip\nd\n")

    assert answer.code == 0
    assert states(desk) == {first: "different", second: "open", third: "different"}
    for text in ("1 of 3", "2 of 3", "3 of 3", "2 questions answered: 2 different, 1 skipped."):
        assert text in answer.out
    assert "1 open question about 2 of" in answer.out


def test_the_last_answer_can_be_undone_while_working(desk):
    first, second, third = more_questions(desk)

    desk.hub("review", "work", typed="d u s q")

    assert states(desk) == {first: "same", second: "open", third: "open"}
    assert desk.golden("crm:1") == desk.golden("shop:1")


def test_undo_goes_back_over_what_was_skipped(desk):
    first, second, third = more_questions(desk)

    desk.hub("review", "work", typed="dkuu")

    assert states(desk) == {first: "open", second: "open", third: "open"}


def test_the_end_of_the_input_ends_the_work_and_nothing_is_lost(desk):
    first, second, _ = more_questions(desk)

    answer = desk.hub("review", "work", typed="different")

    assert answer.code == 0
    assert (states(desk)[first], states(desk)[second]) == ("different", "open")


def test_a_key_that_means_nothing_answers_nothing(desk):
    answer = desk.hub("review", "work", typed="x u q")

    assert answer.code == 0
    assert "'x' means nothing here" in answer.err
    assert "Nothing was answered yet" in answer.err
    assert "0 questions answered." in answer.out


def test_a_question_that_another_answer_has_settled_is_passed_over(desk):
    first, _, _ = more_questions(desk)
    bela = desk.json("review", "list")["rows"][1]["b"]
    ask_besides(desk, "crm:1", f"{bela['connection']}:{bela['external_id']}", -9.0)

    answer = desk.hub("review", "work", typed="s" * 9)

    assert answer.code == 0
    assert desk.json("review", "list")["rows"] == []
    assert states(desk)[first] == "same"


def test_with_no_question_there_is_nothing_to_work_off(desk):
    desk("review", "different", number(desk))

    assert desk("review", "work").out == "There is no open question.\n"


def test_on_a_terminal_a_key_is_enough(desk):
    """A real terminal: no line is ended."""
    here, there = pty.openpty()
    command = [sys.executable, "-c", "from hub.cli.main import app; app()", "review", "work", "--by", "eve"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(command, stdin=there, stdout=there, stderr=there, env=env, start_new_session=True) as process:
        os.close(there)
        shown = read_until(here, b"[q]uit")
        shown += read_until(here, b"answered", press=b"d")
        assert process.wait(30) == 0
    os.close(here)

    assert b"1 of 1" in shown
    assert list(states(desk).values()) == ["different"]


def read_until(terminal: int, text: bytes, press: bytes = b"") -> bytes:
    """What the terminal shows up to this text. A key pressed before the program listens for single keys is lost."""
    shown = b""
    for _ in range(60):
        os.write(terminal, press)
        while select.select([terminal], [], [], 0.5)[0]:
            shown += os.read(terminal, 4096)
            if text in shown:
                return shown
    raise AssertionError(shown)


# ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["same", "different", "undo", "show"])
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
