"""GetResponse: the contract on its stand-in, and what is GetResponse's own."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from hub.model import Done, Op, Unknown, Write
from hub.testing import ConnectorContract
from hub.testing.words import done, listing, records
from tests.connectors.services.systems import NUMBERS, ServiceSystem, address
from tests.fakes.services.getresponse import GetResponse


class GetResponseSystem(ServiceSystem):
    service = "getresponse"
    settings: ClassVar[dict[str, Any]] = {"secret": "right-secret-1", "list": "p86zQ", "page_size": 10}
    wrong: ClassVar[dict[str, Any]] = {"secret": "wrong-secret-1"}
    secrets = ("right-secret-1", "wrong-secret-1")
    nobody = "pV99999999"
    text = "note"
    optional = ("note", "note")
    choice = ("origin", "origin")
    plenty = 10_000
    fake: GetResponse

    def seed(self, count: int) -> list[str]:
        return [self.fake.seed(address(), name="Marta Żak", note="Met at a fair") for _ in range(count)]

    def edit(self, record_id: str) -> None:
        self.fake.clock.pass_by(1)
        self.fake.edit(record_id, name=f"Edited {next(NUMBERS)}")

    def remove(self, record_id: str) -> None:
        self.fake.remove(record_id)

    def twin(self, record_id: str) -> str:
        return self.fake.twin(record_id, address())

    def settle(self) -> None:
        self.fake.clock.pass_by(60)

    def new_fields(self) -> dict[str, Any]:
        return {"email": address(), "name": "Noël Têtu"}

    def edit_fields(self) -> dict[str, Any]:
        return {"note": f"Note {next(NUMBERS)}"}

    def refused_fields(self) -> dict[str, Any]:
        return {"email": "no address at all", "name": "Refused"}


@pytest.fixture
def system() -> GetResponseSystem:
    return GetResponseSystem(GetResponse())


class TestGetResponse(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {
        "test_a_create_is_found_again_by_its_key": "a contact has no place for a key; the address is the key",
        "test_a_quiet_pull_asks_no_more_than_a_listing": "new and changed contacts are asked for apart, and "
        "those of the last five minutes once more",
    }


def test_a_new_contact_is_waited_for_until_it_is_listed(system: GetResponseSystem) -> None:
    begun = system.fake.clock()

    record = done(system.connector.write([Write(Op.CREATE, "hub:1", None, system.new_fields())]))

    assert record.fields["name"] == "Noël Têtu"
    assert 5 <= (system.fake.clock() - begun).total_seconds() < 15


def test_a_contact_that_waits_for_its_confirmation_is_in_doubt_and_not_repeated(system: GetResponseSystem) -> None:
    system.fake.made_after_seconds = 86_400

    [outcome] = system.connector.write([Write(Op.CREATE, "hub:1", None, system.new_fields())])

    assert isinstance(outcome, Unknown)
    assert [each.method for each in system.requests()].count("POST") == 1


def test_who_is_on_the_list_already_stays_as_he_is(system: GetResponseSystem) -> None:
    there = system.fake.seed("ann@example.org", name="Ann")
    fields = {"email": "Ann@example.org", "name": "Other"}

    [outcome] = system.connector.write([Write(Op.CREATE, "hub:1", None, fields)])

    assert isinstance(outcome, Done)
    assert outcome.existed
    assert (done([outcome]).id, done([outcome]).fields["name"]) == (there, "Ann")


def test_an_address_that_begins_like_another_is_not_taken_for_it(system: GetResponseSystem) -> None:
    """The search finds parts of addresses."""
    system.fake.seed("joann@example.org", name="Jo Ann")

    record = done(system.connector.write([Write(Op.CREATE, "hub:1", None, {"email": "ann@example.org"})]))

    assert record.fields["email"] == "ann@example.org"


def test_a_new_contact_that_nobody_changed_yet_is_told_with_the_changes(system: GetResponseSystem) -> None:
    """Its `changedOn` is null."""
    [old] = system.seed(1)
    system.fake.clock.pass_by(3600)
    _, cursor = listing(system.connector)
    [new] = system.seed(1)

    assert set(records(system.connector.pull(cursor))) == {new}
    assert old != new


def test_the_address_of_a_contact_is_not_sent_with_a_change(system: GetResponseSystem) -> None:
    [record_id] = system.seed(1)
    before = system.fake.contacts[record_id].email
    fields = {"email": address(), "name": "Ann"}

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, fields)]))

    assert (record.fields["email"], record.fields["name"]) == (before, "Ann")


def test_the_limit_is_used_and_never_exceeded(system: GetResponseSystem) -> None:
    ids = system.seed(1600)
    begun = system.fake.clock()

    system.connector.write([Write(Op.UPDATE, "hub:1", each, {"note": "Met"}) for each in ids])

    spent = (system.fake.clock() - begun).total_seconds()
    assert system.fake.too_fast == 0
    assert len(system.requests()) / (spent + 1) >= 0.95 * 80
