"""ActiveCampaign: the contacts of one account and their state on its lists.

Kept from the vendor's rules
Listing   100 rows a page; after an id with `id_greater`, in the order of `orders[id]`; by list and status, of which the
          rows themselves say nothing. A contact that is read alone comes with its states beside it
Creates   `contact/sync` by address: 201 for a new contact, 200 for one that is there and takes the values
Consent   a call of its own; status 1 on a list puts back whoever left it
Errors    422 with a title and a code for each; 404 with a message
Limits    5 calls a second for an account: 429 with Retry-After
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Rate, Refusal, Service, route

WRITABLE = ("email", "firstName", "lastName", "phone", "fieldValues")
PARAMETERS = ("limit", "offset", "listid", "status", "id_greater", "orders[id]", "filters[updated_after]", "email")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
LARGEST_PAGE, LONGEST = 100, 250


@dataclass
class Contact:
    id: int
    fields: dict[str, str]
    created: datetime
    changed: datetime
    states: dict[str, int] = field(default_factory=dict)


class ActiveCampaign(Service):
    base = "https://acme.api-us1.com/api/3"
    rate = Rate(5, 1.0)

    def __init__(self, key: str = "right-secret-1", clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.keys = {key: True}
        self.lists = {"2", "3"}
        self.state |= {"contacts": {}, "made": 0}

    @property
    def contacts(self) -> dict[int, Contact]:
        found: dict[int, Contact] = self.state["contacts"]
        return found

    # --- the back door ----------------------------------------------------------------------------

    def seed(self, status: int = 1, **fields: str) -> str:
        made = self._new(fields)
        made.states["2"] = status
        return str(made.id)

    def edit(self, contact_id: str, **fields: str) -> None:
        contact = self.contacts[int(contact_id)]
        contact.fields |= fields
        contact.changed = self._now()

    def twin(self, contact_id: str, **fields: str) -> str:
        made = self.contacts[int(self.seed(**fields))]
        made.changed = self.contacts[int(contact_id)].changed
        return str(made.id)

    def remove(self, contact_id: str) -> None:
        del self.contacts[int(contact_id)]

    def leave(self, contact_id: str) -> None:
        contact = self.contacts[int(contact_id)]
        contact.states["2"], contact.changed = 2, self._now()

    # --- the front door ---------------------------------------------------------------------------

    def key_of(self, call: Call) -> str | None:
        return call.headers.get("api-token")

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        return Refusal(status, {"message": reason})

    @route("GET", "/contacts")
    def listing(self, call: Call) -> Answer:
        call.only(*PARAMETERS)
        limit, offset = call.number("limit", 20, least=1, most=LARGEST_PAGE), call.number("offset", 0)
        after, since = call.number("id_greater", 0), call.one("filters[updated_after]")
        if call.one("orders[id]", "ASC") not in {"ASC", "DESC"}:
            raise unfit("The order is ASC or DESC.", "order")
        rows = [each for each in self.contacts.values() if each.id > after and on_list(each, call)]
        rows = [each for each in rows if since is None or each.changed >= datetime.fromisoformat(since)]
        rows.sort(key=lambda each: each.id, reverse=call.one("orders[id]") == "DESC")
        page = [shown(each) for each in rows[offset : offset + limit]]
        return Answer(200, {"scoreValues": [], "contacts": page, "meta": {"total": str(len(rows)), "page_input": {}}})

    @route("GET", "/contacts/{contact_id}")
    def one(self, call: Call, contact_id: str) -> Answer:
        call.only()
        contact = self._contact(contact_id)
        states = [
            {"contact": contact_id, "list": name, "status": str(status), "id": f"{contact_id}{name}"}
            for name, status in contact.states.items()
        ]
        return Answer(200, {"contactAutomations": [], "contactLists": states, "contact": shown(contact)})

    @route("POST", "/contact/sync")
    def sync(self, call: Call) -> Answer:
        call.only()
        fields = checked(call.body(required=("contact",))["contact"])
        if not fields.get("email"):
            raise unfit("Contact Email Address is not valid.", "email_invalid")
        same = self._by_email(fields["email"])
        contact = same or self._new({})
        self.edit(str(contact.id), **fields)
        return Answer(200 if same else 201, {"fieldValues": [], "contact": shown(contact)})

    @route("PUT", "/contacts/{contact_id}")
    def update(self, call: Call, contact_id: str) -> Answer:
        call.only()
        contact = self._contact(contact_id)
        fields = checked(call.body(required=("contact",))["contact"])
        other = self._by_email(fields.get("email", ""))
        if other is not None and other is not contact:
            raise unfit("Email address already exists in the system", "duplicate")
        self.edit(contact_id, **fields)
        return Answer(200, {"fieldValues": [], "contact": shown(contact)})

    @route("DELETE", "/contacts/{contact_id}")
    def delete(self, call: Call, contact_id: str) -> Answer:
        call.only()
        self._contact(contact_id)
        self.remove(contact_id)
        return Answer(200, {})

    @route("POST", "/contactLists")
    def subscribe(self, call: Call) -> Answer:
        call.only()
        sent = call.body(required=("contactList",))["contactList"]
        if set(sent) - {"list", "contact", "status", "sourceid"} or str(sent.get("list")) not in self.lists:
            raise unfit("The list does not exist.", "field_invalid")
        if str(sent.get("status")) not in {"1", "2"}:
            raise unfit("The status is 1 or 2.", "field_invalid")
        contact = self._contact(str(sent.get("contact")))
        contact.states[str(sent["list"])], contact.changed = int(sent["status"]), self._now()
        return Answer(200, {"contacts": [shown(contact)], "contactList": {**sent, "id": "1"}})

    # --- inside -----------------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self.clock().replace(microsecond=0)

    def _contact(self, contact_id: str) -> Contact:
        found = self.contacts.get(int(contact_id)) if contact_id.isascii() and contact_id.isdigit() else None
        if found is None:
            raise Refusal(404, {"message": "No Result found for Subscriber with that id"})
        return found

    def _by_email(self, email: str) -> Contact | None:
        wanted = email.lower()
        return next((each for each in self.contacts.values() if wanted and each.fields["email"] == wanted), None)

    def _new(self, fields: Mapping[str, str]) -> Contact:
        self.state["made"] += 1
        empty = {"email": "", "firstName": "", "lastName": "", "phone": ""}
        made = Contact(self.state["made"], {**empty, **fields}, self._now(), self._now())
        self.contacts[made.id] = made
        return made


# --- words ------------------------------------------------------------------------------------------


def unfit(title: str, code: str) -> Refusal:
    return Refusal(422, {"errors": [{"title": title, "detail": "", "code": code, "source": {"pointer": "/data"}}]})


def checked(sent: Any) -> dict[str, str]:
    if not isinstance(sent, dict) or set(sent) - set(WRITABLE):
        raise unfit("The contact has a field that is not known.", "field_unknown")
    for name, value in sent.items():
        if name != "fieldValues" and not (isinstance(value, str) and len(value) <= LONGEST):
            raise unfit(f"{name} is no text, or too long.", "field_invalid")
    if "email" in sent and EMAIL.fullmatch(sent["email"]) is None:
        raise unfit("Contact Email Address is not valid.", "email_invalid")
    return {**sent, **({"email": sent["email"].lower()} if "email" in sent else {})}


def on_list(contact: Contact, call: Call) -> bool:
    if (email := call.one("email")) is not None and email.lower() != contact.fields["email"]:
        return False
    name, status = call.one("listid"), call.one("status", "1")
    return name is None or str(contact.states.get(name, -1)) == status


def shown(contact: Contact) -> dict[str, Any]:
    return {
        "id": str(contact.id),
        **contact.fields,
        "cdate": contact.created.isoformat(),
        "udate": contact.changed.isoformat(),
        "orgid": "0",
        "bounced_hard": "0",
        "bounced_soft": "0",
        "hash": "made-up",
        "sentcnt": "1",
        "deleted": "0",
        "links": {"contactLists": "https://acme.api-us1.com/api/3/contacts/1/contactLists"},
        "organization": None,
    }
