"""HubSpot: the contract on its stand-in, and what is HubSpot's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from hub.model import Done, Op, Refused, Write
from hub.testing import ConnectorContract
from hub.testing.words import done, listing, records
from tests.connectors.services.systems import ServiceSystem, address
from tests.fakes.services.hubspot import HubSpot


class HubSpotSystem(ServiceSystem):
    service = "hubspot"
    settings: ClassVar[dict[str, Any]] = {"secret": "pat-eu1-right", "page_size": 5, "subscription": "101"}
    wrong: ClassVar[dict[str, Any]] = {"secret": "pat-eu1-wrong"}
    secrets = ("pat-eu1-right", "pat-eu1-wrong")
    text = "jobtitle"
    optional = ("jobtitle", "jobtitle")
    choice = ("lifecyclestage", "lifecyclestage")
    plenty = 10_000
    sparse: ClassVar[dict[str, str]] = {"hs_email_optout": "there only for who opted out of all mail"}
    fake: HubSpot

    def seed(self, count: int) -> list[str]:
        ids = [
            self.fake.seed(
                email=address(),
                firstname="Marta",
                lastname="Żak",
                phone="+351 912 345 678",
                city="Porto",
                country="Portugal",
                lifecyclestage="lead",
                jobtitle="Buyer",
            )
            for _ in range(count)
        ]
        for each in ids[:1]:
            self.fake.subscribed[self.fake.things["contacts"][each].properties["email"], "101"] = "SUBSCRIBED"
            self.fake.edit(each)
            self.fake.associate(each, self.fake.seed("companies", name="Company Lda"))
        self.fake.settle()
        return ids

    def edit(self, record_id: str) -> None:
        self.fake.edit(record_id, city="Lisboa")
        self.fake.settle()

    def remove(self, record_id: str) -> None:
        self.fake.archive(record_id)

    def is_kept(self, record_id: str) -> bool:
        return record_id in self.fake.things["contacts"]

    def twin(self, record_id: str) -> str:
        found = self.fake.twin(record_id, email=address(), lastname="Twin")
        self.fake.settle()
        return found

    def settle(self) -> None:
        self.fake.settle()

    def new_fields(self) -> dict[str, Any]:
        return {"email": address(), "firstname": "Noël", "lastname": "Têtu", "jobtitle": "Buyer"}

    def edit_fields(self) -> dict[str, Any]:
        return {"lastname": f"Renamed {address()}", "jobtitle": "Head of Buying"}

    def refused_fields(self) -> dict[str, Any]:
        return {"email": "no address at all", "lastname": "Refused"}

    def is_write(self, request: Any) -> bool:
        return super().is_write(request) and not request.url.path.endswith(("/search", "/batch/read"))

    def is_page(self, request: Any) -> bool:
        return super().is_page(request) or request.url.path.endswith("/search")


@pytest.fixture
def system() -> Iterator[HubSpotSystem]:
    system = HubSpotSystem(HubSpot())
    yield system
    for context in system.contexts:
        context.closing.close()


class TestHubSpot(ConnectorContract):
    pass


# --- HubSpot's own ----------------------------------------------------------------------------------

CONSENT = "hs_email_optout_101"


def test_a_deletion_leaves_what_an_erasure_does_not(system: HubSpotSystem) -> None:
    deleted, erased = system.seed(2)
    address_of = {each: system.fake.things["contacts"][each].properties["email"] for each in (deleted, erased)}

    outcomes = [
        *system.connector.write([Write(Op.DELETE, "hub:1", deleted, {})]),
        *system.connector.write([Write(Op.ERASE, "hub:2", erased, {})]),
    ]

    assert outcomes == [Done(None), Done(None)]
    assert (system.connector.can.restorable, system.connector.can.erase) == (True, True)
    assert (system.is_kept(deleted), system.is_kept(erased)) == (True, False)
    assert system.fake.state["forgotten"] == {address_of[erased]}


def test_a_thousand_changes_are_ten_requests_and_one_reading(system: HubSpotSystem) -> None:
    ids = [system.fake.seed(email=address()) for _ in range(1000)]
    writes = [Write(Op.UPDATE, f"hub:{each}", each, {"city": "Porto"}) for each in ids]

    outcomes = [each for start in range(0, 1000, 100) for each in system.connector.write(writes[start : start + 100])]

    assert [each for each in outcomes if not isinstance(each, Done)] == []
    assert [request.url.path.rpartition("/")[2] for request in system.requests()] == ["update", "read"] + ["update"] * 9
    assert system.fake.too_fast == 0


def test_a_stage_that_hubspot_does_not_take_is_seen_in_the_answer_that_is_not_read_again(system: HubSpotSystem) -> None:
    first, second = system.seed(2)
    system.connector.write([Write(Op.UPDATE, "hub:1", first, {"city": "Faro"})])

    outcomes = system.connector.write([Write(Op.UPDATE, "hub:2", second, {"lifecyclestage": "subscriber"})])

    assert isinstance(outcomes[0], Done)
    assert outcomes[0].partial
    assert done(outcomes).fields["lifecyclestage"] == "lead"  # stages only go forward


def test_searches_keep_to_their_own_limit_beside_that_of_all_calls(system: HubSpotSystem) -> None:
    _, cursor = listing(system.connector)
    system.fake.settle()
    began = system.clock()

    for _ in range(50):
        [*_, last] = system.connector.pull(cursor)
        cursor = last.cursor

    assert system.fake.too_fast == 0
    assert (system.clock() - began).total_seconds() <= 10 * 1.05  # 5 a second


def test_calls_use_what_the_plan_allows_in_ten_seconds(system: HubSpotSystem) -> None:
    [record_id] = system.seed(1)
    connector = system.connect(burst=190)
    system.clock.pass_by(60)
    began = system.clock()

    for _ in range(190 * 3):
        connector.check()

    assert system.fake.too_fast == 0
    assert (system.clock() - began).total_seconds() <= 20 * 1.05
    assert connector.read([record_id])


def test_more_than_ten_thousand_changes_of_one_instant_are_all_read(system: HubSpotSystem) -> None:
    _, cursor = listing(system.connector)
    for number in range(10_050):
        system.fake.seed(email=f"many{number}@example.org")
    system.fake.settle()

    assert len(records(system.for_plenty().pull(cursor))) == 10_050


def test_a_change_that_a_search_does_not_show_yet_comes_with_the_next_pull(system: HubSpotSystem) -> None:
    [record_id] = system.seed(1)
    _, cursor = listing(system.connector)
    system.fake.edit(record_id, city="Lisboa")
    first = list(system.connector.pull(cursor))
    assert records(first).get(record_id) is None or records(first)[record_id].fields["city"] == "Porto"
    system.fake.settle()

    second = records(system.connector.pull(first[-1].cursor))

    assert second[record_id].fields["city"] == "Lisboa"


def test_an_opt_out_goes_out_before_the_other_fields(system: HubSpotSystem) -> None:
    [record_id] = system.seed(1)

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {CONSENT: "true", "city": "Faro"})]))

    assert (record.fields[CONSENT], record.fields["city"]) == ("true", "Faro")
    sent = [each.url.path.rpartition("/")[2] for each in system.requests() if system.is_write(each)]
    assert sent == ["unsubscribe", "update"]


def test_an_opt_out_that_is_there_already_is_no_error(system: HubSpotSystem) -> None:
    [record_id] = system.seed(1)
    opt_out = Write(Op.UPDATE, "hub:1", record_id, {CONSENT: "true"})

    for _ in range(2):
        assert done(system.connector.write([opt_out])).fields[CONSENT] == "true"


def test_an_opt_out_among_many_changes_goes_first_and_the_others_go_together(system: HubSpotSystem) -> None:
    ids = [system.fake.seed(email=address()) for _ in range(100)]
    before = len(system.requests())
    writes = [Write(Op.UPDATE, f"hub:{each}", each, {"city": "Faro"}) for each in ids]
    writes[50] = Write(Op.UPDATE, "hub:out", ids[50], {CONSENT: "true", "city": "Faro"})
    writes[60] = Write(Op.UPDATE, "hub:odd", ids[60], {"city": "\x00"})

    outcomes = system.connector.write(writes)

    refused = [number for number, each in enumerate(outcomes) if isinstance(each, Refused)]
    sent = [each.url.path for each in system.requests()[before:]]
    told = [path for path in sent if path.endswith(("/unsubscribe", "/update"))]
    assert refused == [60]
    assert {type(each) for number, each in enumerate(outcomes) if number != 60} == {Done}
    assert [path.rpartition("/")[2] for path in told] == ["unsubscribe", "update", "update"]
    assert len(sent) < 10


def test_who_opted_out_himself_is_not_subscribed_again(system: HubSpotSystem) -> None:
    [record_id] = system.seed(1)
    email = system.fake.things["contacts"][record_id].properties["email"]
    system.fake.opt_out(email)

    [outcome] = system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {CONSENT: "false"})])

    assert isinstance(outcome, Refused)
    assert "opted out himself" in outcome.reason
    assert email not in outcome.reason


def test_the_company_of_a_contact_is_read_once_for_many(system: HubSpotSystem) -> None:
    company = system.fake.seed("companies", name="Company Lda")
    ids = [system.fake.seed(email=address()) for _ in range(5)]
    for each in ids:
        system.fake.associate(each, company)

    found = records(system.connector.pull(None))

    names = {found[each].fields["associated_company"]["properties"]["name"] for each in ids}
    assert names == {"Company Lda"}
    assert sum("companies" in request.url.path for request in system.requests()) == 1


def test_a_refused_row_of_a_batch_costs_only_itself(system: HubSpotSystem) -> None:
    good, bad = system.seed(2)
    writes = [
        Write(Op.UPDATE, "hub:1", good, {"city": "Faro"}),
        Write(Op.UPDATE, "hub:2", bad, {"lifecyclestage": "no stage"}),
    ]

    first, second = system.connector.write(writes)

    assert isinstance(first, Done)
    assert isinstance(second, Refused)
    assert sum(request.url.path.endswith("/batch/update") for request in system.requests()) == 1
