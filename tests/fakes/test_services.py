"""The stand-ins are strict: what a vendor refuses, they refuse, and their answers fit the vendor's description."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.fakes.services.brevo import Brevo
from tests.fakes.services.descriptions import described
from tests.fakes.services.google_people import GooglePeople
from tests.fakes.services.hubspot import HubSpot
from tests.fakes.services.listmonk import Listmonk
from tests.fakes.services.mailchimp import Mailchimp, key_of
from tests.fakes.services.twilio import ACCOUNT, OURS, Twilio

CREDENTIALS: dict[str, dict[str, Any]] = {
    "hubspot": {"headers": {"authorization": "Bearer pat-eu1-right"}},
    "mailchimp": {"auth": ("any", "0123456789abcdef0123456789abcdef-us21")},
    "brevo": {"headers": {"api-key": "xkeysib-right"}},
    "listmonk": {"auth": ("hub", "right-token-1")},
    "google_people": {"headers": {"authorization": "Bearer ya29.right"}},
    "twilio": {"auth": (ACCOUNT, "right-auth-token-1")},
}
FIRST = {
    "hubspot": (HubSpot, "/crm/v3/objects/contacts"),
    "mailchimp": (Mailchimp, "/lists/a1b2c3d4e5/members"),
    "brevo": (Brevo, "/contacts"),
    "listmonk": (Listmonk, "/subscribers"),
    "google_people": (GooglePeople, "/people/me/connections?personFields=names"),
    "twilio": (Twilio, f"/Accounts/{ACCOUNT}/Messages.json"),
}


def client_of(fake: Any, name: str, **other: Any) -> httpx.Client:
    return httpx.Client(transport=described(fake, name), base_url=fake.base, **(other or CREDENTIALS[name]))


@pytest.mark.parametrize("name", sorted(FIRST))
def test_who_shows_no_key_or_a_wrong_one_is_refused(name: str) -> None:
    make, path = FIRST[name]

    with client_of(make(), name, headers={"authorization": "Bearer wrong", "api-key": "wrong"}) as client:
        assert client.get(path).status_code in {401, 403}
    with client_of(make(), name) as client:
        assert client.get(path).status_code == 200


# --- HubSpot ----------------------------------------------------------------------------------------

CONTACTS = "/crm/v3/objects/contacts"


@pytest.fixture
def hubspot() -> HubSpot:
    return HubSpot()


@pytest.fixture
def hubspot_client(hubspot: HubSpot) -> Iterator[httpx.Client]:
    with client_of(hubspot, "hubspot") as client:
        yield client


def search(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.post(f"{CONTACTS}/search", json={"limit": 200, **body})


def since(value: str) -> dict[str, Any]:
    rule = {"propertyName": "lastmodifieddate", "operator": "GTE", "value": value}
    return {"filterGroups": [{"filters": [rule]}]}


def test_hubspot_pages_by_cursor_and_refuses_a_page_that_is_too_large(
    hubspot: HubSpot, hubspot_client: httpx.Client
) -> None:
    ids = [hubspot.seed(email=f"a{number}@example.org") for number in range(3)]

    first = hubspot_client.get(CONTACTS, params={"limit": 2}).json()
    second = hubspot_client.get(CONTACTS, params={"limit": 2, "after": first["paging"]["next"]["after"]}).json()

    assert [each["id"] for each in first["results"] + second["results"]] == ids
    assert "paging" not in second
    assert hubspot_client.get(CONTACTS, params={"limit": 101}).status_code == 400


def test_hubspot_finds_a_new_contact_after_ten_seconds_and_a_change_after_a_minute(
    hubspot: HubSpot, hubspot_client: httpx.Client
) -> None:
    contact = hubspot.seed(email="ann@example.org", lastname="Old")
    assert search(hubspot_client).json()["total"] == 0
    hubspot.clock.pass_by(10)
    hubspot.edit(contact, lastname="New")

    soon = search(hubspot_client, properties=["lastname"]).json()["results"][0]
    hubspot.clock.pass_by(60)
    late = search(hubspot_client, properties=["lastname"]).json()["results"][0]

    assert (soon["properties"]["lastname"], late["properties"]["lastname"]) == ("Old", "New")


def test_hubspot_search_takes_in_its_millisecond_and_never_shows_what_is_archived(
    hubspot: HubSpot, hubspot_client: httpx.Client
) -> None:
    first = hubspot.seed(email="a@example.org")
    twin = hubspot.twin(first, email="b@example.org")
    hubspot.settle()
    stamp = hubspot_client.get(f"{CONTACTS}/{first}").json()["updatedAt"]

    found = [each["id"] for each in search(hubspot_client, **since(stamp)).json()["results"]]
    hubspot.archive(twin)

    assert found == [first, twin]
    assert search(hubspot_client, **since(stamp)).json()["total"] == 1
    assert hubspot_client.get(f"{CONTACTS}/{twin}").status_code == 404
    assert hubspot_client.get(f"{CONTACTS}/{twin}", params={"archived": "true"}).json()["archived"] is True


def test_hubspot_search_ends_at_ten_thousand_and_allows_five_a_second(hubspot_client: httpx.Client) -> None:
    assert search(hubspot_client, after="9800").status_code == 200
    assert search(hubspot_client, after="9801").status_code == 400
    assert search(hubspot_client, limit=201).status_code == 400

    statuses = [search(hubspot_client).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


def test_one_bad_row_fails_a_batch_of_hubspot_unless_each_row_has_its_trace(
    hubspot: HubSpot, hubspot_client: httpx.Client
) -> None:
    rows: list[dict[str, Any]] = [{"properties": {"lastname": "A"}}, {"properties": {"no_such": "B"}}]
    traced = [{**row, "objectWriteTraceId": str(number)} for number, row in enumerate(rows)]

    whole = hubspot_client.post(f"{CONTACTS}/batch/create", json={"inputs": rows})
    kept = len(hubspot.things["contacts"])
    partly = hubspot_client.post(f"{CONTACTS}/batch/create", json={"inputs": traced})

    assert (whole.status_code, kept, partly.status_code) == (400, 0, 207)
    assert [each["objectWriteTraceId"] for each in partly.json()["results"]] == ["0"]
    assert partly.json()["errors"][0]["context"] == {"objectWriteTraceId": ["1"]}


@pytest.mark.parametrize("wrong", [{"no_such": "x"}, {"createdate": "x"}, {"email": "x"}, {"lifecyclestage": "x"}])
def test_hubspot_refuses_unknown_read_only_and_invalid_properties(
    hubspot_client: httpx.Client, wrong: dict[str, str]
) -> None:
    answer = hubspot_client.post(CONTACTS, json={"properties": wrong})

    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_hubspot_upserts_by_a_unique_property_and_takes_an_address_only_once(
    hubspot: HubSpot, hubspot_client: httpx.Client
) -> None:
    hubspot.seed(email="ann@example.org")
    row = {"id": "hub:1", "idProperty": "hub_id", "properties": {"lastname": "X"}}

    told = [
        hubspot_client.post(f"{CONTACTS}/batch/upsert", json={"inputs": [row]}).json()["results"][0] for _ in range(2)
    ]

    assert [each["new"] for each in told] == [True, False]
    assert told[0]["id"] == told[1]["id"]
    taken = hubspot_client.post(CONTACTS, json={"properties": {"email": "Ann@example.org"}})
    assert (taken.status_code, taken.json()["category"]) == (409, "CONFLICT")


def test_hubspot_takes_a_step_back_of_the_stage_and_ignores_it(hubspot: HubSpot, hubspot_client: httpx.Client) -> None:
    contact = hubspot.seed(email="ann@example.org", lifecyclestage="customer")

    answer = hubspot_client.patch(f"{CONTACTS}/{contact}", json={"properties": {"lifecyclestage": "lead"}})

    assert (answer.status_code, answer.json()["properties"]["lifecyclestage"]) == (200, "customer")


def test_hubspot_does_not_subscribe_again_who_opted_out_himself(hubspot: HubSpot, hubspot_client: httpx.Client) -> None:
    body = {"emailAddress": "ann@example.org", "subscriptionId": "101", "legalBasis": "CONSENT_WITH_NOTICE"}
    assert hubspot_client.post("/communication-preferences/v3/subscribe", json=body).status_code == 200
    hubspot.opt_out("ann@example.org")

    again = hubspot_client.post("/communication-preferences/v3/subscribe", json=body)
    status = hubspot_client.get("/communication-preferences/v3/status/email/ann@example.org").json()

    assert again.status_code == 400
    assert [each["status"] for each in status["subscriptionStatuses"]] == ["NOT_SUBSCRIBED"]


def test_hubspot_forgets_for_good(hubspot: HubSpot, hubspot_client: httpx.Client) -> None:
    contact = hubspot.seed(email="ann@example.org")

    hubspot_client.post(f"{CONTACTS}/gdpr-delete", json={"objectId": contact})

    assert hubspot_client.post(CONTACTS, json={"properties": {"email": "ann@example.org"}}).status_code == 400


# --- Mailchimp --------------------------------------------------------------------------------------

MEMBERS = "/lists/a1b2c3d4e5/members"


@pytest.fixture
def mailchimp() -> Mailchimp:
    return Mailchimp()


@pytest.fixture
def mailchimp_client(mailchimp: Mailchimp) -> Iterator[httpx.Client]:
    with client_of(mailchimp, "mailchimp") as client:
        yield client


def put(client: httpx.Client, email: str, **body: Any) -> httpx.Response:
    body = {"email_address": email, "status_if_new": "subscribed", **body}
    return client.put(f"{MEMBERS}/{key_of(email)}", json=body)


def test_mailchimp_lists_the_archived_only_when_asked(mailchimp: Mailchimp, mailchimp_client: httpx.Client) -> None:
    kept, gone = mailchimp.seed("a@example.org"), mailchimp.seed("b@example.org")
    assert mailchimp_client.delete(f"{MEMBERS}/{gone}").status_code == 204

    listed = mailchimp_client.get(MEMBERS, params={"count": 1000}).json()
    archived = mailchimp_client.get(MEMBERS, params={"status": "archived"}).json()

    assert [each["id"] for each in listed["members"]] == [kept]
    assert [each["id"] for each in archived["members"]] == [gone]
    assert mailchimp_client.delete(f"{MEMBERS}/{gone}").status_code == 405
    assert mailchimp_client.get(MEMBERS, params={"count": 1001}).status_code == 400


def test_mailchimp_sets_a_status_of_new_members_only(mailchimp: Mailchimp, mailchimp_client: httpx.Client) -> None:
    new = put(mailchimp_client, "new@example.org").json()
    mailchimp.leave(new["id"])

    again = put(mailchimp_client, "new@example.org", merge_fields={"FNAME": "Ann", "NO_SUCH": "x"}).json()

    assert (new["status"], again["status"]) == ("subscribed", "unsubscribed")
    assert again["merge_fields"]["FNAME"] == "Ann"
    assert "NO_SUCH" not in again["merge_fields"]


@pytest.mark.parametrize("status", ["unsubscribed", "cleaned"])
def test_mailchimp_lets_nobody_be_subscribed_again_who_left_or_bounced(
    mailchimp: Mailchimp, mailchimp_client: httpx.Client, status: str
) -> None:
    key = mailchimp.seed("a@example.org")
    mailchimp.leave(key, status)

    refused = mailchimp_client.patch(f"{MEMBERS}/{key}", json={"status": "subscribed"})
    asked = mailchimp_client.patch(f"{MEMBERS}/{key}", json={"status": "pending"})

    assert (refused.status_code, refused.json()["title"]) == (400, "Member In Compliance State")
    assert refused.headers["content-type"].startswith("application/problem+json")
    assert asked.json()["status"] == "pending"
    assert mailchimp.confirmations == ["a@example.org"]


def test_mailchimp_does_not_take_back_whom_it_forgot(mailchimp: Mailchimp, mailchimp_client: httpx.Client) -> None:
    key = mailchimp.seed("a@example.org")
    mailchimp_client.post(f"{MEMBERS}/{key}/actions/delete-permanent")

    answer = put(mailchimp_client, "a@example.org")

    assert (answer.status_code, answer.json()["title"]) == (400, "Forgotten Email Not Subscribed")


def test_mailchimp_tells_which_rows_of_a_batch_failed(mailchimp: Mailchimp, mailchimp_client: httpx.Client) -> None:
    mailchimp.seed("known@example.org")
    rows = [{"email_address": name, "status": "subscribed"} for name in ("new@example.org", "known@example.org", "bad")]

    told = mailchimp_client.post("/lists/a1b2c3d4e5", json={"members": rows}).json()
    too_many = mailchimp_client.post("/lists/a1b2c3d4e5", json={"members": [rows[0]] * 501})

    assert [each["error_code"] for each in told["errors"]] == ["ERROR_CONTACT_EXISTS", "ERROR_GENERIC"]
    assert (told["total_created"], told["total_updated"], told["error_count"]) == (1, 0, 2)
    assert too_many.status_code == 400


def test_mailchimp_knows_changes_by_the_second(mailchimp: Mailchimp, mailchimp_client: httpx.Client) -> None:
    mailchimp.clock.pass_by(0.4)
    key = mailchimp.seed("a@example.org")
    mailchimp.clock.pass_by(0.4)
    mailchimp.edit(key, FNAME="Ann")
    changed = mailchimp_client.get(f"{MEMBERS}/{key}").json()["last_changed"]

    there = mailchimp_client.get(MEMBERS, params={"since_last_changed": changed}).json()["total_items"]
    mailchimp.since_takes_in_its_second = False
    without = mailchimp_client.get(MEMBERS, params={"since_last_changed": changed}).json()["total_items"]

    assert (there, without) == (1, 0)


# --- Brevo ------------------------------------------------------------------------------------------


@pytest.fixture
def brevo() -> Brevo:
    return Brevo()


@pytest.fixture
def brevo_client(brevo: Brevo) -> Iterator[httpx.Client]:
    with client_of(brevo, "brevo") as client:
        yield client


def test_brevo_creates_updates_and_names_what_is_taken(brevo: Brevo, brevo_client: httpx.Client) -> None:
    brevo.seed("other@example.org", SMS="351912345678")
    body = {"email": "ann@example.org", "attributes": {"FIRSTNAME": "Ann", "no_such": "x"}, "updateEnabled": True}

    created, updated = brevo_client.post("/contacts", json=body), brevo_client.post("/contacts", json=body)
    taken = brevo_client.post("/contacts", json={**body, "attributes": {"SMS": "+351912345678"}})

    assert (created.status_code, updated.status_code, updated.content) == (201, 204, b"")
    assert brevo_client.get(f"/contacts/{created.json()['id']}").json()["attributes"] == {"FIRSTNAME": "Ann"}
    assert (taken.status_code, taken.json()["metadata"]) == (400, {"duplicate_identifiers": ["SMS"]})


def test_brevo_sorts_by_creation_and_shows_what_was_changed_after(brevo: Brevo, brevo_client: httpx.Client) -> None:
    first, second = brevo.seed("a@example.org"), brevo.seed("b@example.org")
    stamp = brevo_client.get(f"/contacts/{first}").json()["modifiedAt"]
    brevo.clock.pass_by(0.002)
    brevo.edit(first, FIRSTNAME="Ann")

    later = brevo_client.get("/contacts", params={"modifiedSince": stamp}).json()
    pages = [brevo_client.get("/contacts", params={"limit": 1, "offset": at, "sort": "asc"}).json() for at in range(2)]

    assert [each["id"] for each in later["contacts"]] == [int(first)]
    assert [page["contacts"][0]["id"] for page in pages] == [int(first), int(second)]
    assert brevo_client.get("/contacts", params={"limit": 1001}).status_code == 400
    assert brevo_client.get("/contacts", params={"modifiedSince": "2026-01-01"}).status_code == 400


def test_brevo_deletes_without_a_trace(brevo: Brevo, brevo_client: httpx.Client) -> None:
    key = brevo.seed("a@example.org")

    statuses = [brevo_client.delete(f"/contacts/{key}").status_code for _ in range(2)]

    assert statuses == [204, 404]


def test_brevo_tells_its_limit_and_keeps_it(brevo: Brevo, brevo_client: httpx.Client) -> None:
    answers = [brevo_client.get("/contacts") for _ in range(11)]
    brevo.clock.pass_by(1)

    assert [each.status_code for each in answers] == [200] * 10 + [429]
    assert answers[0].headers["x-sib-ratelimit-remaining"] == "9"
    assert brevo_client.get("/contacts").status_code == 200


# --- listmonk ---------------------------------------------------------------------------------------


@pytest.fixture
def listmonk() -> Listmonk:
    return Listmonk()


@pytest.fixture
def listmonk_client(listmonk: Listmonk) -> Iterator[httpx.Client]:
    with client_of(listmonk, "listmonk") as client:
        yield client


def data(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_a_replaced_subscriber_of_listmonk_loses_what_is_left_out_and_a_patched_one_nothing(
    listmonk: Listmonk, listmonk_client: httpx.Client
) -> None:
    first, second = (listmonk.seed(f"{name}@example.org", "Ann", 3, hub_id=name) for name in "ab")

    replaced = data(listmonk_client.put(f"/subscribers/{first}", json={"email": "a@example.org", "name": "Eva"}))
    patched = listmonk_client.patch(f"/subscribers/{second}", json={"name": "Eva", "attribs": {"city": "Porto"}})

    assert (replaced["name"], replaced["lists"], replaced["attribs"]) == ("Eva", [], {})
    kept = data(patched)
    assert [each["id"] for each in kept["lists"]] == [3]
    assert kept["attribs"] == {"hub_id": "b", "city": "Porto"}


def test_listmonk_understands_times_attributes_and_memberships_in_queries(
    listmonk: Listmonk, listmonk_client: httpx.Client
) -> None:
    first, second = listmonk.seed("a@example.org", hub_id="hub:1"), listmonk.seed("b@example.org")
    start = listmonk.clock().isoformat()
    listmonk.clock.pass_by(1)
    listmonk.leave(second)

    def found(query: str) -> list[str]:
        rows = data(listmonk_client.get("/subscribers", params={"query": query, "order": "ASC"}))["results"]
        return [str(each["id"]) for each in rows]

    member = f"subscribers.id IN (SELECT subscriber_id FROM subscriber_lists WHERE updated_at > '{start}')"
    assert found("subscribers.attribs->>'hub_id' = 'hub:1'") == [first]
    assert found(f"subscribers.updated_at > '{start}'") == []
    assert found(f"(subscribers.updated_at > '{start}' OR {member}) AND subscribers.id > 0") == [second]
    assert listmonk_client.get("/subscribers", params={"query": "1; DROP TABLE x"}).status_code == 400
    listmonk.may_query = False
    assert listmonk_client.get("/subscribers", params={"query": "subscribers.id > 0"}).status_code == 403


def test_listmonk_cuts_pages_at_fifty_without_a_word(listmonk: Listmonk, listmonk_client: httpx.Client) -> None:
    for number in range(60):
        listmonk.seed(f"a{number}@example.org")

    page = data(listmonk_client.get("/subscribers", params={"per_page": 100}))
    whole = data(listmonk_client.get("/subscribers", params={"per_page": "all"}))

    assert (len(page["results"]), page["per_page"], page["total"]) == (50, 50, 60)
    assert len(whole["results"]) == 60


def test_listmonk_refuses_a_known_address_and_sends_a_mail_for_double_opt_in(
    listmonk: Listmonk, listmonk_client: httpx.Client
) -> None:
    body = {"email": "Ann@example.org", "name": "", "lists": [4, 99]}

    made = data(listmonk_client.post("/subscribers", json=body))
    again = listmonk_client.post("/subscribers", json=body)

    assert (made["email"], made["name"], [each["id"] for each in made["lists"]]) == ("ann@example.org", "Ann", [4])
    assert (again.status_code, again.json()) == (409, {"message": "E-mail already exists."})
    assert listmonk.mails == ["ann@example.org"]
    assert listmonk_client.get("/subscribers/999").status_code == 400


# --- Google People ----------------------------------------------------------------------------------

FIELDS = {"personFields": "names,emailAddresses,metadata", "requestSyncToken": "true"}


@pytest.fixture
def google() -> GooglePeople:
    return GooglePeople()


@pytest.fixture
def google_client(google: GooglePeople) -> Iterator[httpx.Client]:
    with client_of(google, "google_people") as client:
        yield client


def connections(client: httpx.Client, **params: Any) -> httpx.Response:
    return client.get("/people/me/connections", params={**FIELDS, **params})


def test_google_tells_what_changed_since_a_token_and_what_is_gone(
    google: GooglePeople, google_client: httpx.Client
) -> None:
    kept, gone = google.seed("Ann", "a@example.org"), google.seed("Eva", "b@example.org")
    token = connections(google_client).json()["nextSyncToken"]
    google.remove(gone)
    new = google.rename(kept)

    changed = connections(google_client, syncToken=token).json()

    rows = {each["resourceName"]: each["metadata"] for each in changed["connections"]}
    assert rows[gone]["deleted"] is True
    assert rows[new]["previousResourceNames"] == [kept]
    quiet = connections(google_client, syncToken=changed["nextSyncToken"]).json()
    assert "connections" not in quiet


def test_a_token_of_google_ends_after_seven_days_with_a_400(google: GooglePeople, google_client: httpx.Client) -> None:
    token = connections(google_client).json()["nextSyncToken"]
    google.clock.pass_by(timedelta(days=7).total_seconds())

    answer = connections(google_client, syncToken=token)

    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["reason"] == "EXPIRED_SYNC_TOKEN"


def test_the_pages_of_google_repeat_every_parameter(google: GooglePeople, google_client: httpx.Client) -> None:
    for number in range(3):
        google.seed("Ann", f"a{number}@example.org")
    first = connections(google_client, pageSize=2).json()

    token = first["nextPageToken"]
    other = connections(google_client, pageToken=token)
    second = connections(google_client, pageSize=2, pageToken=token).json()

    assert other.status_code == 400
    assert len(first["connections"]) + len(second["connections"]) == 3
    assert "nextSyncToken" in second
    assert google_client.get("/people/me/connections").status_code == 400


def test_a_write_to_google_needs_the_etag_and_replaces_fields_whole(
    google: GooglePeople, google_client: httpx.Client
) -> None:
    name = google.seed("Ann", "a@example.org")
    etag = google_client.get(f"/{name}", params=FIELDS | {"requestSyncToken": []}).json()["etag"]
    body = {"etag": etag, "names": [{"givenName": "Eva"}]}

    def update(**fields: Any) -> httpx.Response:
        asked = {"updatePersonFields": "names", "personFields": "names"}
        return google_client.patch(f"/{name}:updateContact", params=asked, json={**body, **fields})

    assert update(etag=None).status_code == 400
    assert update(names=[{"givenName": "A"}, {"givenName": "B"}]).status_code == 400
    assert [each.get("familyName") for each in update().json()["names"]] == [None]
    stale = update()
    assert (stale.status_code, stale.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")


def test_one_bad_contact_fails_a_batch_of_google_and_is_named(
    google: GooglePeople, google_client: httpx.Client
) -> None:
    people = [{"contactPerson": {"emailAddresses": [{"value": value}]}} for value in ("a@example.org", "bad")]
    body = {"contacts": people, "readMask": "emailAddresses"}

    answer = google_client.post("/people:batchCreateContacts", json=body)

    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"][0]["contactErrors"]) == ["1"]
    assert google.people == {}
    too_many = google_client.post("/people:batchCreateContacts", json={**body, "contacts": people[:1] * 201})
    assert too_many.status_code == 400


def test_a_write_is_seen_by_google_s_token_after_a_while(google: GooglePeople, google_client: httpx.Client) -> None:
    token = connections(google_client).json()["nextSyncToken"]
    google_client.post("/people:createContact", json={"names": [{"givenName": "Ann"}]})

    soon = connections(google_client, syncToken=token).json()
    google.settle()
    late = connections(google_client, syncToken=soon["nextSyncToken"]).json()

    assert "connections" not in soon
    assert len(connections(google_client).json()["connections"]) == 1
    assert len(late["connections"]) == 1


# --- Twilio -----------------------------------------------------------------------------------------

MESSAGES = f"/Accounts/{ACCOUNT}/Messages.json"


@pytest.fixture
def twilio() -> Twilio:
    return Twilio()


@pytest.fixture
def twilio_client(twilio: Twilio) -> Iterator[httpx.Client]:
    with client_of(twilio, "twilio") as client:
        yield client


def test_twilio_lists_the_newest_first_and_gives_the_path_of_the_next_page(
    twilio: Twilio, twilio_client: httpx.Client
) -> None:
    sids = []
    for number in range(3):
        sids.append(twilio.receive(f"+35191234567{number}"))
        twilio.clock.pass_by(1)

    first = twilio_client.get(MESSAGES, params={"PageSize": 2}).json()
    second = twilio_client.get("https://api.twilio.com" + first["next_page_uri"]).json()

    assert [each["sid"] for each in first["messages"] + second["messages"]] == sids[::-1]
    assert second["next_page_uri"] is None
    assert twilio_client.get(MESSAGES, params={"PageSize": 1001}).status_code == 400


def test_the_times_of_twilio_are_whole_seconds_and_both_ends_are_taken_in(
    twilio: Twilio, twilio_client: httpx.Client
) -> None:
    twilio.receive("+351912345670")
    at = twilio.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    later = (twilio.clock() + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def count(**params: str) -> int:
        return len(twilio_client.get(MESSAGES, params=params).json()["messages"])

    assert count(**{"DateSent>": at, "DateSent<": at}) == 1
    assert count(**{"DateSent>": later}) == 0
    assert count(DateSent=at[:10]) == 1


def test_twilio_sends_nothing_to_who_said_stop_until_the_start(twilio: Twilio, twilio_client: httpx.Client) -> None:
    form = {"To": "+351912345670", "From": OURS, "Body": "Hello"}
    assert twilio_client.post(MESSAGES, data=form).status_code == 201
    twilio.receive("+351912345670", "Stop")

    refused = twilio_client.post(MESSAGES, data=form)
    twilio.receive("+351912345670", "START")

    assert (refused.status_code, refused.json()["code"]) == (400, 21610)
    assert twilio_client.post(MESSAGES, data=form).status_code == 201
    assert twilio_client.post(MESSAGES, data={**form, "To": "912"}).json()["code"] == 21211
