"""ERPNext: the contract on its stand-in, and what is ERPNext's own."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from hub.model import Op, Refused, Stale, Tombstone, Write
from hub.testing import ConnectorContract
from hub.testing.service import Rate
from hub.testing.words import done, items, listing, records
from tests.connectors.services.systems import NUMBERS, ServiceSystem, address
from tests.fakes.services.erpnext import ErpNext


class ErpNextSystem(ServiceSystem):
    service = "erpnext"
    settings: ClassVar[dict[str, Any]] = {
        "url": "https://erp.example.org",
        "user": "0a1b2c",
        "secret": "right-secret-1",
        "time_zone": "Asia/Kolkata",
        "page_size": 10,
    }
    wrong: ClassVar[dict[str, Any]] = {"secret": "wrong-secret-1"}
    secrets = ("right-secret-1", "wrong-secret-1")
    text = "designation"
    optional = ("designation", "designation")
    choice = ("designation", "designation")
    plenty = 10_000
    fake: ErpNext

    def seed(self, count: int) -> list[str]:
        return [
            self.fake.seed(
                first_name="Marta",
                middle_name="Ana",
                last_name="Żak",
                salutation="Dr",
                designation="Buyer",
                department="Buying",
                company_name="Company Lda",
                unsubscribed=int(number == 0),
                email_ids=[{"email_id": address()}],
                phone_nos=[{"phone": "+351 912 345 678"}],
            )
            for number in range(count)
        ]

    def edit(self, record_id: str) -> None:
        self.fake.clock.pass_by(1)
        self.fake.edit(record_id, department=f"Edited {next(NUMBERS)}")

    def remove(self, record_id: str) -> None:
        self.fake.remove(record_id)

    def twin(self, record_id: str) -> str:
        return self.fake.twin(record_id, first_name="Twin")

    def new_fields(self) -> dict[str, Any]:
        return {"first_name": "Noël", "last_name": "Têtu", "email_ids": [{"email_id": address()}]}

    def edit_fields(self) -> dict[str, Any]:
        return {"designation": f"Title {next(NUMBERS)}", "company_name": "Another Lda"}

    def refused_fields(self) -> dict[str, Any]:
        return {"first_name": "Refused", "email_ids": [{"email_id": "no address at all"}]}

    def is_page(self, request: Any) -> bool:
        return super().is_page(request) and request.url.path.endswith("/resource/Contact")


@pytest.fixture
def system() -> ErpNextSystem:
    return ErpNextSystem(ErpNext(zone="Asia/Kolkata"))


class TestErpNext(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {
        "test_a_quiet_pull_asks_no_more_than_a_listing": "what changed in the last five minutes is read again, each "
        "contact by a call of its own, and the deleted ones beside it",
    }


@pytest.mark.parametrize("status", [409, 417])
def test_a_document_that_moved_on_is_not_written_over(system: ErpNextSystem, status: int) -> None:
    system.fake.mismatch_status = status
    [record_id] = system.seed(1)
    version = records(system.connector.pull(None))[record_id].version
    system.edit(record_id)

    assert system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"designation": "X"}, version)]) == [Stale()]


def test_a_name_that_was_given_anew_is_of_a_contact_that_is_there(system: ErpNextSystem) -> None:
    [record_id] = system.seed(1)
    _, cursor = listing(system.connector)
    system.remove(record_id)
    assert system.seed(1) == [record_id]

    found = items(system.connector.pull(cursor))

    assert isinstance(found[0], Tombstone)
    assert record_id in records(system.connector.pull(cursor))


def test_what_other_documents_name_is_not_deleted(system: ErpNextSystem) -> None:
    [record_id] = system.seed(1)
    system.fake.link(record_id)

    [outcome] = system.connector.write([Write(Op.DELETE, "hub:1", record_id, {})])

    assert isinstance(outcome, Refused)
    assert "other documents" in outcome.reason


def test_addresses_are_written_as_a_whole_table(system: ErpNextSystem) -> None:
    [record_id] = system.seed(1)
    rows = [{"email_id": address()}, {"email_id": address(), "is_primary": 1}]

    record = done(system.connector.write([Write(Op.UPDATE, "hub:1", record_id, {"email_ids": rows})]))

    assert [each["email_id"] for each in record.fields["email_ids"]] == [each["email_id"] for each in rows]
    assert record.fields["email_id"] == rows[1]["email_id"]


def test_a_site_that_counts_time_is_waited_for(system: ErpNextSystem) -> None:
    ids = set(system.seed(25))
    system.fake.rate = Rate(10, 60.0)  # type: ignore[misc]  # one site's own

    assert ids <= set(records(system.connector.pull(None)))
