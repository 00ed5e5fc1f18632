"""Mailchimp: the contract on its stand-in, and what is Mailchimp's own."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import pytest

from hub.errors import ConfigError
from hub.model import Done, Missing, NotSent, Op, Refused, Unknown, Write
from hub.testing import ConnectorContract
from hub.testing.faults import Faults, changed
from hub.testing.words import done, records
from tests.connectors.services.systems import ServiceSystem, address
from tests.fakes.services.mailchimp import Mailchimp
from tests.fakes.services.mailchimp_rules import key_of

LIST = "a1b2c3d4e5"
ANSWERS = re.compile(rb'"response_body_url":"[^"]*"')
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

    def is_kept(self, record_id: str) -> bool:
        return any(each.contact_id == record_id for each in self.fake.members.values())

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


def test_who_is_archived_there_can_still_be_erased_and_is_named_by_the_hash_of_the_address(
    system: MailchimpSystem,
) -> None:
    [record_id] = system.seed(1)
    key = system.key(record_id)
    system.put_away(record_id)

    assert system.connector.write([Write(Op.ERASE, "hub:1", record_id, {})]) == [Done(None)]

    assert writes(system) == [("POST", f"/lists/{LIST}/members/{key}/actions/delete-permanent")]
    assert system.fake.members == {}


def test_an_address_that_was_erased_is_refused_for_good(system: MailchimpSystem) -> None:
    system.fake.erase(system.fake.seed("gone@example.org"))

    [outcome] = system.connector.write([Write(Op.CREATE, "hub:1", None, {"email_address": "gone@example.org"})])

    assert isinstance(outcome, Refused)
    assert "erased" in outcome.reason


# --- many at once -----------------------------------------------------------------------------------


def language(ids: list[str], value: str = "pl") -> list[Write]:
    return [Write(Op.UPDATE, f"hub:{each}", each, {"language": value}) for each in ids]


def writes(system: MailchimpSystem) -> list[tuple[str, str]]:
    there = [(each.method, each.url.path) for each in system.requests() if each.method != "GET"]
    return [(method, path.removeprefix("/3.0")) for method, path in there]


def test_many_changes_go_as_one_batch_operation_and_its_answers_are_fetched_without_a_key(
    system: MailchimpSystem,
) -> None:
    ids = system.seed(450)

    outcomes = system.connect(batch_from=50).write(language(ids))

    assert {type(each) for each in outcomes} == {Done}
    assert writes(system) == [("POST", "/batches")]
    [fetched] = system.fake.fetches
    assert fetched.url.host == "storage.googleapis.com"
    assert {each.rest["language"] for each in system.fake.members.values()} == {"pl"}


def test_who_leaves_while_a_batch_waits_stays_out(system: MailchimpSystem) -> None:
    ids = system.seed(60)
    system.fake.meanwhile = lambda: system.fake.leave(system.key(ids[7]))

    outcomes = system.connect(batch_from=50).write(language(ids))

    assert status_of(system, ids[7]) == "unsubscribed"
    assert [each.record.fields["status"] for each in outcomes if isinstance(each, Done) and each.record].count(
        "unsubscribed"
    ) == 1


def test_an_opt_out_among_many_is_told_at_once_and_not_in_the_batch(system: MailchimpSystem) -> None:
    ids = system.seed(60)
    mixed = [*language(ids[:59]), Write(Op.UPDATE, "hub:out", ids[59], {"status": "unsubscribed", "language": "pl"})]
    states: list[str] = []
    system.fake.meanwhile = lambda: states.append(status_of(system, ids[59]))

    outcomes = system.connect(batch_from=50).write(mixed)

    assert {type(each) for each in outcomes} == {Done}
    assert writes(system) == [("PATCH", f"/lists/{LIST}/members/{ids[59]}"), ("POST", "/batches")]
    assert states[0] == "unsubscribed"


def test_each_call_of_a_batch_has_an_outcome_of_its_own(system: MailchimpSystem) -> None:
    ids = system.seed(60)
    changes = language(ids)
    changes[3] = Write(Op.UPDATE, "hub:3", ids[3], {"email_address": "no address at all"})
    changes[4] = Write(Op.UPDATE, "hub:4", system.nobody, {"language": "pl"})
    system.fake.loses = {"5"}

    outcomes = system.connect(batch_from=50).write(changes)

    found = [type(each) for each in outcomes]
    assert (found[3], found[4], found[5]) == (Refused, Missing, Unknown)
    assert set(found[6:]) == {Done}


def test_new_members_of_a_batch_are_not_subscribed_and_who_left_is_not_brought_back(system: MailchimpSystem) -> None:
    system.fake.leave(system.fake.seed("left@example.org"))
    new = [Write(Op.CREATE, f"hub:{n}", None, {"email_address": f"new{n}@example.org"}) for n in range(60)]
    new.append(Write(Op.CREATE, "hub:left", None, {"email_address": "left@example.org"}))

    outcomes = system.connect(batch_from=50).write(new)

    assert {type(each) for each in outcomes} == {Done}
    assert {each.status for each in system.fake.members.values()} == {"transactional", "unsubscribed"}
    assert len(system.fake.members) == 61


def test_a_batch_that_takes_too_long_is_stopped_and_later_changes_go_one_by_one(system: MailchimpSystem) -> None:
    ids = system.seed(60)
    system.fake.rounds, system.fake.done_each = 1000, 1
    connector = system.connect(batch_from=50)

    outcomes = connector.write(language(ids))
    again = connector.write(language(ids, "pt"))

    assert {type(each) for each in outcomes} == {Unknown}
    assert "nothing more will be" in outcomes[0].reason  # type: ignore[union-attr]
    assert system.fake.stopped == ["batch000001"]
    assert {type(each) for each in again} == {Done}
    assert [path for _, path in writes(system)].count("/batches") == 1


@pytest.mark.parametrize("address", ["https://elsewhere.example.org/x.tar.gz", "ftp://storage.googleapis.com/x", ""])
def test_answers_on_a_host_that_is_not_named_are_not_fetched(system: MailchimpSystem, address: str) -> None:
    ids = system.seed(60)
    faults = Faults(system.network)
    faults.inject(changed(lambda body: ANSWERS.sub(f'"response_body_url":"{address}"'.encode(), body)), times=None)
    connector = system.within(system.context(faults))

    outcomes = connector.write(language(ids))

    assert {type(each) for each in outcomes} == {Unknown}
    assert {each.host for each in faults.sent} == {"us21.api.mailchimp.com"}
    assert system.fake.fetches == []


def test_what_does_not_fit_into_the_time_of_a_batch_goes_with_the_next_one(system: MailchimpSystem) -> None:
    """A run that gives no sign of life for two minutes loses its connection to another one."""
    ids = system.seed(49)
    faults = Faults(system.network)
    faults.inject(slow(system), times=None)
    connector = system.within(system.context(faults))

    outcomes = connector.write(language(ids))

    kinds = [type(each) for each in outcomes]
    done_first = kinds.index(NotSent)
    assert 30 <= done_first <= 34
    assert kinds == [Done] * done_first + [NotSent] * (49 - done_first)
    assert all(each.untried for each in outcomes if isinstance(each, NotSent))


def slow(system: MailchimpSystem) -> Any:
    def three_seconds(request: Any, forward: Any) -> Any:
        system.fake.clock.pass_by(3)
        return forward()

    return three_seconds


@pytest.mark.parametrize("count", [2, 49])
def test_few_changes_go_one_by_one(system: MailchimpSystem, count: int) -> None:
    ids = system.seed(count)

    system.connect(batch_from=50).write(language(ids))

    assert {path for _, path in writes(system)} == {f"/lists/{LIST}/members/{each}" for each in ids}


def test_a_changed_address_keeps_the_record(system: MailchimpSystem) -> None:
    [record_id] = system.seed(1)

    [outcome] = system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"email_address": "new@example.org"})])

    assert isinstance(outcome, Done)
    assert done([outcome]).id == record_id


@pytest.mark.parametrize("key", ["K3yWithoutADataCentre0123456789", "K3yWith-0123456789abcdef0123456789abcdef"])
def test_a_key_without_its_data_centre_is_named_in_no_address_and_no_message(key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        MailchimpSystem(Mailchimp()).connect(secret=key)

    assert "`secret` is the API key; its end, such as us21, names the data centre" in str(refused.value)
    assert key[:6].lower() not in str(refused.value).lower()
