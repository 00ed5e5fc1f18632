"""Meta lead ads, Google Forms and LinkedIn lead forms: the contract on their stand-ins, and what is their own."""

from __future__ import annotations

from typing import Any, ClassVar

import httpx
import pytest

from hub.connectors.registry import connector_types
from hub.document import parse_document
from hub.mapping.spec import load_mapping
from hub.testing import ConnectorContract
from hub.testing.words import listing, records
from tests.connectors.services.systems import NUMBERS, ServiceSystem, address
from tests.fakes.services.leads import ACCOUNT, FORM, GoogleForms, Leads, LinkedIn, Meta
from tests.fakes.services.tokens import TokenService

GIVEN = "what a person sent stays as it was sent"
EACH_OWN = "the fields of a lead are the form's own; each lead has those that were answered"
FORGOTTEN = "leads are listed for some months only, so one that is missing is not taken for deleted"
OF_LEADS = {
    "test_a_change_is_seen": GIVEN,
    "test_a_record_that_changes_while_it_is_listed_is_not_lost": GIVEN,
    "test_a_value_never_heard_of_is_kept_and_grants_nothing": EACH_OWN,
}


class LeadSystem(ServiceSystem):
    fake: Leads
    plenty = 10_000

    def answers(self) -> dict[str, str]:
        raise NotImplementedError

    def seed(self, count: int) -> list[str]:
        return [self.fake.seed(**self.answers()) for _ in range(count)]

    def remove(self, record_id: str) -> None:
        self.fake.remove(record_id)

    def twin(self, record_id: str) -> str:
        return self.fake.seed(self.fake.leads[record_id].at, **self.answers())


class MetaSystem(LeadSystem):
    service = "meta_leads"
    settings: ClassVar[dict[str, Any]] = {"form": FORM, "secret": "right-token-1", "requests": 4800, "page_size": 10}
    wrong: ClassVar[dict[str, Any]] = {"secret": "wrong-token-1"}
    secrets = ("right-token-1", "wrong-token-1")
    nobody = "9000000000999999"
    optional = ("platform", "platform")

    def answers(self) -> dict[str, str]:
        number = str(next(NUMBERS) % 10**8).zfill(8)
        return {
            "first_name": "Marta", "last_name": "Żak", "full_name": "Marta Żak", "email": address(),
            "work_email": address(), "phone_number": f"+3519{number}", "work_phone_number": f"+3512{number}",
            "company_name": "Acme", "job_title": "Buyer", "street_address": "Rua Um 1", "city": "Porto",
            "state": "Porto", "post_code": "4000-001", "country": "PT",
        }  # fmt: skip


class GoogleFormsSystem(LeadSystem):
    service = "google_forms"
    settings: ClassVar[dict[str, Any]] = {
        "form": "1FAIpQLSexample",
        "client": "hub.apps.example",
        "secret": "client-secret-1",
        "refresh": "1//refresh-right",
        "name": "11aa11aa",
        "email": "22bb22bb",
        "phone": "33cc33cc",
        "company": "44dd44dd",
        "message": "55ee55ee",
        "page_size": 10,
    }
    wrong: ClassVar[dict[str, Any]] = {"refresh": "1//refresh-wrong"}
    secrets = ("1//refresh-right", "1//refresh-wrong", "client-secret-1")
    hosts = ("forms.googleapis.com", "oauth2.googleapis.com")
    nobody = "ACYDBNh999999"
    optional = ("respondentEmail", "respondentEmail")

    def __init__(self, fake: Leads) -> None:
        super().__init__(fake)
        fake.keys.clear()
        needed = {
            "grant_type": "refresh_token",
            "client_id": "hub.apps.example",
            "client_secret": "client-secret-1",
            "refresh_token": "1//refresh-right",
        }
        self.network = TokenService(fake, fake, "https://oauth2.googleapis.com/token", needed)
        self.connector = self.within(self.context())

    def is_write(self, request: httpx.Request) -> bool:
        return super().is_write(request) and request.url.host != "oauth2.googleapis.com"

    def for_plenty(self) -> Any:
        return self.connect(page_size=1000)

    def answers(self) -> dict[str, str]:
        phone = f"+3519{next(NUMBERS) % 10**8:08d}"
        usual = {"11aa11aa": "Marta Żak", "22bb22bb": address(), "33cc33cc": phone, "44dd44dd": "Acme"}
        return {**usual, "55ee55ee": "Please call.", "respondentEmail": address()}


