"""Slices of the long suites: the seeds of every commit. The whole: python -m tests.simulation --seeds 20000."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.connectors.conftest import postgres_server  # noqa: F401  a fixture
from tests.connectors.servers import Server
from tests.simulation import exhaustive
from tests.simulation.__main__ import play
from tests.simulation.differential import differences
from tests.simulation.shapes import SHAPES, shape_of
from tests.store.conftest import new_database

SEEDS = range(20_000, 20_060)  # beside those of the long suite
# each was once a violation, of the engine or of what was expected; all come from ordinary histories
ONCE_WRONG = (
    0,
    1,
    6,
    12,
    17,
    21,
    41,
    46,
    47,
    91,
    738,
    874,
    935,
    1330,
    1865,
    1899,
    2962,
    418,
    7799,
    8904,
    10048,
    200929,
    13902,
)
NARROW_ONCE_WRONG = (
    ("gone", 91),
    ("gone", 3464),
    ("gone", 9731),
    ("gone", 12530),
    ("gone", 30053),  # an opt-out by mail was on its way to where the contact was deleted, and kept it elsewhere
    ("gone", 31004),  # the same
    ("gone", 30076),  # the hub's own deletion, its reply lost, was taken for somebody else's
    ("at once", 51),
    ("late", 5),  # our own value, cut there, came minutes late and was taken for an edit
    ("late", 9),  # a version moved without a change, and every write to the record was stale
    ("late", 16),  # a create came late, and was made once more meanwhile
    ("late", 1363),  # a create was listed, so that its second try, which was still to come, was forgotten
    ("in part", 202347),  # an edit that was refused, asked again after a deletion, brought the contact back
    ("in part", 300113),  # a record that the hub had made was refused, and what was sent to it forgotten
    ("in part", 300234),  # the same: it was made twice
    ("remapped", 11),  # a field was out of a mapping while it changed, and put back before anybody looked
    ("remapped", 39),  # the same
    ("remapped", 600370),  # the field was out while another system ran, and back before its own had
    ("remapped", 500104),  # a field was out of the mapping when what a lost reply had made was read
)
NEEDED = {
    "echo": ("ordinary", range(5, 25)),
    "intent": ("ordinary", range(20)),
    "sent": ("ordinary", range(24, 44)),
    "readfirst": ("doubt", range(40, 60)),
    "multi": ("doubt", range(95, 120)),
    "absence": ("gone", range(80, 104)),
}


@pytest.mark.parametrize("first", range(SEEDS.start, SEEDS.stop, 20))
def test_whatever_fails_and_whenever_it_crashes_nothing_is_lost_and_nothing_doubled(first):
    for seed in range(first, first + 20):
        _, _, crashes, faults, said = play(seed)

        assert said is None, f"python -m tests.simulation --seed {seed} --trace: {said}"
        assert crashes >= 10, f"seed {seed} tried too little"
        assert faults >= 20, f"seed {seed} tried too little"


@pytest.mark.parametrize("seed", ONCE_WRONG)
def test_a_history_that_was_once_wrong_stays_right(seed):
    assert play(seed, shape="ordinary")[-1] is None


@pytest.mark.parametrize(("shape", "seed"), NARROW_ONCE_WRONG)
def test_a_narrow_history_that_was_once_wrong_stays_right(shape, seed):
    assert play(seed, shape=shape)[-1] is None


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_whatever_it_is_dense_in_a_history_ends_with_nothing_lost_and_nothing_doubled(shape):
    for seed in range(20_100, 20_110):
        assert play(seed, shape=shape)[-1] is None, f"python -m tests.simulation --shape {shape} --seed {seed} --trace"


@pytest.mark.parametrize("first", [1000, 1010])
def test_after_a_system_was_put_back_nobody_is_somebody_else_or_there_twice(first):
    """What else goes wrong then is written down in docs/simulation.md."""
    found = [play(seed, shape="restored") for seed in range(first, first + 10)]
    said = {(text or "").split(":")[0] for *_, text in found}

    assert sum(hits.get("put_back", 0) for _, hits, *_ in found) >= 5
    assert said <= {"", "L2", "L5", "lost", "H1", "H2"}


def test_most_seeds_make_ordinary_histories_and_every_shape_has_its_part():
    drawn = Counter(shape_of(seed).name for seed in range(1000))

    assert drawn["ordinary"] > 500
    assert min(drawn[name] for name in SHAPES) > 30


@pytest.mark.parametrize("part", range(4))
def test_a_crash_at_any_boundary_of_a_history_does_no_harm(part):
    reached = 0
    for crash_at in range(1 + part * 5, 10_000, 20):
        crashed, said = exhaustive.play(1, crash_at)
        assert said is None, f"crash at boundary {crash_at}: {said}"
        if not crashed:
            break
        reached += 1

    assert reached >= 10


@pytest.mark.parametrize("rule", sorted(NEEDED))
def test_without_a_safety_rule_the_simulation_finds_fault(rule):
    shape, seeds = NEEDED[rule]

    assert any(play(seed, (rule,), shape=shape)[-1] is not None for seed in seeds)


@pytest.mark.parametrize("seed", [3, 7])
def test_a_history_ends_the_same_on_sqlite_and_postgresql(seed, postgres_server: Server):  # noqa: F811  a fixture
    rows, found = differences(seed, new_database(postgres_server))

    assert found == []
    assert rows > 50
