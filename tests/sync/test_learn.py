"""What training draws from the store, and what another model is said to change."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from random import Random

import pytest

from hub.dedupe.weigh import DEFAULT
from hub.errors import ConfigError
from hub.sync.foresee import foresee
from hub.sync.learn import draw_ids, learn
from hub.sync.versions import keep, model_of, use
from tests.sync.two_systems import TwoSystems

EAGER = replace(DEFAULT, prior=10.0)  # by which a shared address is enough
STRICT = replace(DEFAULT, prior=-100.0)  # by which nothing is


@pytest.fixture
def two() -> Iterator[TwoSystems]:
    """Ana in both systems, one contact; Rui and Eva with one address: two."""
    with closing(TwoSystems()) as made:
        made.type_in("c", "Ana", "Silva", "ana@example.org")
        made.type_in("s", "Ana", "Silva", "ana@example.org")
        made.type_in("c", "Rui", "Pereira", "pereira@example.net")
        made.type_in("s", "Eva", "Pereira", "pereira@example.net")
        made.hub = replace(made.hub, routes={n: replace(r, push="no") for n, r in made.hub.routes.items()})
        made.settle()
        yield made


def drawn(two, most, seed=1):
    with two.hub.store.read() as tx:
        return draw_ids(tx, Random(seed), most)


# --- drawing ----------------------------------------------------------------------------------------


def test_where_there_are_few_records_all_are_drawn(two):
    ids, number = drawn(two, 100)

    assert (len(ids), number) == (4, 4)
    assert ids == sorted(set(ids))


def test_never_more_records_are_drawn_than_asked_for_and_the_seed_says_which(two):
    by_seed = {seed: drawn(two, 2, seed) for seed in range(20)}

    assert all(len(ids) <= 2 and number == 4 for ids, number in by_seed.values())
    assert by_seed[3] == drawn(two, 2, 3)
    assert len({number for ids, _ in by_seed.values() for number in ids}) == 4


# --- learning and versions --------------------------------------------------------------------------


def test_what_is_learnt_is_the_same_every_time_and_near_what_is_shipped(two):
    lesson = learn(two.hub.store, DEFAULT)

    assert learn(two.hub.store, DEFAULT) == lesson
    assert (lesson.records, lesson.pairs) == (4, 4)  # each pair is met from either side
    for before, after in zip(DEFAULT.rows[0], lesson.model.rows[0], strict=True):
        assert after == pytest.approx(before, abs=3.0)


def test_progress_only_grows_and_ends_near_the_end(two):
    heard = []

    learn(two.hub.store, DEFAULT, advance=heard.append)

    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0, abs=0.1)


def test_a_version_is_kept_unused_then_used_and_taken_back(two):
    store, lesson = two.hub.store, learn(two.hub.store, DEFAULT)

    number = keep(store, lesson.model, 0.0, lesson.origin, "eve")
    before, between = use(store, number, "eve"), use(store, 0, "eve")

    assert (number, before, between) == (1, 0, 1)
    with store.read() as tx:
        assert model_of(tx, number, DEFAULT).rows == lesson.model.rows
        assert model_of(tx, 0, DEFAULT) is DEFAULT


def test_an_unknown_version_is_not_used(two):
    with pytest.raises(ConfigError, match="no version 4"):
        use(two.hub.store, 4, "eve")


# --- what would change ------------------------------------------------------------------------------


def test_the_same_model_changes_nothing(two):
    outlook = foresee(two.hub.store, DEFAULT, DEFAULT)

    assert (outlook.looked_at, outlook.all, outlook.merged, outlook.split) == (3, 3, 0, 0)


def test_a_model_by_which_an_address_is_enough_merges_the_two_who_share_it(two):
    outlook = foresee(two.hub.store, DEFAULT, EAGER)

    assert (outlook.merged, outlook.merged_of_all, outlook.split) == (2, 2, 0)
    (example,) = outlook.merges
    assert {example.a[0], example.b[0]} == {"c", "s"}
    assert example.before < 0 <= example.after


def test_a_model_that_believes_nothing_takes_contacts_apart(two):
    outlook = foresee(two.hub.store, DEFAULT, STRICT)

    assert (outlook.split, outlook.split_of_all, outlook.merged) == (1, 1, 0)
    (example,) = outlook.splits
    assert example.golden_a == example.golden_b
    assert example.after < 0 <= example.before


def test_a_look_ahead_changes_nothing_in_the_store(two):
    with two.hub.store.read() as tx:
        before = tx.all("SELECT id, golden_id FROM record ORDER BY id")

    foresee(two.hub.store, DEFAULT, EAGER)

    with two.hub.store.read() as tx:
        assert tx.all("SELECT id, golden_id FROM record ORDER BY id") == before
