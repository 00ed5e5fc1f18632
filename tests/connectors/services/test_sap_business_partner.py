"""SAP business partners: the contract on a stand-in, and what is SAP's own."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import httpx
import pytest

from hub.errors import TransientError
from hub.model import Done, Missing, Op, Refused, Stale, Unknown, Write
from hub.testing import ConnectorContract
from hub.testing.faults import Faults, Forward, lost_reply
from hub.testing.words import done, records, write_all
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
                    "to_PhoneNumber": [{"PhoneNumber": "222345678", "DestinationLocationCountry": "PT"}],
                    "to_MobilePhoneNumber": [{"PhoneNumber": "912345678", "DestinationLocationCountry": "PT"}],
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


def test_many_are_read_in_one_request_and_those_that_are_not_there_are_left_out(system: SapSystem) -> None:
    ids = system.seed(120)
    before = len(system.requests())

    found = system.connector.read([*ids, system.nobody, "O'Neil"])

    assert list(found) == ids
    assert len(system.requests()) - before == 2  # one for the session


def test_an_answer_that_leaves_out_a_part_says_of_nobody_that_he_is_gone(system: SapSystem) -> None:
    ids = system.seed(2)
    faults = Faults(system.network)
    faults.inject(cut_short, when=lambda request: "A_BusinessPartner" in request.url.path, times=None)

    with pytest.raises(TransientError):
        system.within(system.context(faults)).read(ids)


def cut_short(_: httpx.Request, forward: Forward) -> httpx.Response:
    """As a system answers that pages by itself."""
    body = forward().json()
    return httpx.Response(
        200, json={"d": {"results": body["d"]["results"][:1], "__next": "https://s4.example.org/more"}}
    )


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


# --- addresses, e-mail addresses and numbers --------------------------------------------------------


def update(record_id: str, version: str | None = None, **fields: Any) -> Write:
    return Write(Op.UPDATE, "hub:1", record_id, fields, version)


def emails(*found: str) -> list[dict[str, str]]:
    return [{"EmailAddress": each} for each in found]


def held(system: SapSystem, record_id: str, table: str = "to_EmailAddress") -> list[str]:
    [address, *_] = system.fake.partners[record_id].addresses
    return [line.fields.get("EmailAddress") or line.fields["PhoneNumber"] for line in address.tables[table]]


def changes(system: SapSystem) -> list[str]:
    """Methods and entities of the changes that were sent, in their order."""
    sent = b"".join(each.content for each in system.requests() if each.url.path.endswith("$batch"))
    return [f"{m.decode()} {e.decode()}" for m, e in re.findall(rb"\r\n(POST|PATCH|DELETE) \S*PARTNER/(\w+)", sent)]


def test_an_address_more_is_made_one_less_is_dropped_and_the_same_stay_as_they_are(system: SapSystem) -> None:
    [record_id] = system.seed(1)
    [first] = held(system, record_id)

    done(system.connector.write([update(record_id, emails=emails(first, "b@example.org", "c@example.org"))]))
    assert held(system, record_id) == [first, "b@example.org", "c@example.org"]
    done(system.connector.write([update(record_id, emails=emails("c@example.org", "d@example.org"))]))

    assert sorted(held(system, record_id)) == ["c@example.org", "d@example.org"]
    made, after = ["POST A_BusinessPartnerAddress"] * 2, ["PATCH A_AddressEmailAddress", "DELETE A_AddressEmailAddress"]
    assert changes(system) == [*made, *after]


def test_numbers_are_written_without_the_code_of_their_country_and_read_with_it(system: SapSystem) -> None:
    [record_id] = system.seed(1)
    numbers = [{"InternationalPhoneNumber": "+390612345678"}]
    mobile = [{"InternationalPhoneNumber": "+48601234567"}]

    record = done(system.connector.write([update(record_id, phones=numbers, mobiles=mobile)]))

    assert [each["InternationalPhoneNumber"] for each in record.fields["phones"]] == ["+390612345678"]
    assert [each["InternationalPhoneNumber"] for each in record.fields["mobiles"]] == ["+48601234567"]
    assert held(system, record_id, "to_PhoneNumber") == ["0612345678"]


def test_a_number_of_no_country_is_refused_and_nothing_is_sent(system: SapSystem) -> None:
    [record_id] = system.seed(1)

    [outcome] = system.connector.write(
        [update(record_id, FirstName="Eva", phones=[{"InternationalPhoneNumber": "+80012345678"}])]
    )

    assert isinstance(outcome, Refused)
    assert changes(system) == []


def test_an_address_changes_in_its_place_so_its_e_mails_stay(system: SapSystem) -> None:
    [record_id] = system.seed(1)
    before = held(system, record_id)
    moved = {"StreetName": "Rua Dois", "CityName": "Porto", "PostalCode": "4000-002", "Region": None, "Country": "PT"}

    record = done(system.connector.write([update(record_id, FirstName="Eva", addresses=[moved])]))

    assert (record.fields["FirstName"], record.fields["addresses"][0]["StreetName"]) == ("Eva", "Rua Dois")
    assert held(system, record_id) == before
    assert changes(system) == ["PATCH A_BusinessPartner", "PATCH A_BusinessPartnerAddress"]


def test_an_address_that_holds_e_mails_is_not_dropped_and_the_reason_is_told(system: SapSystem) -> None:
    [record_id] = system.seed(1)

    [outcome] = system.connector.write([update(record_id, FirstName="Eva", addresses=[])])

    assert isinstance(outcome, Refused)
    assert "would be lost" in outcome.reason
    assert changes(system) == []


def test_an_address_that_holds_nothing_is_dropped(system: SapSystem) -> None:
    [record_id] = system.seed(1)
    row = {"StreetName": "Rua Dois", "CityName": "Faro", "PostalCode": "8000-001", "Region": "08", "Country": "PT"}
    first = done([done_read(system, record_id)]).fields["addresses"][0]
    kept = {name: first[name] for name in row}
    done(system.connector.write([update(record_id, addresses=[kept, row])]))

    record = done(system.connector.write([update(record_id, addresses=[kept])]))

    assert [each["CityName"] for each in record.fields["addresses"]] == ["Porto"]


def done_read(system: SapSystem, record_id: str) -> Done:
    return Done(system.connector.read([record_id])[record_id])


def test_what_somebody_added_meanwhile_is_not_dropped(system: SapSystem) -> None:
    """The partner itself does not move on with his e-mail addresses, so his version tells of them too."""
    [record_id] = system.seed(1)
    seen = system.connector.read([record_id])[record_id]
    [address] = system.fake.partners[record_id].addresses
    system.fake.add_line(address, "to_EmailAddress", {"EmailAddress": "theirs@example.org"})

    outcomes = system.connector.write([update(record_id, seen.version, emails=emails("ours@example.org"))])

    assert outcomes == [Stale()]
    assert "theirs@example.org" in held(system, record_id)


def test_a_part_that_is_refused_leaves_the_whole_to_be_read_again_and_alone_it_is_refused(system: SapSystem) -> None:
    [record_id] = system.seed(1)
    wrong = emails("no address at all")

    [first] = system.connector.write([update(record_id, FirstName="Eva", emails=wrong)])
    [second] = system.connector.write([update(record_id, emails=wrong)])

    assert (type(first), type(second)) == (Unknown, Refused)
    assert "@" not in f"{first}{second}"


def test_a_lost_answer_doubles_no_row(system: SapSystem) -> None:
    [record_id] = system.seed(1)
    wanted = emails(*held(system, record_id), "b@example.org", "c@example.org")
    assert system.network is not None
    faults = Faults(system.network)
    faults.inject(lost_reply, when=lambda request: b"POST " in request.content)
    connector = system.within(system.context(faults))

    [first] = connector.write([update(record_id, emails=wanted)])
    [second] = connector.write([update(record_id, emails=wanted)])

    assert (type(first), type(second)) == (Unknown, Done)
    assert held(system, record_id) == [each["EmailAddress"] for each in wanted]


def test_a_new_partner_is_sent_with_everything_at_once(system: SapSystem) -> None:
    fields = {
        **system.new_fields(),
        "addresses": [{"StreetName": "Rua Um", "CityName": "Porto", "Region": None, "Country": "PT"}],
        "emails": emails("a@example.org", "b@example.org"),
        "mobiles": [{"InternationalPhoneNumber": "+351912345678"}],
    }

    record = done(system.connector.write([Write(Op.CREATE, "hub:1", None, fields)]))

    assert held(system, record.id) == ["a@example.org", "b@example.org"]
    assert record.fields["mobiles"][0]["InternationalPhoneNumber"] == "+351912345678"
    assert len([each for each in system.requests() if each.method == "POST"]) == 1


def test_somebody_without_an_address_is_given_one_of_the_country_that_is_set_or_is_refused(system: SapSystem) -> None:
    fields = {**system.new_fields(), "emails": emails("a@example.org")}
    bare = system.fake.seed(FirstName="Ana", LastName="Sousa")
    writes = [Write(Op.CREATE, "hub:1", None, fields), update(bare, emails=emails("b@example.org"))]

    refused = system.connector.write(writes)
    outcomes = system.connect(country="PT").write(writes)

    assert {type(each) for each in refused} == {Refused}
    assert [done([each]).fields["emails"][0]["EmailAddress"] for each in outcomes] == ["a@example.org", "b@example.org"]


def test_a_thousand_changed_e_mails_are_eleven_requests(system: SapSystem) -> None:
    ids = system.seed(1000)
    connector = system.connect(system.context(system.fake))
    connector.check()
    system.fake.exchanges.clear()

    outcomes = write_all(connector, [update(each, emails=emails(f"new{each}@example.org")) for each in ids])

    assert {type(each) for each in outcomes} == {Done}
    assert len(system.fake.exchanges) == 11  # a session; 500 at once: read, written by 200, read
