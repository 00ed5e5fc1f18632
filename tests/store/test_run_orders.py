"""Runs that were asked for and have not begun yet."""

import pytest

from hub.store.run_orders import KEPT_SECONDS, RunOrder, begun, put, waiting, waits

NOW = 1_800_000_000.0


def asked(store, order, at=NOW):
    with store.write() as tx:
        put(tx, order, at)


def begin(store, connection, full):
    with store.write() as tx:
        begun(tx, connection, full=full)


def left(store, at=NOW + 60):
    with store.write() as tx:
        return waiting(tx, at)


def test_they_wait_in_their_order_until_they_begin(store):
    asked(store, RunOrder("shop", True, "ann"))
    asked(store, RunOrder("crm", False, "bob"), at=NOW + 1)

    assert left(store) == left(store) == [RunOrder("shop", True, "ann"), RunOrder("crm", False, "bob")]
    begin(store, "shop", full=True)
    assert left(store) == [RunOrder("crm", False, "bob")]
    with store.read() as tx:
        assert (waits(tx, "shop"), waits(tx, "crm")) == (False, True)


@pytest.mark.parametrize("first", [True, False])
def test_of_two_for_one_connection_it_is_the_one_for_everything(store, first):
    asked(store, RunOrder("shop", first, "ann"))
    asked(store, RunOrder("shop", not first, "bob"))

    assert left(store) == [RunOrder("shop", True, "ann" if first else "bob")]


def test_a_run_that_lists_not_everything_is_not_the_one_that_was_to(store):
    asked(store, RunOrder("shop", True, "ann"))

    begin(store, "shop", full=False)

    assert left(store) == [RunOrder("shop", True, "ann")]


def test_after_a_day_nobody_waits_for_them(store):
    asked(store, RunOrder("shop", True, "ann"))

    assert left(store, NOW + KEPT_SECONDS + 1) == []
    assert left(store) == []
