"""Pages of many records while deliveries come in: taken in in slices, so that nobody waits for the whole of them."""

from __future__ import annotations

import pytest

from hub.model import Page, Record, Tombstone
from hub.store.inbox import Arrival, StoreInbox
from hub.sync.engine import SLICE, Held
from hub.sync.guard import Limit, Limits
from hub.sync.slices import RECENT_SECONDS, in_slices
from tests.fakes.rig import FREE, person
from tests.web.intake_rig import NOW

MANY = 2 * SLICE + 7


def page(count: int, *more: Record | Tombstone) -> Page:
    return Page((*(Record(str(n), person(n)) for n in range(count)), *more), "after")


def deliver(rig, seconds_ago: float = 0.0) -> None:
    at = NOW.fromtimestamp(rig.now - seconds_ago, NOW.tzinfo)
    StoreInbox(rig.hub.store).add([Arrival("website", f"d{seconds_ago}", at, {})])


def taken(rig, page: Page, held_from: int | None = None) -> list[tuple[int, str | None]]:
    """How many items were taken at a time, and the cursor that each brought. held_from: the call from which on it is"""
    calls: list[tuple[int, str | None]] = []

    def take(part: Page) -> None:
        calls.append((len(part.items), part.cursor))
        if held_from is not None and len(calls) > held_from:
            raise Held("intake", {}, "too many")

    if held_from is None:
        in_slices(rig.hub, page, "before", take)
    else:
        with pytest.raises(Held):
            in_slices(rig.hub, page, "before", take)
    return calls


def test_a_page_is_taken_in_whole_where_nobody_sends_anything(rig):
    assert taken(rig, page(MANY)) == [(MANY, "after")]


def test_while_deliveries_come_in_it_is_taken_in_in_slices_and_the_cursor_comes_with_the_last(rig):
    deliver(rig)

    assert taken(rig, page(MANY)) == [(SLICE, "before"), (SLICE, "before"), (7, "after")]
    assert taken(rig, page(SLICE)) == [(SLICE, "after")]
    assert taken(rig, page(0)) == [(0, "after")]


def test_a_delivery_of_a_while_ago_counts_no_more(rig):
    deliver(rig, RECENT_SECONDS)

    assert taken(rig, page(MANY)) == [(MANY, "after")]


@pytest.mark.parametrize("more", [Tombstone("9", merged_into="3"), Record("3", person(3))])
def test_what_belongs_together_stays_together(rig, more):
    deliver(rig)

    assert taken(rig, page(MANY, more)) == [(MANY + 1, "after")]


def test_what_is_held_is_tried_with_all_that_is_left_of_the_page(rig):
    deliver(rig)

    assert taken(rig, page(MANY), held_from=1) == [(SLICE, "before"), (SLICE, "before"), (MANY - SLICE, "after")]


@pytest.mark.parametrize("come_in", [False, True])
def test_a_run_counts_each_record_once_whichever_way_it_is_taken_in(rig, come_in):
    if come_in:
        deliver(rig)
    crm = rig.add("crm", limits=FREE)
    crm.page = 1_000
    for number in range(MANY):
        crm.put(str(number), **person(number))

    result = rig.sync("crm")

    assert (result.status, result.counts["pulled"], result.counts["creates"]) == ("done", MANY, MANY)
    assert rig.rows("SELECT count(*) FROM record") == [(MANY,)]


def test_a_hold_beside_deliveries_shows_all_of_the_page_that_is_not_in_yet(rig):
    deliver(rig)
    crm = rig.add("crm", limits=Limits(creates=Limit(None, SLICE)))
    crm.page = 1_000
    for number in range(MANY):
        crm.put(str(number), **person(number))

    result = rig.sync("crm", progress=lambda _: rig.later(1))

    assert (result.status, result.counts["creates"]) == ("held", SLICE)
    assert rig.rows("SELECT count(*) FROM plan_row") == [(MANY - SLICE,)]
