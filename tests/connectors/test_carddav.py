"""CardDAV: the contract on a real Radicale, and what is CardDAV's own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, ClassVar

import httpx
import pytest

from hub.connectors.carddav import CardDavConnector, CardDavSettings
from hub.connectors.contract import Connector, Context
from hub.testing.contract import ConnectorContract, System
from tests.connectors.directories import started
from tests.connectors.real import Meddler
from tests.connectors.servers import PASSWORD, USER, Server, free_port

NUMBERS = count(1)
MKCOL = (
    '<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype><collection/>'
    "<C:addressbook/></resourcetype></prop></set></mkcol>"
)
APPLE = """BEGIN:VCARD\r
VERSION:3.0\r
PRODID:-//Apple Inc.//iOS 17.0//EN\r
UID:{uid}\r
N:Vaz;Rita;;;\r
FN:Rita Vaz\r
item1.EMAIL;type=INTERNET;type=pref:rita{number}@example.org\r
item1.X-ABLabel:Choir\r
item2.ADR;type=HOME:;;Rua {number};Porto;Norte;4000-001;Portugal\r
item2.X-ABADR:pt\r
TEL;type=CELL;type=VOICE;type=pref:912 345 678\r
TEL;type=WORK;type=FAX:222 000 111\r
ORG:Coro do Porto;Altos
TITLE:Alto
NICKNAME:Ritinha
BDAY:1985-04-12
URL:https://rita.example.org
NOTE:Sings\\, and writes
LANG:pt
CATEGORIES:choir,friends
X-SOCIALPROFILE;type=mastodon;x-user=rita:https://social.example.org/@rita\r
PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9\r
 awAAAABJRU5ErkJggg==\r
END:VCARD\r
"""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    yield from started("radicale")


class Line(Meddler):
    """The network to it; `deaf`: a PUT is answered as if carried out, and never arrives."""

    deaf = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.deaf and request.method == "PUT":
            return httpx.Response(204, request=request)
        return super().handle_request(request)


class Radicale(System):
    """An address book of its own for each check."""

    nobody = "nobody.vcf"
    text = "note"
    plenty = 0
    sparse: ClassVar[dict[str, str]] = {}

    def __init__(self, server: Server, opened: Context) -> None:
        self.server, self.opened = server, opened
        self.url = f"http://127.0.0.1:{server.port}"
        self.path = f"/{USER}/book{next(NUMBERS)}/"
        self.desk = httpx.Client(base_url=self.url, auth=(USER, PASSWORD), trust_env=False)
        opened.closing.callback(self.desk.close)
        answer = self.desk.request("MKCOL", self.path, content=MKCOL, headers={"content-type": "text/xml"})
        assert answer.status_code == 201
        self.meddler = self.network = Line()
        self.secrets = (PASSWORD,)
        self.connector = self.connect(transport=self.meddler)

    def connect(self, *, transport: httpx.BaseTransport | None = None, **changed: Any) -> CardDavConnector:
        closing = self.opened.closing
        context = Context("book", sleep=lambda seconds: None, transport=transport, closing=closing)
        return self.at(context, **changed)

    def within(self, context: Context) -> CardDavConnector:
        return self.at(context)

    def at(self, context: Context, **changed: Any) -> CardDavConnector:
        settings = {"url": self.url + self.path, "user": USER, "secret": PASSWORD, "page_size": 5, **changed}
        return CardDavConnector(CardDavSettings.model_validate(settings), context)

    def put(self, name: str, text: str) -> str:
        answer = self.desk.put(self.path + name, content=text.encode(), headers={"content-type": "text/vcard"})
        assert answer.status_code in {201, 204}, answer.text
        return name

    def card(self, name: str) -> str:
        return self.desk.get(self.path + name).text.replace("\r\n ", "")

    def seed(self, count: int) -> list[str]:
        found = []
        for _ in range(count):
            number = next(NUMBERS)
            found.append(self.put(f"rita {number}@home.vcf", APPLE.format(uid=f"uid-{number}", number=number)))
        return found

    def edit(self, record_id: str) -> None:
        text = self.desk.get(self.path + record_id).text
        before, _, _ = text.partition("END:VCARD")
        lines = [line for line in before.splitlines() if not line.startswith("TITLE")]
        self.put(record_id, "\r\n".join([*lines, f"TITLE:Buyer {next(NUMBERS)}", "END:VCARD", ""]))

    def remove(self, record_id: str) -> None:
        assert self.desk.delete(self.path + record_id).status_code in {200, 204}

    def ignore_writes(self) -> None:
        self.meddler.deaf = True

    def twin(self, record_id: str) -> str:
        return self.seed(1)[0]

    def new_fields(self) -> dict[str, Any]:
        number = next(NUMBERS)
        return {
            "given_name": "Noël",
            "family_name": f"Têtu {number}",
            "emails": [{"value": f"noel{number}@example.org", "label": "work"}],
            "addresses": [{"street": "Rue 1; bis", "locality": "Lyon", "postcode": "69001", "country": "France"}],
            "categories": ["a, b", "c"],
        }

    def edit_fields(self) -> dict[str, Any]:
        number = next(NUMBERS)
        return {
            "note": f"Called {number}",
            "phones": [{"value": "+351912345678", "label": "mobile"}, {"value": "+351222333444", "label": "work"}],
        }

    def refused_fields(self) -> dict[str, Any]:
        return {"given_name": "Zuleica\x07Refused"}

    def with_new_choice(self) -> tuple[Connector, str, Any]:
        class Changed(httpx.BaseTransport):
            def handle_request(changed, request: httpx.Request) -> httpx.Response:
                response = self.meddler.handle_request(request)
                text = response.read().replace(b"\nFN:", b"\nKIND:never-heard-of\nFN:")
                return httpx.Response(response.status_code, headers={"content-type": "text/xml"}, content=text)

        return self.within(self.context(Changed())), "kind", "never-heard-of"

    def unreachable(self) -> Connector:
        return self.connect(url=f"http://127.0.0.1:{free_port()}/")

    def wrong_key(self) -> Connector:
        return self.connect(secret="wrong-pass-1")


@pytest.fixture
def system(server: Server) -> Iterator[Radicale]:
    context = Context("book")
    with context.closing:
        yield Radicale(server, context)


@pytest.fixture
def connector(system: Radicale) -> CardDavConnector:
    assert isinstance(system.connector, CardDavConnector)
    return system.connector


class TestCardDav(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {
        "test_a_field_gone_from_the_answers_says_nothing": "in a card a property that is not there is an empty one",
        "test_ten_thousand_records_are_listed_in_little_memory": "10,000 PUTs into Radicale take minutes",
    }
