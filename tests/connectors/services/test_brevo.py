"""Brevo: the contract on its stand-in, and what is Brevo's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from hub.model import Done, Missing, Op, Refused, Write
from hub.testing import ConnectorContract
from hub.testing.words import done, records, write_all
from tests.connectors.services.systems import ServiceSystem, address
from tests.fakes.services.brevo import Brevo


class BrevoSystem(ServiceSystem):
    service = "brevo"
    settings: ClassVar[dict[str, Any]] = {"secret": "xkeysib-right", "page_size": 5}
    wrong: ClassVar[dict[str, Any]] = {"secret": "xkeysib-wrong"}
    secrets = ("xkeysib-right", "xkeysib-wrong")
    optional = ("emailBlacklisted", "emailBlacklisted")
    choice = ("emailBlacklisted", "emailBlacklisted")
    plenty = 10_000
    fake: Brevo

    def address_of(self, record_id: str) -> str:
        found = self.connector.read([record_id]).get(record_id)
        return record_id if found is None else str(found.fields["email"])

    def name_of(self, record_id: str) -> str:
        return self.address_of(record_id)

    numbers = 351_910_000_000

    def seed(self, count: int) -> list[str]:
        found = []
        for _ in range(count):
            self.numbers += 1
            found.append(self.fake.seed(address(), FIRSTNAME="Marta", LASTNAME="Żak", SMS=str(self.numbers)))
        return found

    def edit(self, record_id: str) -> None:
        self.fake.clock.pass_by(1)
        self.fake.edit(record_id, FIRSTNAME="Edited")

    def remove(self, record_id: str) -> None:
        self.fake.remove(record_id)

    def twin(self, record_id: str) -> str:
        return self.fake.twin(record_id, address())

    def new_fields(self) -> dict[str, Any]:
        return {"email": address(), "attributes": {"FIRSTNAME": "Noël", "LASTNAME": "Têtu"}}

    def edit_fields(self) -> dict[str, Any]:
        return {"emailBlacklisted": True, "smsBlacklisted": True}

    def refused_fields(self) -> dict[str, Any]:
        return {"email": "no address at all", "attributes": {"FIRSTNAME": "Refused"}}


@pytest.fixture
def system() -> BrevoSystem:
    return BrevoSystem(Brevo())


class TestBrevo(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {
        "Texts": "its texts stand in attributes, one object: see the tests below",
        "test_a_field_gone_from_the_answers_says_nothing": (
            "the suite takes away keys of records; those of the object `attributes` are not reached by it"
        ),
    }


def test_an_ordinary_update_leaves_the_blacklist_out(system: BrevoSystem) -> None:
    [record_id] = system.seed(1)
    system.fake.leave(record_id)

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"attributes": {"FIRSTNAME": "Ann"}})]))

    assert record.fields["emailBlacklisted"] is True
    assert [b"lacklist" in each.content for each in system.requests() if each.url.path.endswith("/batch")] == [False]


def test_a_phone_number_of_somebody_else_is_refused_and_not_told(system: BrevoSystem) -> None:
    other, record_id = system.seed(2)
    number = "+" + system.fake.contacts[int(other)].attributes["SMS"]

    [outcome] = system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"attributes": {"SMS": number}})])

    assert isinstance(outcome, Refused)
    assert "another contact" in outcome.reason
    assert number not in outcome.reason


def test_phone_numbers_come_with_their_plus(system: BrevoSystem) -> None:
    [record_id] = system.seed(1)

    record = records(system.connector.pull(None))[record_id]

    assert record.fields["attributes"]["SMS"] == f"+{system.numbers}"


def test_a_create_of_somebody_who_is_there_changes_nothing(system: BrevoSystem) -> None:
    there = system.fake.seed("ann@example.org", FIRSTNAME="Ann")
    fields = {"email": "Ann@example.org", "attributes": {"FIRSTNAME": "Other"}}

    [outcome] = system.connector.write([Write(Op.CREATE, "hub:1", None, fields)])

    assert isinstance(outcome, Done)
    assert outcome.existed
    assert (done([outcome]).id, done([outcome]).fields["attributes"]["FIRSTNAME"]) == (there, "Ann")


@pytest.mark.parametrize("text", ["Zoë Ångström-Łódź", "山田 太郎", "", None])
def test_an_attribute_comes_back_as_it_was_written_or_emptied(system: BrevoSystem, text: str | None) -> None:
    [record_id] = system.seed(1)

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"attributes": {"LASTNAME": text}})]))

    assert record.fields["attributes"].get("LASTNAME") == (text or None)


@pytest.mark.parametrize("text", ["A\x00na", "Ana\ud800"])
def test_a_text_that_cannot_be_sent_is_refused(system: BrevoSystem, text: str) -> None:
    [record_id] = system.seed(1)

    [outcome] = system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"attributes": {"LASTNAME": text}})])

    assert isinstance(outcome, Refused)


def test_the_limit_is_used_and_never_exceeded(system: BrevoSystem) -> None:
    ids = system.seed(60)
    begun = system.fake.clock()

    for each in ids:
        system.connector.write([Write(Op.UPDATE, "hub:1", each, {"smsBlacklisted": True})])

    spent = (system.fake.clock() - begun).total_seconds()
    assert system.fake.too_fast == 0
    assert len(system.requests()) / (spent + 1) >= 0.95 * 10


def test_a_thousand_changes_are_ten_requests_and_two_listings(system: BrevoSystem) -> None:
    ids = system.seed(1000)
    writes = [Write(Op.UPDATE, f"hub:{each}", each, {"attributes": {"FIRSTNAME": "Ann"}}) for each in ids]

    outcomes = write_all(system.connector, writes)

    assert {done([outcome]).fields["attributes"]["FIRSTNAME"] for outcome in outcomes} == {"Ann"}
    assert [done([outcome]).id for outcome in outcomes] == ids
    assert len(system.requests()) == 12


def test_who_is_not_in_the_listing_of_changes_yet_is_read_alone(system: BrevoSystem) -> None:
    ids = system.seed(5)
    system.fake.listing_lags = timedelta(minutes=1)
    writes = [Write(Op.UPDATE, f"hub:{each}", each, {"attributes": {"FIRSTNAME": "Ann"}}) for each in ids]

    outcomes = write_all(system.connector, writes)

    assert {done([outcome]).fields["attributes"]["FIRSTNAME"] for outcome in outcomes} == {"Ann"}


def test_one_of_several_that_is_refused_costs_only_itself_and_who_is_gone_is_missing(system: BrevoSystem) -> None:
    good, bad, gone, also = system.seed(4)
    system.remove(gone)
    number = "+" + system.fake.contacts[int(good)].attributes["SMS"]
    attributes: dict[str, dict[str, str]] = {bad: {"SMS": number}}
    writes = [
        Write(Op.UPDATE, f"hub:{each}", each, {"attributes": attributes.get(each, {"FIRSTNAME": "Ann"})})
        for each in (good, bad, gone, also)
    ]

    outcomes = system.connector.write(writes)

    assert [type(each) for each in outcomes] == [Done, Refused, Missing, Done]
