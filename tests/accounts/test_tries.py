"""Wrong tries: they cost waits, and nobody is locked out for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.accounts import tries
from hub.accounts.tries import ADDRESS, FORGOTTEN, NAME, PAIR, Tries, network


def fail(found: Tries, times: int, name: str = "ann", address: str = "192.0.2.1", now: float = 0.0) -> None:
    for _ in range(times):
        found.failed(name, address, now)


def test_a_few_slips_cost_nothing():
    found = Tries()
    fail(found, PAIR.free)

    assert found.wait_seconds("ann", "192.0.2.1", 0.0) == 0


def test_waits_double_from_a_second_on():
    assert [PAIR.wait(PAIR.free + n) for n in range(1, 5)] == [1.0, 2.0, 4.0, 8.0]


@given(st.integers(min_value=0, max_value=10**6), st.sampled_from([PAIR, ADDRESS, NAME]))
def test_no_wait_is_longer_than_a_quarter_of_an_hour(failed, rule):
    assert 0 <= rule.wait(failed) <= 900


@given(st.integers(min_value=0, max_value=500))
def test_after_the_wait_one_more_try_may_be_made(failed):
    found = Tries()
    fail(found, failed)

    wait = found.wait_seconds("ann", "192.0.2.1", 0.0)

    assert found.wait_seconds("ann", "192.0.2.1", float(wait)) == 0


def test_tries_are_forgotten_after_an_hour():
    found = Tries()
    fail(found, 200)

    assert found.wait_seconds("ann", "192.0.2.1", FORGOTTEN) == 0
    fail(found, 1, now=FORGOTTEN)
    assert found.wait_seconds("ann", "192.0.2.1", FORGOTTEN) == 0


def test_a_sign_in_clears_what_was_tried_from_there():
    found = Tries()
    fail(found, 8)
    found.succeeded("ann", "192.0.2.1")

    assert found.wait_seconds("ann", "192.0.2.1", 0.0) == 0


def test_another_name_from_the_same_address_is_free_for_a_while():
    found = Tries()
    fail(found, 10)

    assert found.wait_seconds("bob", "192.0.2.1", 0.0) == 0
    fail(found, 30, name="carl")
    assert found.wait_seconds("bob", "192.0.2.1", 0.0) > 0


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("testclient", "?"),
        ("", "?"),
    ],
)
def test_an_address_stands_for_what_one_guesser_has(address, place):
    assert network(address) == place


def test_what_is_remembered_is_bounded():
    found = Tries()
    for n in range(tries.MOST_KEYS):
        found.failed(f"name{n}", "192.0.2.1", 0.0)

    assert len(found._failed) <= tries.MOST_KEYS
