"""GNU Mailman: the contract on a real core, and what is Mailman's own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, ClassVar

import httpx
import pytest
import yaml

from demo.people import people
from demo.seed import MailmanDesk, seed_mailman
from demo.servers import Server, free_port
from hub.connectors.contract import Context
from hub.connectors.mailman import MailmanConnector, MailmanSettings, read_member
from hub.errors import AccountError, TransientError
from hub.mapping.spec import load_mapping
from hub.model import Done, Missing, Op, Record, Refused, Write
from hub.testing.contract import ConnectorContract, System, done, records
from tests.connectors.real import Meddler, served

NUMBERS = count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from served("mailman", tmp_path_factory.mktemp("mailman"))


@pytest.fixture(scope="session")
def desk(server: Server) -> Iterator[MailmanDesk]:
    with MailmanDesk(server) as desk:
        yield desk


class Mailman(System):
    nobody = "nobody@example.org"
    text = "display_name"
    optional = ("display_name", "display_name")

    def __init__(self, server: Server, desk: MailmanDesk, context: Context) -> None:
        self.server, self.desk, self.opened = server, desk, context
        self.list = desk.make_list(f"list{next(NUMBERS)}@example.org")
        self.meddler = self.network = Meddler()
        self.secrets = (server.password,)
        self.connector = self.connect(transport=self.meddler)

    def connect(self, *, transport: httpx.BaseTransport | None = None, **changed: Any) -> MailmanConnector:
        closing = self.opened.closing
        context = Context("list", sleep=lambda seconds: None, transport=transport, closing=closing)
        return self.at(context, **changed)

    def within(self, context: Context) -> MailmanConnector:
        return self.at(context)

    def at(self, context: Context, **changed: Any) -> MailmanConnector:
        settings = {
            "url": self.server.url,
            "user": self.server.user,
            "secret": self.server.password,
            "list": self.list,
            "page_size": 5,
            **changed,
        }
        return MailmanConnector(MailmanSettings.model_validate(settings), context)

    def seed(self, count: int) -> list[str]:
        addresses = [f"m{next(NUMBERS)}@example.com" for _ in range(count)]
        for address in addresses:
            self.desk.subscribe(self.list, address, "Marta Żak")
        return addresses

    def edit(self, record_id: str) -> None:
        self.desk.set_delivery(self.list, record_id, "by_bounces")

    def remove(self, record_id: str) -> None:
        self.desk.unsubscribe(self.list, record_id)

    def new_fields(self) -> dict[str, Any]:
        return {"email": f"New{next(NUMBERS)}@example.com", "display_name": "Noël Têtu", "subscribed": "yes"}

    def edit_fields(self) -> dict[str, Any]:
        return {"display_name": f"Marta Renamed {next(NUMBERS)}"}

    def refused_fields(self) -> dict[str, Any]:
        return {"email": "no address at all", "subscribed": "yes"}

    def unreachable(self) -> MailmanConnector:
        return self.connect(url=f"http://127.0.0.1:{free_port()}/3.1")

    def wrong_key(self) -> MailmanConnector:
        return self.connect(secret="wrong-pass-1")


@pytest.fixture
def system(server: Server, desk: MailmanDesk) -> Iterator[Mailman]:
    context = Context("list")
    with context.closing:
        yield Mailman(server, desk, context)


@pytest.fixture
def connector(system: Mailman) -> MailmanConnector:
    assert isinstance(system.connector, MailmanConnector)
    return system.connector


KEYLESS = "a member has no place for a key; the address is the key"


class TestMailman(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {
        "test_a_create_is_found_again_by_its_key": KEYLESS,
        "test_a_key_is_found_whole_and_as_it_is_spelt": KEYLESS,
        "test_a_service_that_accepts_and_ignores_a_write_is_seen_in_the_answer": "a real core cannot be made to do so; "
        "every answer is read back",
        "test_a_value_never_heard_of_is_kept_and_grants_nothing": "states of delivery are asked for by their names",
        "test_ten_thousand_records_are_listed_in_little_memory": "10,000 subscriptions take minutes to make",
    }


# --- consent ----------------------------------------------------------------------------------------


def there(connector: MailmanConnector) -> dict[str, Record]:
    return records(connector.pull(None))


def subscribing(address: str, **fields: Any) -> Write:
    return Write(Op.CREATE, "hub:1", None, {"email": address, "subscribed": "yes", **fields})


def test_an_opt_out_ends_the_subscription_and_can_be_sent_again(system: Mailman, connector: MailmanConnector) -> None:
    [address] = system.seed(1)
    opt_out = Write(Op.UPDATE, "hub:1", address, {"subscribed": "no"})

    first, again = connector.write([opt_out]), connector.write([opt_out])

    assert done(first).fields["subscribed"] == "no"
    assert done(again).fields["subscribed"] == "no"
    assert there(connector) == {}


@pytest.mark.parametrize("said", [{}, {"subscribed": "no"}, {"subscribed": None}])
def test_nobody_is_put_on_a_list_without_a_consent_that_says_so(
    connector: MailmanConnector, said: dict[str, Any]
) -> None:
    [outcome] = connector.write([Write(Op.CREATE, "hub:1", None, {"email": "eva@example.com", **said})])

    assert isinstance(outcome, Refused)
    assert "consent" in outcome.reason
    assert there(connector) == {}


def test_an_update_never_brings_back_somebody_who_left(system: Mailman, connector: MailmanConnector) -> None:
    [address] = system.seed(1)
    system.remove(address)

    outcomes = connector.write([Write(Op.UPDATE, "hub:1", address, {"display_name": "Back Again"})])

    assert outcomes == [Missing()]
    assert there(connector) == {}


def test_a_new_consent_brings_somebody_back_under_the_same_id(system: Mailman, connector: MailmanConnector) -> None:
    [address] = system.seed(1)
    system.remove(address)

    record = done(connector.write([Write(Op.UPDATE, "hub:1", address, {"subscribed": "yes"})]))

    assert record.id == address
    assert set(there(connector)) == {address}


@pytest.mark.parametrize("status", ["by_user", "by_bounces", "by_moderator"])
def test_a_paused_or_bouncing_member_is_still_subscribed(
    system: Mailman, connector: MailmanConnector, status: str
) -> None:
    address, usual = system.seed(2)
    system.desk.set_delivery(system.list, address, status)

    listed = there(connector)

    assert listed[address].fields["delivery_status"] == status
    assert listed[address].fields["subscribed"] == "yes"
    assert listed[usual].fields["delivery_status"] == "enabled"


def test_a_banned_address_is_refused_and_not_named(system: Mailman, connector: MailmanConnector) -> None:
    address = f"banned{next(NUMBERS)}@example.com"
    system.desk.ban(system.list, address)

    [outcome] = connector.write([subscribing(address)])

    assert isinstance(outcome, Refused)
    assert "banned" in outcome.reason
    assert address not in outcome.reason


# --- writes -----------------------------------------------------------------------------------------


def test_a_create_for_somebody_on_the_list_changes_nothing(system: Mailman, connector: MailmanConnector) -> None:
    [address] = system.seed(1)
    before = there(connector)[address]

    outcomes = connector.write([subscribing(address.upper(), display_name="Other Name")])

    assert outcomes == [Done(before, existed=True)]
    assert there(connector) == {address: before}


def test_a_create_whose_reply_is_lost_makes_one_member(system: Mailman, connector: MailmanConnector) -> None:
    write = subscribing(f"lost{next(NUMBERS)}@example.com")
    system.meddler.mark, system.meddler.lose = b"subscriber=", True

    connector.write([write])
    record = done(connector.write([write]))

    assert there(connector) == {record.id: record}


def test_an_address_that_mailman_knows_by_another_name_gets_the_new_one(
    system: Mailman, connector: MailmanConnector
) -> None:
    [address] = system.seed(1)
    system.remove(address)

    record = done(connector.write([subscribing(address, display_name="Marta Nowa")]))

    assert record.fields["display_name"] == "Marta Nowa"
    assert there(connector) == {address: record}


def test_a_name_can_be_emptied(system: Mailman, connector: MailmanConnector) -> None:
    [address] = system.seed(1)

    record = done(connector.write([Write(Op.UPDATE, "hub:1", address, {"display_name": None})]))

    assert record.fields["display_name"] is None


def test_a_subscription_is_not_moved_to_another_address(system: Mailman, connector: MailmanConnector) -> None:
    [address] = system.seed(1)

    [outcome] = connector.write([Write(Op.UPDATE, "hub:1", address, {"email": "elsewhere@example.com"})])

    assert isinstance(outcome, Refused)
    assert "elsewhere" not in outcome.reason
    assert set(there(connector)) == {address}


@pytest.mark.parametrize("field", ["email", "display_name"])
def test_a_text_that_is_no_unicode_is_refused(connector: MailmanConnector, field: str) -> None:
    [outcome] = connector.write([subscribing(**{"address": "eva@example.com", field: "eva\ud800"})])

    assert isinstance(outcome, Refused)
    assert there(connector) == {}


# --- reading ----------------------------------------------------------------------------------------


def test_somebody_who_leaves_while_the_list_is_read_hides_nobody(system: Mailman, connector: MailmanConnector) -> None:
    addresses = system.seed(25)
    first = min(addresses)
    system.meddler.mark = b"page=2"
    system.meddler.before = lambda: system.remove(first)

    listed = there(connector)

    assert set(addresses) - {first} <= set(listed)


def test_a_list_that_never_stands_still_is_left_for_later(system: Mailman) -> None:
    class Restless(Meddler):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if b"page=2" in request.url.raw_path:
                system.seed(1)
            return super().handle_request(request)

    connector = system.connect(transport=Restless())
    system.seed(15)

    with pytest.raises(TransientError, match="nothing is concluded"):
        list(connector.pull(None))


def test_an_empty_list_is_one_empty_page(connector: MailmanConnector) -> None:
    assert [page.items for page in connector.pull(None)] == [()]


def test_a_list_that_is_not_there_is_told_to_the_owner(system: Mailman) -> None:
    connector = system.connect(list="missing@example.org")

    for call in (connector.check, lambda: list(connector.pull(None))):
        with pytest.raises(AccountError, match=r"no list missing\.example\.org"):
            call()


def test_a_member_becomes_a_record_with_the_address_in_small_letters_as_id() -> None:
    entry = {
        "member_id": "635f492566754e5bb9a39b59be9807ff",
        "list_id": "news.example.org",
        "email": "Ann@example.org",
        "display_name": "",
        "bounce_score": 2,
        "http_etag": '"d6391801"',
    }

    record = read_member(entry, {"635f492566754e5bb9a39b59be9807ff": "by_bounces"})

    assert record == Record(
        id="ann@example.org",
        fields={
            "email": "Ann@example.org",
            "display_name": None,
            "list": "news.example.org",
            "subscribed": "yes",
            "delivery_status": "by_bounces",
            "bounce_score": 2,
        },
    )


# --- the mapping that comes with it -----------------------------------------------------------------


def test_made_up_members_come_through_the_default_mapping_as_listed_consents(
    system: Mailman, connector: MailmanConnector
) -> None:
    seed_mailman(system.desk, people(30), system.list.replace(".", "@", 1))
    mapping = load_mapping(yaml.safe_load(connector.default_mapping), where="mailman.yaml", default_region="PT")

    for record in there(connector).values():
        mapped = mapping.inward(record)
        assert mapped.problems == ()
        consent = mapped.fields[f"consents/email|{record.id}|newsletter"]
        assert consent == {"status": "granted", "basis": "listed"}


def test_a_refusal_in_the_golden_record_is_sent_as_an_opt_out(system: Mailman, connector: MailmanConnector) -> None:
    [address] = system.seed(1)
    mapping = load_mapping(yaml.safe_load(connector.default_mapping), where="mailman.yaml", default_region="PT")
    key = f"consents/email|{address}|newsletter"

    payload = mapping.payload({f"emails/{address}": {}, key: {"status": "denied"}}, [key])
    connector.write([Write(Op.UPDATE, "hub:1", address, payload)])

    assert there(connector) == {}
