"""Mailchimp: the contract on its stand-in, and what is Mailchimp's own."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from hub.model import Done, Op, Refused, Write
from hub.testing import ConnectorContract
from hub.testing.words import done, records
from tests.connectors.services.systems import ServiceSystem, address
from tests.fakes.services.mailchimp import Mailchimp
from tests.fakes.services.mailchimp_rules import key_of

KEY = "0123456789abcdef0123456789abcdef-us21"


class MailchimpSystem(ServiceSystem):
    service = "mailchimp"
    settings: ClassVar[dict[str, Any]] = {"secret": KEY, "list": "a1b2c3d4e5", "page_size": 5}
    wrong: ClassVar[dict[str, Any]] = {"secret": "fedcba9876543210fedcba9876543210-us21"}
    secrets = (KEY, "fedcba9876543210fedcba9876543210-us21")
    nobody = "00000000000000000000000000000000"
    text = "language"
    optional = ("language", "language")
    choice = ("status", "status")
    plenty = 10_000
    fake: Mailchimp

    def address_of(self, record_id: str) -> str:
        found = self.connector.read([record_id]).get(record_id)
        return record_id if found is None else str(found.fields["email_address"])

    def name_of(self, record_id: str) -> str:
        return key_of(self.address_of(record_id))

    def seed(self, count: int) -> list[str]:
        where = {"addr1": "Rua Um 1", "city": "Porto", "state": "Porto", "zip": "4000-001", "country": "PT"}
        keys = [
            self.fake.seed(address(), FNAME="Marta", LNAME="Żak", PHONE="+351912345678", ADDRESS=where)
            for _ in range(count)
        ]
        for key in keys[:1]:
            self.fake.members[key].tags = ["Customer"]
        return [self.fake.members[key].contact_id for key in keys]

    def key(self, contact_id: str) -> str:
        return next(key for key, each in self.fake.members.items() if each.contact_id == contact_id)

    def edit(self, record_id: str) -> None:
        self.fake.clock.pass_by(1)
        self.fake.edit(self.key(record_id), FNAME="Edited")

    def remove(self, record_id: str) -> None:
        self.fake.erase(self.key(record_id))

    def put_away(self, record_id: str) -> None:
        self.fake.archive(self.key(record_id))

    def twin(self, record_id: str) -> str:
        return self.fake.members[self.fake.twin(self.key(record_id), address())].contact_id

    def new_fields(self) -> dict[str, Any]:
        return {"email_address": address(), "merge_fields": {"FNAME": "Noël", "LNAME": "Têtu"}, "language": "pt"}

    def edit_fields(self) -> dict[str, Any]:
        return {"language": "pl", "vip": True}

    def refused_fields(self) -> dict[str, Any]:
        return {"email_address": "no address at all", "status": "subscribed"}


@pytest.fixture
def system() -> MailchimpSystem:
    return MailchimpSystem(Mailchimp())


class TestMailchimp(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {
        "test_a_create_is_found_again_by_its_key": "a member has no place for a key; the address is the key",
    }


def status_of(system: MailchimpSystem, record_id: str) -> str:
    return system.fake.members[system.key(record_id)].status


def test_a_new_member_without_a_known_consent_is_not_subscribed(system: MailchimpSystem) -> None:
    record = done(system.connector.write([Write(Op.CREATE, "hub:1", None, {"email_address": address()})]))

    assert record.fields["status"] == "transactional"


@pytest.mark.parametrize(("opt_in", "mails"), [("subscribed", 0), ("pending", 1)])
def test_a_granted_consent_subscribes_or_asks_by_mail(system: MailchimpSystem, opt_in: str, mails: int) -> None:
    fields = {"email_address": address(), "status": "subscribed"}

    record = done(system.connect(opt_in=opt_in).write([Write(Op.CREATE, "hub:1", None, fields)]))

    assert record.fields["status"] == opt_in
    assert len(system.fake.confirmations) == mails


def test_a_create_for_somebody_who_left_keeps_him_out(system: MailchimpSystem) -> None:
    key = system.fake.seed("left@example.org")
    system.fake.leave(key)
    fields = {"email_address": "left@example.org", "merge_fields": {"FNAME": "Ann"}}

    record = done(system.connector.write([Write(Op.CREATE, "hub:1", None, fields)]))

    assert (record.fields["status"], record.fields["merge_fields"]["FNAME"]) == ("unsubscribed", "Ann")


def test_an_update_of_other_fields_leaves_the_consent_alone(system: MailchimpSystem) -> None:
    [record_id] = system.seed(1)
    system.fake.leave(system.key(record_id))

    system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"language": "pl"})])

    assert status_of(system, record_id) == "unsubscribed"


def test_who_left_by_himself_is_not_subscribed_again_and_the_reason_is_told(system: MailchimpSystem) -> None:
    [record_id] = system.seed(1)
    system.fake.leave(system.key(record_id))

    [outcome] = system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"status": "subscribed"})])

    assert isinstance(outcome, Refused)
    assert "opted out" in outcome.reason
    assert "@" not in outcome.reason


def test_an_opt_out_is_sent_before_the_other_fields(system: MailchimpSystem) -> None:
    [record_id] = system.seed(1)

    record = done(
        system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"status": "unsubscribed", "language": "pl"})])
    )

    assert (record.fields["status"], record.fields["language"]) == ("unsubscribed", "pl")
    writes = [each for each in system.requests() if each.method == "PATCH"]
    assert b"unsubscribed" in writes[0].content


def test_an_archived_member_is_listed_as_archived(system: MailchimpSystem) -> None:
    kept, gone = system.seed(2)
    system.put_away(gone)

    listed = records(system.connector.pull(None))

    assert (listed[kept].archived, listed[gone].archived) == (False, True)


def test_an_address_that_was_erased_is_refused_for_good(system: MailchimpSystem) -> None:
    system.fake.erase(system.fake.seed("gone@example.org"))

    [outcome] = system.connector.write([Write(Op.CREATE, "hub:1", None, {"email_address": "gone@example.org"})])

    assert isinstance(outcome, Refused)
    assert "erased" in outcome.reason


def test_a_changed_address_keeps_the_record(system: MailchimpSystem) -> None:
    [record_id] = system.seed(1)

    [outcome] = system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"email_address": "new@example.org"})])

    assert isinstance(outcome, Done)
    assert done([outcome]).id == record_id
