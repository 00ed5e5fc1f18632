"""Brevo: the contacts of one account.

Kept from the vendor's rules
Listing     1,000 rows a page; sorted by creation only; `modifiedSince` is "after" a time, in milliseconds
Upsert      POST with `updateEnabled`: 201 with the id of a new one, 204 without a body for a known one
Key         address, id or phone number in the path; our own id by `identifierType=ext_id`
Unique      address, phone number and own id: 400 with the names of what is taken
Attributes  names in capitals; unknown ones and values of another type are ignored
Phones      kept as digits; without a country code refused
Deleting    hard, without a trace
Consent     `emailBlacklisted` and `smsBlacklisted` are plain fields: whoever sends false takes them off the list
Limits      10 calls a second, told in headers
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Rate, Refusal, Service, route

ATTRIBUTES = {
    **dict.fromkeys(("FIRSTNAME", "LASTNAME", "COMPANY", "CITY", "JOB_TITLE", "HUB_ID", "LANGUAGE"), "text"),
    "SMS": "text",
    "BIRTHDAY": "date",
    "VISITS": "float",
    "MEMBER": "boolean",
}
CREATED = {"email", "ext_id", "attributes", "emailBlacklisted", "smsBlacklisted", "listIds", "updateEnabled"}
UPDATED = {"attributes", "ext_id", "emailBlacklisted", "smsBlacklisted", "listIds", "unlinkListIds"}
TRANSACTIONAL = {"smtpBlacklistSender"}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
PHONE = re.compile(r"(?:\+|00)?([1-9]\d{7,14})")


@dataclass
class Contact:
    id: int
    email: str | None
    created: datetime
    modified: datetime
    ext_id: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    lists: set[int] = field(default_factory=set)
    no_mail: bool = False
    no_sms: bool = False


class Brevo(Service):
    base = "https://api.brevo.com/v3"
    rate = Rate(10, 1.0)

    def __init__(self, key: str = "xkeysib-right", clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.keys = {key: True}
        self.state |= {"contacts": {}}
        self.lists = {2: "Newsletter", 3: "Customers"}
        self.confirmations: list[str] = []
        self.since_takes_in_its_instant = False
        self.listing_lags = timedelta()  # how long a listing does not show what changed; not said by the vendor
        self._last_id = 40

    @property
    def contacts(self) -> dict[int, Contact]:
        found: dict[int, Contact] = self.state["contacts"]
        return found

    # --- the back door ----------------------------------------------------------------------------

    def seed(self, email: str | None, **attributes: Any) -> str:
        return str(self._new(email, attributes).id)

    def edit(self, contact_id: str, **attributes: Any) -> None:
        contact = self.contacts[int(contact_id)]
        contact.attributes |= attributes
        contact.modified = self.clock()

    def twin(self, contact_id: str, email: str, **attributes: Any) -> str:
        made = self._new(email, attributes)
        made.modified = self.contacts[int(contact_id)].modified
        return str(made.id)

    def remove(self, contact_id: str) -> None:
        del self.contacts[int(contact_id)]

    def leave(self, contact_id: str) -> None:
        """The person unsubscribes from all mail."""
        self.contacts[int(contact_id)].no_mail = True
        self.contacts[int(contact_id)].modified = self.clock()

    # --- the front door ---------------------------------------------------------------------------

    def key_of(self, call: Call) -> str | None:
        return call.headers.get("api-key")

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        codes = {401: "unauthorized", 403: "permission_denied", 404: "document_not_found", 405: "method_not_allowed"}
        return refused(status, codes.get(status, "invalid_parameter"), "Key not found" if status == 401 else reason)

    def too_many(self, call: Call, resets_in: float) -> Answer:
        told = {"x-sib-ratelimit-limit": "10", "x-sib-ratelimit-remaining": "0", "x-sib-ratelimit-reset": "1"}
        return Answer(429, {"code": "too_many_requests", "message": "Rate limit exceeded"}, told)

    def rate_headers(self, left: int, resets_in: float) -> dict[str, str]:
        told = {"limit": 10, "remaining": left, "reset": 1}
        return {f"x-sib-ratelimit-{name}": str(value) for name, value in told.items()}

    @route("GET", "/account")
    def account(self, call: Call) -> Answer:
        address = {"street": "1 Made Up", "city": "Porto", "zipCode": "4000", "country": "Portugal"}
        owner = {"email": "owner@example.org", "firstName": "Ann", "lastName": "Owner", "companyName": "Company"}
        relay = {"enabled": False, "data": {"userName": "owner@example.org", "relay": "smtp", "port": 587}}
        plan = [{"type": "free", "creditsType": "sendLimit", "credits": 300}]
        return Answer(200, {**owner, "address": address, "plan": plan, "relay": relay})

    @route("GET", "/contacts/attributes")
    def attributes(self, call: Call) -> Answer:
        rows = [{"name": name, "category": "normal", "type": kind} for name, kind in ATTRIBUTES.items()]
        return Answer(200, {"attributes": rows})

    @route("GET", "/contacts/lists")
    def all_lists(self, call: Call) -> Answer:
        rows = [
            {
                "id": key,
                "name": name,
                "folderId": 1,
                "totalBlacklisted": 0,
                "totalSubscribers": 0,
                "uniqueSubscribers": 0,
            }
            for key, name in self.lists.items()
        ]
        return Answer(200, {"lists": rows, "count": len(rows)})

    @route("GET", "/contacts")
    def listing(self, call: Call) -> Answer:
        allowed(call, {"limit", "offset", "modifiedSince", "createdSince", "sort", "segmentId", "listIds", "filter"})
        limit, offset = int(call.one("limit", "50") or 0), int(call.one("offset", "0") or 0)
        if not 0 <= limit <= 1000:
            raise refused(400, "out_of_range", "Limit exceeds max value")
        if call.one("sort", "desc") not in {"asc", "desc"}:
            raise refused(400, "invalid_parameter", "Invalid sort")
        rows = [each for each in self.contacts.values() if self._asked_for(each, call)]
        rows.sort(key=lambda each: (each.created, each.id), reverse=call.one("sort", "desc") == "desc")
        page = [shown(each) for each in rows[offset : offset + limit]]
        return Answer(200, {"contacts": page, "count": len(rows)})

    @route("GET", "/contacts/{identifier}")
    def one(self, call: Call, identifier: str) -> Answer:
        allowed(call, {"identifierType", "startDate", "endDate"})
        return Answer(200, {**shown(self._contact(call, identifier)), "statistics": {}})

    @route("POST", "/contacts")
    def create(self, call: Call) -> Answer:
        body = fields_of(call.json, CREATED | TRANSACTIONAL)
        email = body.get("email")
        if email is None and not body.get("attributes", {}).get("SMS"):
            raise refused(400, "missing_parameter", "Either email or SMS is required")
        same = self._by_email(email) if email else None
        if same is not None and not body.get("updateEnabled"):
            raise taken("create", "email")
        attributes = self._valid(same, body, "update" if same else "create")
        contact = same or self._new(email.lower() if email else None, {})
        self._apply(contact, body, attributes)
        return Answer(204) if same else Answer(201, {"id": contact.id})

    @route("PUT", "/contacts/{identifier}")
    def update(self, call: Call, identifier: str) -> Answer:
        allowed(call, {"identifierType"})
        contact = self._contact(call, identifier)
        body = fields_of(call.json, UPDATED | TRANSACTIONAL)
        self._apply(contact, body, self._valid(contact, body, "update"))
        return Answer(204)

    @route("DELETE", "/contacts/{identifier}")
    def delete(self, call: Call, identifier: str) -> Answer:
        allowed(call, {"identifierType"})
        self.remove(str(self._contact(call, identifier).id))
        return Answer(204)

    @route("POST", "/contacts/batch")
    def batch(self, call: Call) -> Answer:
        """Known ones are changed, unknown ones passed over; nothing is told of single ones."""
        rows = fields_of(call.json, {"contacts"})["contacts"]
        if not 1 <= len(rows) <= 100:
            raise refused(400, "out_of_range", "Contacts should be between 1 and 100")
        if any(len({"id", "email", "sms"} & set(row)) != 1 for row in rows):
            raise refused(400, "invalid_parameter", "Pass one identifier of a contact")
        todo = []
        for row in rows:
            body = fields_of(row, UPDATED | TRANSACTIONAL | {"id", "email", "sms"})
            contact = self.contacts.get(body.get("id", 0)) or self._by_email(body.get("email") or "")
            if contact is not None:
                todo.append((contact, body, self._valid(contact, body, "update")))
        for contact, body, attributes in todo:
            self._apply(contact, body, attributes)
        return Answer(204)

    @route("POST", "/contacts/doubleOptinConfirmation")
    def confirm(self, call: Call) -> Answer:
        names = {"email", "attributes", "includeListIds", "excludeListIds", "templateId", "redirectionUrl"}
        body = fields_of(call.json, names)
        if missing := sorted({"email", "includeListIds", "templateId", "redirectionUrl"} - set(body)):
            raise refused(400, "missing_parameter", f"{missing[0]} is missing")
        self.confirmations.append(body["email"])
        return Answer(201)

    # --- inside -----------------------------------------------------------------------------------

    def _asked_for(self, contact: Contact, call: Call) -> bool:
        wanted = {int(each) for each in call.query.get("listIds", [])}
        if wanted and not wanted & contact.lists:
            return False
        if (rule := call.one("filter")) is not None:
            match = re.fullmatch(r'equals\((\w+),\s*"(.*)"\)', rule)
            if match is None or match[1] not in ATTRIBUTES:
                raise refused(400, "invalid_parameter", "Invalid filter")
            if str(contact.attributes.get(match[1], "")) != match[2]:
                return False
        since, created = call.one("modifiedSince"), call.one("createdSince")
        if since and self.listing_lags and contact.modified > self.clock() - self.listing_lags:
            return False
        if since and not (contact.modified > time_of(since) or self._just(contact.modified, since)):
            return False
        return not created or contact.created > time_of(created)

    def _just(self, modified: datetime, since: str) -> bool:
        return self.since_takes_in_its_instant and modified == time_of(since)

    def _by_email(self, email: str) -> Contact | None:
        return next((each for each in self.contacts.values() if each.email == email.lower()), None)

    def _contact(self, call: Call, identifier: str) -> Contact:
        kind = call.one("identifierType")
        for each in self.contacts.values():
            keys: dict[str | None, list[str | None]] = {
                "ext_id": [each.ext_id],
                "contact_id": [str(each.id)],
                "email_id": [each.email],
                "phone_id": [each.attributes.get("SMS")],
                None: [str(each.id), each.email, each.attributes.get("SMS")],
            }
            if kind not in keys:
                raise refused(400, "invalid_parameter", "Invalid identifierType")
            if (identifier.lower() if "@" in identifier else identifier) in keys[kind]:
                return each
        raise refused(404, "document_not_found", "Contact does not exist")

    def _valid(self, contact: Contact | None, body: Mapping[str, Any], verb: str) -> dict[str, Any]:
        """Attributes as they will be kept; Refusal before anything is changed."""
        given = dict(body.get("attributes") or {})
        email = given.pop("EMAIL", None) if contact else given.get("EMAIL")
        for address in (body.get("email"), email):
            if address is not None and not EMAIL.fullmatch(address):
                raise refused(400, "invalid_parameter", "Invalid email address")
        kept = {name: value for name, value in given.items() if of_type(ATTRIBUTES.get(name), value)}
        if kept.get("SMS"):
            match = PHONE.fullmatch(str(kept["SMS"]))
            if match is None:
                raise refused(400, "invalid_parameter", "Invalid phone number")
            kept["SMS"] = match[1]
        if unknown := {*body.get("listIds", []), *body.get("unlinkListIds", [])} - set(self.lists):
            raise refused(400, "invalid_parameter", f"List ids do not exist: {sorted(unknown)}")
        wanted = {"email": email.lower() if email else None, "SMS": kept.get("SMS"), "ext_id": body.get("ext_id")}
        for each in self.contacts.values():
            held = {"email": each.email, "SMS": each.attributes.get("SMS"), "ext_id": each.ext_id}
            if each is not contact and (same := [k for k, v in wanted.items() if v and v == held[k]]):
                raise taken(verb, *same)
        return kept | ({"EMAIL": email.lower()} if contact and email else {})

    def _apply(self, contact: Contact, body: Mapping[str, Any], attributes: dict[str, Any]) -> None:
        contact.email = attributes.pop("EMAIL", contact.email)
        contact.attributes |= attributes
        contact.attributes = {name: value for name, value in contact.attributes.items() if value not in ("", None)}
        contact.ext_id = body.get("ext_id", contact.ext_id)
        contact.lists |= set(body.get("listIds", []))
        contact.lists -= set(body.get("unlinkListIds", []))
        contact.no_mail = body.get("emailBlacklisted", contact.no_mail)
        contact.no_sms = body.get("smsBlacklisted", contact.no_sms)
        contact.modified = self.clock()

    def _new(self, email: str | None, attributes: Mapping[str, Any]) -> Contact:
        self._last_id += 1
        now = self.clock()
        contact = Contact(self._last_id, email, now, now, attributes=dict(attributes))
        self.contacts[contact.id] = contact
        return contact


# --- words ------------------------------------------------------------------------------------------


def shown(contact: Contact) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": contact.id,
        "emailBlacklisted": contact.no_mail,
        "smsBlacklisted": contact.no_sms,
        "createdAt": stamp(contact.created),
        "modifiedAt": stamp(contact.modified),
        "listIds": sorted(contact.lists),
        "listUnsubscribed": [],
        "attributes": dict(contact.attributes),
    }
    return (
        body
        | ({"email": contact.email} if contact.email else {})
        | ({"ext_id": contact.ext_id} if contact.ext_id else {})
    )


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def time_of(text: str) -> datetime:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)", text):
        raise refused(400, "invalid_parameter", "Invalid date format")
    return datetime.fromisoformat(text)


def of_type(kind: str | None, value: Any) -> bool:
    """Whether this attribute takes the value; None is no such attribute."""
    if kind is None:
        return False
    if value in ("", None):
        return True
    if kind == "date":
        return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None
    return isinstance(value, {"text": str, "float": int | float, "boolean": bool}[kind])


def refused(status: int, code: str, message: str, **more: Any) -> Refusal:
    return Refusal(status, {"code": code, "message": message, **more})


def taken(verb: str, *names: str) -> Refusal:
    said = f"Unable to {verb} contact, {', '.join(names)} is already associated with another Contact"
    return refused(400, "duplicate_parameter", said, metadata={"duplicate_identifiers": list(names)})


def allowed(call: Call, names: set[str]) -> None:
    if unknown := set(call.query) - names:
        raise refused(400, "invalid_parameter", f"Invalid parameter {sorted(unknown)[0]}")


def fields_of(body: Any, names: set[str]) -> dict[str, Any]:
    if not isinstance(body, dict) or set(body) - names:
        raise refused(400, "bad_request", "Invalid parameter passed")
    return body
