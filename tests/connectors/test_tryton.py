"""Tryton: the contract on a real server, and what is Tryton's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
import yaml

from demo.people import people
from demo.seed import TrytonDesk, seed_countries, seed_tryton
from demo.servers import DATABASE, Server, free_port
from hub.connectors.contract import Context
from hub.connectors.tryton import TrytonConnector, TrytonSettings
from hub.errors import AccountError
from hub.mapping.spec import load_mapping
from hub.model import Done, Op, Refused, Stale, Tombstone, Unknown, Write
from hub.testing.contract import ConnectorContract, System, done, items, listing, records
from tests.connectors.real import Meddler, let_in_at_once, served

PARTY = "party.party"
WRITES = [f'"model.{PARTY}.{method}"'.encode() for method in ("create", "write", "delete")]
ANY = ["active", "in", [True, False]]
TABLES = ("party_party", "party_contact_mechanism", "party_address", "party_identifier")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    for server in served("tryton", tmp_path_factory.mktemp("tryton")):
        let_in_at_once(server)
        yield server


@pytest.fixture(scope="session")
def desk(server: Server) -> Iterator[TrytonDesk]:
    with TrytonDesk(server) as desk:
        seed_countries(desk)
        yield desk


class Tryton(System):
    text = "name"
    optional = ("code", "code")

    def __init__(self, server: Server, desk: TrytonDesk, context: Context) -> None:
        self.server, self.desk, self.opened = server, desk, context
        self.meddler = self.network = Meddler()
        self.secrets = (server.password,)
        self.connector = self.connect(transport=self.meddler)
        self.made = 0

    def connect(
        self, *, transport: Meddler | None = None, later: timedelta = timedelta(), **changed: Any
    ) -> TrytonConnector:
        """later  how far the hub's clock is ahead"""
        context = Context(
            "erp",
            clock=lambda: datetime.now(UTC) + later,
            sleep=lambda seconds: None,
            transport=transport,
            closing=self.opened.closing,
        )
        return self.at(context, **changed)

    def within(self, context: Context) -> TrytonConnector:
        return self.at(context)

    def at(self, context: Context, **changed: Any) -> TrytonConnector:
        settings = {
            "url": self.server.url,
            "database": DATABASE,
            "user": self.server.user,
            "secret": self.server.password,
            "page_size": 5,
            **changed,
        }
        return TrytonConnector(TrytonSettings.model_validate(settings), context)

    def seed(self, count: int) -> list[str]:
        ids = self.desk.call(PARTY, "create", [self._party() for _ in range(count)])
        return [str(each) for each in ids]

    def _party(self) -> dict[str, Any]:
        self.made += 1
        return {
            "name": f"Rita Vaz {self.made}",
            "contact_mechanisms": [["create", [{"type": "email", "value": f"rita{self.made}@example.org"}]]],
            "addresses": [["create", [{"street": f"Rua {self.made}", "city": "Porto"}]]],
            "identifiers": [["create", [{"type": None, "code": f"card {self.made}"}]]],
        }

    def child(self, model: str, record_id: str) -> int:
        found: int = self.desk.call(model, "search", [["party", "=", int(record_id)]], 0, 1, None)[0]
        return found

    def edit(self, record_id: str) -> None:
        """A child alone, as a clerk does in Tryton's list of contact mechanisms: the party's date stays."""
        self.made += 1
        mechanism = self.child("party.contact_mechanism", record_id)
        self.desk.call("party.contact_mechanism", "write", [mechanism], {"value": f"new{self.made}@example.org"})

    def remove(self, record_id: str) -> None:
        self.desk.call(PARTY, "delete", [int(record_id)])

    def put_away(self, record_id: str) -> None:
        self.desk.call(PARTY, "write", [int(record_id)], {"active": False})

    def is_write(self, request: httpx.Request) -> bool:
        """Everything is a POST; the method stands in the body."""
        return any(mark in request.content for mark in WRITES)

    def is_page(self, request: httpx.Request) -> bool:
        return b'"replaced_by"' in request.content

    def twin(self, record_id: str) -> str:
        return self.late(record_id, 0)

    def late(self, record_id: str, seconds: float) -> str:
        """A new party that bears a date so long before that of another: its transaction took that long."""
        new = self.seed(1)[0]
        seen = self.connect().read([record_id])[record_id].changed_at
        assert seen is not None
        at = (seen - timedelta(seconds=seconds)).replace(tzinfo=None).isoformat(" ", "microseconds")
        with closing(sqlite3.connect(self.database, timeout=30)) as db, db:
            for table in TABLES:
                key = "id" if table == "party_party" else "party"
                db.execute(f"update {table} set create_date=?, write_date=? where {key}=?", [at, at, int(new)])
        return new

    def ignore_writes(self) -> None:
        """A rule in the database that keeps the name as it is."""
        keeper = "begin update party_party set name = old.name where id = old.id; end"
        with closing(sqlite3.connect(self.database, timeout=30)) as db, db:
            db.execute(f"create trigger keeper after update of name on party_party {keeper}")

    @property
    def database(self) -> Path:
        return Path(self.server.folder, "db", f"{DATABASE}.sqlite")

    def new_fields(self) -> dict[str, Any]:
        self.made += 1
        return {
            "name": f"Otávio Núñez {self.made}",
            "emails": [{"value": f"otavio{self.made}@example.org", "label": "work"}],
            "addresses": [
                {"street": "Rua Nova 1", "postal_code": "4000-001", "city": "Porto"}
                | {"country": "PT", "subdivision": "Porto"}
            ],
        }

    def edit_fields(self) -> dict[str, Any]:
        self.made += 1
        return {
            "name": f"Rita Edited {self.made}",
            "phones": [
                {"value": "+351912345678", "label": "mobile"},
                {"value": "+351222333444", "label": "work"},
            ],
        }

    def refused_fields(self) -> dict[str, Any]:
        return {"name": "Zuleica Refused", "tax_id": "PT123456780"}

    def unreachable(self) -> TrytonConnector:
        return self.connect(url=f"http://127.0.0.1:{free_port()}")

    def wrong_key(self) -> TrytonConnector:
        return self.connect(user="somebody-else", secret="wrong-pass-1")


