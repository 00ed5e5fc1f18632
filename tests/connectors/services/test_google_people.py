"""Google Contacts: the contract on its stand-in, and what is Google's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import httpx
import pytest

from hub.connectors.contract import Connector
from hub.errors import AccountError, CursorExpired
from hub.model import Done, Missing, NotSent, Op, Refused, Stale, Tombstone, Write
from hub.testing import ConnectorContract
from hub.testing.words import done, items, listing, records, write_all
from tests.connectors.services.systems import NUMBERS, ServiceSystem, address
from tests.fakes.services.google_people import GooglePeople

REFRESH = "1//refresh-right"


class TokenService(httpx.BaseTransport):
    """Gives the token for the right refresh token; everything else goes to the contacts."""

    def __init__(self, inner: httpx.BaseTransport, token: str) -> None:
        self.inner, self.token = inner, token

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host != "oauth2.googleapis.com":
            return self.inner.handle_request(request)
        if b"refresh-right" not in request.read():
            return httpx.Response(400, json={"error": "invalid_grant"}, request=request)
        return httpx.Response(200, json={"access_token": self.token, "expires_in": 3599}, request=request)

    def close(self) -> None:
        self.inner.close()


class Forgetful(httpx.BaseTransport):
    """The stand-in without its memory of what went over the wire, which would be counted as the connector's."""

    def __init__(self, fake: GooglePeople) -> None:
        self.fake = fake

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.fake.exchanges.clear()
        return self.fake.handle_request(request)


class GoogleSystem(ServiceSystem):
    service = "google_people"
    settings: ClassVar[dict[str, Any]] = {
        "client": "hub.apps.example",
        "secret": "client-secret-1",
        "refresh": REFRESH,
        "page_size": 5,
    }
    wrong: ClassVar[dict[str, Any]] = {"refresh": "1//refresh-wrong"}
    secrets = (REFRESH, "1//refresh-wrong", "client-secret-1", "ya29.right")
    hosts = ("people.googleapis.com", "oauth2.googleapis.com")
    nobody = "people/c999999999"
    optional = ("organizations", "organizations")
    choice = ("nicknames", "nicknames")
    plenty = 10_000
    fake: GooglePeople

    def __init__(self, fake: GooglePeople) -> None:
        super().__init__(fake)
        assert self.network is not None
        self.network = TokenService(self.network, "ya29.right")
        self.connector = self.within(self.context())

    def for_plenty(self) -> Connector:
        return self.connect(self.context(TokenService(Forgetful(self.fake), "ya29.right")), page_size=500)

    def seed(self, count: int) -> list[str]:
        home = {"streetAddress": "Rua Um 1", "city": "Porto", "region": "Porto", "postalCode": "4000-001"}
        return [
            self.fake.seed(
                "Marta",
                "",
                emailAddresses=[{"value": address(), "type": "work"}],
                phoneNumbers=[{"value": "+351 912 345 678", "type": "mobile"}],
                addresses=[{**home, "countryCode": "PT", "type": "home"}],
                organizations=[{"name": "Company Lda", "title": "Buyer"}],
                biographies=[{"value": "Met at a fair", "contentType": "TEXT_PLAIN"}],
                birthdays=[{"date": {"year": 1980, "month": 4, "day": 12}}],
                nicknames=[{"value": "Mar"}],
                urls=[{"value": "https://example.org/marta", "type": "work"}],
                names=[
                    {
                        "givenName": "Marta",
                        "middleName": "Ana",
                        "familyName": "Żak",
                        "honorificPrefix": "Dr",
                        "honorificSuffix": "PhD",
                    }
                ],
            )
            for _ in range(count)
        ]

    def edit(self, record_id: str) -> None:
        self.fake.clock.pass_by(1)
        self.fake.edit(record_id, nicknames=[{"value": "Edited"}])

    def remove(self, record_id: str) -> None:
        self.fake.remove(record_id)

    def twin(self, record_id: str) -> str:
        return self.seed(1)[0]

    def settle(self) -> None:
        self.fake.settle()

    def is_write(self, request: httpx.Request) -> bool:
        return super().is_write(request) and request.url.host != "oauth2.googleapis.com"

    def new_fields(self) -> dict[str, Any]:
        return {"names": {"givenName": "Noël", "familyName": "Têtu"}, "emailAddresses": [{"value": address()}]}

    def edit_fields(self) -> dict[str, Any]:
        at = f"https://example.org/{next(NUMBERS)}"
        return {"urls": [{"value": at, "type": "work"}], "biographies": {"value": at, "contentType": "TEXT_PLAIN"}}

    def refused_fields(self) -> dict[str, Any]:
        return {"emailAddresses": [{"value": "no address at all"}]}


@pytest.fixture
def system() -> GoogleSystem:
    return GoogleSystem(GooglePeople())


class TestGooglePeople(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {
        "Texts": "its texts stand in objects and lists: see the tests below",
    }


@pytest.mark.parametrize("text", ["Zoë Ångström-Łódź", "山田 太郎", 'O\'Neil "Bob" \\ <b>&amp;'])
def test_a_text_comes_back_as_it_was_written(system: GoogleSystem, text: str) -> None:
    [record_id] = system.seed(1)

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"biographies": {"value": text}})]))

    assert record.fields["biographies"] == {"value": text}


def test_an_emptied_field_is_gone(system: GoogleSystem) -> None:
    [record_id] = system.seed(1)

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"biographies": None, "urls": []})]))

    assert not record.fields.get("biographies")
    assert not record.fields.get("urls")
    assert record.fields["names"]["givenName"] == "Marta"


