"""`hub dedupe evaluate`: golden records against a file that says which records are whose."""

import csv
from pathlib import Path

import pytest

from tests.cli.desk import Desk


@pytest.fixture
def desk(hub):
    """Ana is one golden record of both systems, Rui is two."""
    desk = Desk(hub)
    desk.type_in("crm", "Ana", "Silva", "ana@example.org", tel="912 345 678")
    desk.type_in("crm", "Rui", "Pereira", "rui@example.net")
    desk.type_in("shop", "Ana", "Silva", "ana@example.org", tel="912 345 678")
    desk.type_in("shop", "R.", "Pereira-Lopes", "other@example.com")
    desk.sync("crm", "shop")
    return desk


def truth(rows, header="connection,external_id,person_id"):
    Path("truth.csv").write_text("\n".join([header, *rows, ""]))
    return "truth.csv"


ALL = ["crm,1,ana", "shop,1,ana", "crm,2,rui", "shop,2,rui"]


def test_the_golden_records_are_scored(desk):
    told = desk.json("dedupe", "evaluate", "--truth", truth(ALL))

    score = told["score"]
    assert score["pairs"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3)}
    assert score["bcubed"]["precision"] == 1.0
    assert score["bcubed"]["recall"] == 0.75
    assert (score["exact"], score["wrong_merges"], score["splits"], told["missing"]) == (1, 0, 1, 0)


def test_the_columns_may_be_named_as_in_other_tools_and_stand_in_any_order(desk):
    rows = [",".join(reversed(row.split(","))) for row in ALL]

    told = desk.json("dedupe", "evaluate", "--truth", truth(rows, "Person_ID,source_id,system"))

    assert told["score"]["records"] == 4


def test_the_worst_mistakes_are_shown_with_their_ids(desk):
    ana = desk.golden("ana silva")

    answer = desk("dedupe", "evaluate", "--truth", truth(["crm,1,ana", "shop,1,eva", *ALL[2:]]), "--detail")

    for text in ("Largest wrong merges", ana, "ana (1), eva (1)", "crm:1", "Largest splits", "rui", "shop:2"):
        assert text in answer.out


def test_records_that_the_hub_does_not_hold_stand_alone(desk):
    told = desk.json("dedupe", "evaluate", "--truth", truth([*ALL, "crm,99,ana"]))

    assert (told["missing"], told["score"]["records"], told["score"]["true_pairs"]) == (1, 5, 4)


def test_records_that_the_truth_does_not_name_do_not_count(desk):
    assert desk.json("dedupe", "evaluate", "--truth", truth(ALL[:2]))["score"]["records"] == 2


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        (ALL, "connection,id,person_id", "no column external_id or source_id"),
        ([*ALL, "crm,1,eva"], "connection,external_id,person_id", "names crm:1 twice"),
        (["crm,1"], "connection,external_id,person_id", "line 2: a value is missing"),
        (["erp,1,ana"], "connection,external_id,person_id", "holds none of the 1 records"),
        ([], "connection,external_id,person_id", "no record"),
    ],
)
def test_a_file_that_is_no_truth_is_code_2_and_says_why(desk, rows, header, said):
    answer = desk("dedupe", "evaluate", "--truth", truth(rows, header))

    assert answer.code == 2
    assert said in answer.err


def test_a_file_that_is_not_there_is_code_2(desk):
    assert desk("dedupe", "evaluate", "--truth", "nowhere.csv").code == 2


def test_the_crosswalk_of_the_hub_is_its_own_truth(desk):
    desk("export", "crosswalk", "--out", "own.csv")
    with Path("own.csv").open() as file:
        rows = [f"{row['connection']},{row['external_id']},{row['golden_id']}" for row in csv.DictReader(file)]

    score = desk.json("dedupe", "evaluate", "--truth", truth(rows))["score"]

    assert (score["pairs"]["f1"], score["bcubed"]["f1"], score["exact"]) == (1.0, 1.0, score["people"])
