"""Zoho CRM: the contract on its stand-in, and what is Zoho's own."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from hub.connectors.contract import Connector
from hub.model import Op, Refused, Tombstone, Write
from hub.testing import ConnectorContract
from hub.testing.words import done, items, listing, records
from tests.connectors.services.systems import NUMBERS, ServiceSystem, address
from tests.fakes.services.tokens import TokenService
from tests.fakes.services.zoho_crm import Zoho

FORM = {
    "grant_type": "refresh_token",
    "client_id": "1000.HUB",
    "client_secret": "client-secret-1",
    "refresh_token": "1000.right-refresh",
}


class ZohoSystem(ServiceSystem):
    service = "zoho_crm"
    settings: ClassVar[dict[str, Any]] = {
        "region": "eu",
        "client": "1000.HUB",
        "client_secret_key": "client-secret-1",
        "secret": "1000.right-refresh",
        "page_size": 10,
    }
    wrong: ClassVar[dict[str, Any]] = {"secret": "1000.wrong-refresh"}
    secrets = ("client-secret-1", "1000.right-refresh", "1000.wrong-refresh", "token-1")
    hosts = ("www.zohoapis.eu", "accounts.zoho.eu")
    nobody = "555100000099999999"
    text = "Title"
    optional = ("Title", "Title")
    choice = ("Salutation", "Salutation")
    plenty = 10_000
    fake: Zoho

    def __init__(self, fake: Zoho) -> None:
        super().__init__(fake)
        assert self.network is not None
        self.network = TokenService(self.network, fake, "https://accounts.zoho.eu/oauth/v2/token", FORM)
        self.connector = self.within(self.context())

    def for_plenty(self) -> Connector:
        return self.connect(page_size=200)

    def seed(self, count: int) -> list[str]:
        company = self.fake.account("Company Lda")
        return [
            self.fake.seed(
                First_Name="Marta",
                Last_Name="Żak",
                Salutation="Dr.",
                Title="Buyer",
                Department="Buying",
                Email=address(),
                Secondary_Email=address(),
                Phone="+351 222 345 678",
                Mobile="+351 912 345 678",
                Home_Phone="+351 223 345 678",
                Date_of_Birth="1980-04-12",
                Description="Met at a fair",
                Mailing_Street="Rua Um 1",
                Mailing_City="Porto",
                Mailing_State="Porto",
                Mailing_Zip="4000-001",
                Mailing_Country="Portugal",
                Email_Opt_Out=number == 0,
                Account_Name=company,
            )
            for number in range(count)
        ]

    def edit(self, record_id: str) -> None:
        self.fake.clock.pass_by(1)
        self.fake.edit(record_id, Department=f"Edited {next(NUMBERS)}")

    def remove(self, record_id: str) -> None:
        self.fake.remove(record_id)

    def twin(self, record_id: str) -> str:
        twin = self.fake.seed(Last_Name="Twin")
        self.fake.contacts[twin].modified = self.fake.contacts[record_id].modified
        return twin

    def new_fields(self) -> dict[str, Any]:
        return {"First_Name": "Noël", "Last_Name": "Têtu", "Email": address()}

    def edit_fields(self) -> dict[str, Any]:
        return {"Title": f"Title {next(NUMBERS)}", "Mailing_City": "Lisboa"}

    def refused_fields(self) -> dict[str, Any]:
        return {"Last_Name": "Refused", "Email": "no address at all"}

    def is_write(self, request: Any) -> bool:
        return super().is_write(request) and not request.url.path.endswith("/token")


@pytest.fixture
def system() -> ZohoSystem:
    return ZohoSystem(Zoho())


class TestZoho(ConnectorContract):
    pass


def test_nothing_new_is_two_requests(system: ZohoSystem) -> None:
    system.seed(25)
    system.fake.clock.pass_by(600)
    _, cursor = listing(system.connector)
    before = len(system.requests())

    assert items(system.connector.pull(cursor)) == []
    assert len(system.requests()) - before == 2


def test_what_was_deleted_is_told_page_by_page(system: ZohoSystem) -> None:
    ids = system.seed(15)
    _, cursor = listing(system.connector)
    for each in ids:
        system.remove(each)

    found = items(system.connector.pull(cursor))

    assert {each.id for each in found if isinstance(each, Tombstone)} == set(ids)


def test_a_row_that_is_refused_names_its_field(system: ZohoSystem) -> None:
    writes = [Write(Op.CREATE, f"hub:{number}", None, system.new_fields()) for number in range(2)]
    bad = Write(Op.CREATE, "hub:bad", None, {"First_Name": "Nobody"})

    first, refused, last = system.connector.write([writes[0], bad, writes[1]])

    assert isinstance(refused, Refused)
    assert {done([first]).id, done([last]).id} <= set(records(system.connector.pull(None)))
    assert [each.method for each in system.requests()].count("POST") == 1
