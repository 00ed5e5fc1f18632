"""Odoo: the contract on a strict fake in its protocols, on a real server where one is named, and what is Odoo's own.

ODOO_TEST_URL, _DATABASE, _USER, _KEY, _READER (key of a user who may only read) and _DSN (of its PostgreSQL) in the
environment name a real server whose contacts are deleted; it needs `contacts`, `rpc` and `mass_mailing`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.contract import Connector, Context, Promise
from hub.connectors.odoo import OdooConnector, OdooSettings
from hub.connectors.odoo_partner import Places, Shape, marked_up, plain, read_partner, values
from hub.connectors.odoo_rpc import serves_json2, without_values
from hub.connectors.odoo_write import external_name
from hub.connectors.odoo_xml import XmlFault, read_answer, write_call
from hub.errors import AccountError, RecordError, TransientError
from hub.mapping.spec import load_mapping
from hub.model import Done, Missing, NotSent, Op, Outcome, Record, Refused, Stale, Unknown, Write
from hub.testing import ConnectorContract, System
from tests.fakes.odoo import CHANGING, DATABASE, KEY, LOGIN, READER, Odoo, method_of

PROTOCOLS = {"json2": 19, "jsonrpc": 18, "xmlrpc": 16}  # protocol → version of the Odoo it is tried on
NUMBERS = count(1)


def method(request: httpx.Request) -> str:
    path = request.url.path
    return path.rsplit("/", 1)[-1] if "/json/2/" in path else method_of(request.read())


def writes(request: httpx.Request) -> bool:
    return method(request) in CHANGING


def reads_pages(request: httpx.Request) -> bool:
    said = request.url.raw_path + request.read()
    return method(request) == "search_read" and b"res.partner" in said and b"create_date" in said


class OdooSystem(System):
    secrets = (KEY,)
    text = "function"
    plenty = 10_000
    optional = ("function", "function")
    choice = ("lang", "lang")
    sparse: ClassVar[dict[str, str]] = {
        "title": "version 19 has none",
        "mobile": "version 19 has none",
        "blacklisted": "only with the setting `blacklist`",
        "subscribed": "only with the setting `mailing_list`",
    }

    def __init__(self, protocol: str = "json2", **settings: Any) -> None:
        self.server = Odoo(PROTOCOLS.get(protocol, 19))
        self.clock, self.network = self.server.clock, self.server
        self.settings = {"protocol": protocol, **settings}
        self.context_ = Context("erp", clock=self.clock, sleep=self.clock.sleep, transport=self.server)
        self.connector = self.connect()

    def connect(self, *, context: Context | None = None, **changed: Any) -> OdooConnector:
        account = {"url": Odoo.base, "database": DATABASE, "user": LOGIN, "secret": KEY, "page_size": 5}
        settings = OdooSettings.model_validate({**account, **self.settings, **changed})
        return OdooConnector(settings, context or self.context_)

    def within(self, context: Context) -> Connector:
        return self.connect(context=context)

    def for_plenty(self) -> Connector:
        return self.connect(page_size=1000)

    def is_write(self, request: httpx.Request) -> bool:
        return writes(request)

    def is_page(self, request: httpx.Request) -> bool:
        return reads_pages(request)

    def seed(self, count: int) -> list[str]:
        return [str(self.server.add(**self.person())) for _ in range(count)]

    def person(self) -> dict[str, Any]:
        number = next(NUMBERS)
        return {"name": f"Rita Vaz {number}", "email": f"rita{number}@example.org", "city": "Porto", "country_id": 1}

    def edit(self, record_id: str) -> None:
        self.server.change(int(record_id), city=f"Braga {next(NUMBERS)}")

    def remove(self, record_id: str) -> None:
        self.server.remove(int(record_id))

    def put_away(self, record_id: str) -> None:
        self.server.change(int(record_id), active=False)

    def twin(self, record_id: str) -> str:
        new = self.server.add(**self.person())
        self.server.partners[new]["write_date"] = self.server.partners[int(record_id)]["write_date"]
        return str(new)

    def ignore_writes(self) -> None:
        self.server.ignoring = True

    def new_fields(self) -> dict[str, Any]:
        number = next(NUMBERS)
        return {"name": f"Otávio Núñez {number}", "kind": "person", "email": f"otavio{number}@example.org"}

    def edit_fields(self) -> dict[str, Any]:
        return {"function": f"Clerk {next(NUMBERS)}"}

    def refused_fields(self) -> dict[str, Any]:
        return {"name": None, "function": "Head of nothing"}

    def unreachable(self) -> Connector:
        def fails(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused", request=request)

        return self.connect(context=replace(self.context_, transport=httpx.MockTransport(fails)))

    def wrong_key(self) -> Connector:
        return self.connect(secret="wrong-key-12345")

    def no_right_to_write(self) -> Connector:
        return self.connect(secret=READER)


class RealOdoo(OdooSystem):
    """A real server; the back door is its own API and its database."""

    def __init__(self, protocol: str) -> None:
        self.plenty = 0
        self.env = {
            name: os.environ[f"ODOO_TEST_{name}"] for name in ("URL", "DATABASE", "USER", "KEY", "READER", "DSN")
        }
        self.secrets = (self.env["KEY"],)
        self.network = httpx.HTTPTransport(trust_env=False)
        self.clock = None
        self.settings = {
            "protocol": protocol,
            "url": self.env["URL"],
            "database": self.env["DATABASE"],
            "user": self.env["USER"],
            "secret": self.env["KEY"],
        }
        self.context_ = Context("erp", sleep=lambda seconds: None)
        self.connector = self.connect()
        self.rpc = self.connect().rpc
        self.empty()

    def empty(self) -> None:
        """Only what Odoo itself brings stays: each check begins like the first."""
        import psycopg

        with psycopg.connect(self.env["DSN"]) as db:
            kept = "select partner_id from res_users union select partner_id from res_company"
            db.execute(f"delete from res_partner where id not in ({kept})")
            db.execute("delete from ir_model_data where module='contact_hub'")

    def seed(self, count: int) -> list[str]:
        people = [{**self.person(), "country_id": False} for _ in range(count)]
        return [str(each) for each in self.rpc.write("res.partner", "create", vals_list=people)]

    def edit(self, record_id: str) -> None:
        self.rpc.write("res.partner", "write", [int(record_id)], vals={"city": f"Braga {next(NUMBERS)}"})

    def remove(self, record_id: str) -> None:
        self.rpc.write("res.partner", "unlink", [int(record_id)])

    def put_away(self, record_id: str) -> None:
        self.rpc.write("res.partner", "write", [int(record_id)], vals={"active": False})

    def twin(self, record_id: str) -> str:
        import psycopg

        [new] = self.seed(1)
        with psycopg.connect(self.env["DSN"]) as db:
            stamp = "select write_date from res_partner where id=%s"
            db.execute(f"update res_partner set write_date=({stamp}) where id=%s", [int(record_id), int(new)])
        return new

    def no_right_to_write(self) -> Connector:
        return self.connect(secret=self.env["READER"], protocol="json2")

    def within(self, context: Context) -> Connector:
        return self.connect(context=context)


def opened(system: OdooSystem) -> Iterator[OdooSystem]:
    with system.context_.closing:
        yield system


@pytest.fixture(params=sorted(PROTOCOLS))
def system(request: pytest.FixtureRequest) -> Iterator[OdooSystem]:
    yield from opened(OdooSystem(request.param))


@pytest.fixture
def odoo() -> Iterator[OdooSystem]:
    yield from opened(OdooSystem("json2"))


class TestOdoo(ConnectorContract):
    @pytest.fixture(params=["json2", "jsonrpc"])
    def system(self, request: pytest.FixtureRequest) -> Iterator[OdooSystem]:
        yield from opened(OdooSystem(request.param))


if os.environ.get("ODOO_TEST_URL"):

    class TestRealOdoo(ConnectorContract):
        @pytest.fixture(params=sorted(PROTOCOLS))
        def system(self, request: pytest.FixtureRequest) -> Iterator[OdooSystem]:
            yield from opened(RealOdoo(request.param))


# --- words of these tests ---------------------------------------------------------------------------


def records(pages: Any) -> dict[str, Record]:
    return {item.id: item for page in pages for item in page.items if isinstance(item, Record)}


def done(outcomes: list[Outcome]) -> Record:
    [outcome] = outcomes
    assert isinstance(outcome, Done), outcome
    assert outcome.record is not None
    return outcome.record


def create(key: str, **fields: Any) -> Write:
    return Write(Op.CREATE, f"hub:{key}", None, {"name": "Ann Lee", **fields})


def update(record_id: Any, **fields: Any) -> Write:
    return Write(Op.UPDATE, "hub:u", str(record_id), fields)


class Meddler(httpx.BaseTransport):
    """The server, where something happens around a request."""

    def __init__(self, server: httpx.BaseTransport, *, before: Any = None, after: Any = None) -> None:
        self.server, self.before, self.after = server, before, after

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.before:
            self.before(request)
        response = self.server.handle_request(request)
        return (self.after(request, response) if self.after else None) or response


# --- which protocol ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "label"), [(19, "JSON-2"), (18, "JSON-RPC"), (14, "JSON-RPC")])
def test_the_newest_protocol_that_the_server_has_is_taken(version: int, label: str) -> None:
    system = OdooSystem("auto")
    server = Odoo(version)

    report = system.connect(context=replace(system.context_, transport=server)).check()

    assert (report.system, report.lines[0]) == (f"Odoo {version}.0", f"0 contacts, by {label}")


def test_versions_of_odoos_own_hosting_are_told_apart() -> None:
    assert serves_json2("saas~19.1+e")
    assert not serves_json2("saas~18.4+e")
    assert not serves_json2(None)


def test_the_older_protocols_ask_for_a_login(system: OdooSystem) -> None:
    connector = system.connect(user=None)

    if system.settings["protocol"] == "json2":
        assert connector.check()
    else:
        with pytest.raises(AccountError, match="set `user`"):
            connector.check()


def test_a_database_that_is_not_there_is_told_to_the_owner(system: OdooSystem) -> None:
    with pytest.raises(AccountError, match="database"):
        system.connect(database="nowhere").check()


def test_a_field_that_a_version_lacks_is_left_out_and_said(system: OdooSystem) -> None:
    number = system.server.add(name="Ann")
    has_mobile = system.server.version < 19

    record = done(system.connector.write([update(number, mobile="+351 912 345 678", phone="1")]))

    assert ("mobile" in record.fields) is has_mobile
    assert any("mobile" in line for line in system.connector.check().lines) is not has_mobile


def test_a_field_of_their_own_that_is_not_there_is_told_to_the_owner(odoo: OdooSystem) -> None:
    with pytest.raises(AccountError, match="x_nothing"):
        odoo.connect(fields=["x_nothing"]).check()


# --- reading ----------------------------------------------------------------------------------------


def test_persons_and_companies_come_together(system: OdooSystem) -> None:
    company = system.server.add(name="Acme", is_company=True, phone="1")
    person = system.server.add(name="Ann", parent_id=company, email="Ann <Ann@example.org>", street="A", street2="B")

    found = system.connector.read([str(company), str(person)])

    assert found[str(company)].fields["kind"] == "company"
    assert found[str(person)].fields["company"] == "Acme"
    assert found[str(person)].fields["company_id"] == str(company)
    assert found[str(person)].fields["email"] == "Ann@example.org"
    assert found[str(person)].fields["street"] == "A\nB"


def test_what_was_archived_is_there_and_says_so(system: OdooSystem) -> None:
    number = str(system.server.add(name="Old", active=False))

    assert records(system.connector.pull(None))[number].archived
    assert system.connector.read([number])[number].archived


def test_partners_that_are_only_an_address_are_left_out_unless_wanted(odoo: OdooSystem) -> None:
    number = str(odoo.server.add(name="Dock 4", type="delivery"))

    assert number not in records(odoo.connector.pull(None))
    assert number in records(odoo.connect(addresses=True).pull(None))


def test_a_thousand_edits_of_one_second_are_all_seen(odoo: OdooSystem) -> None:
    numbers = [odoo.server.add(name=f"N{each}") for each in range(55)]
    cursor = list(odoo.connector.pull(None))[-1].cursor
    odoo.clock.pass_by(1000)
    for number in numbers:
        odoo.server.change(number, city="Faro")

    found = records(odoo.connector.pull(cursor))

    assert {found[str(number)].fields["city"] for number in numbers} == {"Faro"}


def test_two_edits_of_one_second_are_two_versions(odoo: OdooSystem) -> None:
    number = odoo.server.add(name="Ann")
    first = odoo.connector.read([str(number)])[str(number)]
    odoo.server.change(number, city="Faro")

    second = odoo.connector.read([str(number)])[str(number)]

    assert first.changed_at == second.changed_at
    assert first.version != second.version


def test_what_was_committed_late_is_read_again_and_a_quiet_cycle_is_one_call(odoo: OdooSystem) -> None:
    odoo.server.add(name="Ann")
    cursor = list(odoo.connector.pull(None))[-1].cursor
    late = odoo.server.add(name="Late")
    odoo.server.partners[late]["write_date"] -= timedelta(seconds=200)
    assert str(late) in records(odoo.connector.pull(cursor))

    odoo.clock.pass_by(301)
    cursor = list(odoo.connector.pull(cursor))[-1].cursor
    before = len(odoo.server.exchanges)

    assert records(odoo.connector.pull(cursor)) == {}
    assert len(odoo.server.exchanges) - before == 1


def test_a_new_tag_is_asked_for_when_a_partner_has_it(odoo: OdooSystem) -> None:
    number = odoo.server.add(name="Ann", category_id=[3])
    assert odoo.connector.read([str(number)])[str(number)].fields["tags"] == ["Gold"]

    odoo.server.state["rows"]["res.partner.category"][9] = {"name": "Silver"}
    odoo.server.change(number, category_id=[3, 9])

    assert odoo.connector.read([str(number)])[str(number)].fields["tags"] == ["Gold", "Silver"]


# --- writing ----------------------------------------------------------------------------------------


def test_a_repeated_create_makes_nothing_and_keeps_what_people_changed(system: OdooSystem) -> None:
    first = done(system.connector.write([create("a", city="Porto")]))
    system.server.change(int(first.id), city="Lisboa")

    [again] = system.connector.write([create("a", city="Porto")])

    assert isinstance(again, Done)
    assert again.record is not None
    assert (again.existed, again.record.id, again.record.fields["city"]) == (True, first.id, "Lisboa")


def test_a_create_whose_reply_is_lost_is_sent_again_and_makes_one(system: OdooSystem) -> None:
    lost = [1]

    def lose(request: httpx.Request, response: httpx.Response) -> None:
        if writes(request) and lost:
            lost.pop()
            raise httpx.ReadTimeout("lost", request=request)

    connector = system.connect(context=replace(system.context_, transport=Meddler(system.server, after=lose)))

    [outcome] = connector.write([create("lost")])
    again = connector.write([create("lost")])

    assert isinstance(outcome, Unknown)
    assert again == [Done(system.connector.find("hub:lost"), existed=True)]
    assert len(system.server.partners) == 1


def test_a_field_of_their_own_can_hold_the_key(system: OdooSystem) -> None:
    connector = system.connect(key="x_hub_key")

    record = done(connector.write([create("own")]))

    assert connector.can.promise is Promise.READBACK
    assert record.key == "hub:own"
    assert connector.find("hub:own") == record
    assert connector.write([create("own", city="Faro")]) == [Done(record, existed=True)]


def test_one_bad_record_does_not_hold_back_the_others(system: OdooSystem) -> None:
    there = system.server.add(name="There")
    writes = [create(f"n{each}", name=None if each == 7 else f"N{each}") for each in range(20)]
    writes += [update(there, city="Faro"), update(there, name=None), update(4242, city="x")]

    outcomes = system.connector.write(writes)

    assert isinstance(outcomes[7], Refused)
    assert [type(each) for number, each in enumerate(outcomes[:20]) if number != 7] == [Done] * 19
    assert [type(each) for each in outcomes[20:]] == [Done, Refused, Missing]


def test_five_hundred_updates_are_three_calls(odoo: OdooSystem) -> None:
    numbers = [odoo.server.add(name=f"N{each}") for each in range(500)]
    odoo.connector.read([str(numbers[0])])
    before = len(odoo.server.exchanges)

    outcomes = odoo.connector.write([update(number, city=f"City {number}") for number in numbers])

    assert all(isinstance(each, Done) for each in outcomes)
    assert len(odoo.server.exchanges) - before == 3


def test_what_belongs_to_a_user_is_neither_deleted_nor_archived(system: OdooSystem) -> None:
    kept, gone = system.server.add(name="User"), system.server.add(name="Other")
    system.server.users.add(kept)

    outcomes = system.connector.write([Write(Op.DELETE, "hub:1", str(each), {}) for each in (kept, gone)])
    [archived] = system.connector.write([Write(Op.ARCHIVE, "hub:1", str(kept), {})])

    assert isinstance(outcomes[0], Refused)
    assert "archive it instead" in outcomes[0].reason
    assert outcomes[1] == Done(None)
    assert isinstance(archived, Refused)
    assert "Ann Lee" not in archived.reason


def test_the_address_of_a_company_is_not_changed_through_a_person_unless_wanted(odoo: OdooSystem) -> None:
    company = odoo.server.add(name="Acme", is_company=True, city="Porto")
    person = odoo.server.add(name="Ann", parent_id=company, city="Porto")

    done(odoo.connector.write([update(person, city="Faro", function="Head")]))
    assert odoo.server.partners[company]["city"] == "Porto"
    assert odoo.server.partners[person]["function"] == "Head"

    done(odoo.connect(shared_address="write").write([update(person, city="Faro")]))
    assert odoo.server.partners[company]["city"] == "Faro"


def test_what_changed_since_it_was_read_is_left_alone_unless_told_otherwise(odoo: OdooSystem) -> None:
    number = odoo.server.add(name="Ann")
    seen = odoo.connector.read([str(number)])[str(number)]
    odoo.server.change(number, city="Faro")
    write = Write(Op.UPDATE, "hub:1", seen.id, {"city": "Porto"}, seen.version)

    assert odoo.connector.write([write]) == [Stale()]
    assert odoo.connect(compare=False).can.stale is False
    assert done(odoo.connect(compare=False).write([write])).fields["city"] == "Porto"


def test_a_user_who_may_not_write_pauses_the_connection(system: OdooSystem) -> None:
    number = system.server.add(name="Ann")
    reader = system.connect(secret=READER)

    assert len(reader.check().warnings) == 2
    with pytest.raises(AccountError, match="right"):
        reader.write([update(number, city="Faro")])


def test_a_busy_database_leaves_the_write_for_later(system: OdooSystem) -> None:
    number = system.server.add(name="Ann")

    def busy(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
        return httpx.Response(503, json={}, request=request) if writes(request) else None

    connector = system.connect(context=replace(system.context_, transport=Meddler(system.server, after=busy)))
    [outcome] = connector.write([update(number, city="Faro")])

    assert isinstance(outcome, Unknown | NotSent)


def test_a_country_that_odoo_lacks_is_refused_and_a_state_it_lacks_stays_empty(odoo: OdooSystem) -> None:
    known = create("a", country="PT", state="porto", street="Rua 1\nesq", zip="4000", city="Porto")

    record = done(odoo.connector.write([known]))
    [refused] = odoo.connector.write([create("b", country="ZZ")])
    other = done(odoo.connector.write([create("c", country="ES", state="Porto")]))

    assert (record.fields["country"], record.fields["state"], record.fields["street"]) == ("PT", "Porto", "Rua 1\nesq")
    assert isinstance(refused, Refused)
    assert other.fields["state"] is None


def test_a_language_that_is_not_installed_is_not_written(odoo: OdooSystem) -> None:
    record = done(odoo.connector.write([create("a", lang="pt-BR")]))
    other = done(odoo.connector.write([create("b", lang="xx")]))

    assert record.fields["lang"] == "pt-PT"
    assert other.fields["lang"] == "en-US"


@pytest.mark.parametrize("name", ["tags", "title", "company_id", "nonsense"])
def test_what_cannot_be_written_is_refused(odoo: OdooSystem, name: str) -> None:
    [outcome] = odoo.connector.write([create("a", **{name: "x"})])

    assert isinstance(outcome, Refused)
    assert odoo.server.partners == {}


# --- consent ----------------------------------------------------------------------------------------


@pytest.fixture
def consents(request: pytest.FixtureRequest) -> Iterator[OdooSystem]:
    yield from opened(OdooSystem("json2", blacklist=True, mailing_list=4))


def test_a_refusal_goes_to_the_blacklist_and_the_list_in_a_few_calls(consents: OdooSystem) -> None:
    wanted = [
        create(f"c{each}", email=f"c{each}@example.org", blacklisted="yes", subscribed="no") for each in range(50)
    ]

    outcomes = consents.connector.write(wanted)

    assert len(consents.server.state["rows"]["mail.blacklist"]) == 50
    assert all(
        isinstance(each, Done) and each.record and each.record.fields["blacklisted"] == "yes" for each in outcomes
    )
    assert len(consents.server.exchanges) < 25


def test_a_refusal_taken_back_in_odoo_is_not_taken_for_a_grant(consents: OdooSystem) -> None:
    record = done(consents.connector.write([create("a", email="ann@example.org", blacklisted="yes")]))
    for row in consents.server.state["rows"]["mail.blacklist"].values():
        row["active"] = False

    assert consents.connector.read([record.id])[record.id].fields["blacklisted"] is None


def test_nothing_said_takes_nobody_off_the_blacklist_and_a_grant_does(consents: OdooSystem) -> None:
    record = done(consents.connector.write([create("a", email="ann@example.org", blacklisted="yes")]))

    same = done(consents.connector.write([update(record.id, city="Faro", blacklisted=None)]))
    granted = done(consents.connector.write([update(record.id, blacklisted="no")]))
    again = done(consents.connector.write([update(record.id, blacklisted="yes")]))

    assert [each.fields["blacklisted"] for each in (same, granted, again)] == ["yes", None, "yes"]
    assert len(consents.server.state["rows"]["mail.blacklist"]) == 1


def test_only_a_grant_puts_an_address_on_the_list_and_an_opt_out_stays(consents: OdooSystem) -> None:
    record = done(consents.connector.write([create("a", email="ann@example.org", subscribed="no")]))
    assert record.fields["subscribed"] is None
    assert consents.server.state["rows"]["mailing.contact"] == {}

    joined = done(consents.connector.write([update(record.id, subscribed="yes")]))
    left = done(consents.connector.write([update(record.id, subscribed="no")]))

    assert (joined.fields["subscribed"], left.fields["subscribed"]) == ("yes", "no")


def test_a_refusal_made_in_odoo_is_seen_though_the_partner_keeps_its_date(consents: OdooSystem) -> None:
    number = consents.server.add(name="Ann", email="ann@example.org")
    cursor = list(consents.connector.pull(None))[-1].cursor
    consents.clock.pass_by(400)
    cursor = list(consents.connector.pull(cursor))[-1].cursor
    consents.clock.pass_by(60)
    consents.server._insert("mail.blacklist", {"email": "ann@example.org"})

    pages = list(consents.connector.pull(cursor))

    assert records(pages)[str(number)].fields["blacklisted"] == "yes"
    assert pages[-1].cursor != cursor


# --- pure -------------------------------------------------------------------------------------------

SHAPE = Shape({**dict.fromkeys(["name", "comment", "company_name", "is_company"], "char"), "comment": "html"})


@given(st.text(), st.text())
def test_no_two_keys_have_one_external_id_and_none_a_blank_or_dot(one: str, other: str) -> None:
    assert (external_name(one) == external_name(other)) == (one == other)
    assert not set(external_name(one)) & set(" .")


@given(st.text(alphabet=st.characters(exclude_categories=["C", "Z"])))
def test_a_note_comes_back_as_it_was_written(text: str) -> None:
    assert plain(marked_up(text, SHAPE)) == (text.strip() or None)


def test_rich_text_becomes_lines() -> None:
    assert plain("<p>a &amp; b</p><p>c<br>d</p>") == "a & b\nc\nd"


def test_several_addresses_in_one_field_are_read_by_the_first() -> None:
    raw = {"id": 1, "name": "A", "email": "a@example.org, b@example.org", "write_date": "2026-01-02 03:04:05"}

    record = read_partner(raw, SHAPE, Places(), {})

    assert (record.fields["email"], record.fields["email_as_given"]) == ("a@example.org", raw["email"])
    assert record.changed_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_company_of_a_person_that_is_linked_stays_odoos_own() -> None:
    assert values({"company": "B"}, {"parent_id": [7, "A"]}, SHAPE, Places(), shared=False) == {}
    assert values({"company": "B"}, {"parent_id": False}, SHAPE, Places(), shared=False) == {"company_name": "B"}
    made = values({"company": "B", "kind": "company", "name": "B"}, None, SHAPE, Places(), shared=False)
    assert made == {"name": "B", "is_company": "True"}


def test_words_of_odoo_are_told_without_names() -> None:
    assert without_values("Value 'zz' of \"Ann\" and ann@example.org\nUsers: Ann Lee") == "Value … of … and …"


json_like = st.recursive(
    st.one_of(
        st.booleans(), st.integers(-(2**31), 2**31 - 1), st.text(alphabet=st.characters(exclude_categories=["C"]))
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(alphabet="abc", min_size=1), inner)),
    max_leaves=8,
)


@given(json_like)
def test_what_is_written_in_xml_is_read_alike(value: Any) -> None:
    sent = write_call("m", [value]).replace(b"<methodCall>\n<methodName>m</methodName>", b"<methodResponse>")

    assert read_answer(sent.replace(b"</methodCall>", b"</methodResponse>")) == value


STRANGE = b"<methodResponse><params><param><value><x/></value></param></params></methodResponse>"


@pytest.mark.parametrize(
    "raw",
    [
        b"<junk",
        b"<a/>",
        b"<methodResponse/>",
        None,
        STRANGE,
    ],
)
def test_xml_that_is_no_answer_is_told_so(raw: Any) -> None:
    with pytest.raises(ValueError):
        read_answer(raw)


def test_entities_in_xml_are_not_expanded() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><methodResponse>&b;</methodResponse>'

    with pytest.raises(ValueError):
        read_answer(bomb)


def test_faults_and_what_xml_cannot_say_are_told() -> None:
    fault = b"""<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>3</int></value></member>
        <member><name>faultString</name><value><string>no</string></value></member></struct></value></fault></methodResponse>"""

    with pytest.raises(XmlFault) as told:
        read_answer(fault)
    assert told.value.code == 3
    for value in ("\x07", None, 2**40, "\ud800"):
        with pytest.raises(RecordError):
            write_call("m", [{"a": [value]}])


def test_an_answer_of_something_else_is_nothing_to_conclude_from(system: OdooSystem) -> None:
    page = httpx.MockTransport(
        lambda request: httpx.Response(200, text="<html>", headers={"content-type": "text/html"})
    )
    connector = system.connect(context=replace(system.context_, transport=page))

    with pytest.raises(TransientError):
        list(connector.pull(None))


# --- the mapping that comes with it -----------------------------------------------------------------


def test_the_default_mapping_goes_both_ways(system: OdooSystem) -> None:
    connector = system.connector
    mapping = load_mapping(yaml.safe_load(connector.default_mapping), where="odoo.yaml", default_region="PT")
    golden: dict[str, Any] = {
        "kind": "person",
        "full_name": "Zoé D'Arc",
        "job_title": "Head",
        "company": "Acme",
        "tax_id": "PT501964843",
        "emails/zoe@example.org": {},
        "phones/+351912345678": {},
        "addresses/x": {"street": "Rua 1", "locality": "Porto", "postcode": "4000-001", "country": "PT"},
    }

    payload = mapping.payload(golden, golden.keys())
    back = mapping.inward(done(connector.write([Write(Op.CREATE, "hub:zoe", None, payload)])))

    assert back.problems == ()
    for key in ("kind", "full_name", "job_title", "company", "tax_id"):
        assert back.fields[key] == golden[key]
    assert {"emails/zoe@example.org", "phones/+351912345678"} <= back.fields.keys()


def test_a_blacklisted_address_is_a_refusal_and_others_say_nothing(consents: OdooSystem) -> None:
    mapping = load_mapping(yaml.safe_load(consents.connector.default_mapping), where="odoo.yaml", default_region="PT")
    record = done(consents.connector.write([create("a", email="ann@example.org", blacklisted="yes")]))
    other = done(consents.connector.write([create("b", email="bob@example.org")]))

    refused, silent = mapping.inward(record), mapping.inward(other)

    assert refused.fields["consents/email|ann@example.org|marketing"]["status"] == "denied"
    assert silent.problems == ()
    assert not (silent.fields.get("consents/email|bob@example.org|marketing"))
