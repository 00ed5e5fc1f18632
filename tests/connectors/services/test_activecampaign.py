"""ActiveCampaign: the contract on its stand-in, and what is ActiveCampaign's own."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from hub.model import Op, Refused, Write
from hub.testing import ConnectorContract
from hub.testing.words import done, items, listing, records
from tests.connectors.services.systems import NUMBERS, ServiceSystem, address
from tests.fakes.services.activecampaign import ActiveCampaign


class ActiveCampaignSystem(ServiceSystem):
    service = "activecampaign"
    settings: ClassVar[dict[str, Any]] = {
        "url": "https://acme.api-us1.com",
        "secret": "right-secret-1",
        "list": "2",
        "page_size": 10,
    }
    wrong: ClassVar[dict[str, Any]] = {"secret": "wrong-secret-1"}
    secrets = ("right-secret-1", "wrong-secret-1")
    text = "lastName"
    optional = ("phone", "phone")
    choice = ("hash", "hash")
    plenty = 10_000
    fake: ActiveCampaign

    def seed(self, count: int) -> list[str]:
        name = {"firstName": "Marta", "lastName": "Żak", "phone": "+351 912 345 678"}
        return [self.fake.seed(2 if number == 1 else 1, email=address(), **name) for number in range(count)]

    def edit(self, record_id: str) -> None:
        self.fake.clock.pass_by(1)
        self.fake.edit(record_id, firstName=f"Edited {next(NUMBERS)}")

    def remove(self, record_id: str) -> None:
        self.fake.remove(record_id)

    def twin(self, record_id: str) -> str:
        return self.fake.twin(record_id, email=address())

    def new_fields(self) -> dict[str, Any]:
        return {"email": address(), "firstName": "Noël", "lastName": "Têtu", "status": "1"}

    def edit_fields(self) -> dict[str, Any]:
        return {"phone": f"+351 912 {next(NUMBERS) % 1000:03d} 678"}

    def refused_fields(self) -> dict[str, Any]:
        return {"email": "no address at all", "firstName": "Refused"}


@pytest.fixture
def system() -> ActiveCampaignSystem:
    return ActiveCampaignSystem(ActiveCampaign())


class TestActiveCampaign(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {
        "test_a_create_is_found_again_by_its_key": "a contact has no place for a key; the address is the key",
        "test_a_quiet_pull_ends_where_it_began": "5 calls a second make the hub wait within the check, and its "
        "cursor is the time: checked below without the cursor",
    }


def test_a_quiet_pull_tells_the_same_again(system: ActiveCampaignSystem) -> None:
    system.seed(2)
    _, cursor = listing(system.connector)

    once, twice = items(system.connector.pull(cursor)), items(system.connector.pull(cursor))

    assert once == twice


def test_who_left_the_list_is_read_as_such_in_every_way(system: ActiveCampaignSystem) -> None:
    record_id, _ = system.seed(2)
    _, cursor = listing(system.connector)
    system.fake.leave(record_id)

    found = [records(system.connector.pull(each))[record_id] for each in (None, cursor)]

    assert [each.fields["status"] for each in found] == ["2", "2"]
    assert system.connector.read([record_id])[record_id].fields["status"] == "2"


def test_an_ordinary_update_leaves_the_status_alone(system: ActiveCampaignSystem) -> None:
    _, record_id = system.seed(2)

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, system.edit_fields())]))

    assert record.fields["status"] == "2"
    assert [each for each in system.requests() if each.url.path.endswith("/contactLists")] == []


def test_an_opt_out_is_sent_before_anything_else(system: ActiveCampaignSystem) -> None:
    [record_id] = system.seed(1)

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"firstName": "A", "status": "2"})]))

    wrote = [each.url.path.rpartition("/3/")[2] for each in system.requests() if each.method != "GET"]
    assert record.fields["status"] == "2"
    assert wrote == ["contactLists", f"contacts/{record_id}"]


def test_an_address_of_another_contact_is_refused_with_that_reason(system: ActiveCampaignSystem) -> None:
    other, record_id = system.seed(2)
    taken = system.fake.contacts[int(other)].fields["email"]

    [outcome] = system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"email": taken})])

    assert isinstance(outcome, Refused)
    assert "already exists" in outcome.reason


def test_the_limit_is_used_and_never_exceeded(system: ActiveCampaignSystem) -> None:
    ids = system.seed(80)
    begun = system.fake.clock()

    system.connector.write([Write(Op.UPDATE, "hub:1", each, {"firstName": "Ann"}) for each in ids])

    spent = (system.fake.clock() - begun).total_seconds()
    assert system.fake.too_fast == 0
    assert len(system.requests()) / (spent + 1) >= 0.95 * 5
