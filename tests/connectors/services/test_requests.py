"""How many requests a thousand changes are, as the page on service files says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hub.connectors.contract import Connector
from hub.model import Done, Op, Write
from hub.testing.words import write_all
from tests.connectors.services.systems import ServiceSystem
from tests.connectors.services.test_activecampaign import ActiveCampaignSystem
from tests.connectors.services.test_brevo import BrevoSystem
from tests.connectors.services.test_dynamics365 import DynamicsSystem
from tests.connectors.services.test_getresponse import GetResponseSystem
from tests.connectors.services.test_google_people import GoogleSystem
from tests.connectors.services.test_hubspot import HubSpotSystem
from tests.connectors.services.test_listmonk import ListmonkSystem
from tests.connectors.services.test_mailchimp import MailchimpSystem
from tests.connectors.services.test_mautic import MauticSystem
from tests.connectors.services.test_microsoft_graph import GraphSystem
from tests.connectors.services.test_salesforce import SalesforceSystem
from tests.connectors.services.test_sap_business_partner import SapSystem
from tests.connectors.services.test_zoho_crm import ZohoSystem
from tests.fakes.services.activecampaign import ActiveCampaign
from tests.fakes.services.brevo import Brevo
from tests.fakes.services.dynamics365 import Dynamics
from tests.fakes.services.getresponse import GetResponse
from tests.fakes.services.google_people import GooglePeople
from tests.fakes.services.hubspot import HubSpot
from tests.fakes.services.listmonk import Listmonk
from tests.fakes.services.mailchimp import Mailchimp
from tests.fakes.services.mautic import Mautic
from tests.fakes.services.microsoft_graph import Graph
from tests.fakes.services.salesforce import Salesforce
from tests.fakes.services.sap_business_partner import Sap
from tests.fakes.services.zoho_crm import Zoho

PAGE = Path(__file__).resolve().parents[3] / "docs/connectors/service-files.md"


class Counted(GoogleSystem):
    """Over a stand-in that remembers what it was asked."""

    def for_plenty(self) -> Connector:
        return self.connect(page_size=500)


SYSTEMS: dict[str, tuple[type[ServiceSystem], type[Any]]] = {
    "hubspot": (HubSpotSystem, HubSpot),
    "salesforce": (SalesforceSystem, Salesforce),
    "dynamics365": (DynamicsSystem, Dynamics),
    "sap_business_partner": (SapSystem, Sap),
    "google_people": (Counted, GooglePeople),
    "microsoft_graph": (GraphSystem, Graph),
    "brevo": (BrevoSystem, Brevo),
    "mailchimp": (MailchimpSystem, Mailchimp),
    "zoho_crm": (ZohoSystem, Zoho),
    "activecampaign": (ActiveCampaignSystem, ActiveCampaign),
    "getresponse": (GetResponseSystem, GetResponse),
    "mautic": (MauticSystem, Mautic),
    "listmonk": (ListmonkSystem, Listmonk),
}
CHANGES = 1000


def told(name: str) -> int:
    """The number that the page tells of a service."""
    pattern = rf"^\| [^|]*`{name}`[^|]* \| .* \| ([\d,]+) \|$"
    [found] = re.findall(pattern, PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return int(found.replace(",", ""))


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_thousand_changes_are_as_many_requests_as_the_page_says(name: str) -> None:
    kind, fake = SYSTEMS[name]
    system = kind(fake())
    ids = system.seed(CHANGES)
    connector = system.for_plenty()
    connector.check()
    seen = connector.read(ids)
    fields = system.edit_fields()
    system.fake.exchanges.clear()

    outcomes = write_all(connector, [Write(Op.UPDATE, f"hub:{each}", each, fields, seen[each].version) for each in ids])

    assert [each for each in outcomes if not isinstance(each, Done)] == []
    assert len(system.fake.exchanges) == told(name)