class LinkedInSystem(LeadSystem):
    service = "linkedin_leads"
    settings: ClassVar[dict[str, Any]] = {
        "account": ACCOUNT,
        "secret": "right-token-1",
        "given_name": "101",
        "family_name": "102",
        "email": "103",
        "phone": "104",
        "company": "105",
        "job_title": "106",
        "page_size": 10,
    }
    wrong: ClassVar[dict[str, Any]] = {"secret": "wrong-token-1"}
    secrets = ("right-token-1", "wrong-token-1")
    nobody = "a9a29e52-c0a3-42e3-8af1-000000999999-4"
    optional = ("testLead", "testLead")

    def answers(self) -> dict[str, str]:
        phone = f"+3519{next(NUMBERS) % 10**8:08d}"
        return {"101": "Marta", "102": "Żak", "103": address(), "104": phone, "105": "Acme", "106": "Buyer"}


class TestMetaLeads(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {**OF_LEADS, "test_a_deletion_is_seen": FORGOTTEN}

    @pytest.fixture
    def system(self) -> MetaSystem:
        return MetaSystem(Meta())


class TestGoogleForms(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {
        **OF_LEADS,
        "test_a_deletion_is_seen": "an answer without responses is an empty one, so absence means nothing here",
        "test_a_fault_in_the_middle_is_never_taken_for_the_end": "an answer without responses is an empty one there",
    }

    @pytest.fixture
    def system(self) -> GoogleFormsSystem:
        return GoogleFormsSystem(GoogleForms())


class TestLinkedInLeads(ConnectorContract):
    cannot: ClassVar[dict[str, str]] = {**OF_LEADS, "test_a_deletion_is_seen": FORGOTTEN}

    @pytest.fixture
    def system(self) -> LinkedInSystem:
        return LinkedInSystem(LinkedIn())


@pytest.mark.parametrize(
    "system", [lambda: MetaSystem(Meta()), lambda: GoogleFormsSystem(GoogleForms()), lambda: LinkedInSystem(LinkedIn())]
)
def test_a_lead_is_a_contact_and_the_next_pull_reads_only_what_came_since(system: Any) -> None:
    made = system()
    made.seed(3)
    made.fake.clock.pass_by(3600)
    found, cursor = listing(made.connector)
    [new] = made.seed(1)

    later = records(made.connector.pull(cursor))

    assert len(found) == 3
    assert list(later) == [new]
    kind = connector_types()[made.service]
    mapping = load_mapping(
        parse_document(kind.mapping_text(made.settings), made.service).data, where="it", default_region=None
    )
    mapped = mapping.inward(later[new])
    assert mapped.problems == ()
    assert mapped.fields["company"] == "Acme"
    assert any(name.startswith("emails/person") for name in mapped.fields)
    assert "Marta" in str(mapped.fields.get("given_name") or mapped.fields.get("full_name"))


@pytest.mark.parametrize("service", ["meta_leads", "linkedin_leads", "google_forms"])
def test_a_response_that_is_no_longer_listed_is_not_taken_for_deleted(service: str) -> None:
    assert connector_types()[service].spec.complete is False  # type: ignore[attr-defined]


def test_two_full_pages_of_leads_are_two_requests() -> None:
    system = MetaSystem(Meta())
    system.seed(20)

    listing(system.connector)

    assert len(system.requests()) == 2
