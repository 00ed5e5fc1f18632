"""An address book, an ERP and a directory kept in step by the hub: Radicale, Tryton and slapd, all real.

One hub and one set of systems serve all tests of this file; each test is about people of its own.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from typing import Any

import httpx
import pytest
import yaml

from demo.seed import TrytonDesk, seed_countries
from demo.servers import DATABASE
from demo.servers import Server as DemoServer
from hub.connectors.carddav import CardDavConnector, CardDavSettings
from hub.connectors.contract import Connector, Context
from hub.connectors.ldap import LdapConnector, LdapSettings
from hub.connectors.tryton import TrytonConnector, TrytonSettings
from hub.dedupe.survive import Rules
from hub.mapping.spec import load_mapping
from hub.model import Record
from hub.store import lists
from hub.store.db import Store
from hub.store.lists import ConflictRow
from hub.sync.engine import Hub, Route
from hub.sync.guard import Limit, Limits
from hub.sync.run import Orders, Result, sync
from hub.testing.contract import records
from tests.connectors.directories import PEOPLE, ROOT, started
from tests.connectors.real import Meddler, served
from tests.connectors.servers import PASSWORD, USER, Server

NO_LIMIT = Limit(None, 10_000)
FREE = Limits(*[NO_LIMIT] * 5)
NUMBERS = count(1)
BOOK = f"/{USER}/team/"
MKCOL = (
    '<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype><collection/>'
    "<C:addressbook/></resourcetype></prop></set></mkcol>"
)
NAMES = {  # Tryton has one column for the name: it is taken apart where a mapping says so
    "given_name": {"from": "name", "with": [{"split_name": "given"}]},
    "family_name": {"from": "name", "with": [{"split_name": "family"}]},
}
pytest.importorskip("ldap", reason="python-ldap is not installed: pip install 'contact-hub[ldap]'")
SYSTEMS = ("book", "erp", "directory")


@pytest.fixture(scope="module")
def radicale() -> Iterator[Server]:
    yield from started("radicale")


@pytest.fixture(scope="module")
def slapd() -> Iterator[Server]:
    yield from started("slapd")


@pytest.fixture(scope="module")
def tryton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    yield from served("tryton", tmp_path_factory.mktemp("tryton"))


class Company:
    """The hub between the three; `requests` counts what each system was asked."""

    def __init__(self, radicale: Server, slapd: Server, tryton: DemoServer) -> None:
        self.radicale, self.slapd, self.tryton = radicale, slapd, tryton
        self.desk = httpx.Client(
            base_url=f"http://127.0.0.1:{radicale.port}", auth=(USER, PASSWORD), trust_env=False, timeout=60
        )
        made = self.desk.request("MKCOL", BOOK, content=MKCOL, headers={"content-type": "text/xml"})
        assert made.status_code == 201
        self.store = Store("sqlite://")
        self.store.create()
        self.makers: dict[str, Callable[[Context], Connector]] = {
            "book": self._book,
            "erp": self._erp,
            "directory": self._directory,
        }
        with self.opened("book") as book, self.opened("erp") as erp, self.opened("directory") as directory:
            connectors = {"book": book, "erp": erp, "directory": directory}
        routes = {
            name: Route(name, self._mapping(each), each.can, deletes="propagate", limits=FREE, full_every=1e9)
            for name, each in connectors.items()
        }
        rules = Rules(dict.fromkeys(("job_title", "family_name", "full_name"), ("directory", "book", "erp")))
        self.hub = Hub(self.store, routes, time.time, lambda prefix: f"{prefix}{next(NUMBERS):05d}", rules=rules)
        self.requests: Counter[str] = Counter()

    def close(self) -> None:
        self.desk.close()
        self.store.close()

    # --- connections --------------------------------------------------------------------------------

    def _book(self, context: Context) -> Connector:
        url = f"http://127.0.0.1:{self.radicale.port}{BOOK}"
        return CardDavConnector(CardDavSettings(url=url, user=USER, secret=PASSWORD), context)

    def _erp(self, context: Context) -> Connector:
        settings = {
            "url": self.tryton.url,
            "database": DATABASE,
            "user": self.tryton.user,
            "secret": self.tryton.password,
            "overlap_seconds": 0,
        }
        return TrytonConnector(TrytonSettings.model_validate(settings), context)

    def _directory(self, context: Context) -> Connector:
        settings = {
            "url": f"ldap://127.0.0.1:{self.slapd.port}",
            "user": ROOT,
            "secret": PASSWORD,
            "base": PEOPLE,
            "changes": "syncrepl",
        }
        return LdapConnector(LdapSettings.model_validate(settings), context)

    @staticmethod
    def _mapping(connector: Connector) -> Any:
        table = yaml.safe_load(connector.default_mapping)
        if isinstance(connector, TrytonConnector):
            del table["fields"]["full_name"]
            table["fields"] |= NAMES
        return load_mapping(table, where="a test", default_region="PT")

    def opened(self, name: str) -> Any:
        """A context manager with a connector of this name; its requests are counted."""
        return Opened(self, name)

    # --- runs ---------------------------------------------------------------------------------------

    def sync(self, name: str, **orders: Any) -> Result:
        with self.opened(name) as connector:
            result = sync(self.hub, connector, name, Orders(approve=True, manual=True, **orders))
        assert result.status == "done", result
        return result

    def settle(self, rounds: int = 3) -> None:
        for _ in range(rounds):
            for name in SYSTEMS:
                self.sync(name)

    def everything(self, name: str) -> dict[str, Record]:
        with self.opened(name) as connector:
            return records(connector.pull(None))

    # --- what people do in the systems --------------------------------------------------------------

    def card(self, given: str, family: str, **more: str) -> str:
        name = f"{given}-{family}.vcf".lower()
        lines = [f"{key.replace('_', '-').upper()}:{value}" for key, value in more.items()]
        text = ["BEGIN:VCARD", "VERSION:3.0", f"UID:{name}", f"N:{family};{given};;;", f"FN:{given} {family}", *lines]
        self.put(name, "\r\n".join([*text, "X-RING-TONE;X-LOUD=yes:marimba", "END:VCARD", ""]))
        return name

    def put(self, name: str, text: str) -> None:
        answer = self.desk.put(BOOK + name, content=text.encode(), headers={"content-type": "text/vcard"})
        assert answer.status_code in {201, 204}

    def text(self, name: str) -> str:
        return self.desk.get(BOOK + name).text.replace("\r\n ", "")

    def modify(self, mail: str, **values: str) -> None:
        """Somebody edits the entry with this address in the directory."""
        import ldap

        link = ldap.initialize(f"ldap://127.0.0.1:{self.slapd.port}")
        link.simple_bind_s(ROOT, PASSWORD)
        [(dn, _)] = link.search_s(PEOPLE, ldap.SCOPE_SUBTREE, f"(mail={mail})")
        link.modify_s(dn, [(ldap.MOD_REPLACE, name, [value.encode()]) for name, value in values.items()])
        link.unbind_s()

    def conflicts(self, field: str) -> list[ConflictRow]:
        with self.store.read() as tx:
            return list(lists.conflicts(tx, state=None, field=field).rows)

    def of(self, name: str, mail: str) -> Record | None:
        """The record with this email, in a system."""
        found = [each for each in self.everything(name).values() if mail in str(each.fields.values())]
        return found[0] if found else None


class Opened:
    """One connector for the time of a run, and what it asked."""

    def __init__(self, company: Company, name: str) -> None:
        self.company, self.name = company, name
        self.line = Meddler()
        self.context = Context(name, transport=None if name == "directory" else self.line)

    def __enter__(self) -> Connector:
        self.connector = self.company.makers[self.name](self.context)
        return self.connector

    def __exit__(self, *_: object) -> None:
        asked = getattr(self.connector, "_link", None)
        self.context.closing.close()
        if hasattr(self.company, "requests"):
            self.company.requests[self.name] += asked.calls if asked else len(self.line.requests)


@pytest.fixture(scope="module")
def company(radicale: Server, slapd: Server, tryton: DemoServer) -> Iterator[Company]:
    with TrytonDesk(tryton) as desk:
        seed_countries(desk)
    with closing(Company(radicale, slapd, tryton)) as made:
        yield made


# --- what happens --------------------------------------------------------------------------------------


def test_who_is_made_in_the_address_book_appears_in_erp_and_directory(company: Company) -> None:
    company.card("Rita", "Vaz", email="rita@example.org", tel="+351912345678", title="Buyer", org="Coro do Porto")

    company.settle()

    erp, directory = company.of("erp", "rita@example.org"), company.of("directory", "rita@example.org")
    assert erp is not None
    assert directory is not None
    assert erp.fields["name"] == "Rita Vaz"
    assert (directory.fields["cn"], directory.fields["sn"]) == ("Rita Vaz", "Vaz")
    assert (directory.fields["o"], directory.fields["title"]) == ("Coro do Porto", "Buyer")


def test_an_edit_in_the_directory_reaches_the_card_and_its_other_lines_stay(company: Company) -> None:
    name = company.card("Eva", "Moura", email="eva@example.org", tel="+351961234567")
    company.settle()

    company.modify("eva@example.org", sn="Moura Paz", mobile="+351933123456")
    company.settle()

    text, erp = company.text(name), company.of("erp", "eva@example.org")
    assert "N:Moura Paz;Eva;;;" in text
    assert "+351933123456" in text
    assert "X-RING-TONE;X-LOUD=yes:marimba" in text
    assert erp is not None
    assert erp.fields["name"] in {"Eva Moura Paz", "Moura Paz, Eva"}


def test_an_edit_in_the_erp_reaches_the_other_two(company: Company) -> None:
    company.card("Ada", "Lima", email="ada@example.org")
    company.settle()
    erp = company.of("erp", "ada@example.org")
    assert erp is not None

    with TrytonDesk(company.tryton) as desk:
        party = int(erp.id)
        desk.call("party.contact_mechanism", "create", [{"party": party, "type": "phone", "value": "+351222333444"}])
    company.settle()

    book, directory = company.of("book", "ada@example.org"), company.of("directory", "ada@example.org")
    assert book is not None
    assert directory is not None
    assert [each["value"] for each in book.fields["phones"]] == ["+351222333444"]
    assert "+351222333444" in str(directory.fields)


def test_a_deletion_in_one_is_a_deletion_in_all(company: Company) -> None:
    name = company.card("Rui", "Torga", email="rui@example.org")
    company.settle()
    assert company.of("directory", "rui@example.org") is not None

    assert company.desk.delete(BOOK + name).status_code in {200, 204}
    company.settle()

    assert [company.of(each, "rui@example.org") for each in SYSTEMS] == [None, None, None]


def test_one_field_changed_in_two_places_is_decided_by_its_rule_and_logged(company: Company) -> None:
    name = company.card("Ivo", "Reis", email="ivo@example.org", title="Clerk")
    company.settle()
    before = len(company.conflicts("job_title"))

    company.put(name, company.text(name).replace("TITLE:Clerk", "TITLE:Baker"))
    company.modify("ivo@example.org", title="Head Clerk")
    company.settle()

    book, directory = company.of("book", "ivo@example.org"), company.of("directory", "ivo@example.org")
    assert book is not None
    assert directory is not None
    assert (book.fields["job_title"], directory.fields["title"]) == ("Head Clerk", "Head Clerk")
    [conflict, *_] = company.conflicts("job_title")
    assert len(company.conflicts("job_title")) > before
    assert conflict.winner == "Head Clerk"


def test_a_name_changed_in_all_three_ends_the_same_everywhere(company: Company) -> None:
    name = company.card("Noa", "Prado", email="noa@example.org")
    company.settle()
    erp = company.of("erp", "noa@example.org")
    assert erp is not None

    company.put(name, company.text(name).replace("Prado", "Pardo"))
    with TrytonDesk(company.tryton) as desk:
        desk.call("party.party", "write", [int(erp.id)], {"name": "Noa Prados"})
    company.modify("noa@example.org", sn="Prada", cn="Noa Prada")
    company.settle(4)

    found = {each: company.of(each, "noa@example.org") for each in SYSTEMS}
    shown = {each: record.fields for each, record in found.items() if record is not None}
    assert (shown["book"]["family_name"], shown["book"]["full_name"]) == ("Prada", "Noa Prada")
    assert (shown["directory"]["sn"], shown["directory"]["cn"]) == ("Prada", "Noa Prada")
    assert shown["erp"]["name"] == "Noa Prada"
    conflicts = company.conflicts("family_name")  # newest first
    assert conflicts[0].winner == "Prada"
    assert {conflict.rule for conflict in conflicts} == {"order: directory, book, erp"}


def test_a_quiet_cycle_writes_nothing_and_asks_little(company: Company) -> None:
    company.settle()
    states = {name: company.everything(name) for name in SYSTEMS}
    company.requests.clear()

    results = [company.sync(name) for name in SYSTEMS]

    asked = dict(company.requests)
    assert [result.counts for result in results] == [{}, {}, {}]
    assert {name: company.everything(name) for name in SYSTEMS} == states
    assert asked["book"] == 1  # one REPORT: the cursor knows the book and its token
    assert asked["directory"] <= 2  # begin and end of one search
    assert asked["erp"] <= 5  # login, changes, deletions, logout
