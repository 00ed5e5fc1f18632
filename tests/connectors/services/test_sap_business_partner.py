"""SAP business partners: the contract on a stand-in, and what is SAP's own."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from hub.model import Done, Missing, Op, Refused, Stale, Write
from hub.testing import ConnectorContract
from hub.testing.words import done, records
from tests.connectors.services.systems import NUMBERS, ServiceSystem, address
from tests.fakes.services.sap_business_partner import Sap


class SapSystem(ServiceSystem):
    service = "sap_business_partner"
    settings: ClassVar[dict[str, Any]] = {
        "url": "https://s4.example.org",
        "user": "HUB",
        "secret": "right-secret-1",
        "page_size": 10,
    }
    wrong: ClassVar[dict[str, Any]] = {"secret": "wrong-secret-1"}
    secrets = ("right-secret-1", "wrong-secret-1")
    nobody = "9999999999"
    text = "MiddleName"
    optional = ("MiddleName", "MiddleName")
    choice = ("SearchTerm1", "SearchTerm1")
    plenty = 10_000
    sparse: ClassVar[dict[str, str]] = {"OrganizationBPName1": "organisations have it, persons do not"}
    fake: Sap

    def seed(self, count: int) -> list[str]:
        return [
            self.fake.seed(
                {
                    "StreetName": "Rua Um",
                    "CityName": "Porto",
                    "PostalCode": "4000-001",
                    "Region": "13",
                    "Country": "PT",
                    "to_EmailAddress": [{"EmailAddress": address()}],
                    "to_PhoneNumber": [{"InternationalPhoneNumber": "+351222345678"}],
                    "to_MobilePhoneNumber": [{"InternationalPhoneNumber": "+351912345678"}],
                },
                FirstName="Marta",
                MiddleName="Ana",
                LastName="Żak",
                SearchTerm1="ZAK",
                CorrespondenceLanguage="PT",
                BirthDate="/Date(324345600000)/",
            )
            for _ in range(count)
        ]

    def edit(self, record_id: str) -> None:
        self.fake.clock.pass_by(1)
        self.fake.edit(record_id, SearchTerm1=f"EDIT{next(NUMBERS)}")

    def remove(self, record_id: str) -> None:
        self.fake.edit(record_id, IsMarkedForArchiving=True)

    def put_away(self, record_id: str) -> None:
        self.fake.edit(record_id, IsMarkedForArchiving=True)

    def twin(self, record_id: str) -> str:
        return self.seed(1)[0]

    def new_fields(self) -> dict[str, Any]:
        return {"FirstName": "Noël", "LastName": f"Têtu {next(NUMBERS)}"}

    def edit_fields(self) -> dict[str, Any]:
        return {"LastName": f"Renamed {next(NUMBERS)}", "FirstName": "Ana"}

    def refused_fields(self) -> dict[str, Any]:
        return {"FirstName": "Refused", "LastName": "x" * 50}

    def is_write(self, request: Any) -> bool:
        if request.url.path.endswith("/$batch"):
            return b"\r\nGET " not in request.read()
        return super().is_write(request)


@pytest.fixture
def system() -> SapSystem:
    return SapSystem(Sap())


class TestSap(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {
        "test_a_write_to_a_record_that_is_gone_is_missing": "no partner is ever gone: it is marked for archiving",
    }


def test_a_session_that_ended_is_begun_anew(system: SapSystem) -> None:
    [record_id] = system.seed(1)
    done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"FirstName": "Eva"})]))
    system.fake.end_sessions()

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"FirstName": "Ana"})]))

    assert record.fields["FirstName"] == "Ana"


def test_a_partner_that_moved_on_is_not_written_over(system: SapSystem) -> None:
    [record_id] = system.seed(1)
    version = records(system.connector.pull(None))[record_id].version
    system.edit(record_id)

    assert system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"FirstName": "X"}, version)]) == [Stale()]


def test_a_birthday_is_told_and_written_as_a_day(system: SapSystem) -> None:
    [record_id] = system.seed(1)
    assert records(system.connector.pull(None))[record_id].fields["BirthDate"] == "1980-04-12"

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"BirthDate": "1981-05-13"})]))

    assert record.fields["BirthDate"] == "1981-05-13"


def test_each_change_of_a_batch_is_a_change_set_with_an_outcome_of_its_own(system: SapSystem) -> None:
    good, stale, bad = system.seed(3)
    seen = records(system.connector.pull(None))
    system.edit(stale)
    long = {"LastName": "x" * 50}
    writes = [
        Write(Op.UPDATE, "hub:1", good, {"FirstName": "Eva"}, seen[good].version),
        Write(Op.UPDATE, "hub:2", stale, {"FirstName": "Eva"}, seen[stale].version),
        Write(Op.UPDATE, "hub:3", bad, long, seen[bad].version),
        Write(Op.UPDATE, "hub:4", system.nobody, {"FirstName": "Eva"}),
    ]

    outcomes = system.connector.write(writes)

    assert [type(each) for each in outcomes] == [Done, Stale, Refused, Missing]
    assert done(outcomes[:1]).fields["FirstName"] == "Eva"