def test_a_token_that_ended_after_a_week_asks_for_a_new_listing(system: GoogleSystem) -> None:
    system.seed(1)
    _, cursor = listing(system.connector)
    system.fake.clock.pass_by(timedelta(days=7).total_seconds())

    with pytest.raises(CursorExpired):
        list(system.connector.pull(cursor))


def test_a_quiet_pull_is_one_request(system: GoogleSystem) -> None:
    system.seed(25)
    _, cursor = listing(system.connector)
    before = len(system.requests())

    assert items(system.connector.pull(cursor)) == []
    assert len(system.requests()) - before == 1


def test_what_was_deleted_is_told(system: GoogleSystem) -> None:
    gone, kept = system.seed(2)
    _, cursor = listing(system.connector)
    system.remove(gone)

    found = items(system.connector.pull(cursor))

    assert [each.id for each in found if isinstance(each, Tombstone)] == [gone]
    assert set(records(system.connector.pull(None))) == {kept}


def test_a_deletion_decided_on_an_older_state_is_stale(system: GoogleSystem) -> None:
    [record_id] = system.seed(1)
    version = records(system.connector.pull(None))[record_id].version
    system.edit(record_id)

    assert system.connector.write([Write(Op.DELETE, "hub:1", record_id, {}, version)]) == [Stale()]


def test_a_thousand_new_contacts_are_five_calls(system: GoogleSystem) -> None:
    writes = [Write(Op.CREATE, f"hub:{number}", None, system.new_fields()) for number in range(1000)]

    outcomes = [each for start in range(0, 1000, 200) for each in system.connector.write(writes[start : start + 200])]

    assert len({done([each]).id for each in outcomes}) == 1000
    assert [each.method for each in system.requests()].count("POST") == 5


def updates(system: GoogleSystem, ids: list[str], *fields: dict[str, Any]) -> list[Write]:
    """One of each record, with one of these fields in turn."""
    seen = system.connector.read(ids)
    return [
        Write(Op.UPDATE, f"hub:{each}", each, fields[number % len(fields)], seen[each].version)
        for number, each in enumerate(ids)
    ]


def test_changes_of_different_fields_go_together_with_their_like_and_touch_no_others(system: GoogleSystem) -> None:
    ids = system.seed(30)
    note, place = {"biographies": {"value": "Met again"}}, {"urls": [{"value": "https://example.org/new"}]}
    writes, before = updates(system, ids, note, place, {**note, **place}), system.connector.read(ids)
    system.fake.exchanges.clear()

    outcomes = system.connector.write(writes)

    calls = [each.url.path for each in system.requests()]
    assert calls == ["/v1/people:batchUpdateContacts"] * 3 + ["/v1/people:batchGet"]  # a sample
    for write, outcome in zip(writes, outcomes, strict=True):
        fields = done([outcome]).fields
        assert fields == before[str(write.id)].fields | {name: fields[name] for name in write.fields}
        assert fields["emailAddresses"] == before[str(write.id)].fields["emailAddresses"]


def test_each_change_of_a_call_for_many_ends_as_it_would_alone(system: GoogleSystem) -> None:
    ids = system.seed(8)
    writes = updates(system, ids, {"biographies": {"value": "Met again"}})
    system.edit(ids[2])
    system.remove(ids[5])
    writes.append(Write(Op.UPDATE, "hub:9", system.nobody, {"biographies": {"value": "Nobody"}}))
    two = {"biographies": [{"value": "One"}, {"value": "Two"}]}
    writes[7] = Write(Op.UPDATE, "hub:8", ids[7], two, writes[7].version)

    outcomes = system.connector.write(writes)

    expected = [Done, Done, Stale, Done, Done, Missing, Done, Refused, Missing]
    assert [type(each) for each in outcomes] == expected
    assert [each.op for each in writes if each.id == done(outcomes[:1]).id] == [Op.UPDATE]
    assert system.connector.read(ids)[ids[0]] == done(outcomes[:1])


def test_what_does_not_fit_into_the_time_of_a_batch_goes_with_the_next_one(system: GoogleSystem) -> None:
    """90 requests a minute; more than two minutes would lose the connection to another worker."""
    two = {"biographies": [{"value": "One"}, {"value": "Two"}]}
    writes = updates(system, system.seed(300), two)
    begun = system.clock.seconds()

    outcomes = system.connector.write(writes)

    left = [each for each in outcomes if isinstance(each, NotSent)]
    assert {type(each) for each in outcomes} == {Refused, NotSent}
    assert all(each.untried for each in left)
    assert system.clock.seconds() - begun <= 120


def test_contacts_are_deleted_in_one_call_but_those_that_moved_on(system: GoogleSystem) -> None:
    ids = system.seed(100)
    seen = system.connector.read(ids)
    system.edit(ids[3])
    system.remove(ids[4])
    system.fake.exchanges.clear()

    outcomes = system.connector.write([Write(Op.DELETE, f"hub:{each}", each, {}, seen[each].version) for each in ids])

    calls = [each.url.path for each in system.requests()]
    assert calls == ["/v1/people:batchGet", "/v1/people:batchDeleteContacts"]
    assert [outcomes[3], outcomes[4]] == [Stale(), Missing()]
    assert set(system.connector.read(ids)) == {ids[3]}


def test_a_key_that_is_taken_away_pauses_the_connection_when_several_are_written(system: GoogleSystem) -> None:
    writes = updates(system, system.seed(3), {"biographies": {"value": "Met again"}})
    system.fake.keys = dict.fromkeys(system.fake.keys, False)

    with pytest.raises(AccountError):
        write_all(system.connector, writes)
