"""Microsoft Dynamics 365: the contract on its stand-in, and what is Dataverse's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from hub.errors import CursorExpired
from hub.model import Done, Missing, Op, Refused, Stale, Unknown, Write
from hub.testing import ConnectorContract
from hub.testing.words import done, listing, records, write_all
from tests.connectors.services.microsoft import ACCOUNT, LOGIN, DeltaLinks, MicrosoftSystem
from tests.connectors.services.systems import NUMBERS, address
from tests.fakes.services.dynamics365 import Dynamics

HOST = "https://acme.crm4.dynamics.com"


class DynamicsSystem(MicrosoftSystem):
    service = "dynamics365"
    scope = f"{HOST}/.default"
    settings: ClassVar[dict[str, Any]] = {
        **ACCOUNT,
        "url": HOST,
        "page_size": 40,
    }
    hosts = ("acme.crm4.dynamics.com", LOGIN)
    nobody = "99999999-9999-4999-8999-999999999999"
    text = "jobtitle"
    optional = ("jobtitle", "jobtitle")
    choice = ("salutation", "salutation")
    many = 100
    fake: Dynamics

    def seed(self, count: int) -> list[str]:
        company = self.fake.account("Company Lda")
        return [
            self.fake.seed(
                firstname="Marta",
                lastname="Żak",
                salutation="Dr.",
                jobtitle="Buyer",
                department="Buying",
                emailaddress1=address(),
                emailaddress2=address(),
                telephone1="+351 222 345 678",
                mobilephone="+351 912 345 678",
                telephone2="+351 223 345 678",
                birthdate="1980-04-12",
                description="Met at a fair",
                websiteurl="https://example.org/marta",
                address1_line1="Rua Um 1",
                address1_city="Porto",
                address1_stateorprovince="Porto",
                address1_postalcode="4000-001",
                address1_country="Portugal",
                donotbulkemail=number == 0,
                _parentcustomerid_value=company,
            )
            for number in range(count)
        ]

    def put_away(self, record_id: str) -> None:
        self.fake.edit(record_id, statecode=1)

    def twin(self, record_id: str) -> str:
        return self.fake.seed(lastname="Twin")

    def new_fields(self) -> dict[str, Any]:
        return {"firstname": "Noël", "lastname": "Têtu", "emailaddress1": address()}

    def edit_fields(self) -> dict[str, Any]:
        return {"jobtitle": f"Title {next(NUMBERS)}", "address1_city": "Lisboa"}

    def refused_fields(self) -> dict[str, Any]:
        return {"lastname": "Refused", "birthdate": "no day at all"}

    def is_write(self, request: Any) -> bool:
        if request.url.path.endswith("/$batch"):
            return b"\r\nGET " not in request.read()
        return super().is_write(request)


@pytest.fixture
def system() -> DynamicsSystem:
    return DynamicsSystem(Dynamics())


class TestDynamics(DeltaLinks, ConnectorContract):
    pass


@pytest.mark.parametrize("status", [400, 410])
def test_a_link_that_is_a_week_old_asks_for_a_new_listing(system: DynamicsSystem, status: int) -> None:
    system.fake.expired_status = status
    system.seed(1)
    _, cursor = listing(system.connector)
    system.fake.clock.pass_by(timedelta(days=7).total_seconds())

    with pytest.raises(CursorExpired):
        list(system.connector.pull(cursor))


def test_the_company_is_read_by_its_name(system: DynamicsSystem) -> None:
    [record_id] = system.seed(1)

    fields = records(system.connector.pull(None))[record_id].fields

    assert fields["_parentcustomerid_value@OData.Community.Display.V1.FormattedValue"] == "Company Lda"


def test_a_token_that_ended_is_had_anew(system: DynamicsSystem) -> None:
    [record_id] = system.seed(1)
    assert record_id in records(system.connector.pull(None))
    system.fake.clock.pass_by(3601)

    assert record_id in records(system.connector.pull(None))


def test_a_create_that_is_there_already_names_the_contact_that_has_the_key(system: DynamicsSystem) -> None:
    write = Write(Op.CREATE, "hub:o'neil", None, system.new_fields())
    first = done(system.connector.write([write]))

    [outcome] = system.connector.write([write])

    assert isinstance(outcome, Done)
    assert outcome.existed
    assert done([outcome]).id == first.id


def test_a_thousand_changes_are_ten_requests_and_one_reading(system: DynamicsSystem) -> None:
    ids = system.seed(1000)
    seen = system.connector.read(ids)
    writes = [Write(Op.UPDATE, f"hub:{each}", each, {"jobtitle": "Buyer"}, seen[each].version) for each in ids]
    before = len(system.requests())

    outcomes = write_all(system.connector, writes)

    assert [each for each in outcomes if not isinstance(each, Done)] == []
    assert len(system.requests()) - before == 11
    assert system.connector.read(ids) == {each: done([outcome]) for each, outcome in zip(ids, outcomes, strict=True)}


def test_each_write_of_a_batch_ends_as_it_would_alone(system: DynamicsSystem) -> None:
    good, stale, gone, bad = system.seed(4)
    seen = system.connector.read([good, stale, gone, bad])
    system.edit(stale)
    system.remove(gone)
    fields: dict[str, Any] = {"jobtitle": "Buyer"}
    wrong = {"birthdate": "no day at all"}
    writes = [
        Write(Op.UPDATE, "hub:1", good, fields, seen[good].version),
        Write(Op.UPDATE, "hub:2", stale, fields, seen[stale].version),
        Write(Op.UPDATE, "hub:3", gone, fields, seen[gone].version),
        Write(Op.UPDATE, "hub:4", bad, wrong, seen[bad].version),
        Write(Op.UPDATE, "hub:5", system.nobody, fields),
        Write(Op.UPDATE, "hub:6", bad, {"jobtitle": "half a character \ud800"}, None),
    ]

    outcomes = system.connector.write(writes)

    assert [type(each) for each in outcomes] == [Done, Stale, Missing, Refused, Missing, Refused]


def test_a_batch_whose_answer_ends_early_leaves_the_rest_unknown(system: DynamicsSystem) -> None:
    ids = system.seed(3)
    seen = system.connector.read(ids)
    writes = [Write(Op.UPDATE, f"hub:{each}", each, {"jobtitle": "Buyer"}, seen[each].version) for each in ids]
    system.fake.answers_at_most = 2

    outcomes = system.connector.write(writes)

    assert [type(each) for each in outcomes] == [Done, Done, Unknown]
