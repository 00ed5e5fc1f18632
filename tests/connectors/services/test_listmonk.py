"""listmonk: the contract on its stand-in, and what is listmonk's own."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from hub.model import Done, Missing, Op, Outcome, Refused, Unknown, Write
from hub.testing import ConnectorContract
from hub.testing.words import done, listing, records, write_all
from tests.connectors.services.systems import ServiceSystem, address
from tests.fakes.services.listmonk import Listmonk


class ListmonkSystem(ServiceSystem):
    service = "listmonk"
    settings: ClassVar[dict[str, Any]] = {
        "url": "https://news.example.org",
        "user": "hub",
        "secret": "right-token-1",
        "list": "3",
        "page_size": 5,
    }
    wrong: ClassVar[dict[str, Any]] = {"secret": "wrong-token-1"}
    secrets = ("right-token-1", "wrong-token-1")
    text = "name"
    optional = ("status", "status")
    choice = ("status", "status")
    plenty = 10_000
    fake: Listmonk

    def seed(self, count: int) -> list[str]:
        return [self.fake.seed(address(), "Marta Żak") for _ in range(count)]

    def edit(self, record_id: str) -> None:
        self.fake.clock.pass_by(1)
        self.fake.edit(record_id, city="Porto")

    def remove(self, record_id: str) -> None:
        self.fake.remove(record_id)

    def twin(self, record_id: str) -> str:
        return self.fake.twin(record_id, address())

    def new_fields(self) -> dict[str, Any]:
        return {"email": address(), "name": "Noël Têtu"}

    def edit_fields(self) -> dict[str, Any]:
        return {"name": f"Renamed {address()}"}

    def refused_fields(self) -> dict[str, Any]:
        return {"email": "no address at all", "name": "Refused"}


@pytest.fixture
def system() -> ListmonkSystem:
    return ListmonkSystem(Listmonk())


class TestListmonk(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {
        "test_none_empties_a_field": "a name cannot be emptied there: an empty one changes nothing",
        "test_an_empty_text_empties_a_field": "a name cannot be emptied there: an empty one changes nothing",
    }


def test_an_update_keeps_the_lists_and_attributes_and_sends_no_mail(system: ListmonkSystem) -> None:
    record_id = system.fake.seed("ann@example.org", "Ann", 3, 4, city="Porto")
    system.fake.subscribers[int(record_id)].lists[4].status = "unconfirmed"  # it waits for a mail's answer

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"name": "Eva"})]))

    assert [(each["id"], each["subscription_status"]) for each in record.fields["lists"]] == [
        (3, "confirmed"),
        (4, "unconfirmed"),
    ]
    assert record.fields["attribs"] == {"city": "Porto"}
    assert system.fake.mails == []


def test_who_leaves_the_list_is_seen_although_the_subscriber_did_not_change(system: ListmonkSystem) -> None:
    [record_id] = system.seed(1)
    _, cursor = listing(system.connector)
    system.fake.clock.pass_by(600)
    system.fake.leave(record_id)

    changed = records(system.connector.pull(cursor))

    assert changed[record_id].fields["subscription"] == "unsubscribed"


@pytest.mark.parametrize("lists", [(3,), (4,)])
def test_an_opt_out_is_kept_whether_on_the_list_or_not(system: ListmonkSystem, lists: tuple[int, ...]) -> None:
    record_id = system.fake.seed("ann@example.org", "Ann", *lists)

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"subscription": "unsubscribed"})]))

    assert record.fields["subscription"] == "unsubscribed"


def test_a_new_subscriber_is_on_no_list_without_consent(system: ListmonkSystem) -> None:
    first = done(system.connector.write([Write(Op.CREATE, "hub:1", None, system.new_fields())]))
    fields = {**system.new_fields(), "subscription": "confirmed"}
    second = done(system.connector.write([Write(Op.CREATE, "hub:2", None, fields)]))

    assert (first.fields["subscription"], second.fields["subscription"]) == (None, "confirmed")
    assert system.fake.mails == []


def test_a_create_of_a_known_address_changes_nothing(system: ListmonkSystem) -> None:
    there = system.fake.seed("ann@example.org", "Ann")

    [outcome] = system.connector.write([Write(Op.CREATE, "hub:1", None, {"email": "ANN@example.org", "name": "X"})])

    assert isinstance(outcome, Done)
    assert outcome.existed
    assert (done([outcome]).id, done([outcome]).fields["name"]) == (there, "Ann")


def test_a_page_that_is_cut_hides_nobody(system: ListmonkSystem) -> None:
    ids = {system.fake.seed(address()) for _ in range(120)}

    assert ids <= set(records(system.connect(page_size=50).pull(None)))


# --- consents of many -------------------------------------------------------------------------------


def leaving(ids: list[str], **more: Any) -> list[Write]:
    return [Write(Op.UPDATE, f"hub:{each}", each, {"subscription": "unsubscribed", **more}) for each in ids]


def kinds(outcomes: list[Outcome]) -> list[type]:
    return [type(each) for each in outcomes]


def test_a_thousand_opt_outs_are_five_calls_and_what_is_read_of_them(system: ListmonkSystem) -> None:
    ids = system.seed(1000)
    system.connector.check()
    system.fake.exchanges.clear()

    outcomes = write_all(system.connector, leaving(ids))

    assert {done([each]).fields["subscription"] for each in outcomes} == {"unsubscribed"}
    assert {each.lists[3].status for each in system.fake.subscribers.values()} == {"unsubscribed"}
    assert [each.method for each in system.requests()] == (["PUT"] + ["GET"] * 4) * 5


def test_who_is_not_there_any_more_costs_nobody_else_his_opt_out(system: ListmonkSystem) -> None:
    ids = system.seed(3)
    system.remove(ids[1])

    outcomes = system.connector.write(leaving(ids))

    assert kinds(outcomes) == [Done, Missing, Done]
    assert [system.fake.subscribers[int(each)].lists[3].status for each in (ids[0], ids[2])] == ["unsubscribed"] * 2


def test_an_opt_out_is_told_although_another_field_is_refused(system: ListmonkSystem) -> None:
    ids = system.seed(3)

    outcomes = system.connector.write(leaving(ids, email="no address at all"))

    assert kinds(outcomes) == [Refused] * 3
    assert {each.lists[3].status for each in system.fake.subscribers.values()} == {"unsubscribed"}


def test_consents_of_both_kinds_are_told_each_to_its_own(system: ListmonkSystem) -> None:
    ids = system.seed(4)
    for each in ids:
        system.fake.leave(each)
    values = ["confirmed", "unsubscribed", "confirmed", "unconfirmed"]
    fields = [{"subscription": value, "name": f"Name {value}"} for value in values]
    writes = [Write(Op.UPDATE, f"hub:{each}", each, more) for each, more in zip(ids, fields, strict=True)]

    outcomes = system.connector.write(writes)

    found = [done([each]).fields for each in outcomes]
    assert [(each["subscription"], each["name"]) for each in found] == [(v, f"Name {v}") for v in values]
    assert system.fake.mails == []


def test_the_last_word_of_one_subscriber_is_the_last(system: ListmonkSystem) -> None:
    [record_id], more = system.seed(1), system.seed(2)
    again = Write(Op.UPDATE, "hub:1", record_id, {"subscription": "confirmed"})

    outcomes = system.connector.write([*leaving([record_id, *more]), again])

    assert kinds(outcomes) == [Done] * 4
    assert system.fake.subscribers[int(record_id)].lists[3].status == "confirmed"


def test_opt_outs_that_a_broken_server_does_not_take_are_in_doubt_and_told_again(system: ListmonkSystem) -> None:
    ids = system.seed(20)
    system.fake.broken = True
    first = system.connector.write(leaving(ids))
    system.fake.broken = False

    assert set(kinds(first)) == {Unknown}
    assert set(kinds(system.connector.write(leaving(ids)))) == {Done}
