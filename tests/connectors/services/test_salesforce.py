"""Salesforce: the contract on its stand-in, and what is Salesforce's own."""

from __future__ import annotations

from itertools import islice
from typing import Any, ClassVar

import pytest

from hub.connectors.contract import Connector
from hub.errors import CursorExpired, TransientError
from hub.model import Done, Missing, NotSent, Op, Record, Refused, Tombstone, Unknown, Write
from hub.testing import ConnectorContract
from hub.testing.faults import Faults, answered, lost_reply
from hub.testing.service import Rate
from hub.testing.words import done, items, listing, records, write_all
from tests.connectors.services.systems import NUMBERS, ServiceSystem, address
from tests.fakes.services.salesforce import Salesforce
from tests.fakes.services.tokens import TokenService

HOST = "https://acme.my.salesforce.com"
FORM = {"grant_type": "client_credentials", "client_id": "3MVG9.hub", "client_secret": "right-secret-1"}


class SalesforceSystem(ServiceSystem):
    service = "salesforce"
    settings: ClassVar[dict[str, Any]] = {"url": HOST, "client": "3MVG9.hub", "secret": "right-secret-1"}
    wrong: ClassVar[dict[str, Any]] = {"secret": "wrong-secret-1"}
    secrets = ("right-secret-1", "wrong-secret-1", "token-1")
    nobody = "0035g0000999999AAA"
    text = "Department"
    optional = ("Department", "Department")
    choice = ("Salutation", "Salutation")
    many = 250
    plenty = 10_000
    fake: Salesforce

    def __init__(self, fake: Salesforce) -> None:
        super().__init__(fake)
        assert self.network is not None
        address = f"{HOST}/services/oauth2/token"
        self.network = TokenService(self.network, fake, address, FORM, life=7200, telling=False)
        self.connector = self.within(self.context())

    def for_plenty(self) -> Connector:
        return self.connect(page_size=1000)

    def seed(self, count: int) -> list[str]:
        self.fake.page = 2000 if count > 1000 else 200
        company = self.fake.account("Company Lda")
        return [
            self.fake.seed(
                FirstName="Marta",
                LastName="Żak",
                Salutation="Dr.",
                Title="Buyer",
                Department="Buying",
                Email=address(),
                Phone="+351 222 345 678",
                MobilePhone="+351 912 345 678",
                HomePhone="+351 223 345 678",
                Birthdate="1980-04-12",
                Description="Met at a fair",
                MailingStreet="Rua Um 1",
                MailingCity="Porto",
                MailingState="Porto",
                MailingPostalCode="4000-001",
                MailingCountry="Portugal",
                HasOptedOutOfEmail=number == 0,
                AccountId=company,
            )
            for number in range(count)
        ]

    def edit(self, record_id: str) -> None:
        self.fake.clock.pass_by(1)
        self.fake.edit(record_id, Title=f"Edited {next(NUMBERS)}")

    def remove(self, record_id: str) -> None:
        self.fake.remove(record_id)

    def twin(self, record_id: str) -> str:
        twin = self.fake.seed(LastName="Twin")
        self.fake.contacts[twin].modified = self.fake.contacts[record_id].modified
        return twin

    def new_fields(self) -> dict[str, Any]:
        return {"FirstName": "Noël", "LastName": "Têtu", "Email": address()}

    def edit_fields(self) -> dict[str, Any]:
        return {"Department": f"Department {next(NUMBERS)}", "MailingCity": "Lisboa"}

    def refused_fields(self) -> dict[str, Any]:
        return {"LastName": "Refused", "Email": "no address at all"}

    def is_write(self, request: Any) -> bool:
        return super().is_write(request) and not request.url.path.endswith("/token")


@pytest.fixture
def system() -> SalesforceSystem:
    return SalesforceSystem(Salesforce())


class TestSalesforce(ConnectorContract):
    pass


def test_a_session_that_ended_without_notice_is_begun_anew(system: SalesforceSystem) -> None:
    [record_id] = system.seed(1)
    assert record_id in records(system.connector.pull(None))
    system.fake.clock.pass_by(7200)

    assert record_id in records(system.connector.pull(None))


def test_who_was_merged_away_is_told_with_who_took_the_place(system: SalesforceSystem) -> None:
    loser, winner = system.seed(2)
    _, cursor = listing(system.connector)
    system.fake.merge(loser, winner)

    [found] = [each for each in items(system.connector.pull(cursor)) if isinstance(each, Tombstone)]

    assert (found.id, found.merged_into) == (loser, winner)


def test_a_used_up_day_is_waited_for_and_not_taken_for_a_missing_right(system: SalesforceSystem) -> None:
    system.fake.rate = Rate(1, 86_400.0)  # type: ignore[misc]  # one organisation's own
    system.connector.check()

    with pytest.raises(TransientError, match="Limit exceeded"):
        list(system.connect().pull(None))  # one that was not told before how many are left


