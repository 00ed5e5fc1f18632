"""Deliveries that come at once: stored together, in order, each with its own answer."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from hub.errors import TransientError
from hub.web.bodies import Rejected
from hub.web.intake import Delivery
from hub.web.storing import TOGETHER, Storing
from tests.web.intake_rig import Inbox

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Gated(Inbox):
    """Stores nothing before it is let. together: the ids of each transaction"""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.together: list[list[str]] = []

    def add(self, arrivals):
        assert self.open.wait(10)
        self.together.append([each.delivery_id for each in arrivals])
        for each in arrivals:
            if each.payload.get("breaks"):
                raise KeyError("a bug")
        return super().add(arrivals)


def come(inbox, *payloads, before_they_are_stored=None):
    """What became of deliveries d0, d1, … that came at once."""

    async def all_of_them():
        storing = Storing(inbox)
        tasks = [
            asyncio.create_task(storing.add("form", Delivery(f"d{n}", NOW, payload)))
            for n, payload in enumerate(payloads)
        ]
        await asyncio.sleep(0)
        if before_they_are_stored:
            before_they_are_stored(tasks)
        inbox.open.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(all_of_them())


def test_those_that_come_while_others_are_stored_wait_and_are_stored_together_in_their_order():
    inbox = Gated()

    async def in_two_waves():
        storing = Storing(inbox)
        first = asyncio.create_task(storing.add("form", Delivery("first", NOW, {})))
        await asyncio.sleep(0.01)  # it is under way
        rest = [asyncio.create_task(storing.add("form", Delivery(f"d{n}", NOW, {}))) for n in range(TOGETHER + 1)]
        await asyncio.sleep(0)
        inbox.open.set()
        return await asyncio.gather(first, *rest)

    assert asyncio.run(in_two_waves()) == [True] * (TOGETHER + 2)
    assert inbox.together == [["first"], [f"d{n}" for n in range(TOGETHER)], [f"d{TOGETHER}"]]


def test_who_goes_away_meanwhile_keeps_nobody_from_an_answer():
    inbox = Gated()

    outcomes = come(inbox, {}, {}, {}, before_they_are_stored=lambda tasks: tasks[1].cancel())

    assert [outcomes[0], outcomes[2]] == [True, True]
    assert isinstance(outcomes[1], asyncio.CancelledError)
    assert len(inbox.rows) == 3


def test_a_store_that_is_busy_refuses_all_that_wait_and_takes_the_next():
    inbox = Gated()
    inbox.error = TransientError("the store is busy", retry_after=7.5)

    outcomes = come(inbox, {}, {})

    assert [type(each) for each in outcomes] == [Rejected, Rejected]
    assert {(each.status, each.retry_after) for each in outcomes} == {(503, 8)}
    inbox.error = None
    assert come(inbox, {}) == [True]


@pytest.mark.parametrize("broken", [0, 2])
def test_one_that_breaks_the_hub_does_not_take_the_others_with_it(broken):
    inbox = Gated()

    outcomes = come(inbox, *({"breaks": True} if n == broken else {} for n in range(4)))

    assert [type(each) for each in outcomes] == [KeyError if n == broken else bool for n in range(4)]
    assert {name for _, name in inbox.rows} == {f"d{n}" for n in range(4) if n != broken}


def test_a_hub_that_ends_in_the_middle_says_that_nothing_is_sure_to_be_stored():
    inbox = Gated()

    async def ended():
        storing = Storing(inbox)
        coming = asyncio.create_task(storing.add("form", Delivery("d0", NOW, {})))
        await asyncio.sleep(0.01)
        storing._under_way.cancel()
        inbox.open.set()
        return (await asyncio.gather(coming, return_exceptions=True))[0]

    outcome = asyncio.run(ended())

    assert isinstance(outcome, Rejected)
    assert outcome.status == 503
