"""Microsoft Dataverse: the contacts of an environment, over its Web API (OData 4).

Kept from the vendor's rules
Listing   `odata.maxpagesize` up to 5,000; the next page is a whole address that nothing may be added to. With
          `odata.track-changes` no filter, order or expansion; the last page has an `@odata.deltaLink`
Changes   rows that changed, and `{id, reason}` with a context that ends in `$deletedEntity`. A link is good for 7
          days, then 400 (or 410) with 0x80044352 and word to read everything
Writes    unknown columns are refused, as are values of another kind. A PATCH without If-Match makes the record where
          there is none; If-Match of an older state is 412. 204 and no body unless `return=representation` is preferred.
          A key column in an address takes none of / < > * % & : \\ ? +; a value there already is 412 with 0x80060892
Forms     formatted values only when asked for by `odata.include-annotations`; an empty text is kept as null
Batch     up to 1,000 requests in one, answered in their order; the first error ends it unless
          `odata.continue-on-error` is preferred
Limits    6,000 requests in any 5 minutes: 429 with Retry-After and 0x80072322
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote
from uuid import NAMESPACE_URL, uuid5

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Rate, Refusal, Service, route
from tests.fakes.services.odata_batch import Malformed, read_batch, write_batch

TEXTS = {
    "hub_id": 200,
    "firstname": 50,
    "lastname": 50,
    "salutation": 100,
    "jobtitle": 100,
    "department": 100,
    "emailaddress1": 100,
    "emailaddress2": 100,
    "telephone1": 50,
    "telephone2": 50,
    "mobilephone": 50,
    "websiteurl": 200,
    "description": 2000,
    "address1_line1": 250,
    "address1_city": 80,
    "address1_stateorprovince": 50,
    "address1_postalcode": 20,
    "address1_country": 80,
}
WRITABLE = {*TEXTS, "birthdate", "donotbulkemail", "statecode", "statuscode"}
READABLE = {*WRITABLE, "contactid", "fullname", "createdon", "modifiedon", "_parentcustomerid_value"}
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KEYED = re.compile(r"(\w+)='((?:[^']|'')*)'")
UNTAKEN = set("/<>*%&:\\?+")
FORMATTED = "OData.Community.Display.V1.FormattedValue"
PREFERENCE = re.compile(r'([\w.-]+)(?:=("[^"]*"|[^,]*))?(?:,\s*|$)')
LIFE = timedelta(days=7)


@dataclass
class Contact:
    id: str
    fields: dict[str, Any]
    modified: datetime
    revision: int
    deleted: bool = False

    @property
    def etag(self) -> str:
        return f'W/"{self.revision}"'


class Dynamics(Service):
    base = "https://acme.crm4.dynamics.com/api/data/v9.2"
    rate = Rate(6000, 300.0)

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.state |= {"contacts": {}, "accounts": {}, "revision": 1000, "made": 0}
        self.skips: dict[str, tuple[list[str], int, int, Mapping[str, Sequence[str]]]] = {}
        self.links: dict[str, datetime] = {}
        self.expired_status = 400  # not said by the vendor
        self.answers_at_most = 1000  # of a batch

    @property
    def contacts(self) -> dict[str, Contact]:
        found: dict[str, Contact] = self.state["contacts"]
        return found

    # --- the back door ----------------------------------------------------------------------------

    def seed(self, **fields: Any) -> str:
        return self._new(fields).id

    def account(self, name: str) -> str:
        account_id = str(uuid5(NAMESPACE_URL, f"account {name}"))
        self.state["accounts"][account_id] = name
        return account_id

    def edit(self, contact_id: str, **fields: Any) -> None:
        self._change(self.contacts[contact_id], fields)

    def remove(self, contact_id: str) -> None:
        self.contacts[contact_id].deleted = True
        self._change(self.contacts[contact_id], {})

    # --- the front door ---------------------------------------------------------------------------

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        if status == 401:
            return Refusal(401, None, {"www-authenticate": "Bearer"})
        codes = {403: "0x80040220", 404: "0x8006088a", 405: "0x80060888"}
        return refused(status, codes.get(status, "0x80060888"), reason)

    def too_many(self, call: Call, resets_in: float) -> Answer:
        said = "Number of requests exceeded the limit of 6000 over time window of 300 seconds."
        return Answer(429, refused(429, "0x80072322", said).answer.body, {"retry-after": str(int(resets_in) + 1)})

    @route("GET", "/WhoAmI")
    def who(self, call: Call) -> Answer:
        call.only()
        ids = {name: str(uuid5(NAMESPACE_URL, name)) for name in ("BusinessUnitId", "UserId", "OrganizationId")}
        return Answer(200, {"@odata.context": f"{self.base}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse", **ids})

    @route("GET", "/contacts")
    def listing(self, call: Call) -> Answer:
        self._version(call)
        call.only("$select", "$filter", "$deltatoken", "$skiptoken")
        prefer = preferences(call)
        size = int(prefer.get("odata.maxpagesize", "5000"))
        if not 1 <= size <= 5000:
            raise refused(400, "0x80060888", "odata.maxpagesize must be from 1 to 5000")
        names = selected(call)
        if (token := call.one("$skiptoken")) is not None:
            return self._following(call, token, names, size, prefer)
        if "odata.track-changes" in prefer and "$filter" in call.query:
            raise refused(400, "0x80060888", "The query parameter $filter is not supported when tracking changes.")
        since = self._since(call.one("$deltatoken"))
        tracked = "odata.track-changes" in prefer or since is not None
        rows = [each for each in self.contacts.values() if each.revision > (since or 0)]
        rows = [each for each in rows if since is not None or not each.deleted]
        if (text := call.one("$filter")) is not None:
            test = filtered(text)
            rows = [each for each in rows if test(each)]
        ids = [each.id for each in rows]
        return self._page(ids, 0, self.state["revision"] if tracked else 0, names, size, prefer)

    def _following(self, call: Call, token: str, names: Sequence[str], size: int, prefer: Mapping[str, str]) -> Answer:
        if token not in self.skips or self.skips[token][3] != call.query:
            raise refused(400, "0x80060888", "Malformed paging cookie")
        ids, start, until, _ = self.skips[token]
        return self._page(ids, start, until, names, size, prefer)

    def _since(self, token: str | None) -> int | None:
        if token is None:
            return None
        if token not in self.links or self.links[token] + LIFE <= self.clock():
            said = "Version stamp associated with the client has expired. Please perform a full sync."
            raise refused(self.expired_status, "0x80044352", said)
        return int(token.partition("!")[0])

    def _page(
        self, ids: list[str], start: int, until: int, names: Sequence[str], size: int, prefer: Mapping[str, str]
    ) -> Answer:
        shown = [self._entry(self.contacts[each], names, prefer, until) for each in ids[start : start + size]]
        answer: dict[str, Any] = {"@odata.context": f"{self.base}/$metadata#contacts"}
        answer["value"] = [each for each in shown if each is not None]
        select = f"{self.base}/contacts?$select={','.join(names)}"
        if start + size < len(ids):
            token = f"cookie{len(self.skips)}"
            following = {"$select": [",".join(names)], "$skiptoken": [token]}
            self.skips[token] = (ids, start + size, until, following)
            answer["@odata.nextLink"] = f"{select}&$skiptoken={token}"
        elif until:
            token = f"{until}!{self.clock().isoformat()}".replace("+", "%2B")
            self.links[f"{until}!{self.clock().isoformat()}"] = self.clock()
            answer["@odata.deltaLink"] = f"{select}&$deltatoken={token}"
        return Answer(200, answer)

    def _entry(
        self, contact: Contact, names: Sequence[str], prefer: Mapping[str, str], until: int
    ) -> dict[str, Any] | None:
        if not contact.deleted:
            return self._shown(contact, names, prefer)
        if not until:
            return None
        context = f"{self.base}/$metadata#contacts/$deletedEntity"
        return {"@odata.context": context, "id": contact.id, "reason": "deleted"}

    @route("GET", "/accounts")
    def companies(self, call: Call) -> Answer:
        """By name only, without regard to capitals."""
        self._version(call)
        call.only("$select", "$filter")
        found = re.fullmatch(r"name eq '((?:[^']|'')*)' and statecode eq 0", call.one("$filter") or "")
        if found is None or call.one("$select") != "accountid,name":
            raise refused(400, "0x80060888", "accounts are found by their names only")
        wanted = found[1].replace("''", "'").lower()
        rows = [(key, name) for key, name in self.state["accounts"].items() if name.lower() == wanted]
        told = [{"@odata.etag": 'W/"1"', "accountid": key, "name": name} for key, name in rows]
        return Answer(200, {"@odata.context": f"{self.base}/$metadata#accounts", "value": told})

    @route("POST", "/contacts")
    def create(self, call: Call) -> Answer:
        self._version(call)
        call.only("$select")
        fields = checked(call.json)
        self._unique(fields, None)
        return self._written(call, self._new(fields), 201)

    @route("GET", "/contacts({name})")
    def one(self, call: Call, name: str) -> Answer:
        self._version(call)
        call.only("$select")
        contact = self._named(name)
        if contact is None:
            raise not_there()
        shown = self._shown(contact, selected(call), preferences(call))
        return Answer(200, {"@odata.context": f"{self.base}/$metadata#contacts/$entity", **shown})

    @route("PATCH", "/contacts({name})")
    def update(self, call: Call, name: str) -> Answer:
        self._version(call)
        call.only("$select")
        contact, match = self._named(name), call.headers.get("if-match")
        if contact is None and match is not None:
            raise not_there()
        fields = checked(call.json)
        if contact is None:
            return self._written(call, self._new(fields, name if GUID.fullmatch(name) else None), 201)
        self._fresh(contact, match)
        self._unique(fields, contact)
        self._change(contact, fields)
        return self._written(call, contact, 200)

    @route("DELETE", "/contacts({name})")
    def delete(self, call: Call, name: str) -> Answer:
        self._version(call)
        contact = self._named(name)
        if contact is None:
            raise not_there()
        self._fresh(contact, call.headers.get("if-match"))
        self.remove(contact.id)
        return Answer(204)

    @route("POST", "/$batch", write=False)
    def batch(self, call: Call) -> Answer:
        self._version(call)
        try:
            entries = read_batch(call.headers.get("content-type", ""), call.content)
        except Malformed as error:
            raise refused(400, "0x80048d19", str(error)) from error
        if sum(map(len, entries)) > 1000:
            raise refused(400, "0x80060888", "The number of requests in a batch is limited to 1000.")
        goes_on = "odata.continue-on-error" in preferences(call)
        answers: list[list[Answer]] = []
        for [inner] in entries:  # a change set of several is none that the hub makes
            below = inner.path.removeprefix("/api/data/v9.2")
            headers = {**inner.headers, "authorization": call.headers["authorization"]}
            answer = self._answer(Call(self, inner.method, unquote(below), inner.query, headers, inner.content))
            answers.append([answer])
            if answer.status >= 400 and not goes_on:
                break
        body, headers = write_batch(answers[: self.answers_at_most])
        return Answer(200, body, headers)

    # --- inside -----------------------------------------------------------------------------------

    @staticmethod
    def _version(call: Call) -> None:
        if call.headers.get("odata-version", "4.0") != "4.0" or call.headers.get("odata-maxversion", "4.0") != "4.0":
            raise refused(400, "0x80060888", "The OData version is not supported.")

    def _named(self, name: str) -> Contact | None:
        if GUID.fullmatch(name):
            found = self.contacts.get(name)
            return None if found is None or found.deleted else found
        keyed = KEYED.fullmatch(name)
        if keyed is None or keyed[1] != "hub_id" or set(keyed[2]) & UNTAKEN:
            raise refused(400, "0x80060888", "Bad Request - Error in query syntax.")
        key = keyed[2].replace("''", "'")
        return next(
            (each for each in self.contacts.values() if not each.deleted and each.fields["hub_id"] == key), None
        )

    @staticmethod
    def _fresh(contact: Contact, match: str | None) -> None:
        if match not in (None, "*", contact.etag):
            said = "The version of the existing record doesn't match the RowVersion property provided."
            raise refused(412, "0x80060882", said)

    def _unique(self, fields: Mapping[str, Any], own: Contact | None) -> None:
        key = fields.get("hub_id")
        there = [each for each in self.contacts.values() if not each.deleted and each is not own]
        if key and any(each.fields.get("hub_id") == key for each in there):
            raise refused(412, "0x80060892", "A record that has the attribute values Hub Id already exists.")

    def _written(self, call: Call, contact: Contact, status: int) -> Answer:
        prefer = preferences(call)
        if prefer.get("return") != "representation":
            return Answer(204, None, {"odata-entityid": f"{self.base}/contacts({contact.id})"})
        return Answer(
            status,
            {"@odata.context": f"{self.base}/$metadata#contacts/$entity"}
            | self._shown(contact, selected(call), prefer),
        )

    def _new(self, fields: Mapping[str, Any], contact_id: str | None = None) -> Contact:
        self.state["made"] += 1
        made_id = contact_id or str(uuid5(NAMESPACE_URL, f"contact {self.state['made']}"))
        empty = dict.fromkeys(TEXTS) | {"birthdate": None, "donotbulkemail": False, "statecode": 0, "statuscode": 1}
        made = Contact(made_id, empty | {"_parentcustomerid_value": None}, self.clock(), 0)
        self.contacts[made.id] = made
        self._change(made, fields)
        return made

    def _change(self, contact: Contact, fields: Mapping[str, Any]) -> None:
        self.state["revision"] += 1
        contact.fields |= fields
        contact.modified, contact.revision = self.clock().replace(microsecond=0), self.state["revision"]

    def _shown(self, contact: Contact, names: Sequence[str], prefer: Mapping[str, str]) -> dict[str, Any]:
        stamp = contact.modified.strftime("%Y-%m-%dT%H:%M:%SZ")
        own = {"contactid": contact.id, "createdon": stamp, "modifiedon": stamp}
        shown: dict[str, Any] = {"@odata.etag": contact.etag}
        for name in names:
            shown[name] = own.get(name, contact.fields.get(name))
            if (told := self._formatted(name, shown[name])) and FORMATTED in prefer.get(
                "odata.include-annotations", ""
            ):
                shown[f"{name}@{FORMATTED}"] = told
        return shown | {"contactid": contact.id}  # the primary key is always told

    def _formatted(self, name: str, value: Any) -> str | None:
        if name == "_parentcustomerid_value":
            told: str | None = self.state["accounts"].get(value)
            return told
        if name in {"modifiedon", "createdon", "birthdate"} and value:
            return f"{value[8:10]}.{value[5:7]}.{value[:4]}"
        return {
            "statecode": {0: "Active", 1: "Inactive"},
            "donotbulkemail": {True: "Do Not Allow", False: "Allow"},
        }.get(name, {}).get(value)


def refused(status: int, code: str, message: str) -> Refusal:
    return Refusal(status, {"error": {"code": code, "message": message}})


def not_there() -> Refusal:
    return refused(404, "0x80040217", "Entity 'Contact' With Id Does Not Exist")


def preferences(call: Call) -> dict[str, str]:
    found = {name: value.strip('"') for name, value in PREFERENCE.findall(call.headers.get("prefer", "")) if name}
    known = {
        "odata.continue-on-error",
        "odata.maxpagesize",
        "odata.track-changes",
        "odata.include-annotations",
        "return",
    }
    if unknown := set(found) - known:
        raise refused(400, "0x80060888", f"unknown preference {sorted(unknown)[0]}")
    return found


def selected(call: Call) -> list[str]:
    names = (call.one("$select") or ",".join(sorted(READABLE))).split(",")
    for name in names:
        if name not in READABLE:
            raise refused(400, "0x80060888", f"Could not find a property named '{name}' on type 'contact'.")
    return names


def filtered(text: str) -> Callable[[Contact], bool]:
    found = re.fullmatch(r"(\w+) eq '((?:[^']|'')*)'", text)
    if found is None or found[1] not in TEXTS:
        raise refused(400, "0x80060888", f"syntax error in '{text[:20]}'")
    wanted = found[2].replace("''", "'").lower()  # texts are compared without regard to capitals
    return lambda contact: (contact.fields[found[1]] or "").lower() == wanted


def checked(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise refused(400, "0x80048d19", "Error identified in Payload provided by the user for Entity 'contacts'.")
    fields = {}
    for name, value in body.items():
        if name == "parentcustomerid_account@odata.bind":
            bound = re.fullmatch(rf"/accounts\(({GUID.pattern})\)", str(value))
            if bound is None:
                raise refused(400, "0x80048d19", "Error identified in Payload: the reference is no address")
            fields["_parentcustomerid_value"] = bound[1]
            continue
        if name not in WRITABLE:
            said = f"Invalid property '{name}' was found in entity 'Microsoft.Dynamics.CRM.contact'."
            raise refused(400, "0x80048d19", said)
        if name == "donotbulkemail" and not isinstance(value, bool):
            raise refused(400, "0x80048d19", f"Cannot convert the literal to the expected type 'Edm.Boolean': {name}")
        if name in TEXTS and value is not None and not isinstance(value, str):
            raise refused(400, "0x80048d19", f"Cannot convert the value to the expected type 'Edm.String': {name}")
        if name == "birthdate" and value is not None and not re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)):
            raise refused(400, "0x80048d19", f"Cannot convert the literal to the expected type 'Edm.Date': {name}")
        if name in TEXTS and value and len(value) > TEXTS[name]:
            said = f"The length of the '{name}' attribute of the 'contact' entity exceeded the maximum allowed length"
            raise refused(400, "0x80044331", f"{said} of '{TEXTS[name]}'.")
        fields[name] = None if value == "" else value
    return fields
