"""Each matter is told once when it comes and once when it is over, never too often: rules over drawn histories."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hub.notify.matters import Connected, Limits, Matter, matters
from hub.notify.turn import Known, Policy, turn

POLICY = Policy(every=10.0, after=3.0)
STEPS = st.lists(st.tuples(st.integers(1, 6), st.frozensets(st.sampled_from("abc"))), max_size=60)


def told(steps, policy=POLICY):
    """[(time, new, over)] of a history of (seconds until the next look, what holds then)."""
    known, last, now, said = {}, None, 0.0, []
    for seconds, there in steps:
        now += seconds
        done = turn(known, there, last, policy, now)
        known = done.known
        if done.is_told:
            last = now
            said.append((now, done.new, done.over))
    return said, known


@given(STEPS)
def test_a_matter_comes_and_goes_in_turn(steps):
    open_ones: set[str] = set()
    for _, new, over in told(steps)[0]:
        assert not open_ones.intersection(new)
        assert open_ones.issuperset(over)
        open_ones = (open_ones | set(new)) - set(over)


@given(STEPS)
def test_nobody_is_told_more_often_than_they_want(steps):
    times = [at for at, _, _ in told(steps)[0]]

    assert all(later - before >= POLICY.every for before, later in pairwise(times))


@given(STEPS, st.frozensets(st.sampled_from("abc")))
def test_in_the_end_everybody_knows_what_holds_and_nothing_else(steps, there):
    quiet = [(4, there)] * 12
    said, known = told([*steps, *quiet])

    assert {key for key, one in known.items() if one.told_at is not None and one.gone_at is None} == there
    assert told([*steps, *quiet, (100, there)])[0] == said


@given(STEPS)
def test_what_passes_by_itself_is_not_told(steps):
    blinking = [(1, {"a"} if n % 2 else set()) for n in range(40)]

    assert told(blinking)[0] == []


def test_a_matter_that_comes_back_before_it_was_told_to_be_over_was_never_away():
    known = {"a": Known(0.0, told_at=3.0)}
    away = turn(known, set(), None, POLICY, 5.0).known
    back = turn(away, {"a"}, None, POLICY, 7.0)

    assert back.known == known and not back.is_told


def test_a_connection_that_somebody_paused_is_paused_and_not_failing():
    found = matters([Connected("erp", is_failing=True, is_paused=True)], {}, Limits(), 0.0)

    assert found == {Matter("paused", "erp")}


def test_many_conflicts_are_a_spike_only_where_they_are_not_usual():
    usual, spike = Connected("a", conflicts=(100, 100 * 168)), Connected("b", conflicts=(100, 200))

    assert matters([usual, spike], {}, Limits(), 0.0) == {Matter("conflicts", "b")}
    assert matters([spike], {}, Limits(conflicts=100), 0.0) == set()


def test_only_what_one_wants_to_know():
    all_of_it = [Connected("erp", is_failing=True, is_held=True)]
    limits = Limits(kinds=frozenset({"held", "work_lists"}), waiting=10.0)

    assert matters(all_of_it, {"parked": 0.0, "reviews": 95.0, "holds": None}, limits, 100.0) == {
        Matter("held", "erp"),
        Matter("work_lists", "parked"),
    }