def test_a_text_that_is_too_long_is_refused_by_its_field(system: SalesforceSystem) -> None:
    [record_id] = system.seed(1)

    [outcome] = system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"Title": "x" * 200})])

    assert isinstance(outcome, Refused)
    assert "Title" in outcome.reason


def test_an_opt_out_is_kept(system: SalesforceSystem) -> None:
    _, record_id = system.seed(2)

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"HasOptedOutOfEmail": True})]))

    assert record.fields["HasOptedOutOfEmail"] is True


def test_a_thousand_new_contacts_are_five_calls(system: SalesforceSystem) -> None:
    writes = [Write(Op.CREATE, f"hub:{number}", None, system.new_fields()) for number in range(1000)]

    outcomes = [each for start in range(0, 1000, 200) for each in system.connector.write(writes[start : start + 200])]

    assert len({done([each]).id for each in outcomes}) == 1000
    assert [each.method for each in system.requests()].count("PATCH") == 5


def test_a_thousand_changes_are_ten_requests(system: SalesforceSystem) -> None:
    ids = system.seed(1000)
    writes = [Write(Op.UPDATE, f"hub:{each}", each, {"Department": "Sales"}) for each in ids]
    system.connector.check()
    before = len(system.requests())

    outcomes = write_all(system.connector, writes)

    assert {done([each]).fields["Department"] for each in outcomes} == {"Sales"}
    assert len(system.requests()) - before == 10  # five with 200 changes each, five to read them


# --- the Bulk API -----------------------------------------------------------------------------------


def test_a_listing_by_a_job_is_the_same_as_one_by_queries(system: SalesforceSystem) -> None:
    ids = system.seed(450)
    system.remove(ids[7])
    whole = records(system.connector.pull(None))

    by_job = records(system.connect(bulk="yes", page_size=200).pull(None))

    assert by_job.keys() == whole.keys()
    for name, record in by_job.items():
        assert {**record.fields, "SystemModstamp": ""} == {**whole[name].fields, "SystemModstamp": ""}
        assert (record.version, record.changed_at, record.key) == (whole[name].version, whole[name].changed_at, None)


def test_ten_thousand_contacts_are_listed_by_a_handful_of_requests(system: SalesforceSystem) -> None:
    system.seed(10_000)
    connector = system.connect(bulk="yes", page_size=1000)
    before = len(system.requests())

    assert len(records(connector.pull(None))) == 10_000
    assert len(system.requests()) - before == 1 + 2 + 5  # to start it, to ask for its end, and five parts


def test_a_listing_that_was_cut_off_goes_on_within_the_same_job(system: SalesforceSystem) -> None:
    ids = system.seed(450)
    _, first = islice(system.connect(bulk="yes", page_size=200).pull(None), 2)

    rest = records(system.connect(bulk="yes", page_size=200).pull(first.cursor))

    assert len(system.fake.jobs) == 1
    assert {item.id for item in first.items if isinstance(item, Record)} | rest.keys() == set(ids)


def test_a_listing_that_ends_while_its_job_runs_goes_on_with_that_job(system: SalesforceSystem) -> None:
    ids = system.seed(3)
    system.fake.rounds = 20
    pages = system.connect(bulk="yes").pull(None)
    waiting = [next(pages) for _ in range(3)]
    begun = system.clock()

    found = records(system.connect(bulk="yes").pull(waiting[-1].cursor))

    assert [page.items for page in waiting] == [(), (), ()]
    assert found.keys() == set(ids)
    assert len(system.fake.jobs) == 1
    assert (system.clock() - begun).total_seconds() < 120


def test_what_changed_while_a_job_ran_comes_with_the_next_pull(system: SalesforceSystem) -> None:
    [record_id] = system.seed(1)
    connector = system.connect(bulk="yes")
    system.fake.during_jobs = lambda: system.fake.edit(record_id, Title="Edited meanwhile")
    _, cursor = listing(connector)

    assert records(connector.pull(cursor))[record_id].fields["Title"] == "Edited meanwhile"


def test_a_job_that_failed_says_nothing_of_who_is_missing(system: SalesforceSystem) -> None:
    system.seed(3)
    system.fake.fails = True

    with pytest.raises(TransientError, match="failed"):
        list(system.connect(bulk="yes").pull(None))


def test_a_job_that_is_no_longer_kept_is_started_anew(system: SalesforceSystem) -> None:
    system.seed(450)
    connector = system.connect(bulk="yes", page_size=200)
    _, first = islice(connector.pull(None), 2)
    system.fake.clock.pass_by(8 * 86_400)

    with pytest.raises(CursorExpired):
        list(connector.pull(first.cursor))


