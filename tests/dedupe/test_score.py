"""Scores of clusters against the truth."""

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.dedupe.score import Tally

EVALUATOR = Path(__file__).parents[3] / "shared" / "dedupe" / "evaluate_clusters.py"

labels = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("PQRST")), min_size=1, max_size=25)


def tally(records):
    found = Tally()
    found.add(records)
    return found


def test_a_family_taken_for_one_person_costs_precision_only():
    score = tally([("g1", "ana"), ("g1", "ana"), ("g1", "rui"), ("g2", "eva")]).score()

    assert (score.pairs.precision, score.pairs.recall) == (1 / 3, 1.0)
    assert score.bcubed.precision == pytest.approx((2 * 2 / 3 + 1 / 3 + 1) / 4)
    assert (score.wrong_merges, score.splits, score.exact) == (1, 0, 1)


def test_a_person_taken_for_two_costs_recall_only():
    score = tally([("g1", "ana"), ("g1", "ana"), ("g2", "ana"), ("g3", "eva")]).score()

    assert (score.pairs.precision, score.pairs.recall) == (1.0, 1 / 3)
    assert (score.wrong_merges, score.splits, score.exact) == (0, 1, 1)


def test_the_worst_mistakes_come_first_with_their_parts():
    found = tally([("g1", "ana"), ("g1", "rui"), ("g2", "eva"), ("g2", "eva"), ("g2", "ivo"), ("g3", "ana")])

    assert [(m.name, m.pairs, m.parts) for m in found.worst_merges(5)] == [
        ("g2", 2, (("eva", 2), ("ivo", 1))),
        ("g1", 1, (("ana", 1), ("rui", 1))),
    ]
    assert [(m.name, m.parts) for m in found.worst_splits(5)] == [("ana", (("g1", 1), ("g3", 1)))]


@given(labels)
def test_pairs_are_counted_as_if_each_were_looked_at(records):
    score = tally(records).score()
    pairs = list(combinations(records, 2))

    assert score.found_pairs == sum(a[0] == b[0] for a, b in pairs)
    assert score.true_pairs == sum(a[1] == b[1] for a, b in pairs)
    assert score.right_pairs == sum(a == b for a, b in pairs)


@given(labels)
def test_b_cubed_is_the_mean_over_records(records):
    def share(side):
        of = [[other for other in records if other[side] == one[side]] for one in records]
        return sum(group.count(one) / len(group) for one, group in zip(records, of, strict=True)) / len(records)

    score = tally(records).score()

    assert score.bcubed.precision == pytest.approx(share(0))
    assert score.bcubed.recall == pytest.approx(share(1))


@given(labels, labels)
def test_parts_added_one_after_the_other_are_the_whole(one, other):
    found = tally(one)
    found.add(other)

    assert found == tally([*one, *other])


@given(labels)
def test_the_worst_mistakes_add_up_to_all_that_is_wrong(records):
    found = tally(records)
    score = found.score()

    assert sum(m.pairs for m in found.worst_merges(99)) == score.found_pairs - score.right_pairs
    assert sum(m.pairs for m in found.worst_splits(99)) == score.true_pairs - score.right_pairs
    assert (len(found.worst_merges(99)), len(found.worst_splits(99))) == (score.wrong_merges, score.splits)


@pytest.mark.skipif(not EVALUATOR.is_file(), reason="there is no other evaluator beside the repository to compare with")
def test_another_evaluator_comes_to_the_same_figures(tmp_path):
    records = [(f"g{n % 7}", f"P{n % 5}") for n in range(60)] + [(f"s{n}", f"P{n % 9}") for n in range(20)]
    truth, found = tmp_path / "truth.csv", tmp_path / "found.csv"
    truth.write_text("system,source_id,person_id\n" + "".join(f"crm,{n},{p}\n" for n, (_, p) in enumerate(records)))
    found.write_text("system,source_id,cluster_id\n" + "".join(f"crm,{n},{c}\n" for n, (c, _) in enumerate(records)))
    command = [sys.executable, EVALUATOR, "--truth", truth, "--pred", found, "--json"]

    theirs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    ours = tally(records).score()

    assert theirs["pair_precision"] == pytest.approx(ours.pairs.precision)
    assert theirs["pair_f1"] == pytest.approx(ours.pairs.f1)
    assert theirs["bcubed_precision"] == pytest.approx(ours.bcubed.precision)
    assert theirs["bcubed_f1"] == pytest.approx(ours.bcubed.f1)
    assert theirs["exact_clusters"] == pytest.approx(ours.exact / ours.people)
