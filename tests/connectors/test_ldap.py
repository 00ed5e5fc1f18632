"""LDAP: the contract on a real slapd, for each way of finding changes, and what is LDAP's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

pytest.importorskip("ldap", reason="python-ldap is not installed: pip install 'contact-hub[ldap]'")
import ldap

from hub.connectors.contract import Connector, Context
from hub.connectors.ldap import LdapConnector, LdapSettings
from hub.errors import AccountError, ConfigError, CursorExpired
from hub.model import Done, Missing, Op, Refused, Stale, Tombstone, Write
from hub.testing.contract import OVER_HTTP, ConnectorContract, System, done, items, listing, records
from tests.connectors.directories import CLERK, PEOPLE, READER, ROOT, SUFFIX, slapd, started
from tests.connectors.servers import PASSWORD, Server, free_port
from tests.connectors.test_http import certificate

NUMBERS = count(1)
NO_HTTP = "it speaks LDAP, not HTTP; connections that break are tested below"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    yield from started("slapd")


class Directory(System):
    """An organizational unit of its own for each check."""

    nobody = "00000000-0000-4000-8000-000000000000"
    text = "description"

    def __init__(self, server: Server, opened: Context, **settings: Any) -> None:
        self.server, self.opened, self.settings = server, opened, settings
        self.desk = ldap.initialize(f"ldap://127.0.0.1:{server.port}")
        self.desk.simple_bind_s(ROOT, PASSWORD)
        opened.closing.callback(self.desk.unbind_s)
        self.base = f"ou=team{next(NUMBERS)},{SUFFIX}"
        self.desk.add_s(self.base, [("objectClass", [b"organizationalUnit"])])
        self.secrets = (PASSWORD,)
        self.connector = self.connect()

    def connect(self, **changed: Any) -> LdapConnector:
        return self.at(Context("dir", sleep=lambda seconds: None, closing=self.opened.closing), **changed)

    def within(self, context: Context) -> LdapConnector:
        return self.at(context)

    def at(self, context: Context, **changed: Any) -> LdapConnector:
        settings = {
            "url": f"ldap://127.0.0.1:{self.server.port}",
            "user": ROOT,
            "secret": PASSWORD,
            "base": self.base,
            "page_size": 5,
            **self.settings,
            **changed,
        }
        return LdapConnector(LdapSettings.model_validate(settings), context)

    def add(self, rdn: str, **values: str | list[str]) -> str:
        """A new entry, as an administrator makes it; its entryUUID."""
        attributes = {"objectClass": ["inetOrgPerson"], **values}
        many = {name: each if isinstance(each, list) else [each] for name, each in attributes.items()}
        self.desk.add_s(f"{rdn},{self.base}", [(name, [v.encode() for v in each]) for name, each in many.items()])
        [(_, found)] = self.desk.search_s(f"{rdn},{self.base}", ldap.SCOPE_BASE, attrlist=["entryUUID"])
        return str(found["entryUUID"][0].decode())

    def entry(self, record_id: str) -> tuple[str, Mapping[str, list[bytes]]]:
        [found] = self.desk.search_s(self.base, ldap.SCOPE_SUBTREE, f"(entryUUID={record_id})")
        return str(found[0]), found[1]

    def seed(self, count: int) -> list[str]:
        return [self._person(next(NUMBERS)) for _ in range(count)]

    def _person(self, number: int) -> str:
        return self.add(
            f"uid=u{number}",
            cn=f"Rita Vaz {number}",
            sn=f"Vaz {number}",
            givenName="Rita",
            mail=[f"rita{number}@example.org", f"vaz{number}@example.org"],
            telephoneNumber="+351 222 333 444",
            mobile="+351 912 345 678",
            homePhone="+351 221 111 111",
            title="Alto",
            o="Coro do Porto",
            ou="Altos",
            street=f"Rua {number}",
            postalCode="4000-001",
            l="Porto",
            st="Norte",
            description="Sings",
            labeledURI="https://rita.example.org",
            preferredLanguage="pt",
            businessCategory=["choir", "friends"],
        )

    def edit(self, record_id: str) -> None:
        value = f"Rua Nova {next(NUMBERS)}".encode()
        self.desk.modify_s(self.entry(record_id)[0], [(ldap.MOD_REPLACE, "street", [value])])

    def remove(self, record_id: str) -> None:
        self.desk.delete_s(self.entry(record_id)[0])

    def twin(self, record_id: str) -> str:
        return self.seed(1)[0]

    def new_fields(self) -> dict[str, Any]:
        number = next(NUMBERS)
        return {
            "cn": f"Noël Têtu, {number}",
            "sn": f"Têtu {number}",
            "givenName": "Noël",
            "mail": [f"noel{number}@example.org"],
            "description": "first; second, (third) * \\ last",
        }

    def edit_fields(self) -> dict[str, Any]:
        return {"description": f"Called {next(NUMBERS)}", "mobile": ["+351 931 111 111", "+351 932 222 222"]}

    def refused_fields(self) -> dict[str, Any]:
        return {"cn": "Zuleica Refused", "sn": "Refused", "telephoneNumber": ["çççççççç"]}

    def unreachable(self) -> Connector:
        return self.connect(url=f"ldap://127.0.0.1:{free_port()}")

    def wrong_key(self) -> Connector:
        return self.connect(secret="wrong-pass-1")

    def no_right_to_write(self) -> Connector:
        return self.connect(user=READER)

    def revocable(self) -> tuple[Connector, Any]:
        name = f"cn=hub{next(NUMBERS)},{SUFFIX}"
        classes = [b"organizationalRole", b"simpleSecurityObject"]
        self.desk.add_s(name, [("objectClass", classes), ("userPassword", [PASSWORD.encode()])])
        connector = self.connect(user=name)

        def revoke() -> None:
            self.desk.modify_s(name, [(ldap.MOD_REPLACE, "userPassword", [b"another-1"])])
            connector._link.close()

        return connector, revoke


@pytest.fixture
def opened() -> Iterator[Context]:
    context = Context("dir")
    with context.closing:
        yield context


@pytest.fixture
def system(server: Server, opened: Context) -> Directory:
    return Directory(server, opened)


CANNOT: dict[str, str] = {
    **dict.fromkeys(OVER_HTTP, NO_HTTP),
    "test_a_field_gone_from_the_answers_says_nothing": "an attribute that is not in an entry is an empty one",
    "test_a_value_never_heard_of_is_kept_and_grants_nothing": "inetOrgPerson has no field of choices",
    "test_ten_thousand_records_are_listed_in_little_memory": "10,000 entries take minutes to add",
    "test_a_service_that_accepts_and_ignores_a_write_is_seen_in_the_answer": "a real slapd cannot be made to do so; "
    "every answer is read back",
}


class TestByModifyTimestamp(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = CANNOT


class TestBySyncrepl(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = CANNOT

    @pytest.fixture
    def system(self, server: Server, opened: Context) -> Directory:
        return Directory(server, opened, changes="syncrepl")


# --- reading ----------------------------------------------------------------------------------------


def there(connector: Connector) -> Any:
    return records(connector.pull(None))


def test_changes_are_found_by_entry_csn_as_well(server: Server, opened: Context) -> None:
    system = Directory(server, opened, changes="entry_csn", overlap_seconds=0)
    [record_id] = system.seed(1)
    _, cursor = listing(system.connector)
    system.edit(record_id)

    assert set(records(system.connector.pull(cursor))) == {record_id}


def test_a_sync_tells_additions_changes_and_deletions_at_once(server: Server, opened: Context) -> None:
    system = Directory(server, opened, changes="syncrepl")
    gone, edited, quiet = system.seed(3)
    _, cursor = listing(system.connector)
    system.remove(gone)
    system.edit(edited)
    [new] = system.seed(1)

    told = items(system.connector.pull(cursor))

    assert {each.id for each in told if isinstance(each, Tombstone)} == {gone}
    assert {each.id for each in told if not isinstance(each, Tombstone)} == {edited, new}
    assert quiet not in {each.id for each in told}


def test_a_directory_without_a_session_log_is_listed_again_after_a_change() -> None:
    opened = Context("dir")
    with slapd(session_log=False) as bare, opened.closing:
        system = Directory(bare, opened, changes="syncrepl")
        gone, _ = system.seed(2)
        _, cursor = listing(system.connector)
        assert items(system.connector.pull(cursor)) == []
        system.remove(gone)

        with pytest.raises(CursorExpired):
            list(system.connector.pull(cursor))


def test_a_size_limit_of_the_directory_is_told_and_nothing_is_concluded(server: Server, opened: Context) -> None:
    system = Directory(server, opened)
    for number in range(501):  # one after the other: of many at once slapd's contextCSN may end below the last one
        system.desk.add_s(f"uid=x{number},{system.base}", [("objectClass", [b"account"])])
    everything = {"filter": "(objectClass=account)", "attributes": ["uid"], "user": CLERK}

    for changes in ("modify_timestamp", "syncrepl"):
        with pytest.raises(AccountError, match="limit"):
            there(system.connect(**everything, changes=changes))
    assert len(there(system.connect(**{**everything, "user": ROOT}))) == 501


def test_a_stamp_that_is_not_shown_is_told_since_no_change_would_ever_be_seen() -> None:
    opened = Context("dir")
    hidden = f'access to attrs=modifyTimestamp by dn="{CLERK}" none by * read\n'
    with slapd(rules=hidden) as blind, opened.closing:
        system = Directory(blind, opened)
        system.seed(1)

        with pytest.raises(AccountError, match="modifyTimestamp"):
            there(system.connect(user=CLERK))


def test_a_base_that_is_not_shown_is_no_empty_listing(system: Directory) -> None:
    with pytest.raises(AccountError, match="nothing counts as deleted"):
        there(system.connect(base=f"ou=elsewhere,{SUFFIX}"))


def test_a_connection_that_was_cut_is_made_again(server: Server, system: Directory) -> None:
    ids = system.seed(2)
    assert set(there(system.connector)) == set(ids)
    server.stop()
    server.start()

    assert set(there(system.connector)) == set(ids)


def test_a_binary_value_leaves_its_attribute_out(system: Directory) -> None:
    record_id = system.add("uid=photo", cn="Rita", sn="Vaz")
    dn, _ = system.entry(record_id)
    system.desk.modify_s(dn, [(ldap.MOD_ADD, "jpegPhoto", [b"\xff\xd8\xff\xe0"])])

    record = there(system.connect(attributes=["cn", "sn", "jpegPhoto"]))[record_id]

    assert record.fields == {"cn": "Rita", "sn": "Vaz"}


# --- writing ----------------------------------------------------------------------------------------


def create(key: str, **fields: Any) -> Write:
    return Write(Op.CREATE, key, None, {"cn": "Rita Vaz", "sn": "Vaz", **fields})


def test_a_repeated_create_finds_the_entry_by_its_key_and_changes_nothing(system: Directory) -> None:
    first = done(system.connector.write([create("hub:g1")]))

    outcomes = system.connector.write([create("hub:g1", cn="Other Name")])

    assert outcomes == [Done(first, existed=True)]
    assert system.entry(first.id)[0].startswith("uid=hub:g1,")


@pytest.mark.parametrize("key", ["hub:a*b", "hub:a)(uid=*", "hub:a\\b", "hub:a,b+c=d"])
def test_no_key_is_taken_for_a_filter_or_a_name(system: Directory, key: str) -> None:
    system.seed(1)

    assert system.connector.find(key) is None
    record = done(system.connector.write([create(key)]))

    assert system.connector.find(key) == record


@pytest.mark.parametrize(("fields", "reason"), [({"sn": None}, "requires sn"), ({"mail": [""]}, "list of texts")])
def test_what_the_class_requires_is_asked_for(system: Directory, fields: dict[str, Any], reason: str) -> None:
    [outcome] = system.connector.write([create("hub:g2", **fields)])

    assert isinstance(outcome, Refused)
    assert reason in outcome.reason
    assert there(system.connector) == {}


def test_the_name_of_an_entry_is_changed_by_renaming_it(system: Directory) -> None:
    record_id = system.add("cn=Rita Vaz", sn="Vaz", description="old")

    record = done(
        system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"cn": "Rita, Paz+", "description": "new"})])
    )

    assert (record.id, record.fields["cn"], record.fields["description"]) == (record_id, "Rita, Paz+", "new")


def test_an_entry_whose_name_has_two_parts_keeps_the_other(system: Directory) -> None:
    record_id = system.add("cn=Rita Vaz+uid=rita", sn="Vaz")

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"cn": "Rita Paz"})]))

    assert (record.fields["cn"], record.fields["uid"]) == ("Rita Paz", "rita")


def test_a_rename_to_a_name_that_is_taken_is_refused(system: Directory) -> None:
    system.add("cn=Taken", sn="Vaz")
    record_id = system.add("cn=Rita Vaz", sn="Vaz")

    [outcome] = system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"cn": "Taken"})])

    assert isinstance(outcome, Refused)
    assert "name" in outcome.reason


def test_the_common_name_follows_its_parts(system: Directory) -> None:
    record_id = system.add("uid=r", cn="Dr. Rita Vaz (Choir)", sn="Vaz", givenName="Rita")

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"sn": "Paz"})]))

    assert record.fields["cn"] == "Dr. Rita Paz (Choir)"


def test_other_values_of_a_text_are_kept(system: Directory) -> None:
    record_id = system.add("uid=r", cn=["Rita Vaz", "Ritinha"], sn="Vaz", description=["first", "second"])

    system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"description": "changed"})])

    assert set(system.entry(record_id)[1]["description"]) == {b"changed", b"second"}


def test_a_change_in_the_moment_of_writing_makes_it_stale(system: Directory) -> None:
    [record_id] = system.seed(1)
    connector = system.connect()

    class Hurried(LdapConnector):
        def _update(self, write: Write, entry: Any) -> Any:
            system.edit(record_id)  # after the entry was read, before it is changed
            return super()._update(write, entry)

    hurried = Hurried(connector.settings, connector.context)
    outcome = hurried.write([Write(Op.UPDATE, "hub:1", record_id, {"description": "mine"})])

    assert outcome == [Stale()]
    assert system.entry(record_id)[1]["description"] == [b"Sings"]


def test_a_value_that_was_changed_meanwhile_is_never_overwritten_without_an_assertion_either(system: Directory) -> None:
    [record_id] = system.seed(1)

    class Plain(LdapConnector):
        def _unchanged(self, entry: Any) -> str | None:
            dn, _ = system.entry(record_id)
            system.desk.modify_s(dn, [(ldap.MOD_REPLACE, "description", [b"theirs"])])
            return None  # as with a directory that has no assertion control

    connector = Plain(system.connector.settings, system.connector.context)

    assert connector.write([Write(Op.UPDATE, "hub:1", record_id, {"description": "mine"})]) == [Stale()]
    assert system.entry(record_id)[1]["description"] == [b"theirs"]


def test_a_deleted_entry_is_missing_and_an_id_that_is_none_too(system: Directory) -> None:
    for record_id in (system.nobody, "not a uuid", "*", ")(uid=*"):
        assert system.connector.write([Write(Op.DELETE, "hub:1", record_id, {})]) == [Missing()]


@pytest.mark.parametrize(
    "changed",
    [
        {"url": "http://directory.example.org"},
        {"filter": "objectClass=person"},
        {"changes": "usn"},
        {"secret": ""},
        {"url": "ldaps://directory.example.org", "start_tls": True},
        {"rdn": "employeeType"},
    ],
)
def test_settings_that_do_not_hang_together_are_refused(changed: dict[str, Any]) -> None:
    base = {"url": "ldap://directory.example.org", "user": "cn=hub", "secret": "x-1", "base": "dc=example"}

    with pytest.raises(ValidationError):
        LdapSettings.model_validate({**base, **changed})


# --- TLS --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[tuple[Server, Path]]:
    folder = tmp_path_factory.mktemp("tls")
    authority, _ = certificate(folder)
    with slapd(certificate=(folder / "both.pem").read_text()) as made:
        yield made, authority


@pytest.mark.parametrize("from_the_beginning", [False, True])
def test_a_certificate_of_the_named_authority_is_trusted_and_no_other(
    secured: tuple[Server, Path], opened: Context, from_the_beginning: bool
) -> None:
    made, authority = secured
    base = {"user": ROOT, "secret": PASSWORD, "base": PEOPLE, "timeout_seconds": 10}
    if from_the_beginning:
        base |= {"url": f"ldaps://127.0.0.1:{made.port + 1}"}
    else:
        base |= {"url": f"ldap://127.0.0.1:{made.port}", "start_tls": True}

    trusting = LdapConnector(LdapSettings.model_validate({**base, "ca_file": authority}), opened)
    wary = LdapConnector(LdapSettings.model_validate(base), opened)

    assert trusting.check().warnings == ()
    with pytest.raises(AccountError, match="certificate"):
        wary.check()


def test_an_authority_that_is_not_there_is_told_before_anything_is_sent(system: Directory) -> None:
    connector = system.connect(start_tls=True, ca_file="missing.pem")

    with pytest.raises(ConfigError, match=r"missing\.pem"):
        connector.check()


def test_a_directory_without_tls_gets_no_password_where_tls_is_asked_for(system: Directory) -> None:
    connector = system.connect(start_tls=True)

    with pytest.raises(AccountError):
        connector.check()
