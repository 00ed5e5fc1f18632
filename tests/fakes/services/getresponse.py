"""GetResponse: the contacts of one account, on its lists (campaigns).

Kept from the vendor's rules
Listing   1,000 rows a page; how many there are stands in headers. Who unsubscribes is not listed any more
Times     `changedOn` is null until a contact is changed
Search    finds parts of addresses, unless `additionalFlags` says `exactMatch`
Creates   202 without a body; the contact is made a little later. 409 for an address that the list has already
Changes   by POST to the contact; the address is not among what can be changed
Limits    80 calls a second, told in headers; 429 without Retry-After, the rest of the time stands in the body
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Rate, Refusal, Service, route

LARGEST_PAGE, LONGEST_NAME, LONGEST_NOTE = 1000, 128, 255
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d([+-]\d\d:?\d\d|Z))?")
UPDATED = {"name", "note", "dayOfCycle", "scoring", "campaign", "tags", "customFieldValues"}
CREATED = UPDATED | {"email", "ipAddress"}
CODES = {400: 1000, 401: 1014, 403: 1018, 404: 1013, 405: 1012, 409: 1008, 429: 1015}
PARAMETERS = {
    "page",
    "perPage",
    "sort[createdOn]",
    "query[campaignId]",
    "query[email]",
    "query[changedOn][from]",
    "query[createdOn][from]",
    "additionalFlags",
}


@dataclass
class Contact:
    id: str
    email: str
    campaign: str
    created: datetime
    name: str | None = None
    note: str | None = None
    changed: datetime | None = None


class GetResponse(Service):
    base = "https://api.getresponse.com/v3"
    rate = Rate(80, 1.0)

    def __init__(self, key: str = "right-secret-1", clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.keys = {f"api-key {key}": True}
        self.campaigns = {"p86zQ": "newsletter", "q77aB": "customers"}
        self.state |= {"contacts": {}, "pending": [], "made": 0}
        self.made_after_seconds = 5

    @property
    def contacts(self) -> dict[str, Contact]:
        """Those that are listed by now."""
        found: dict[str, Contact] = self.state["contacts"]
        due = [each for each in self.state["pending"] if each.created <= self.clock()]
        self.state["pending"] = [each for each in self.state["pending"] if each.created > self.clock()]
        found.update({each.id: each for each in due})
        return found

    # --- the back door ----------------------------------------------------------------------------

    def seed(self, email: str, **fields: Any) -> str:
        made = self._new(email, "p86zQ", self._now(), fields)
        self.contacts[made.id] = made
        return made.id

    def edit(self, contact_id: str, **fields: Any) -> None:
        contact = self.contacts[contact_id]
        for name, value in fields.items():
            setattr(contact, name, value)
        contact.changed = self._now()

    def twin(self, contact_id: str, email: str) -> str:
        made = self.contacts[self.seed(email)]
        made.created, made.changed = self.contacts[contact_id].created, self.contacts[contact_id].changed
        return made.id

    def remove(self, contact_id: str) -> None:
        del self.contacts[contact_id]

    # --- the front door ---------------------------------------------------------------------------

    def key_of(self, call: Call) -> str | None:
        return call.headers.get("x-auth-token")

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        return refused(status, "Unable to authenticate request." if status == 401 else reason)

    def rate_headers(self, left: int, resets_in: float) -> dict[str, str]:
        told = {"Limit": "80", "Remaining": str(left), "Reset": "1 second" if left else "1"}
        return {f"X-RateLimit-{name}": value for name, value in told.items()}

    def too_many(self, call: Call, resets_in: float) -> Answer:
        said = refused(429, "Throttling limit reached", {"timeToReset": f"{int(resets_in) + 1} seconds"}).answer
        return Answer(429, said.body, self.rate_headers(0, resets_in))

    @route("GET", "/campaigns/{campaign}")
    def campaign(self, call: Call, campaign: str) -> Answer:
        if campaign not in self.campaigns:
            raise refused(404, "The requested resource was not found.")
        return Answer(200, {"campaignId": campaign, "name": self.campaigns[campaign], "description": ""})

    @route("GET", "/contacts")
    def listing(self, call: Call) -> Answer:
        call.only(*PARAMETERS)
        page = call.number("page", 1, least=1)
        size = call.number("perPage", 100, least=1, most=LARGEST_PAGE)
        rows = [each for each in self.contacts.values() if asked_for(each, call)]
        if call.one("sort[createdOn]", "asc").lower() not in {"asc", "desc"}:  # type: ignore[union-attr]
            raise refused(400, "Wrong sort direction")
        rows.sort(key=lambda each: (each.created, each.id), reverse=call.one("sort[createdOn]", "asc") == "desc")
        pages = max(1, -(-len(rows) // size))
        told = {"TotalCount": str(len(rows)), "TotalPages": str(pages), "CurrentPage": str(page)}
        return Answer(200, [self._shown(each) for each in rows[(page - 1) * size : page * size]], told)

    @route("GET", "/contacts/{contact_id}")
    def one(self, call: Call, contact_id: str) -> Answer:
        call.only("fields")
        return Answer(200, self._whole(self._contact(contact_id)))

    @route("POST", "/contacts")
    def create(self, call: Call) -> Answer:
        call.only()
        body = checked(call.json, CREATED)
        if "email" not in body or "campaign" not in body:
            raise refused(400, "email and campaign are needed", [{"fieldName": "email"}])
        campaign = body["campaign"]["campaignId"]
        if campaign not in self.campaigns:
            raise refused(404, "The list was not found.")
        same = (campaign, body["email"].lower())
        if any((each.campaign, each.email) == same for each in self.contacts.values()):
            raise refused(409, "Contact already added")
        if all((each.campaign, each.email) != same for each in self.state["pending"]):
            due = self._now() + timedelta(seconds=self.made_after_seconds)
            fields = {name: body[name] for name in ("name", "note") if body.get(name)}
            self.state["pending"].append(self._new(body["email"], campaign, due, fields))
        return Answer(202)

    @route("POST", "/contacts/{contact_id}")
    def update(self, call: Call, contact_id: str) -> Answer:
        call.only()
        contact = self._contact(contact_id)
        body = checked(call.json, UPDATED)
        self.edit(contact_id, **{name: body[name] or None for name in ("name", "note") if name in body})
        return Answer(200, self._whole(contact))

    @route("DELETE", "/contacts/{contact_id}")
    def delete(self, call: Call, contact_id: str) -> Answer:
        call.only("messageId", "ipAddress")
        self._contact(contact_id)
        self.remove(contact_id)
        return Answer(204)

    # --- inside -----------------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self.clock().replace(microsecond=0)

    def _contact(self, contact_id: str) -> Contact:
        if contact_id not in self.contacts:
            raise refused(404, "The requested resource was not found.")
        return self.contacts[contact_id]

    def _new(self, email: str, campaign: str, created: datetime, fields: Mapping[str, Any]) -> Contact:
        self.state["made"] += 1
        return Contact(f"pV{self.state['made']}", email.lower(), campaign, created, **fields)

    def _shown(self, contact: Contact) -> dict[str, Any]:
        campaign = {"campaignId": contact.campaign, "name": self.campaigns[contact.campaign]}
        return {
            "contactId": contact.id,
            "href": f"{self.base}/contacts/{contact.id}",
            "name": contact.name,
            "email": contact.email,
            "note": contact.note,
            "origin": "api",
            "dayOfCycle": None,
            "scoring": None,
            "engagementScore": 3,
            "timeZone": "Europe/Lisbon",
            "ipAddress": None,
            "activities": f"{self.base}/contacts/{contact.id}/activities",
            "campaign": campaign,
            "createdOn": stamp(contact.created),
            "changedOn": stamp(contact.changed),
        }

    def _whole(self, contact: Contact) -> dict[str, Any]:
        return {**self._shown(contact), "tags": [], "customFieldValues": [], "geolocation": {"country": None}}


# --- words ------------------------------------------------------------------------------------------


def refused(status: int, message: str, context: Any = None) -> Refusal:
    body = {"httpStatus": status, "code": CODES.get(status, 1000), "message": message, "context": context or []}
    return Refusal(status, {**body, "codeDescription": message, "uuid": "made-up"})


def checked(body: Any, allowed: set[str]) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise refused(400, "Invalid JSON")
    if unknown := sorted(set(body) - allowed):
        raise refused(400, "Validation failed", [{"fieldName": unknown[0], "errorDescription": "unknown"}])
    if "email" in body and not (isinstance(body["email"], str) and EMAIL.fullmatch(body["email"])):
        raise refused(400, "Validation failed: the email is not valid", [{"fieldName": "email"}])
    for name, longest in (("name", LONGEST_NAME), ("note", LONGEST_NOTE)):
        value = body.get(name)
        if value is not None and not (isinstance(value, str) and len(value) <= longest):
            raise refused(400, f"Validation failed: {name} is too long", [{"fieldName": name}])
    return body


def asked_for(contact: Contact, call: Call) -> bool:
    wanted = {"query[campaignId]": contact.campaign, "query[email]": contact.email}
    for name, held in wanted.items():
        text, exact = (call.one(name) or "").lower(), call.one("additionalFlags") == "exactMatch"
        if text and (text != held.lower() if exact or name != "query[email]" else text not in held.lower()):
            return False
    for name, at in (("query[changedOn][from]", contact.changed), ("query[createdOn][from]", contact.created)):
        if (text := call.one(name)) is None:
            continue
        if TIME.fullmatch(text) is None:
            raise refused(400, f"{name} is no time")
        if at is None or at < datetime.fromisoformat(text):
            return False
    return True


def stamp(at: datetime | None) -> str | None:
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%S+0000")
