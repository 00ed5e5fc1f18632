"""Mautic: the contract on its stand-in, and what is Mautic's own."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from hub.model import Op, Refused, Write
from hub.testing import ConnectorContract
from hub.testing.words import done, items, listing, records
from tests.connectors.services.systems import NUMBERS, ServiceSystem, address
from tests.fakes.services.mautic import Mautic


class MauticSystem(ServiceSystem):
    service = "mautic"
    settings: ClassVar[dict[str, Any]] = {
        "url": "https://mautic.example.org",
        "user": "hub",
        "secret": "right-secret-1",
        "page_size": 10,
    }
    wrong: ClassVar[dict[str, Any]] = {"secret": "wrong-secret-1"}
    secrets = ("right-secret-1", "wrong-secret-1")
    text = "position"
    optional = ("position", "position")
    choice = ("reason", "no_email")
    plenty = 10_000
    memory = 64 * 2**20  # of which the stand-in keeps 40 as what it answered
    fake: Mautic

    def seed(self, count: int) -> list[str]:
        found = [
            self.fake.seed(
                title="Dr.",
                firstname="Marta",
                lastname="Żak",
                company="Company Lda",
                position="Buyer",
                email=address(),
                phone="+351 222 345 678",
                mobile="+351 912 345 678",
                website="https://example.org/marta",
                address1="Rua Um 1",
                city="Porto",
                state="Porto",
                zipcode="4000-001",
                country="Portugal",
            )
            for _ in range(count)
        ]
        self.fake.leave(found[0])
        self.fake.contacts[int(found[0])].modified = None
        return found

    def edit(self, record_id: str) -> None:
        self.fake.clock.pass_by(1)
        self.fake.edit(record_id, city=f"Edited {next(NUMBERS)}")

    def remove(self, record_id: str) -> None:
        self.fake.remove(record_id)

    def twin(self, record_id: str) -> str:
        return self.fake.twin(record_id, email=address())

    def new_fields(self) -> dict[str, Any]:
        return {"firstname": "Noël", "lastname": "Têtu", "email": address()}

    def edit_fields(self) -> dict[str, Any]:
        return {"position": f"Title {next(NUMBERS)}", "company": "Other Lda"}

    def refused_fields(self) -> dict[str, Any]:
        return {"lastname": "Refused", "email": "no address at all"}


@pytest.fixture
def system() -> MauticSystem:
    return MauticSystem(Mautic())


class TestMautic(ConnectorContract):
    pass


def test_a_visitor_of_whom_nothing_is_known_is_not_read(system: MauticSystem) -> None:
    [record_id] = system.seed(1)
    system.fake.visit()

    assert set(records(system.connector.pull(None))) == {record_id}


def test_a_new_contact_that_nobody_changed_yet_is_told_with_the_changes(system: MauticSystem) -> None:
    """Its `dateModified` is null."""
    system.seed(1)
    system.fake.clock.pass_by(3600)
    _, cursor = listing(system.connector)
    [new] = system.seed(1)
    system.fake.contacts[int(new)].refused.clear()

    assert set(records(system.connector.pull(cursor))) == {new}


def test_nothing_new_is_one_request(system: MauticSystem) -> None:
    system.seed(25)
    system.fake.clock.pass_by(3600)
    _, cursor = listing(system.connector)
    before = len(system.requests())

    assert items(system.connector.pull(cursor)) == []
    assert len(system.requests()) - before == 1


def test_an_opt_out_is_sent_by_its_own_call_and_read_again(system: MauticSystem) -> None:
    _, record_id = system.seed(2)

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"no_email": 1, "no_sms": 3})]))

    assert (record.fields["no_email"], record.fields["no_sms"]) == (1, 3)
    assert system.fake.contacts[int(record_id)].refused == {"email": 1, "sms": 3}


def test_an_opt_out_is_never_taken_back(system: MauticSystem) -> None:
    [record_id] = system.seed(1)

    [asked] = system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"no_email": 0})])
    done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"no_email": None, "city": "Faro"})]))

    assert isinstance(asked, Refused)
    assert system.fake.contacts[int(record_id)].refused == {"email": 1}


def test_who_is_there_by_his_address_becomes_the_contact_that_was_created(system: MauticSystem) -> None:
    there = system.fake.seed(firstname="Ann", city="Faro", email="ann@example.org")
    write = Write(Op.CREATE, "hub:1", None, {"firstname": "Anna", "email": "Ann@example.org"})

    record = done(system.connector.write([write]))

    assert (record.id, record.fields["city"], record.fields["firstname"]) == (there, "Faro", "Anna")
