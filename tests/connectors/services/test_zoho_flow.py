"""The engine over Zoho CRM: what a query confirmed is known to be stored, and is neither an edit nor read once more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.sync.engine import Route
from hub.sync.run import Orders, Result, sync
from hub.testing.mapped import mapping_of
from tests.connectors.services.test_zoho_crm import ZohoSystem, calls
from tests.fakes.rig import FREE, Rig, person
from tests.fakes.services.zoho_crm import Zoho
from tests.fakes.systems import FakeSystem

PEOPLE = 150
DAY = 86_400


class World:
    """An ERP that knows people, and a Zoho that is told of them."""

    def __init__(self) -> None:
        self.zoho, self.rig = ZohoSystem(Zoho()), Rig()
        self.erp: FakeSystem = self.rig.add("erp")
        connector = self.zoho.connector
        self.rig.routes["zoho"] = Route("zoho", mapping_of(connector), connector.can, limits=FREE)

    def cycle(self) -> tuple[Result, list[str]]:
        """What came of it, and the calls for contacts beside the listings of changes."""
        self.rig.later(DAY)
        self.zoho.clock.pass_by(DAY)
        self.rig.sync("erp")
        self.zoho.fake.exchanges.clear()
        connector = self.zoho.connect(self.zoho.context())
        result = sync(self.rig.hub, connector, "zoho", Orders(approve=True))
        assert result.status == "done", result
        by_id = [each for each in self.zoho.requests() if each.method == "GET" and "ids" in each.url.params]
        return result, [
            *sorted(each for each in calls(self.zoho) if not each.startswith("GET")),
            *["by id"] * len(by_id),
        ]

    def change(self, **fields: str) -> None:
        for name in list(self.erp.rows):
            self.erp.put(name, **fields)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    for number in range(PEOPLE):
        made.erp.put(str(number), **person(number), job="Buyer")
    yield made
    made.rig.close()
    for context in made.zoho.contexts:
        context.closing.close()


def test_many_are_made_and_changed_with_one_query_each_time_and_nothing_comes_back(world: World) -> None:
    _, made = world.cycle()
    _, quiet = world.cycle()
    world.change(job="Head of Buying", tel="934567890")
    changed, told = world.cycle()
    _, after = world.cycle()

    assert made == ["POST Contacts/upsert"] * 2 + ["POST coql"]
    assert told == ["POST coql"] + ["PUT Contacts"] * 2
    assert (quiet, after) == ([], [])
    assert {each.fields["Title"] for each in world.zoho.fake.contacts.values()} == {"Head of Buying"}
    assert len(world.zoho.fake.contacts) == PEOPLE
    assert changed.counts.get("unknown", 0) == changed.counts.get("parked", 0) == 0


def test_an_edit_in_zoho_after_a_confirmed_write_is_still_an_edit(world: World) -> None:
    world.cycle()
    world.change(job="Head of Buying")
    world.cycle()
    [first, *_] = world.zoho.fake.contacts
    world.zoho.fake.edit(first, Title="Director", Department="Sales")

    world.cycle()
    world.rig.sync("erp")

    assert sorted(row.fields["job"] for row in world.erp.rows.values())[0] == "Director"
    assert [row.fields["dept"] for row in world.erp.rows.values() if row.fields.get("dept")] == ["Sales"]


def test_a_value_that_zoho_keeps_otherwise_is_known_as_it_is_stored(world: World) -> None:
    world.zoho.fake.shortens = {"Title": 4}
    world.cycle()
    world.change(job="Head of Buying")

    _, told = world.cycle()
    _, after = world.cycle()

    assert told[-2:] == ["by id", "by id"]
    assert after == []
    assert {each.fields["Title"] for each in world.zoho.fake.contacts.values()} == {"Head"}
