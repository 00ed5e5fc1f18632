"""SCIM: the contract on a real server in every kind that services come in, and what is SCIM's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.contract import Can, Connector, Context, Promise
from hub.connectors.scim import ScimConnector, ScimSettings
from hub.connectors.scim_http import read_offer, told
from hub.connectors.scim_user import ENTERPRISE, leaves, merged, new_user, patch, read_user, whole
from hub.errors import AccountError, ConfigError, CursorExpired, RecordError, TransientError
from hub.mapping.spec import load_mapping
from hub.model import Done, Missing, NotSent, Op, Outcome, Page, Record, Refused, Stale, Unknown, Unreadable, Write
from hub.testing import ConnectorContract, System
from tests.fakes.scim import KINDS, TOKEN, URL, USER, Scim

COMPLETE: dict[str, Any] = {
    "schemas": [USER, ENTERPRISE],
    "displayName": "Rita Vaz",
    "nickName": "Rit",
    "profileUrl": "https://people.example.org/rita",
    "preferredLanguage": "pt",
    "timezone": "Europe/Lisbon",
    "phoneNumbers": [{"value": "+351912345678", "type": "mobile"}],
    "addresses": [
        {
            "streetAddress": "Rua 1",
            "locality": "Porto",
            "region": "Porto",
            "postalCode": "4000-001",
            "country": "PT",
            "type": "work",
        }
    ],
    ENTERPRISE: {"organization": "Acme", "department": "Sales", "employeeNumber": "701984"},
}
NAME = {"middleName": "Maria", "honorificPrefix": "Dr.", "honorificSuffix": "III"}


class ScimSystem(System):
    secrets = (TOKEN,)
    text = "nickName"
    optional = ("title", "title")
    choice = ("preferredLanguage", "preferredLanguage")
    sparse: ClassVar[dict[str, str]] = {"groups[].display": "the users of these tests are in no group"}

    def __init__(self, kind: str) -> None:
        self.server = Scim(KINDS[kind])
        self.network = self.server.network
        self.context_ = Context("idp", sleep=lambda seconds: None, transport=self.network)
        self.connector = self.connect()
        self.number = 0

    def connect(self, *, context: Context | None = None, **changed: Any) -> ScimConnector:
        settings = {"url": URL, "secret": TOKEN, "page_size": 5, **changed}
        return ScimConnector(ScimSettings.model_validate(settings), context or self.context_)

    def over(self, transport: Any, *args: Any, **named: Any) -> Any:
        if isinstance(transport, httpx.BaseTransport):
            return self.connect(context=replace(self.context_, transport=transport))
        return super().over(transport, *args, **named)

    def within(self, context: Context) -> Connector:
        return self.connect(context=context)

    def seed(self, count: int) -> list[str]:
        return [self.server.add(**COMPLETE, **self.named()) for _ in range(count)]

    def named(self) -> dict[str, Any]:
        self.number += 1
        return {"name": {"givenName": "Rita", "familyName": f"Vaz {self.number}", **NAME}}

    def edit(self, record_id: str) -> None:
        self.number += 1
        self.server.change(record_id, title=f"Clerk {self.number}")

    def remove(self, record_id: str) -> None:
        self.server.remove(record_id)

    def put_away(self, record_id: str) -> None:
        self.server.change(record_id, active=False)

    def twin(self, record_id: str) -> str:
        at = datetime.fromisoformat(self.server.show(record_id)["meta"]["lastModified"])
        before, self.server.now = self.server.now, lambda: at
        try:
            return self.server.add()
        finally:
            self.server.now = before

    def ignore_writes(self) -> None:
        self.server.network.ignoring = True

    def new_fields(self) -> dict[str, Any]:
        self.number += 1
        name = f"otavio{self.number}@example.org"
        return {"name": {"givenName": "Otávio"}, "emails": [{"value": name, "type": "work"}], "title": "Clerk"}

    def edit_fields(self) -> dict[str, Any]:
        self.number += 1
        return {"nickName": f"Tavo {self.number}"}

    def refused_fields(self) -> dict[str, Any]:
        return {"userName": "refused@example.org", "emails": [{"value": {"no": "address"}}]}

    def unreachable(self) -> Connector:
        def fails(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused", request=request)

        return self.connect(context=replace(self.context_, transport=httpx.MockTransport(fails)))

    def wrong_key(self) -> Connector:
        return self.connect(secret="wrong-token-1")


@pytest.fixture(params=sorted(KINDS))
def system(request: pytest.FixtureRequest) -> Iterator[ScimSystem]:
    found = ScimSystem(request.param)
    with found.context_.closing:
        yield found


@pytest.fixture
def full() -> Iterator[ScimSystem]:
    found = ScimSystem("full")
    with found.context_.closing:
        yield found


class TestScim(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {
        "test_ten_thousand_records_are_listed_in_little_memory": "their server needs minutes to hold so many",
    }

    @pytest.fixture(params=["cursors", "plain"])
    def system(self, request: pytest.FixtureRequest) -> Iterator[ScimSystem]:
        """All that a service may offer, and nothing of it."""
        found = ScimSystem(request.param)
        with found.context_.closing:
            yield found


# --- words of these tests ---------------------------------------------------------------------------


def records(pages: Any) -> dict[str, Record]:
    return {item.id: item for page in pages for item in page.items if isinstance(item, Record)}


def done(outcomes: list[Outcome]) -> Record:
    [outcome] = outcomes
    assert isinstance(outcome, Done), outcome
    assert outcome.record is not None
    return outcome.record


def create(name: str, **more: Any) -> Write:
    return Write(Op.CREATE, f"hub:{name}", None, {"emails": [{"value": f"{name}@example.org"}], **more})


class Meddler(httpx.BaseTransport):
    """The server, where an answer can be changed or lost."""

    def __init__(self, network: httpx.BaseTransport, change: Any) -> None:
        self._network, self._change = network, change
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        response = self._network.handle_request(request)
        response.read()
        changed = self._change(request, response)
        assert changed is None or isinstance(changed, httpx.Response)
        return changed or response


# --- reading ----------------------------------------------------------------------------------------


def test_truth_as_a_text_and_names_in_capitals_are_read() -> None:
    record = read_user(
        {
            "ID": "7",
            "UserName": "ann",
            "Active": "False",
            "emails": [{"Value": "ann@example.org", "primary": "True"}],
            "Meta": {"lastModified": "2026-01-02T03:04:05.1234567Z"},
            ENTERPRISE.upper(): {"Department": "Sales"},
            "x-own": {"Kept": 1},
        }
    )

    assert record.archived
    assert record.fields["emails"] == [{"value": "ann@example.org", "primary": True}]
    assert record.fields["enterprise"] == {"department": "Sales"}
    assert record.fields["x-own"] == {"Kept": 1}
    assert record.changed_at == datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)


def test_a_user_that_is_none_is_set_aside_and_the_others_are_read(full: ScimSystem) -> None:
    good, bad = full.seed(2)

    def spoil(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
        if request.method != "GET" or not request.url.path.endswith("/Users"):
            return None
        body = orjson.loads(response.content)
        for each in body["Resources"]:
            if each["id"] == bad:
                each["meta"]["lastModified"] = "yesterday"
        return httpx.Response(200, json=body, request=request)

    connector = full.connect(changes="listing", context=replace(full.context_, transport=Meddler(full.network, spoil)))
    items = [item for page in connector.pull(None) for item in page.items]

    assert [item.id for item in items if isinstance(item, Record)] == [good]
    assert [item.id for item in items if isinstance(item, Unreadable)] == [bad]


def test_a_user_who_leaves_while_pages_are_read_hides_nobody() -> None:
    system = ScimSystem("plain")
    first, *rest = system.seed(25)
    pages = system.connector.pull(None)
    begun = [next(pages)]

    system.remove(first)

    assert set(rest) <= set(records([*begun, *pages]))


def test_users_that_never_stand_still_are_left_for_later() -> None:
    system = ScimSystem("plain")
    system.seed(15)

    def restless(request: httpx.Request, response: httpx.Response) -> None:
        if request.url.params.get("startIndex") == "1":
            system.seed(1)

    connector = system.connect(context=replace(system.context_, transport=Meddler(system.network, restless)))

    with pytest.raises(TransientError, match="nothing is concluded"):
        list(connector.pull(None))


def test_a_cursor_that_is_forgotten_in_the_middle_begins_the_listing_anew() -> None:
    system = ScimSystem("cursors")
    ids = system.seed(25)
    lost = [1]

    def forget(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
        if request.url.params.get("cursor") and lost:
            lost.pop()
            body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "scimType": "expiredCursor"}
            return httpx.Response(400, json={**body, "status": "400"}, request=request)
        return None

    connector = system.connect(context=replace(system.context_, transport=Meddler(system.network, forget)))

    found = [item.id for page in connector.pull(None) for item in page.items]

    assert not lost
    assert sorted(found) == sorted(ids)


def test_a_quiet_cycle_is_one_request(full: ScimSystem) -> None:
    full.seed(3)
    meddler = Meddler(full.network, lambda request, response: None)
    connector = full.connect(context=replace(full.context_, transport=meddler))
    cursor = list(connector.pull(None))[-1].cursor
    meddler.requests.clear()

    list(connector.pull(cursor))

    assert len(meddler.requests) == 1


def test_what_is_committed_late_is_read_again_until_the_overlap_has_passed(full: ScimSystem) -> None:
    full.seed(1)
    cursor = list(full.connector.pull(None))[-1].cursor
    late = datetime.now(UTC) - timedelta(seconds=200)
    full.server.now = lambda: late

    new = full.seed(1)

    assert set(new) <= set(records(full.connector.pull(cursor)))


def test_a_service_without_filters_is_listed_or_says_so() -> None:
    system = ScimSystem("plain")
    system.seed(1)
    page = list(system.connector.pull(None))[-1]

    def plain(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
        if not request.url.path.endswith("ServiceProviderConfig"):
            return None
        body = {**orjson.loads(response.content), "filter": {"supported": False}}
        return httpx.Response(200, json=body, request=request)

    context = replace(system.context_, transport=Meddler(system.network, plain))

    with pytest.raises(ConfigError, match="changes: listing"):
        list(system.connect(context=context).pull(page.cursor))
    assert any("no filters" in line for line in system.connect(context=context).check().warnings)
    assert system.connect(context=context, changes="listing").can.changes is False


def test_a_listing_only_connection_reads_all_each_time(full: ScimSystem) -> None:
    ids = full.seed(2)
    connector = full.connect(changes="listing")

    assert set(records(connector.pull(None))) == set(ids)
    with pytest.raises(CursorExpired):
        list(connector.pull("{}"))


def test_only_users_of_the_condition_are_read(full: ScimSystem) -> None:
    full.seed(2)
    wanted = full.server.add(userType="Customer")
    connector = full.connect(condition='userType eq "Customer"')
    pages = list(connector.pull(None))

    assert set(records(pages)) == {wanted}
    assert set(records(connector.pull(pages[-1].cursor))) == {wanted}


def test_a_page_that_is_no_scim_is_nothing_to_conclude_from(full: ScimSystem) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"hello": "world"}))
    connector = full.connect(context=replace(full.context_, transport=transport), changes="listing")

    with pytest.raises(TransientError, match=r"does not speak SCIM"):
        list(connector.pull(None))


def test_an_account_without_rights_is_told_to_the_owner(full: ScimSystem) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(403, json={}))
    connector = full.connect(context=replace(full.context_, transport=transport))

    with pytest.raises(AccountError):
        connector.check()


# --- writing ----------------------------------------------------------------------------------------


def test_what_the_hub_does_not_know_survives_a_whole_user_being_put() -> None:
    system = ScimSystem("plain")
    user = system.server.add(nickName="Rit", timezone="Europe/Lisbon")

    done(system.connector.write([Write(Op.UPDATE, "hub:1", user, {"title": "Head"})]))

    shown = system.server.show(user)
    assert (shown["title"], shown["nickName"], shown["timezone"]) == ("Head", "Rit", "Europe/Lisbon")
    assert shown["emails"][0]["primary"] is True


def test_an_email_that_stays_keeps_what_else_is_known_of_it(system: ScimSystem) -> None:
    user = system.server.add()
    address = system.server.show(user)["emails"][0]["value"]
    new = [{"value": address, "type": "work"}, {"value": "second@example.org", "type": "home"}]

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", user, {"emails": new})]))

    assert record.fields["emails"] == [{**new[0], "primary": True}, new[1]]


def test_parts_are_emptied_and_the_others_stay(system: ScimSystem) -> None:
    user = system.server.add(**{"schemas": [USER, ENTERPRISE], ENTERPRISE: {"organization": "Acme", "department": "A"}})
    fields = {"enterprise": {"organization": None, "department": "B"}, "title": None, "name": {"givenName": "Ana"}}

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", user, fields)]))

    assert record.fields["enterprise"] == {"department": "B"}
    assert "title" not in record.fields
    assert record.fields["name"]["givenName"] == "Ana"
    assert record.fields["name"]["familyName"].startswith("Vaz")


def test_a_change_between_reading_and_writing_is_refused_by_the_service(full: ScimSystem) -> None:
    user = full.server.add()
    once = [1]

    def sneak(request: httpx.Request, response: httpx.Response) -> None:
        if request.method == "GET" and request.url.path.endswith(user) and once:
            once.pop()
            full.edit(user)

    connector = full.connect(context=replace(full.context_, transport=Meddler(full.network, sneak)))

    assert connector.write([Write(Op.UPDATE, "hub:1", user, {"nickName": "x"})]) == [Stale()]
    assert "nickName" not in full.server.show(user)


def test_a_thousand_writes_go_in_bulk_requests(full: ScimSystem) -> None:
    meddler = Meddler(full.network, lambda request, response: None)
    connector = full.connect(context=replace(full.context_, transport=meddler))

    outcomes = connector.write([create(f"b{number}") for number in range(100)])

    assert all(isinstance(each, Done) for each in outcomes)
    posts = [each for each in meddler.requests if each.method == "POST"]
    assert len(posts) == 5  # of 20 operations each, as the service offers
    assert all(len(each.content) <= 20_000 for each in posts)


def test_in_a_bulk_request_only_the_bad_ones_are_refused(full: ScimSystem) -> None:
    user = full.server.add()
    bad = create("bad", nickName={"no": "text"})

    outcomes = full.connector.write(
        [
            create("good"),
            bad,
            Write(Op.UPDATE, "hub:1", user, {"title": "Head"}),
            Write(Op.DELETE, "hub:2", "nobody", {}),
        ]
    )

    assert [type(each) for each in outcomes] == [Done, Refused, Done, Missing]


def test_a_user_name_that_is_taken_is_refused_without_naming_it(system: ScimSystem) -> None:
    taken = system.server.show(system.server.add())["userName"]

    [outcome] = system.connector.write([Write(Op.CREATE, "hub:9", None, {"userName": taken})])

    assert isinstance(outcome, Refused)
    assert taken not in outcome.reason


def test_a_create_whose_reply_is_lost_is_found_by_its_key(system: ScimSystem) -> None:
    def lose(request: httpx.Request, response: httpx.Response) -> None:
        if request.method == "POST":
            raise httpx.ReadTimeout("lost", request=request)

    connector = system.connect(context=replace(system.context_, transport=Meddler(system.network, lose)))

    [outcome] = connector.write([create("lost")])

    assert isinstance(outcome, Unknown)
    found = system.connector.find("hub:lost")
    assert found is not None
    assert system.connector.write([create("lost")]) == [Done(found, existed=True)]


def test_a_new_user_is_called_by_email_or_key_and_never_by_nothing() -> None:
    emails = [{"value": "ann@example.org"}]

    assert new_user({"emails": emails}, "hub:1", "email")["userName"] == "ann@example.org"
    assert new_user({"emails": emails}, "hub:1", "key")["userName"] == "hub:1"
    with pytest.raises(RecordError):
        new_user({"title": "x"}, None, "email")


@pytest.mark.parametrize("name", ["groups", "password", "active", "id", "meta"])
def test_what_is_not_the_contacts_own_is_not_written(full: ScimSystem, name: str) -> None:
    [outcome] = full.connector.write([Write(Op.UPDATE, "hub:1", full.server.add(), {name: "x"})])

    assert isinstance(outcome, Refused)


def test_a_busy_service_is_not_sent_to_again_at_once(full: ScimSystem) -> None:
    user = full.server.add()

    def busy(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
        return httpx.Response(429, json={}, request=request) if request.method == "PATCH" else None

    connector = full.connect(context=replace(full.context_, transport=Meddler(full.network, busy)))

    [outcome] = connector.write([Write(Op.UPDATE, "hub:1", user, {"title": "x"})])

    assert isinstance(outcome, NotSent)


def test_without_external_id_the_outcome_of_a_lost_create_goes_to_a_person(full: ScimSystem) -> None:
    connector = full.connect(external_id=False)

    assert connector.can.promise is Promise.WRITE_ONLY
    assert "externalId" not in full.server.show(done(connector.write([create("a")])).id)


def test_a_service_that_shows_new_users_late_is_given_time(full: ScimSystem) -> None:
    can: Can = full.connect(settle_seconds=60).can

    assert (can.promise, can.settle_seconds) == (Promise.EVENTUAL, 60)


# --- pure -------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=5)
simple = st.one_of(texts, st.none())
attribute = st.sampled_from(["title", "nickName", "displayName", "timezone"])
user = st.fixed_dictionaries(
    {}, optional={"title": texts, "nickName": texts, "name": st.dictionaries(st.sampled_from(["givenName"]), texts)}
)


@given(st.dictionaries(attribute, simple), user)
def test_a_whole_user_holds_what_was_said_and_all_else_as_it_was(fields: dict[str, Any], there: dict[str, Any]) -> None:
    found = whole(fields, there)

    assert {name: found.get(name) for name in fields} == fields
    untouched = {name: value for name, value in there.items() if name not in fields and value}
    assert {name: found[name] for name in untouched} == untouched


@given(st.dictionaries(attribute, simple), user)
def test_a_patch_says_the_same_as_the_whole_user(fields: dict[str, Any], there: dict[str, Any]) -> None:
    patched = dict(there)
    for operation in patch(fields, there):
        if operation["op"] == "remove":
            del patched[operation["path"]]
        else:
            patched[operation["path"]] = operation["value"]

    expected = {name: value for name, value in whole(fields, there).items() if name != "schemas"}
    assert {name: value for name, value in patched.items() if value} == expected


def test_the_way_to_an_attribute_of_an_extension_is_its_urn() -> None:
    assert list(leaves({"enterprise": {"manager": {"value": "7"}}})) == [((ENTERPRISE, "manager"), {"value": "7"})]
    [operation] = patch({"enterprise": {"department": "B"}}, {})
    assert operation["path"] == f"{ENTERPRISE}:department"


def test_addresses_keep_their_place_and_lose_the_text_that_is_no_longer_true() -> None:
    there = [{"type": "work", "formatted": "Old 1", "streetAddress": "Old 1"}]

    assert merged([{"streetAddress": "New 2"}], there) == [{"type": "work", "streetAddress": "New 2"}]


def test_nothing_is_taken_for_granted_of_a_service_that_says_nothing() -> None:
    assert read_offer(None).patch is False
    assert read_offer({"patch": {"supported": "True"}, "bulk": {"supported": True}}).patch is True
    assert read_offer({"bulk": {"supported": True}}).bulk is False  # it takes no operation at all


def test_words_about_an_error_hold_no_values() -> None:
    said = told({"scimType": "uniqueness", "detail": "The value 'ann@example.org' of ann@example.org is taken."})

    assert said == "It said: uniqueness: The value … of … is taken."


# --- the mapping that comes with it -----------------------------------------------------------------


def test_the_default_mapping_goes_both_ways(full: ScimSystem) -> None:
    mapping = load_mapping(yaml.safe_load(full.connector.default_mapping), where="scim.yaml", default_region="PT")
    golden: dict[str, Any] = {
        "given_name": "Zoé",
        "family_name": "D'Arc",
        "job_title": "Head",
        "company": "Acme",
        "department": "Sales",
        "emails/zoe@example.org": {"label": "work"},
        "phones/+351912345678": {"label": "mobile"},
        "addresses/x": {"street": "Rua 1", "locality": "Porto", "postcode": "4000-001", "country": "PT"},
    }

    payload = mapping.payload(golden, golden.keys())
    record = done(full.connector.write([Write(Op.CREATE, "hub:zoe", None, payload)]))
    back = mapping.inward(record)

    assert back.problems == ()
    told_back = {key: value for key, value in back.fields.items() if value is not None}
    for key in ("given_name", "family_name", "job_title", "company", "department"):
        assert told_back[key] == golden[key]
    assert "emails/zoe@example.org" in told_back
    assert "phones/+351912345678" in told_back
    assert [value["locality"] for key, value in told_back.items() if key.startswith("addresses/")] == ["Porto"]
    assert isinstance(list(full.connector.pull(None))[-1], Page)
