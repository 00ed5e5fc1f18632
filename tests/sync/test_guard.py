"""How much one run may touch before a person is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sync.guard import Limit, Limits, exceeded, held, most

CLASSES = ("creates", "updates", "deletes", "consents")
shares = st.none() | st.floats(0, 1)
numbers = st.none() | st.integers(0, 500)
limit = st.builds(Limit, shares, numbers)
limits = st.builds(Limits, limit, limit, limit, limit, limit)
counts = st.dictionaries(st.sampled_from(CLASSES), st.integers(0, 2000))
populations = st.integers(0, 10_000)


@given(limits=limits, population=st.integers(1, 10_000))
def test_deleting_everything_is_always_asked(limits, population):
    assert held(limits, {"deletes": population}, population, None) is not None


@given(limits=limits, counts=counts, population=populations, more=st.sampled_from(CLASSES))
def test_what_is_held_is_held_with_more_of_it_too(limits, counts, population, more):
    if held(limits, counts, population, None):
        assert held(limits, {**counts, more: counts.get(more, 0) + 1}, population, None)


@given(limits=limits, counts=counts, population=populations)
def test_what_a_person_approved_passes(limits, counts, population):
    assert held(limits, counts, population, allowed=counts) is None


@given(limits=limits, population=populations, approved=st.integers(0, 100))
def test_an_approval_covers_what_it_counted_and_no_more(limits, population, approved):
    beyond = {"deletes": approved + 1}

    assert held(limits, beyond, population, {"deletes": approved}) == held(limits, beyond, population, None)


@given(limits=limits, population=populations)
def test_a_run_that_touches_nothing_is_never_held(limits, population):
    assert held(limits, dict.fromkeys(CLASSES, 0), population, None) is None


@given(share=st.floats(0, 1), number=st.integers(0, 500), count=st.integers(0, 1000), population=populations)
def test_deletes_stop_at_the_smaller_limit_and_all_else_at_the_larger(share, number, count, population):
    both = Limit(share, number)
    over = [count > share * population, count > number]

    assert exceeded(both, count, population, smaller=True) == any(over)
    assert exceeded(both, count, population) == all(over)


@pytest.mark.parametrize(
    ("deletes", "population", "asked"),
    [(100, 10_000, False), (101, 10_000, True), (10, 100, False), (11, 100, True), (1, 1, True), (2, 19, True)],
)
def test_by_default_more_than_a_tenth_or_a_hundred_deletions_are_asked(deletes, population, asked):
    assert (held(Limits(), {"deletes": deletes}, population, None) is not None) is asked


@pytest.mark.parametrize(("creates", "known", "asked"), [(10, 20, False), (1000, 1000, False), (1001, 3000, True)])
def test_by_default_new_contacts_are_asked_only_when_many_in_number_and_in_share(creates, known, asked):
    assert (held(Limits(), {"creates": creates}, known, None) is not None) is asked


def test_a_limit_of_none_never_holds_but_for_everything():
    free = Limits(deletes=Limit(None, None))

    assert held(free, {"deletes": 99}, 100, None) is None
    assert held(free, {"deletes": 100}, 100, None) is not None


@given(limit=limit, population=populations, done=st.integers(0, 500))
def test_the_room_that_is_left_is_what_may_be_done_without_asking(limit, population, done):
    room = most(limit, population, done)

    if room is None:
        assert not exceeded(limit, 10**9, population)
    elif room:
        assert not exceeded(limit, done + room, population)
        assert exceeded(limit, done + room + 1, population)


def test_the_reason_names_the_numbers():
    assert held(Limits(), {"deletes": 11}, 100, None) == (
        "11 deletes of 100 records are more than the limit of this connection"
    )