def test_two_thousand_changes_are_one_job_and_their_reading(system: SalesforceSystem) -> None:
    ids = system.seed(2000)
    connector = system.connect(bulk_from=1000)
    connector.check()
    before = len(system.requests())

    outcomes = write_all(connector, [Write(Op.UPDATE, f"hub:{each}", each, {"Department": "Sales"}) for each in ids])

    assert [done([each]).id for each in outcomes] == ids
    assert {done([each]).fields["Department"] for each in outcomes} == {"Sales"}
    assert len(system.requests()) - before == 7 + 10  # made, filled, closed, two looks, two results; 200 read at once


def test_each_row_of_a_job_has_an_outcome_of_its_own(system: SalesforceSystem) -> None:
    good, gone, bad, lost, emptied = system.seed(5)
    system.remove(gone)
    system.fake.loses = {lost}
    fields: dict[str, dict[str, Any]] = {
        bad: {"Email": "no address at all"},
        emptied: {"Title": None, "HasOptedOutOfEmail": True},
    }
    ids = [good, gone, bad, lost, emptied]
    writes = [
        Write(Op.UPDATE, f"hub:{each}", each, fields.get(each, {"Department": 'Sales, "EU"\nNorth'})) for each in ids
    ]

    outcomes = system.connect(bulk_from=2).write(writes)

    assert [type(each) for each in outcomes] == [Done, Missing, Refused, Unknown, Done]
    assert done([outcomes[0]]).fields["Department"] == 'Sales, "EU"\nNorth'
    assert done([outcomes[4]]).fields["Title"] is None
    assert done([outcomes[4]]).fields["HasOptedOutOfEmail"] is True
    assert done([outcomes[4]]).fields["Department"] == "Buying"


def test_new_contacts_of_a_job_are_known_by_their_keys_and_made_once(system: SalesforceSystem) -> None:
    connector = system.connect(bulk_from=2)
    writes = [Write(Op.CREATE, f"hub:{number}", None, system.new_fields()) for number in range(3)]

    first, second = connector.write(writes), connector.write(writes)

    assert [done([each]).id for each in first] == [done([each]).id for each in second]
    assert [done([each]).key for each in first] == [write.key for write in writes]
    assert len(system.fake.ingests) == 2


@pytest.mark.parametrize("fault", ["fails", "results", "close"])
def test_a_job_that_was_closed_and_not_heard_of_leaves_its_writes_unknown(system: SalesforceSystem, fault: str) -> None:
    ids = system.seed(2)
    assert system.network is not None
    faults = Faults(system.network)
    system.fake.ingest_fails = fault == "fails"
    if fault == "results":
        faults.inject(answered(403), times=None, when=lambda request: request.url.path.endswith("Results"))
    if fault == "close":
        faults.inject(lost_reply, when=lambda request: request.method == "PATCH")
    connector = system.connect(system.context(faults), bulk_from=2)

    outcomes = connector.write([Write(Op.UPDATE, f"hub:{each}", each, {"Department": "Sales"}) for each in ids])

    assert [type(each) for each in outcomes] == [Unknown, Unknown]


def test_a_job_that_takes_too_long_is_ended_there(system: SalesforceSystem) -> None:
    ids = system.seed(2)
    system.fake.ingest_rounds = 1000

    outcomes = system.connect(bulk_from=2).write(
        [Write(Op.UPDATE, f"hub:{each}", each, {"Title": "X"}) for each in ids]
    )

    assert [type(each) for each in outcomes] == [Unknown, Unknown]
    assert [each.state for each in system.fake.ingests.values()] == ["Aborted"]


def test_a_job_that_was_never_closed_was_not_sent(system: SalesforceSystem) -> None:
    ids = system.seed(2)
    assert system.network is not None
    faults = Faults(system.network)
    faults.inject(answered(503), times=None, when=lambda request: request.method == "PUT")
    connector = system.connect(system.context(faults), bulk_from=2)

    outcomes = connector.write([Write(Op.UPDATE, f"hub:{each}", each, {"Department": "Sales"}) for each in ids])

    assert [type(each) for each in outcomes] == [NotSent, NotSent]


def test_where_no_job_can_be_made_the_changes_go_two_hundred_at_a_time(system: SalesforceSystem) -> None:
    ids = system.seed(2)
    assert system.network is not None
    faults = Faults(system.network)
    faults.inject(answered(400, []), times=None, when=lambda request: request.url.path.endswith("/jobs/ingest"))
    connector = system.connect(system.context(faults), bulk_from=2)

    outcomes = connector.write([Write(Op.UPDATE, f"hub:{each}", each, {"Department": "Sales"}) for each in ids])

    assert [type(each) for each in outcomes] == [Done, Done]
