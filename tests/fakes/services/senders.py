"""What services send to the hub when a contact changes: bodies and signatures as their documentation shows them.

Each sender takes what a person who set the webhook up has given there. None when the service tells of no such thing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from hub.testing.delivering import FORM, Sent


@dataclass(frozen=True, slots=True)
class Event:
    """kind: changed or deleted; name: what the service calls the record in events; settings: of the connection"""

    kind: str
    id: str
    name: str
    secret: str
    at: datetime
    settings: Mapping[str, Any]

    @property
    def deleted(self) -> bool:
        return self.kind == "deleted"

    @property
    def stamp(self) -> str:
        return self.at.isoformat()

    @property
    def milliseconds(self) -> int:
        return int(self.at.timestamp() * 1000)


def text(body: Any) -> bytes:
    return json.dumps(body).encode()


def digest(secret: str, signed: bytes, algorithm: Any = hashlib.sha256) -> bytes:
    return hmac.new(secret.encode(), signed, algorithm).digest()


def base64(raw: bytes) -> str:
    return b64encode(raw).decode()


def hubspot(event: Event) -> Sent:
    told = {
        "eventId": event.milliseconds % 4_000_000_000,
        "subscriptionId": 12345,
        "portalId": 62515,
        "appId": 54321,
        "occurredAt": event.milliseconds,
        "subscriptionType": "contact.deletion" if event.deleted else "contact.propertyChange",
        "attemptNumber": 0,
        "objectId": int(event.id) if event.id.isdigit() else event.id,
        "changeSource": "CRM_UI",
    }
    other = told | {"objectTypeId": "0-2", "subscriptionType": "object.propertyChange", "objectId": 999}
    body = text([told, other])
    stamp = str(event.milliseconds)
    address = f"{event.settings['hook_url']}/hooks/kit"
    signature = base64(digest(event.secret, b"POST" + address.encode() + body + stamp.encode()))
    return Sent(body, {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp})


def mautic(event: Event) -> Sent:
    contact = {"id": int(event.id) if event.id.isdigit() else event.id, "fields": {"all": {}}}
    told: dict[str, Any] = {"mautic.lead_post_save_update": [{"contact": contact, "timestamp": event.stamp}]}
    if event.deleted:
        told = {"mautic.lead_post_delete": [{"id": contact["id"], "contact": {"id": None}, "timestamp": event.stamp}]}
    body = text({**told, "mautic.page_on_hit": [{"hit": {"id": 7}}]})
    return Sent(body, {"Webhook-Signature": base64(digest(event.secret, body))})


def erpnext(event: Event) -> Sent:
    body = text({"event": "on_trash" if event.deleted else "on_update", "name": event.id})
    return Sent(body, {"X-Frappe-Webhook-Signature": base64(digest(event.secret, body))})


def mailchimp(event: Event) -> Sent | None:
    if event.deleted:
        return None
    fields = {
        "type": "profile",
        "fired_at": event.at.strftime("%Y-%m-%d %H:%M:%S"),
        "data[id]": "8a25ff1d98",
        "data[email]": event.name,
        "data[merges][FNAME]": "Nobody's name",
        "data[list_id]": event.settings["list"],
    }
    return Sent(urlencode(fields).encode(), query=urlencode({"key": event.secret}), kind=FORM)


def brevo(event: Event) -> Sent | None:
    if event.deleted:
        return None
    told = {"id": 9, "event": "contact_updated", "email": event.name, "ts": event.milliseconds // 1000, "content": []}
    return Sent(text(told), {"Authorization": f"Bearer {event.secret}"})


def activecampaign(event: Event) -> Sent | None:
    if event.deleted:
        return None
    fields = {
        "type": "update",
        "date_time": event.stamp,
        "initiated_from": "admin",
        "contact[id]": event.id,
        "contact[email]": "nobody@example.org",
        **{f"contact[fields][{number}]": "x" for number in range(300)},
    }
    return Sent(urlencode(fields).encode(), query=urlencode({"key": event.secret}), kind=FORM)


def getresponse(event: Event) -> Sent:
    kind = "contact_unsubscribed" if event.deleted else "contact_custom_field_changed"
    told = {"type": kind, "contact": {"contactId": event.id, "email": "nobody@example.org"}, "at": event.stamp}
    return Sent(text(told), query=urlencode({"key": event.secret}))


def zoho_crm(event: Event) -> Sent:
    told = {
        "server_time": event.milliseconds,
        "query_params": {},
        "module": "Contacts",
        "resource_uri": "https://www.zohoapis.eu/crm/v8/Contacts",
        "ids": [event.id],
        "affected_fields": [],
        "operation": "delete" if event.deleted else "update",
        "channel_id": "1000000068001",
        "token": event.secret,
    }
    return Sent(text(told))


def dynamics365(event: Event) -> Sent:
    told = {
        "MessageName": "Delete" if event.deleted else "Update",
        "PrimaryEntityName": "contact",
        "PrimaryEntityId": event.id,
        "CorrelationId": event.stamp,
        "InputParameters": [{"key": "Target", "value": {"LogicalName": "contact", "Attributes": []}}],
    }
    return Sent(text(told), query=urlencode({"code": event.secret}))


def salesforce(event: Event) -> Sent:
    return Sent(text({"event": event.kind, "id": event.id}), {"X-Hub-Key": event.secret})


def microsoft_graph(event: Event) -> Sent:
    told = {
        "subscriptionId": "0fc0d6db-0073-42e5-a186-853da75fb308",
        "changeType": event.kind.replace("changed", "updated"),
        "resource": f"Users/x/Contacts/{event.id}",
        "resourceData": {"@odata.type": "#Microsoft.Graph.Contact", "id": event.id},
        "clientState": event.secret,
    }
    return Sent(text({"value": [told]}))


def meta_leads(event: Event) -> Sent | None:
    if event.deleted:
        return None
    value = {"leadgen_id": event.id, "form_id": event.settings["form"], "page_id": "44", "created_time": 1}
    other = {"leadgen_id": "1", "form_id": "another form", "page_id": "44", "created_time": 1}
    changes = [{"field": "leadgen", "value": each} for each in (value, other)]
    body = text({"object": "page", "entry": [{"id": "44", "time": event.milliseconds, "changes": changes}]})
    return Sent(body, {"X-Hub-Signature-256": "sha256=" + digest(event.secret, body).hex()})


def linkedin_leads(event: Event) -> Sent | None:
    if event.deleted:
        return None
    told = {
        "type": "LEAD_ACTION",
        "leadGenFormResponse": f"urn:li:leadGenFormResponse:{event.id}",
        "leadAction": "CREATED",
        "occuredAt": event.milliseconds,
    }
    body = text(told)
    return Sent(body, {"X-LI-Signature": digest(event.secret, b"hmacsha256=" + body).hex()})


def twilio_messages(event: Event) -> Sent | None:
    if event.deleted:
        return None
    fields = {"MessageSid": event.id, "AccountSid": event.settings["account"], "Body": "Hello", "From": "+15005550006"}
    signed = f"{event.settings['hook_url']}/hooks/kit" + "".join(name + fields[name] for name in sorted(fields))
    signature = base64(digest(event.secret, signed.encode(), hashlib.sha1))
    return Sent(urlencode(fields).encode(), {"X-Twilio-Signature": signature}, kind=FORM)


SENDERS: Mapping[str, Callable[[Event], Sent | None]] = {
    each.__name__: each
    for each in (
        activecampaign,
        brevo,
        dynamics365,
        erpnext,
        getresponse,
        hubspot,
        linkedin_leads,
        mailchimp,
        mautic,
        meta_leads,
        microsoft_graph,
        salesforce,
        twilio_messages,
        zoho_crm,
    )
}
