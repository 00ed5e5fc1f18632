"""Clusters scored against the truth."""

from pathlib import Path

import pytest

from bench.dedupe.order import differently
from bench.dedupe.score import Share, Truth, found_by_tag, score, wrong_in_traps
from hub.dedupe.score import Quality

A, B, C, D = ("erp", "1"), ("erp", "2"), ("web", "1"), ("web", "2")
PERSON = {A: "P1", B: "P1", C: "P2", D: "P2"}


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    path = tmp_path / "truth.csv"
    path.write_text(
        "system,source_id,person_id,trap_group,tags\n"
        "erp,1,P1,twin:1,nick\nerp,2,P1,,\nweb,1,P2,twin:1|landline:1,\nweb,2,P2,,swap|upper\n"
    )
    return Truth.read(path)


def test_the_truth_itself_scores_one() -> None:
    got = score(PERSON, PERSON)

    assert (got.pairs, got.bcubed, got.exact) == (Quality(1, 1), Quality(1, 1), 2)


def test_records_left_out_count_as_alone() -> None:
    got = score(PERSON, {A: "x", B: "x"})

    assert (got.pairs, got.exact) == (Quality(1, 0.5), 1)


def test_one_heap_has_full_recall_and_poor_precision() -> None:
    got = score(PERSON, dict.fromkeys(PERSON, "heap"))

    assert (got.pairs, got.exact) == (Quality(pytest.approx(2 / 6), 1), 0)
    assert got.bcubed.f1 == pytest.approx(2 / 3)


def test_a_trap_counts_the_pairs_of_different_persons_in_it(truth: Truth) -> None:
    assert wrong_in_traps(truth, dict.fromkeys(PERSON, "heap")) == {"landline": Share(0, 0), "twin": Share(1, 1)}
    assert wrong_in_traps(truth, PERSON)["twin"] == Share(1, 0)


def test_a_true_pair_counts_for_every_distortion_of_either_side(truth: Truth) -> None:
    found = found_by_tag(truth, {A: "x", B: "x", C: "y", D: "z"})

    assert found == {"nick": Share(1, 1), "swap": Share(1, 0), "upper": Share(1, 0)}


def test_two_orders_differ_in_the_pairs_that_only_one_of_them_joins() -> None:
    together = dict.fromkeys((A, B, C), "x")
    apart = {A: "1", B: "1", C: "2"}

    assert differently(together, together) == 0
    assert differently(together, apart) == pytest.approx(2 / 3)
