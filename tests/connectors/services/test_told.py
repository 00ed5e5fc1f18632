"""What is each service's own in the events that it sends."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from hub.connectors.rest import RestConnector
from hub.model import Record, Tombstone
from hub.testing.delivering import Sent, deliver
from hub.testing.words import items, listing
from tests.connectors.services.systems import HOOK_SECRET, ServiceSystem, address
from tests.connectors.services.test_activecampaign import ActiveCampaignSystem
from tests.connectors.services.test_getresponse import GetResponseSystem
from tests.connectors.services.test_hubspot import HubSpotSystem
from tests.connectors.services.test_mautic import MauticSystem
from tests.connectors.services.test_microsoft_graph import GraphSystem
from tests.connectors.services.test_zoho_crm import ZohoSystem
from tests.fakes.services.activecampaign import ActiveCampaign
from tests.fakes.services.getresponse import GetResponse
from tests.fakes.services.hubspot import HubSpot
from tests.fakes.services.mautic import Mautic
from tests.fakes.services.microsoft_graph import Graph
from tests.fakes.services.senders import digest
from tests.fakes.services.zoho_crm import Zoho


def heard(system: ServiceSystem, *sent: Sent | None, since: str | None = None) -> list[Any]:
    for each in sent:
        assert each is not None
        assert deliver(system, each)
    return items(system.connector.hear(since))


def hubspot(system: HubSpotSystem, *events: dict[str, Any]) -> Sent:
    body, stamp = json.dumps(events).encode(), str(int(system.clock().timestamp() * 1000))
    signed = b"POSThttps://hub.example.org/hooks/kit" + body + stamp.encode()
    signature = b64encode(digest(HOOK_SECRET, signed)).decode()
    return Sent(body, {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp})


def test_contacts_that_were_merged_in_hubspot_are_asked_about() -> None:
    system = HubSpotSystem(HubSpot())
    kept, gone = system.seed(2)
    system.fake.merge(kept, gone)
    told = {"subscriptionType": "contact.merge", "primaryObjectId": int(kept), "mergedObjectIds": [int(gone)]}

    one, stone = heard(system, hubspot(system, told | {"objectId": int(kept)}))

    assert isinstance(one, Record)
    assert one.id == kept
    assert stone == Tombstone(gone, None, kept)


def test_a_hundred_events_of_hubspot_are_read_by_one_call() -> None:
    system = HubSpotSystem(HubSpot())
    ids = [system.fake.seed(email=address()) for _ in range(100)]
    before = len(system.requests())
    events = [{"subscriptionType": "contact.creation", "objectId": int(each)} for each in ids]

    found = heard(system, hubspot(system, *events))

    assert [each.id for each in found] == ids
    assert [request.url.path for request in system.requests()[before:]] == ["/crm/v3/objects/contacts/batch/read"]


def test_a_change_that_hubspots_search_does_not_show_yet_is_seen_by_its_event() -> None:
    system = HubSpotSystem(HubSpot())
    [record_id] = system.seed(1)
    _, cursor = listing(system.connector)
    system.fake.edit(record_id, city="Faro")

    [found] = heard(system, system.event("changed", record_id, None), since=cursor)

    assert found.fields["city"] == "Faro"


def test_a_visitor_without_a_name_is_not_taken_from_mautic() -> None:
    system = MauticSystem(Mautic())
    visitor = system.fake.visit()

    assert heard(system, system.event("changed", visitor, None)) == []


def test_a_contact_of_another_list_is_not_taken_from_activecampaign() -> None:
    system = ActiveCampaignSystem(ActiveCampaign())
    [listed] = system.seed(1)
    other = system.fake.seed(email=address())
    system.fake.contacts[int(other)].states = {"3": 1}

    found = heard(system, system.event("changed", listed, None), system.event("changed", other, None))

    assert [each.id for each in found] == [listed]


def test_who_unsubscribed_in_getresponse_is_gone_from_the_list_when_he_is() -> None:
    system = GetResponseSystem(GetResponse())
    stays, leaves = system.seed(2)
    sent = [system.event("deleted", each, None) for each in (stays, leaves)]
    system.remove(leaves)

    found = heard(system, *sent)

    assert [(type(each), each.id) for each in found] == [(Record, stays), (Tombstone, leaves)]


# --- subscriptions ----------------------------------------------------------------------------------


def subscribed(system: GraphSystem | ZohoSystem) -> list[str]:
    """What was asked of subscriptions, and nothing else was."""
    before = len(system.requests())
    connector = system.connector
    assert isinstance(connector, RestConnector)
    connector.subscribe()
    return [request.method for request in system.requests()[before:] if "/oauth2/" not in request.url.path]


def test_the_hub_subscribes_to_a_mailbox_once_and_renews_it_in_time() -> None:
    system = GraphSystem(Graph())
    half, hour = 3 * 86_400, 3600

    asked = [subscribed(system), subscribed(system)]
    system.clock.pass_by(half + hour)
    asked += [subscribed(system), subscribed(system)]

    assert asked == [["GET", "POST"], ["GET"], ["GET", "PATCH"], ["GET"]]
    [made] = system.fake.subscriptions.values()
    assert made["notificationUrl"] == "https://hub.example.org/hooks/kit"
    assert made["clientState"] == HOOK_SECRET


def test_the_channel_of_zoho_is_made_once_and_renewed_before_its_day_is_over() -> None:
    system = ZohoSystem(Zoho())
    asked = [subscribed(system), subscribed(system)]
    told = dict(system.fake.channels[48250001])
    system.clock.pass_by(12 * 3600)
    asked += [subscribed(system), subscribed(system)]
    system.clock.pass_by(86_400)
    asked.append(subscribed(system))

    assert asked == [["GET", "POST"], ["GET"], ["GET", "PUT"], ["GET"], ["GET", "POST"]]
    renewed = system.fake.channels[48250001]
    assert (told["notify_url"], told["token"]) == ("https://hub.example.org/hooks/kit", HOOK_SECRET)
    assert {**told, "channel_expiry": ""} == {**renewed, "channel_expiry": ""}


def test_a_channel_that_zoho_refuses_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    system = ZohoSystem(Zoho())
    system.connector = system.connect(hook_secret="x" * 51)

    subscribed(system)

    assert system.fake.channels == {}
    assert "could not be made or renewed" in caplog.text


def test_a_subscription_that_ended_is_made_anew() -> None:
    system = GraphSystem(Graph())
    subscribed(system)
    system.clock.pass_by(8 * 86_400)

    assert subscribed(system) == ["GET", "POST"]
    assert len(system.fake.subscriptions) == 1


def test_subscriptions_of_others_are_left_alone() -> None:
    system = GraphSystem(Graph())
    subscribed(system)
    other = {
        **next(iter(system.fake.subscriptions.values())),
        "notificationUrl": "https://other.example.org/",
        "id": "x",
    }
    system.fake.state["subscriptions"] = {"x": other}

    assert subscribed(system) == ["GET", "POST"]
    assert system.fake.subscriptions["x"] == other


def test_a_subscription_that_cannot_be_made_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    system = GraphSystem(Graph())
    system.connector = system.no_right_to_write()

    subscribed(system)

    assert system.fake.subscriptions == {}
    assert "could not be made or renewed" in caplog.text


def test_without_an_address_of_the_hub_nothing_is_subscribed() -> None:
    system = GraphSystem(Graph())
    system.connector = system.connect(hook_url=None)

    assert subscribed(system) == []
    assert system.connector.can.events
