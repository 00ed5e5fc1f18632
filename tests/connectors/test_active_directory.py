"""Active Directory's way of telling changes, on a stand-in: none of it can be run here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("ldap", reason="python-ldap is not installed: pip install 'contact-hub[ldap]'")

from hub.connectors.contract import Context
from hub.connectors.ldap import LdapConnector, LdapSettings
from hub.errors import AccountError, CursorExpired
from hub.model import Record, Tombstone
from hub.testing.contract import items, listing, records
from tests.connectors.active_directory import PEOPLE, Controller, served


class Domain:
    def __init__(self, controller: Controller, port: int, opened: Context) -> None:
        self.controller, self.port, self.opened = controller, port, opened

    def connect(self, **changed: Any) -> LdapConnector:
        settings = {
            "url": f"ldap://127.0.0.1:{self.port}",
            "user": "hub@corp.example.org",
            "secret": "hubpass",
            "base": PEOPLE,
            "filter": "(objectClass=contact)",
            "key": "objectGUID",
            "changes": "usn",
            "attributes": ["cn", "sn", "mail", "employeeNumber"],
            "multiple": [],
            "rdn": "cn",
            "reference": "employeeNumber",
            "page_size": 2,
            **changed,
        }
        return LdapConnector(LdapSettings.model_validate(settings), self.opened)


@pytest.fixture
def domain() -> Iterator[Domain]:
    opened = Context("corp")
    with served() as (controller, port), opened.closing:
        yield Domain(controller, port, opened)


def test_a_listing_reads_all_pages_and_ends_with_the_number_of_its_controller(domain: Domain) -> None:
    ids = {domain.controller.add(f"Rita {number}", sn="Vaz", mail="rita@example.org") for number in range(5)}

    found, cursor = listing(domain.connect())

    assert set(found) == ids
    assert {record.fields["sn"] for record in found.values()} == {"Vaz"}
    assert cursor is not None
    assert f'"usn":{domain.controller.usn}' in cursor


def test_additions_changes_and_deletions_are_told_by_number(domain: Domain) -> None:
    gone, edited, quiet = (domain.controller.add(f"Rita {number}", sn="Vaz") for number in range(3))
    _, cursor = listing(domain.connect())
    domain.controller.remove(gone)
    domain.controller.edit(edited, sn="Paz")
    new = domain.controller.add("Eva", sn="Lima")

    told = items(domain.connect().pull(cursor))

    assert {each.id for each in told if isinstance(each, Tombstone)} == {gone}
    assert {each.id: each.fields["sn"] for each in told if isinstance(each, Record)} == {edited: "Paz", new: "Lima"}
    assert quiet not in {each.id for each in told}


def test_a_quiet_pull_tells_nothing_and_keeps_its_cursor(domain: Domain) -> None:
    domain.controller.add("Rita", sn="Vaz")
    _, cursor = listing(domain.connect())

    [*_, page] = domain.connect().pull(cursor)

    assert (page.items, page.cursor) == ((), cursor)


def test_numbers_of_a_restored_controller_are_not_believed(domain: Domain) -> None:
    domain.controller.add("Rita", sn="Vaz")
    _, cursor = listing(domain.connect())
    domain.controller.restore()

    with pytest.raises(CursorExpired, match="restored"):
        list(domain.connect().pull(cursor))


def test_an_entry_is_read_by_its_guid(domain: Domain) -> None:
    record_id = domain.controller.add("Rita", sn="Vaz")
    connector = domain.connect()

    assert connector.read([record_id]) == records(connector.pull(None))
    assert connector.read(["00000000-0000-4000-8000-000000000000"]) == {}


def test_the_check_names_the_system_and_counts(domain: Domain) -> None:
    domain.controller.add("Rita", sn="Vaz")

    report = domain.connect().check()

    assert (report.system, report.records) == ("Active Directory", 1)


def test_a_wrong_password_pauses_the_connection(domain: Domain) -> None:
    with pytest.raises(AccountError, match="49"):
        domain.connect(secret="wrong-pass-1").check()
