"""Zoho CRM: the contract on its stand-in, and what is Zoho's own."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx
import pytest

from hub.connectors.contract import Connector
from hub.errors import AccountError
from hub.model import Done, Missing, Op, Outcome, Refused, Tombstone, Write
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

    def is_kept(self, record_id: str) -> bool:
        return record_id in self.fake.contacts or record_id not in self.fake.state["purged"]

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
        return super().is_write(request) and not request.url.path.endswith(("/token", "/coql"))


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


def erased(system: ZohoSystem, record_id: str) -> Outcome:
    [outcome] = system.connector.write([Write(Op.ERASE, "hub:gone", record_id, {})])
    return outcome


def test_an_erasure_deletes_and_takes_out_of_the_bin(system: ZohoSystem) -> None:
    deleted, gone = system.seed(2)
    system.connector.write([Write(Op.DELETE, "hub:1", deleted, {})])

    assert erased(system, gone) == Done(None)
    assert (system.is_kept(deleted), system.is_kept(gone)) == (True, False)
    assert [erased(system, deleted), erased(system, deleted)] == [Missing(), Missing()]
    assert not system.is_kept(deleted)


@pytest.mark.parametrize("fault", ["no scope", "503"])
def test_an_erasure_that_ends_in_the_bin_says_so(system: ZohoSystem, fault: str) -> None:
    [record_id] = system.seed(1)
    if fault == "no scope":
        system.fake.empties = False
        connector = system.connector
    else:
        connector = system.connect(system.context(BinDown(system.network)))

    assert connector.write([Write(Op.ERASE, "hub:1", record_id, {})]) == [Done(None, in_bin=True)]
    assert record_id not in system.fake.contacts
    assert system.is_kept(record_id)


def test_nothing_is_deleted_where_the_contact_may_not_be(system: ZohoSystem) -> None:
    [record_id] = system.seed(1)
    system.connector.check()
    system.fake.read_only()

    with pytest.raises(AccountError):
        erased(system, record_id)

    assert record_id in system.fake.contacts


class BinDown(httpx.BaseTransport):
    """The bin does not answer, and all else does."""

    def __init__(self, inner: httpx.BaseTransport | None) -> None:
        assert inner is not None
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if "recycle_bin" in request.url.path:
            return httpx.Response(503, request=request)
        return self._inner.handle_request(request)


# --- what was written is shown by one query -------------------------------------------------------


def edited(system: ZohoSystem, count: int = 250) -> list[Outcome]:
    ids = system.seed(count)
    system.fake.exchanges.clear()
    return system.connector.write([Write(Op.UPDATE, f"hub:{each}", each, system.edit_fields()) for each in ids])


def calls(system: ZohoSystem) -> list[str]:
    return [f"{each.method} {each.url.path.rpartition('/v8/')[2]}" for each in system.requests()]


def test_what_was_written_is_shown_by_one_query(system: ZohoSystem) -> None:
    outcomes = edited(system)

    assert calls(system) == ["PUT Contacts"] * 3 + ["POST coql"]
    assert all(isinstance(each, Done) and each.partial for each in outcomes)
    own = {"id", "Modified_Time", "Hub_Id"}
    assert [set(done([each]).fields) - own for each in outcomes] == [{"Title", "Mailing_City"}] * 250


def test_few_are_read_by_their_ids(system: ZohoSystem) -> None:
    edited(system, 100)

    assert calls(system) == ["PUT Contacts", "GET Contacts"]


def test_without_the_scope_of_queries_all_are_read_by_their_ids_and_nobody_asks_again(system: ZohoSystem) -> None:
    system.fake.queries = False

    outcomes = edited(system) + edited(system)

    assert {type(each) for each in outcomes} == {Done}
    assert calls(system) == ["PUT Contacts"] * 3 + ["GET Contacts"] * 3


def test_a_write_that_was_ignored_is_seen_although_a_query_is_asked(system: ZohoSystem) -> None:
    ids = system.seed(150)
    before = system.connector.read(ids)
    system.ignore_writes()

    outcomes = system.connector.write([Write(Op.UPDATE, f"hub:{each}", each, {"Title": "New"}) for each in ids])

    assert {each: done([outcome]).fields for each, outcome in zip(ids, outcomes, strict=True)} == {
        each: before[each].fields for each in ids
    }


def test_what_a_query_shows_late_is_read_by_id(system: ZohoSystem) -> None:
    system.fake.late = True

    outcomes = edited(system, 150)

    assert calls(system) == ["PUT Contacts"] * 2 + ["POST coql"] + ["GET Contacts"] * 2
    assert not any(isinstance(each, Done) and each.partial for each in outcomes)
    assert all(str(done([each]).fields["Title"]).startswith("Title ") for each in outcomes)


def test_what_an_answer_to_a_query_leaves_out_is_read_by_id(system: ZohoSystem) -> None:
    system.fake.shows = 200

    outcomes = edited(system)

    assert calls(system) == ["PUT Contacts"] * 3 + ["POST coql", "GET Contacts"]
    assert {type(each) for each in outcomes} == {Done}


def test_a_contact_that_was_given_a_company_is_read_by_id(system: ZohoSystem) -> None:
    company = system.fake.account("Other Lda")
    ids = system.seed(150)
    first, *rest = ids
    writes = [Write(Op.UPDATE, f"hub:{each}", each, system.edit_fields()) for each in rest]
    linked = Write(Op.UPDATE, f"hub:{first}", first, {"Account_Name": {"name": "Other Lda"}})
    system.fake.exchanges.clear()

    outcomes = system.connector.write([linked, *writes])

    assert done([outcomes[0]]).fields["Account_Name"] == {"name": "Other Lda", "id": company}
    assert calls(system).count("POST coql") == 1
    assert calls(system).count("GET Contacts") == 1


def test_many_creates_are_shown_by_one_query(system: ZohoSystem) -> None:
    writes = [Write(Op.CREATE, f"hub:new{number}", None, system.new_fields()) for number in range(150)]

    outcomes = system.connector.write(writes)

    assert calls(system) == ["POST Contacts/upsert"] * 2 + ["POST coql"]
    found = records(system.connector.pull(None))
    assert {done([each]).id for each in outcomes} == set(found)


def test_a_contact_that_left_meanwhile_is_missing(system: ZohoSystem) -> None:
    gone, *ids = system.seed(150)
    system.remove(gone)

    outcomes = system.connector.write([Write(Op.UPDATE, f"hub:{i}", i, system.edit_fields()) for i in [gone, *ids]])

    assert outcomes[0] == Missing()
    assert {type(each) for each in outcomes[1:]} == {Done}
