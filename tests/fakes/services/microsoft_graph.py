"""Microsoft Graph: the personal contacts in one folder of one mailbox.

Kept from the vendor's rules
Listing   `delta` in rounds: pages end with an `@odata.nextLink`, the last with an `@odata.deltaLink`; both are whole
          addresses, to be asked as they are. The size of a page is a preference
Changes   rows as they are now, and `{id, @removed}`. A link that ended: 410, or `syncStateNotFound`
Ids       two of each contact: the plain one moves with the folder; the lasting one only where every call prefers it
Writes    unknown properties refused; collections are never null; an ETag of an older state is 412; three addresses at
          most. A display name is made anew from first and last name unless it is sent too. Birthdays come back
          as noon of that day
Deleting  into the deleted items; for good by a call of its own
Own key   a named property, set with a new contact; found by one form of `$filter` only, whatever its capitals
Many      `$batch` holds 20 requests in JSON, each with a status of its own; the answers come in any order. Each
          counts for the limits, and may be refused by them alone
Limits    10,000 requests in 10 minutes and 4 at a time for a mailbox: 429 with Retry-After
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote

import httpx
import orjson

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Rate, Refusal, Service, route

TEXTS = frozenset(
    """assistantName businessHomePage companyName department displayName fileAs generation givenName initials jobTitle
    manager middleName mobilePhone nickName officeLocation personalNotes profession spouseName surname title
    yomiCompanyName yomiGivenName yomiSurname""".split()
)
LISTS = frozenset({"businessPhones", "homePhones", "imAddresses", "categories", "children"})
ADDRESSES = frozenset({"businessAddress", "homeAddress", "otherAddress"})
PARTS = frozenset({"street", "city", "state", "postalCode", "countryOrRegion"})
WRITABLE = TEXTS | LISTS | ADDRESSES | {"emailAddresses", "birthday"}
MOST_EMAILS, LARGEST_PAGE, AT_ONCE, LARGEST_BATCH = 3, 1000, 4, 20
INNER = frozenset({"id", "method", "url", "headers", "body"})
NAMED = re.compile(r"String \{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\} Name \w+")
FILTER = re.compile(
    r"singleValueExtendedProperties/any\((\w+):\s*\1/id eq '([^']+)' and \1/value eq '((?:[^']|'')*)'\)", re.IGNORECASE
)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
DAY = re.compile(r"(\d{4}-\d\d-\d\d)(T\d\d:\d\d:\d\d(\.\d+)?Z)?")
PREFERENCE = re.compile(r'([\w.]+)\s*=\s*("[^"]*"|[^,"\s]+)\s*(?:,\s*|$)')
HERE = "/users/{mailbox}/contacts"


@dataclass
class Contact:
    number: int
    fields: dict[str, Any]
    modified: datetime
    revision: int
    named: dict[str, str] = field(default_factory=dict)
    deleted: bool = False

    @property
    def etag(self) -> str:
        return f'W/"EQAAABYA{self.revision:06d}"'

    @property
    def lasting(self) -> str:
        return f"AAkALgAAAL{self.number:08d}="

    @property
    def moving(self) -> str:
        return f"AAMkAGI2AA{self.number:08d}="


def ending(subscription: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(subscription["expirationDateTime"].replace("Z", "+00:00"))


class Graph(Service):
    base = "https://graph.microsoft.com/v1.0"
    rate = Rate(10_000, 600.0)

    def __init__(self, mailbox: str = "sales@example.org", clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.mailbox = mailbox
        self.state |= {"contacts": {}, "revision": 0, "made": 0, "subscriptions": {}, "purged": set()}
        self.rounds: dict[str, tuple[list[int], int, bool]] = {}
        self.ended: tuple[int, str] | None = None
        self.crowded = 0
        self.puts_off = 1  # seconds
        self.crowds = 0  # requests in batches that find the mailbox busy
        self.answers_at_most: int | None = None
        self._inside = 0
        self._counting = threading.Lock()

    @property
    def contacts(self) -> dict[int, Contact]:
        found: dict[int, Contact] = self.state["contacts"]
        return found

    # --- the back door ----------------------------------------------------------------------------

    def seed(self, **fields: Any) -> str:
        return self._new(fields, {}).lasting

    def edit(self, contact_id: str, **fields: Any) -> None:
        self._change(self._by_id(contact_id), fields)

    def remove(self, contact_id: str) -> None:
        contact = self._by_id(contact_id)
        contact.deleted = True
        self._change(contact, {})

    def end_links(self, status: int = 410, code: str = "resyncRequired") -> None:
        """Every link given so far is worth nothing."""
        self.ended, self.rounds = (status, code), {}

    @property
    def subscriptions(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.state["subscriptions"]
        return {name: each for name, each in found.items() if ending(each) > self.clock()}

    # --- the front door ---------------------------------------------------------------------------

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._counting:
            self._inside += 1
            crowd = self._inside > AT_ONCE
        try:
            if crowd:
                self.crowded += 1
                said = refused(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.").answer
                return self._response(Answer(429, said.body, {"retry-after": "1"}), request)
            return super().handle_request(request)
        finally:
            with self._counting:
                self._inside -= 1

    @route("GET", "/subscriptions")
    def subscribed(self, call: Call) -> Answer:
        call.only()
        return Answer(200, {"value": [{**each, "clientState": None} for each in self.subscriptions.values()]})

    @route("POST", "/subscriptions")
    def subscribe(self, call: Call) -> Answer:
        names = ("changeType", "notificationUrl", "resource", "expirationDateTime", "clientState")
        made = {**call.body(required=names), "id": f"sub-{len(self.state['subscriptions'])}"}
        if made["resource"] != f"users/{self.mailbox}/contacts" or not made["notificationUrl"].startswith("https://"):
            raise refused(400, "InvalidRequest", "The resource or the address is not valid.")
        self._in_time(made)
        self.state["subscriptions"][made["id"]] = made
        return Answer(201, made)

    @route("PATCH", "/subscriptions/{name}")
    def prolong(self, call: Call, name: str) -> Answer:
        if name not in self.subscriptions:
            raise refused(404, "ResourceNotFound", "The object was not found.")
        changed = {**self.subscriptions[name], **call.body(required=("expirationDateTime",))}
        self._in_time(changed)
        self.state["subscriptions"][name] = changed
        return Answer(200, changed)

    def _in_time(self, made: dict[str, Any]) -> None:
        if not self.clock() < ending(made) <= self.clock() + timedelta(minutes=10_080):
            raise refused(400, "InvalidRequest", "Subscription expiration can only be 10080 minutes in the future.")

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        codes = {401: "InvalidAuthenticationToken", 403: "ErrorAccessDenied", 404: "ResourceNotFound"}
        return refused(status, codes.get(status, "ErrorInvalidRequest"), reason)

    def too_many(self, call: Call, resets_in: float) -> Answer:
        said = refused(429, "TooManyRequests", "Too many requests").answer
        return Answer(429, said.body, {"retry-after": str(int(resets_in) + 1)})

    @route("POST", "/$batch", write=False)
    def batch(self, call: Call) -> Answer:
        call.only()
        inner = batched(call)
        self._times.pop()  # the requests in it count, not the batch itself
        told = [{"id": each["id"], **self._part(each, call.headers["authorization"])} for each in inner]
        return Answer(200, {"responses": told[::-1][: self.answers_at_most]})

    def _part(self, sent: dict[str, Any], authorization: str) -> dict[str, Any]:
        path, _, query = sent["url"].partition("?")
        headers = {name.lower(): value for name, value in sent.get("headers", {}).items()}
        content = orjson.dumps(sent["body"]) if "body" in sent else b""
        values = parse_qs(query, keep_blank_values=True)
        call = Call(self, sent["method"], unquote(path), values, {**headers, "authorization": authorization}, content)
        if self.crowds:
            self.crowds -= 1
            busy = refused(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.").answer
            answer = Answer(429, busy.body, {"Retry-After": str(self.puts_off)})
        else:
            answer = self._limited(call)
        told: dict[str, Any] = {"status": answer.status, "headers": dict(answer.headers)}
        return told if answer.body is None else {**told, "body": answer.body}

    @route("GET", HERE + "/delta")
    def delta(self, call: Call, mailbox: str) -> Answer:
        self._mailbox(mailbox)
        size, lasting = preferred(call)
        token = call.one("$skiptoken") or call.one("$deltatoken")
        if token is None:
            call.only("$select")
            numbers = [each.number for each in self.contacts.values() if not each.deleted]
            return self._page(numbers, self.state["revision"], True, size, lasting)
        if len(call.query) > 1:
            raise refused(400, "ErrorInvalidUrlQuery", "A state token admits no other parameter.")
        if token in self.rounds:
            return self._page(*self.rounds[token], size, lasting)
        since = re.fullmatch(r"d(\d+)", token)
        if since is None or self.ended is not None:
            raise refused(*(self.ended or (400, "SyncStateNotFound")), "The sync state is not found.")
        changed = sorted((e for e in self.contacts.values() if e.revision > int(since[1])), key=lambda e: e.revision)
        return self._page([each.number for each in changed], self.state["revision"], False, size, lasting)

    def _page(self, numbers: list[int], until: int, first: bool, size: int, lasting: bool) -> Answer:
        rows = [self.contacts[each] for each in numbers[:size]]
        shown = [self._shown(each, lasting, whole=False) for each in rows if not (first and each.deleted)]
        here = f"{self.base}/users/{self.mailbox}/contacts/delta"
        answer = {"@odata.context": f"{self.base}/$metadata#Collection(contact)", "value": shown}
        if numbers[size:]:
            token = f"s{len(self.rounds)}-{until}-{len(numbers)}"
            self.rounds[token] = (numbers[size:], until, first)
            return Answer(200, answer | {"@odata.nextLink": f"{here}?$skiptoken={token}"})
        return Answer(200, answer | {"@odata.deltaLink": f"{here}?$deltatoken=d{until}"})

    @route("GET", HERE)
    def listing(self, call: Call, mailbox: str) -> Answer:
        self._mailbox(mailbox)
        call.only("$top", "$skip", "$filter", "$select", "$orderby")
        _, lasting = preferred(call)
        top, skip = call.number("$top", 10, least=1, most=LARGEST_PAGE), call.number("$skip", 0)
        test = filtered(call.one("$filter"))
        rows = [each for each in self.contacts.values() if not each.deleted and test(each)]
        shown = [self._shown(each, lasting, whole=False) for each in rows[skip : skip + top]]
        answer = {"@odata.context": f"{self.base}/$metadata#users('x')/contacts", "value": shown}
        if rows[skip + top :]:
            answer["@odata.nextLink"] = f"{self.base}/users/{self.mailbox}/contacts?$top={top}&$skip={skip + top}"
        return Answer(200, answer)

    @route("GET", HERE + "/{contact_id}")
    def one(self, call: Call, mailbox: str, contact_id: str) -> Answer:
        self._mailbox(mailbox)
        call.only("$select")
        return Answer(200, self._shown(self._by_id(contact_id), preferred(call)[1]))

    @route("POST", HERE)
    def create(self, call: Call, mailbox: str) -> Answer:
        self._mailbox(mailbox)
        call.only()
        _, lasting = preferred(call)
        body = dict(object_of(call.json))
        named = named_of(body.pop("singleValueExtendedProperties", []))
        return Answer(201, self._shown(self._new(checked(body), named), lasting))

    @route("PATCH", HERE + "/{contact_id}")
    def update(self, call: Call, mailbox: str, contact_id: str) -> Answer:
        self._mailbox(mailbox)
        call.only()
        _, lasting = preferred(call)
        contact = self._by_id(contact_id)
        self._fresh(call, contact)
        self._change(contact, checked(object_of(call.json)))
        return Answer(200, self._shown(contact, lasting))

    @route("DELETE", HERE + "/{contact_id}")
    def delete(self, call: Call, mailbox: str, contact_id: str) -> Answer:
        self._mailbox(mailbox)
        call.only()
        contact = self._by_id(contact_id)
        self._fresh(call, contact)
        self.remove(contact.lasting)
        return Answer(204)

    @route("POST", HERE + "/{contact_id}/permanentDelete")
    def purge(self, call: Call, mailbox: str, contact_id: str) -> Answer:
        self._mailbox(mailbox)
        call.only()
        if call.content:
            raise refused(400, "BadRequest", "It takes no body.")
        contact = self._by_id(contact_id)
        self.remove(contact.lasting)
        self.state["purged"].add(contact.lasting)
        return Answer(204)

    # --- inside -----------------------------------------------------------------------------------

    def _mailbox(self, name: str) -> None:
        if name.lower() != self.mailbox:
            raise refused(404, "ErrorInvalidUser", "The requested user is invalid.")

    def _by_id(self, contact_id: str) -> Contact:
        if re.fullmatch(r"(AAkALgAAAL|AAMkAGI2AA)\d+=", contact_id) is None:
            raise refused(400, "ErrorInvalidIdMalformed", "Id is malformed.")
        found = self.contacts.get(int(contact_id[10:-1]))
        if found is None or found.deleted:
            raise refused(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return found

    @staticmethod
    def _fresh(call: Call, contact: Contact) -> None:
        if call.headers.get("if-match", "*") not in ("*", contact.etag):
            said = "The change key passed in the request does not match the current change key for the item."
            raise refused(412, "ErrorIrresolvableConflict", said)

    def _new(self, fields: Mapping[str, Any], named: Mapping[str, str]) -> Contact:
        self.state["made"] += 1
        empty = {**dict.fromkeys(TEXTS), "birthday": None, "emailAddresses": []}
        empty |= {each: [] for each in LISTS} | {each: {} for each in ADDRESSES}
        made = Contact(self.state["made"], empty, self.clock(), 0, dict(named))
        self.contacts[made.number] = made
        self._change(made, fields)
        return made

    def _change(self, contact: Contact, fields: Mapping[str, Any]) -> None:
        self.state["revision"] += 1
        contact.fields |= {name: as_kept(name, value) for name, value in fields.items()}
        if "displayName" not in fields:
            both = (contact.fields["givenName"], contact.fields["surname"])
            contact.fields["displayName"] = " ".join(filter(None, both)) or contact.fields["companyName"] or ""
        contact.modified, contact.revision = self.clock().replace(microsecond=0), self.state["revision"]

    def _shown(self, contact: Contact, lasting: bool, *, whole: bool = True) -> dict[str, Any]:
        name = contact.lasting if lasting else contact.moving
        if contact.deleted:
            return {"@odata.type": "#microsoft.graph.contact", "id": name, "@removed": {"reason": "deleted"}}
        stamp = contact.modified.strftime("%Y-%m-%dT%H:%M:%SZ")
        own = {"id": name, "createdDateTime": stamp, "lastModifiedDateTime": stamp, "changeKey": contact.etag[3:-1]}
        context = {"@odata.context": f"{self.base}/$metadata#users('x')/contacts/$entity"} if whole else {}
        return {**context, "@odata.etag": contact.etag, **own, "parentFolderId": "AAMkAGI2AAEOAAA=", **contact.fields}


# --- words ------------------------------------------------------------------------------------------


def refused(status: int, code: str, message: str) -> Refusal:
    return Refusal(status, {"error": {"code": code, "message": message, "innerError": {"request-id": "made-up"}}})


def batched(call: Call) -> list[dict[str, Any]]:
    """The requests of a batch."""
    body = call.body(required=("requests",))["requests"]
    if not isinstance(body, list) or not 1 <= len(body) <= LARGEST_BATCH:
        raise refused(400, "BadRequest", f"Number of batch request steps exceeds the maximum value of {LARGEST_BATCH}.")
    for each in body:
        if not isinstance(each, dict) or not {"id", "method", "url"} <= set(each) <= INNER:
            raise refused(400, "BadRequest", "A request in a batch has an id, a method and a url.")
        if not isinstance(each["id"], str) or not re.fullmatch(r"/[!-~]*", each["url"]) or each["url"].startswith("/v"):
            raise refused(400, "BadRequest", "The id is text, and the url begins below the version.")
        kind = {name.lower(): value for name, value in each.get("headers", {}).items()}.get("content-type")
        if "body" in each and kind != "application/json":
            raise refused(400, "BadRequest", "A request with a body needs its content type.")
    if len({each["id"] for each in body}) < len(body):
        raise refused(400, "BadRequest", "Each id stands once.")
    return body


def preferred(call: Call) -> tuple[int, bool]:
    """(records a page, are lasting ids wanted)"""
    text = call.headers.get("prefer", "")
    found = {name: value.strip('"') for name, value in PREFERENCE.findall(text)}
    if "".join(match[0] for match in PREFERENCE.finditer(text)) != text or set(found) - {"odata.maxpagesize", "IdType"}:
        raise refused(400, "ErrorInvalidRequest", "unknown preference")
    size = int(found.get("odata.maxpagesize", "10"))
    if not 1 <= size <= LARGEST_PAGE:
        raise refused(400, "ErrorInvalidRequest", f"odata.maxpagesize must be from 1 to {LARGEST_PAGE}")
    if found.get("IdType", "ImmutableId") != "ImmutableId":
        raise refused(400, "ErrorInvalidRequest", "IdType is unknown")
    return size, "IdType" in found


def filtered(text: str | None) -> Callable[[Contact], bool]:
    if text is None:
        return lambda contact: True
    found = FILTER.fullmatch(text)
    if found is None or NAMED.fullmatch(found[2]) is None:
        raise refused(400, "ErrorInvalidUrlQueryFilter", "The filter is not supported.")
    name, value = found[2], found[3].replace("''", "'").lower()
    return lambda contact: contact.named.get(name, "").lower() == value and value != ""


def object_of(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise refused(400, "UnableToDeserializePostBody", "were unable to deserialize")
    return body


def named_of(rows: Any) -> dict[str, str]:
    for row in rows if isinstance(rows, list) else [None]:
        if not isinstance(row, dict) or set(row) != {"id", "value"} or not NAMED.fullmatch(row["id"]):
            raise refused(400, "ErrorInvalidProperty", "A named property has an id of its form and a value.")
    return {row["id"]: row["value"] for row in rows}


def checked(body: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in body.items():
        if name not in WRITABLE:
            said = f"The property '{name}' does not exist on type 'microsoft.graph.contact'."
            raise refused(400, "RequestBodyRead", said)
        if not fits(name, value):
            raise refused(400, "ErrorInvalidArgument", f"Cannot convert the value to the expected type of '{name}'.")
    if len(body.get("emailAddresses", [])) > MOST_EMAILS:
        raise refused(400, "ErrorInvalidArgument", f"A contact has at most {MOST_EMAILS} e-mail addresses.")
    return dict(body)


def fits(name: str, value: Any) -> bool:
    if name in LISTS:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if name in ADDRESSES:
        there = isinstance(value, dict) and set(value) <= PARTS
        return there and all(each is None or isinstance(each, str) for each in value.values())
    if name == "emailAddresses":
        return isinstance(value, list) and all(is_address(each) for each in value)
    if name == "birthday":
        return value is None or (isinstance(value, str) and DAY.fullmatch(value) is not None)
    return value is None or isinstance(value, str)


def is_address(value: Any) -> bool:
    if not isinstance(value, dict) or not set(value) <= {"name", "address"}:
        return False
    return isinstance(value.get("name", ""), str) and EMAIL.fullmatch(str(value.get("address"))) is not None


def as_kept(name: str, value: Any) -> Any:
    if name == "emailAddresses":
        return [{"name": each.get("name", each["address"]), "address": each["address"]} for each in value]
    if name == "birthday" and value is not None:
        return f"{value[:10]}T11:59:00Z"
    if name in ADDRESSES:
        return {part: text for part, text in value.items() if text is not None}
    return value