@pytest.fixture
def system(server: Server, desk: TrytonDesk) -> Iterator[Tryton]:
    ids = desk.call(PARTY, "search", [ANY], 0, None, None)
    desk.call(PARTY, "delete", ids)
    context = Context("erp")
    with context.closing:
        system = Tryton(server, desk, context)
        with closing(sqlite3.connect(system.database, timeout=30)) as db, db:
            db.execute("drop trigger if exists keeper")
            db.execute("delete from ir_model_log")  # else every test is told of the deletions before it
        yield system


@pytest.fixture
def connector(system: Tryton) -> TrytonConnector:
    assert isinstance(system.connector, TrytonConnector)
    return system.connector


class TestTryton(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {
        "test_a_value_never_heard_of_is_kept_and_grants_nothing": "its only closed list is the type of a contact "
        "mechanism, and one of another type is left alone",
        "test_ten_thousand_records_are_listed_in_little_memory": "making 10,000 parties in Tryton takes minutes",
    }


# --- changes ----------------------------------------------------------------------------------------


CHILD_EDITS = {
    "an address written": ("party.address", "write", {"city": "Braga"}),
    "an identifier written": ("party.identifier", "write", {"code": "card 99"}),
    "an address put away": ("party.address", "write", {"active": False}),
    "an e-mail put away": ("party.contact_mechanism", "write", {"active": False}),
}


@pytest.mark.parametrize("edit", CHILD_EDITS.values(), ids=CHILD_EDITS.keys())
def test_a_child_changed_on_its_own_is_a_change_of_its_party(
    system: Tryton, connector: TrytonConnector, edit: tuple[str, str, dict[str, Any]]
) -> None:
    record_id = system.seed(1)[0]
    before, cursor = listing(connector)
    model, method, values = edit

    system.desk.call(model, method, [system.child(model, record_id)], values)

    after = records(connector.pull(cursor))
    assert after[record_id].fields != before[record_id].fields
    assert after[record_id].version != before[record_id].version


def test_a_child_deleted_on_its_own_is_seen_by_the_next_complete_listing(
    system: Tryton, connector: TrytonConnector
) -> None:
    record_id = system.seed(1)[0]
    before, _ = listing(connector)

    system.desk.call("party.address", "delete", [system.child("party.address", record_id)])

    after, _ = listing(connector)
    assert after[record_id].fields["addresses"] == []
    assert after[record_id].version != before[record_id].version


def test_what_changes_between_two_pages_is_read_again(system: Tryton, connector: TrytonConnector) -> None:
    first, *_ = system.seed(25)
    pages = connector.pull(None)
    page = next(pages)
    before = records([page])[first]
    system.edit(first)

    last = list(pages)[-1]

    assert records(connector.pull(last.cursor))[first].fields != before.fields


def test_a_party_merged_in_tryton_names_the_one_that_took_its_place(system: Tryton, connector: TrytonConnector) -> None:
    party = {
        "name": "Hugo Twice",
        "contact_mechanisms": [["create", [{"type": "email", "value": "h@example.org"}]]],
    }
    gone, kept = system.desk.call(PARTY, "create", [party, party])
    _, cursor = listing(connector)

    system.desk.merge(gone, into=kept)

    merged = {item.id: item for item in items(connector.pull(cursor))}[str(gone)]
    assert isinstance(merged, Tombstone)
    assert merged.merged_into == str(kept)
    assert connector.read([str(gone)]) == {}


def test_deleted_parties_are_told_by_the_log_wherever_their_ids_were(
    system: Tryton, connector: TrytonConnector
) -> None:
    ids = system.seed(12)
    _, cursor = listing(connector)
    gone = {ids[0], ids[5], ids[6], ids[-1]}
    for record_id in gone:
        system.remove(record_id)

    told = [item for item in items(connector.pull(cursor)) if isinstance(item, Tombstone)]

    assert {item.id for item in told} & set(ids) == gone
    assert all(item.at is not None for item in told)


def test_a_party_committed_late_is_seen_however_late_the_next_pull_is(system: Tryton) -> None:
    record_id = system.seed(1)[0]
    _, cursor = listing(system.connector)

    late = system.late(record_id, 200)

    assert late in records(system.connect(later=timedelta(hours=1)).pull(cursor))


def test_a_pull_after_the_overlap_is_the_last_that_reads_it_again(system: Tryton) -> None:
    seeded, gone = system.seed(2)
    system.remove(gone)
    _, cursor = listing(system.connector)
    after = system.connect(later=timedelta(hours=1))

    again = list(after.pull(cursor))
    quiet = list(after.pull(again[-1].cursor))

    assert {item.id for item in items(again)} >= {seeded, gone}
    assert items(quiet) == []
    assert system.seed(1)[0] in records(after.pull(quiet[-1].cursor))


def test_a_deletion_while_pages_are_read_hides_no_change_before_it(system: Tryton) -> None:
    connector = system.connect(overlap_seconds=0)
    first, *others, gone = system.seed(25)
    _, cursor = listing(connector)
    system.desk.call(PARTY, "write", [int(each) for each in (first, *others, gone)], {"active": True})
    pages = connector.pull(cursor)
    next(pages)
    system.edit(first)
    system.remove(gone)

    last = list(pages)[-1]

    assert first in records(connector.pull(last.cursor))


def test_a_quiet_cycle_takes_two_calls(system: Tryton) -> None:
    connector = system.connect(transport=system.meddler, overlap_seconds=0)
    system.seed(3)
    _, cursor = listing(connector)
    cursor = list(connector.pull(cursor))[-1].cursor
    system.meddler.requests.clear()

    list(connector.pull(cursor))

    assert len(system.meddler.requests) == 2


def test_a_party_put_away_is_a_change_and_is_listed_as_archived(system: Tryton, connector: TrytonConnector) -> None:
    record_id = system.seed(1)[0]
    _, cursor = listing(connector)

    system.desk.call(PARTY, "write", [int(record_id)], {"active": False})

    assert records(connector.pull(cursor))[record_id].archived
    assert listing(connector)[0][record_id].archived


# --- writes -----------------------------------------------------------------------------------------


def creating(system: Tryton, count: int) -> list[Write]:
    return [Write(Op.CREATE, f"hub:b{number}", None, system.new_fields()) for number in range(count)]


def test_one_bad_record_of_a_batch_is_refused_and_the_others_are_written(
    system: Tryton, connector: TrytonConnector
) -> None:
    writes = creating(system, 20)
    writes[13] = Write(Op.CREATE, "hub:bad", None, system.refused_fields())

    outcomes = connector.write(writes)

    assert [number for number, each in enumerate(outcomes) if isinstance(each, Refused)] == [13]
    assert [each.record.key for each in outcomes if isinstance(each, Done) and each.record] == [
        write.key for write in writes if write.key != "hub:bad"
    ]
    assert len(records(connector.pull(None))) == 19


def test_a_batch_is_one_transaction(system: Tryton, connector: TrytonConnector) -> None:
    writes = creating(system, 20)
    system.meddler.requests.clear()

    connector.write(writes)

    assert sum(b"party.party.create" in each for each in system.meddler.requests) == 1


def test_an_edit_between_our_read_and_our_write_makes_it_stale(system: Tryton, connector: TrytonConnector) -> None:
    seen = connector.read(system.seed(1))
    [(record_id, record)] = seen.items()
    system.meddler.mark = b"model.party.party.write"
    system.meddler.before = lambda: system.desk.call(PARTY, "write", [int(record_id)], {"name": "By a clerk"})

    outcomes = connector.write([Write(Op.UPDATE, "hub:s", record_id, {"name": "By the hub"}, record.version)])

    assert outcomes == [Stale()]
    assert connector.read([record_id])[record_id].fields["name"] == "By a clerk"


def test_a_create_whose_reply_is_lost_is_found_by_its_key_and_never_made_twice(
    system: Tryton, connector: TrytonConnector
) -> None:
    [write] = creating(system, 1)
    system.meddler.mark, system.meddler.lose = b"model.party.party.create", True

    [lost] = connector.write([write])
    found = connector.find(write.key)
    again = connector.write([write])

    assert isinstance(lost, Unknown)
    assert again == [Done(found, existed=True)]
    assert len(records(connector.pull(None))) == 1


def test_an_update_keeps_the_children_it_does_not_change(system: Tryton, connector: TrytonConnector) -> None:
    record_id = system.seed(1)[0]
    other = {"type": "skype", "value": "rita.vaz", "party": int(record_id)}
    system.desk.call("party.contact_mechanism", "create", [other])
    before = connector.read([record_id])[record_id]
    mechanism = system.child("party.contact_mechanism", record_id)
    emails = [{"value": "second@example.org", "label": None}, *before.fields["emails"]]

    record = done(connector.write([Write(Op.UPDATE, "hub:k", record_id, {"emails": emails})]))

    domain = [["party", "=", int(record_id)]]
    there = system.desk.call("party.contact_mechanism", "search_read", domain, 0, None, None, ["type", "value"])
    assert {each["type"] for each in there} == {"email", "skype"}
    assert {each["id"]: each["value"] for each in there}[mechanism] == before.fields["emails"][0]["value"]
    assert {each["value"] for each in record.fields["emails"]} == {each["value"] for each in emails}


def test_an_address_that_is_removed_is_put_away_for_the_invoices_that_name_it(
    system: Tryton, connector: TrytonConnector
) -> None:
    record_id = system.seed(1)[0]
    address = system.child("party.address", record_id)

    record = done(connector.write([Write(Op.UPDATE, "hub:a", record_id, {"addresses": []})]))

    assert record.fields["addresses"] == []
    [there] = system.desk.call("party.address", "read", [address], ["active"])
    assert not there["active"]


TAX_NUMBERS = {
    "by its prefix": ({"tax_id": "PT501964843"}, "eu_vat", "PT501964843"),
    "of a Brazilian company": ({"tax_id": "11222333000181"}, "br_vat", "11.222.333/0001-81"),
    "of a Brazilian": ({"tax_id": "11144477735"}, "br_cpf", "111.444.777-35"),
}


@pytest.mark.parametrize("case", TAX_NUMBERS.values(), ids=TAX_NUMBERS.keys())
def test_a_tax_number_gets_the_type_that_tryton_has_for_it(
    system: Tryton, connector: TrytonConnector, case: tuple[dict[str, Any], str, str]
) -> None:
    fields, kind, stored = case
    if kind != "eu_vat":
        fields = {**fields, "addresses": [{"street": "Rua Augusta 1", "country": "BR"}]}

    record = done(connector.write([Write(Op.CREATE, "hub:t", None, {"name": "Tax", **fields})]))

    types = system.desk.call("party.identifier", "search_read", [["code", "=", stored]], 0, None, None, ["type"])
    assert [each["type"] for each in types] == [kind]
    assert record.fields["tax_id"] == stored


def test_a_tax_number_spelt_in_another_way_is_not_written_again(system: Tryton, connector: TrytonConnector) -> None:
    fields = {"name": "Tax", "tax_id": "11144477735", "addresses": [{"street": "Rua 1", "country": "BR"}]}
    seen = done(connector.write([Write(Op.CREATE, "hub:t", None, fields)]))

    record = done(connector.write([Write(Op.UPDATE, "hub:t", seen.id, {"tax_id": "11144477735"})]))

    assert record == seen


def test_a_country_that_tryton_does_not_have_is_refused_with_the_way_out(
    system: Tryton, connector: TrytonConnector
) -> None:
    fields = {"name": "Far Away", "addresses": [{"street": "Calle 1", "country": "XK"}]}

    [outcome] = connector.write([Write(Op.CREATE, "hub:x", None, fields)])

    assert isinstance(outcome, Refused)
    assert "trytond_import_countries" in outcome.reason
    assert records(connector.pull(None)) == {}


# --- the account ------------------------------------------------------------------------------------


def test_a_session_that_ended_is_opened_again(system: Tryton, connector: TrytonConnector) -> None:
    system.seed(1)
    before = records(connector.pull(None))
    system.meddler.requests.clear()
    with closing(sqlite3.connect(system.database, timeout=30)) as db, db:
        db.execute("delete from ir_session where id = (select max(id) from ir_session)")

    after = records(connector.pull(None))

    assert after == before
    assert sum(b"common.db.login" in each for each in system.meddler.requests) == 1


def test_a_database_that_is_not_there_is_told_to_the_owner(system: Tryton) -> None:
    connector = system.connect(database="nowhere")

    with pytest.raises(AccountError, match="no database 'nowhere'"):
        connector.check()


@pytest.fixture
def clerk(desk: TrytonDesk) -> Iterator[dict[str, str]]:
    """Login of a user without administration."""
    user = {"name": "Clerk", "login": "clerk", "password": "clerk-pass-77"}
    [number] = desk.call("res.user", "create", [user])
    yield {"user": "clerk", "secret": "clerk-pass-77"}
    desk.call("res.user", "write", [number], {"active": False, "login": f"was-clerk-{number}"})


def test_a_user_who_may_not_search_the_log_is_told_what_to_set(system: Tryton, clerk: dict[str, str]) -> None:
    connector = system.connect(**clerk)

    [warning] = [each for each in connector.check().warnings if "log" in each]

    assert "deletions: listing" in warning
    with pytest.raises(AccountError, match="deletions: listing"):
        list(connector.pull(None))


def test_without_the_log_deletions_are_found_by_listings_alone(system: Tryton, clerk: dict[str, str]) -> None:
    connector = system.connect(**clerk, deletions="listing")
    gone, kept = system.seed(2)
    _, cursor = listing(connector)
    system.remove(gone)

    changes, everything = items(connector.pull(cursor)), records(connector.pull(None))

    assert not connector.can.tombstones
    assert [item for item in changes if isinstance(item, Tombstone)] == []
    assert set(everything) == {kept}


# --- the mapping that comes with it -----------------------------------------------------------------


def test_made_up_parties_come_through_the_default_mapping_without_a_problem(
    system: Tryton, connector: TrytonConnector
) -> None:
    seed_tryton(system.desk, people(30), doubles_every=10)
    mapping = load_mapping(yaml.safe_load(connector.default_mapping), where="tryton.yaml", default_region="PT")

    mapped = [mapping.inward(record) for record in records(connector.pull(None)).values()]

    assert len(mapped) == 33
    assert [each.problems for each in mapped if each.problems] == []
    assert all({"full_name", "customer_number", "language"} <= set(each.fields) for each in mapped)


def test_what_the_default_mapping_sends_comes_back_as_the_same_contact(
    system: Tryton, connector: TrytonConnector
) -> None:
    mapping = load_mapping(yaml.safe_load(connector.default_mapping), where="tryton.yaml", default_region="PT")
    golden = {
        "full_name": "Íris Falcão",
        "language": "pt",
        "emails/iris@example.org": {"label": "work"},
        "phones/+351912345678": {"label": "mobile"},
        "tax_id": "PT501964843",
        "website": "https://iris.example.org",
        "addresses/2f1c9a60": {
            "street": "Rua 1",
            "postcode": "4000-001",
            "locality": "Porto",
            "country": "PT",
        },
    }
    payload = mapping.payload(golden, list(golden))

    record = done(connector.write([Write(Op.CREATE, "hub:m", None, payload)]))

    back = mapping.inward(record).fields
    assert {key: back[key] for key in golden if not key.startswith("addresses/")} == {
        key: value for key, value in golden.items() if not key.startswith("addresses/")
    }
    assert [value for key, value in back.items() if key.startswith("addresses/")] == [golden["addresses/2f1c9a60"]]
