"""`hub dedupe explain`: how matching sees two contacts."""

import pytest

from tests.cli.desk import HARMFUL, Desk


@pytest.fixture
def desk(hub):
    desk = Desk(hub)
    desk.type_in("crm", "Ana", "Silva", "ana@example.org", tel="912 345 678")
    desk.type_in("crm", "Rui", "Pereira", "rui@example.net")
    desk.type_in("shop", "Ana", "Silva", "ana@example.org", tel="912 345 678")
    desk.sync("crm", "shop")
    return desk


def test_two_records_of_one_person_are_explained_by_keys_levels_and_bits(desk):
    answer = desk("dedupe", "explain", "crm:1", "shop:1")

    assert answer.code == 0
    for text in (
        "email:ana@example.org",
        "phone:912345678",
        "given",
        "equal",
        "prior",
        "█",
        "one contact: they are one",
    ):
        assert text in answer.out


def test_the_bits_add_up(desk):
    story = desk.json("dedupe", "explain", "crm:1", "shop:1")

    assert sum(line["bits"] for line in story["evidence"]) == pytest.approx(story["weight"], abs=0.05)


def test_golden_ids_will_do(desk):
    ana, rui = desk.golden("ana silva"), desk.golden("rui pereira")

    story = desk.json("dedupe", "explain", ana, rui)

    assert (story["a"]["golden_id"], story["b"]["golden_id"]) == (ana, rui)
    assert story["decision"] == "never met"


def test_what_a_person_said_outranks_the_model(desk):
    golden = desk.golden("ana silva")
    desk("contacts", "split", golden, "--record", "shop:1")

    assert desk.json("dedupe", "explain", "crm:1", "shop:1")["decision"] == "different"


@pytest.mark.parametrize("names", [("gnobody", "crm:1"), ("crm:1", "crm:99"), ("crm:1", "crm:1")])
def test_a_contact_that_is_not_there_is_code_2(desk, names):
    assert desk("dedupe", "explain", *names).code == 2


def test_values_of_systems_cannot_speak_to_the_terminal(desk):
    desk.type_in("crm", HARMFUL, HARMFUL, "x@example.org")
    desk.sync("crm")

    for words in (("crm:3", "crm:2"), ("crm:3", "crm:2", "--json")):
        answer = desk("dedupe", "explain", *words)
        assert answer.code == 0
        assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(answer.out)
