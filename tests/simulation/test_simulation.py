"""Slices of the long suites: the seeds of every commit. The whole: python -m tests.simulation --seeds 20000."""

from __future__ import annotations

import pytest

from tests.connectors.conftest import postgres_server  # noqa: F401  a fixture
from tests.connectors.servers import Server
from tests.simulation import exhaustive
from tests.simulation.__main__ import play
from tests.simulation.differential import differences
from tests.store.conftest import new_database

SEEDS = range(20_000, 20_060)  # beside those of the long suite
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
NEEDED = {"echo": range(5, 25), "intent": range(20), "sent": range(24, 44)}


@pytest.mark.parametrize("first", range(SEEDS.start, SEEDS.stop, 20))
def test_whatever_fails_and_whenever_it_crashes_nothing_is_lost_and_nothing_doubled(first):
    for seed in range(first, first + 20):
        _, _, crashes, faults, said = play(seed)

        assert said is None, f"python -m tests.simulation --seed {seed} --trace: {said}"
        assert crashes >= 10, f"seed {seed} tried too little"
        assert faults >= 20, f"seed {seed} tried too little"


@pytest.mark.parametrize("seed", ONCE_WRONG)
def test_a_history_that_was_once_wrong_stays_right(seed):
    assert play(seed)[-1] is None


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
    assert any(play(seed, (rule,))[-1] is not None for seed in NEEDED[rule])


@pytest.mark.parametrize("seed", [3, 7])
def test_a_history_ends_the_same_on_sqlite_and_postgresql(seed, postgres_server: Server):  # noqa: F811  a fixture
    rows, found = differences(seed, new_database(postgres_server))

    assert found == []
    assert rows > 50
