"""ERPNext: the contacts of a Frappe site.

Kept from the vendor's rules
Lists     `fields`, `filters`, `order_by` as JSON or text; 20 rows unless asked. Never with child tables: a field of a
          child table is refused, as is one that is not there (417)
Times     in the zone of the site, with microseconds and without a zone
Writes    the child tables of a document are replaced whole when sent. A `modified` that is not the one held is
          TimestampMismatchError (409 or 417 by the version). Unknown fields are passed over in silence
Naming    by first and last name; the second of a name gets a number. A unique field twice is 409
          UniqueValidationError. The primary address is copied into `email_id`
Deleting  202 and `ok`; kept in Deleted Document. Named by another document: 417 LinkExistsError
Errors    `exc_type`, `exception` and `_server_messages` (JSON in JSON)
Limits    of time, not of calls: X-RateLimit headers in microseconds, 429 with Retry-After
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import orjson

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Refusal, Service, route

STANDARD = {"name": None, "owner": "Administrator", "modified_by": "Administrator", "docstatus": 0, "idx": 0}
TEXTS = {
    "first_name",
    "middle_name",
    "last_name",
    "salutation",
    "designation",
    "department",
    "company_name",
    "gender",
    "user",
    "address",
    "image",
    "hub_id",
}
SHOWN_ONLY = {"full_name", "email_id", "phone", "mobile_no"}
CHECKS = {"unsubscribed", "sync_with_google_contacts", "is_primary_contact", "is_billing_contact"}
TABLES = {
    "email_ids": ("Contact Email", {"email_id": None, "is_primary": 0}),
    "phone_nos": ("Contact Phone", {"phone": None, "is_primary_phone": 0, "is_primary_mobile_no": 0}),
    "links": ("Dynamic Link", {"link_doctype": None, "link_name": None, "link_title": None}),
}
COLUMNS = {*STANDARD, *TEXTS, *SHOWN_ONLY, *CHECKS, "status", "creation", "modified"}
OTHER = {"name", "customer_name", "deleted_name", "deleted_doctype", "creation", "modified"}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
LONGEST = 140
KEPT = 1000  # exchanges that are remembered
ORDER = re.compile(r"`?(\w+)`?(?: (asc|desc))?")


@dataclass
class Document:
    name: str
    values: dict[str, Any]
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class ErpNext(Service):
    base = "https://erp.example.org/api"
    rate = None  # off unless the site turns it on

    def __init__(self, key: str = "0a1b2c:right-secret-1", clock: Clock | None = None, zone: str = "UTC") -> None:
        super().__init__(clock)
        self.zone = ZoneInfo(zone)
        self.keys = {key: True}
        self.state |= {"contacts": {}, "deleted": {}, "accounts": {}, "linked": set(), "made": 0}
        self.mismatch_status = 409
        self._sorted: dict[str, tuple[Sequence[str], Sequence[str]]] = {}

    @property
    def contacts(self) -> dict[str, Document]:
        found: dict[str, Document] = self.state["contacts"]
        return found

    # --- the back door ----------------------------------------------------------------------------

    def seed(self, **fields: Any) -> str:
        return self._new(fields).name

    def account(self, title: str) -> str:
        """A customer, named by a series."""
        name = f"CUST-{len(self.state['accounts']) + 1:05d}"
        self.state["accounts"][name] = Document(name, {"name": name, "customer_name": title, "modified": self._now()})
        return name

    def edit(self, name: str, **fields: Any) -> None:
        self._change(self.contacts[name], fields)

    def remove(self, name: str) -> None:
        self.contacts.pop(name)
        number = f"{len(self.state['deleted']) + 1:05d}"
        row = {"deleted_name": name, "deleted_doctype": "Contact", "creation": self._now(), "restored": 0}
        self.state["deleted"][number] = Document(number, row | {"name": number, "modified": self._now()})

    def twin(self, name: str, **fields: Any) -> str:
        made = self._new(fields)
        made.values["modified"] = self.contacts[name].values["modified"]
        return made.name

    def link(self, name: str) -> None:
        """A document that names the contact, such as a quotation."""
        self.state["linked"].add(name)

    # --- the front door ---------------------------------------------------------------------------

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        del self.exchanges[:-KEPT]  # each contact is a request of its own
        return super().handle_request(request)

    def key_of(self, call: Call) -> str | None:
        kind, _, value = call.headers.get("authorization", "").partition(" ")
        return value if kind.lower() == "token" else None

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        kinds = {401: "AuthenticationError", 403: "PermissionError", 404: "DoesNotExistError", 405: "MethodNotAllowed"}
        return refused(status, kinds.get(status, "ValidationError"), reason)

    def rate_headers(self, left: int, resets_in: float) -> dict[str, str]:
        each = 100_000  # microseconds that one request takes
        assert self.rate is not None
        return {
            "x-ratelimit-limit": str(self.rate.requests * each),
            "x-ratelimit-remaining": str(left * each),
            "x-ratelimit-reset": str(int(resets_in) + 1),
        }

    @route("GET", "/method/frappe.auth.get_logged_user")
    def who(self, call: Call) -> Answer:
        return Answer(200, {"message": "hub@example.org"})

    @route("GET", "/resource/{kind}")
    def listing(self, call: Call, kind: str) -> Answer:
        rows = self._kind(kind)
        call.only("fields", "filters", "order_by", "limit_start", "limit_page_length")
        known = COLUMNS if kind == "Contact" else OTHER
        names = asked(call.one("fields", '["name"]'), known)
        tests = [condition(each, known) for each in parsed(call.one("filters", "[]"))]
        order = ORDER.fullmatch(call.one("order_by", "modified desc") or "")
        if order is None or order[1] not in known:
            raise refused(417, "DataError", "Order by is not valid")
        if order[0] == "name asc":
            found = self._by_name(kind, rows, parsed(call.one("filters", "[]")))
        else:
            found = sorted(rows.values(), key=lambda each: same(each.values[order[1]]), reverse=order[2] == "desc")
        start, size = call.number("limit_start", 0), call.number("limit_page_length", 20)
        fitting = (each for each in found if all(test(each) for test in tests))
        page = islice(fitting, start, start + size if size else None)
        return Answer(200, {"data": [{name: shown(each.values.get(name)) for name in names} for each in page]})

    @route("GET", "/resource/{kind}/{name}")
    def one(self, call: Call, kind: str, name: str) -> Answer:
        call.only()
        return Answer(200, {"data": self._shown(self._document(kind, name))})

    @route("POST", "/resource/{kind}")
    def create(self, call: Call, kind: str) -> Answer:
        self._kind(kind)
        return Answer(200, {"data": self._shown(self._new(self._checked(call.json, None)))})

    @route("PUT", "/resource/{kind}/{name}")
    def update(self, call: Call, kind: str, name: str) -> Answer:
        document = self._document(kind, name)
        sent = call.json
        if isinstance(sent, dict) and sent.get("modified") not in (None, shown(document.values["modified"])):
            said = "Document has been modified after you have opened it. Please refresh to get the latest document."
            raise refused(self.mismatch_status, "TimestampMismatchError", said)
        self._change(document, self._checked(sent, document))
        return Answer(200, {"data": self._shown(document)})

    @route("DELETE", "/resource/{kind}/{name}")
    def delete(self, call: Call, kind: str, name: str) -> Answer:
        document = self._document(kind, name)
        if name in self.state["linked"]:
            said = f"Cannot delete or cancel because Contact {name} is linked with Quotation SAL-QTN-1"
            raise refused(417, "LinkExistsError", said)
        self.remove(document.name)
        return Answer(202, {"data": "ok"})

    # --- inside -----------------------------------------------------------------------------------

    def _kind(self, kind: str) -> dict[str, Document]:
        kinds = {"Contact": "contacts", "Deleted Document": "deleted", "Customer": "accounts"}
        if kind not in kinds:
            raise refused(404, "DoesNotExistError", f"DocType {kind} not found")
        found: dict[str, Document] = self.state[kinds[kind]]
        return found

    def _by_name(self, kind: str, rows: Mapping[str, Document], filters: Sequence[Any]) -> Sequence[Document]:
        """By name, sorted once for all pages, and from where a filter says that it begins."""
        there = list(rows)
        if self._sorted.get(kind, ((), ()))[0] != there:
            self._sorted[kind] = (there, sorted(there, key=same))
        names = self._sorted[kind][1]
        after = next((wanted for name, operator, wanted in filters if (name, operator) == ("name", ">")), None)
        begin = 0 if after is None else bisect_right(names, same(after), key=same)
        return [rows[each] for each in names[begin:]]

    def _document(self, kind: str, name: str) -> Document:
        found = self._kind(kind).get(name)
        if found is None:
            raise refused(404, "DoesNotExistError", f"{kind} {name} not found")
        return found

    def _now(self) -> datetime:
        return self.clock().astimezone(self.zone).replace(tzinfo=None)

    def _checked(self, body: Any, document: Document | None) -> dict[str, Any]:
        if not isinstance(body, dict):
            raise refused(417, "ValidationError", "No data was sent")
        fields = {}
        for name, value in body.items():
            if name in TABLES:
                fields[name] = [checked_row(name, row) for row in value or []]
                self._linkable(fields[name] if name == "links" else [])
            elif name in CHECKS:
                fields[name] = 1 if value in (1, True, "1") else 0
            elif name in TEXTS:
                fields[name] = checked_text(name, value)
        first = fields.get("first_name", document.values["first_name"] if document else None)
        if not first and not fields.get("email_ids") and document is None:
            raise refused(417, "MandatoryError", "[Contact]: first_name")
        key = fields.get("hub_id")
        others = [each for each in self.contacts.values() if each is not document]
        if key and any(each.values["hub_id"] == key for each in others):
            raise refused(409, "UniqueValidationError", "Hub Id must be unique")
        return fields

    def _linkable(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            if row.get("link_doctype") == "Customer" and row.get("link_name") not in self.state["accounts"]:
                raise refused(417, "LinkValidationError", "Could not find Row #1: Link Name")

    def _new(self, fields: Mapping[str, Any]) -> Document:
        parts = [fields.get("first_name"), fields.get("last_name")]
        wanted = " ".join(part for part in parts if part) or "contact"
        name, number = wanted, 0
        while name in self.contacts:
            number = self.state["made"] = self.state["made"] + 1
            name = f"{wanted}-{number}"
        now = self._now()
        values = {**STANDARD, **dict.fromkeys(TEXTS | SHOWN_ONLY), **dict.fromkeys(CHECKS, 0), "status": "Passive"}
        made = Document(name, values | {"name": name, "creation": now, "modified": now})
        made.tables = {table: [] for table in TABLES}
        self.contacts[name] = made
        self._change(made, fields)
        return made

    def _change(self, document: Document, fields: Mapping[str, Any]) -> None:
        for name, value in fields.items():
            if name in TABLES:
                document.tables[name] = list(self._rows(document, name, value))
            else:
                document.values[name] = value
        values = document.values
        values["full_name"] = " ".join(values[each] for each in ("first_name", "last_name") if values[each]) or None
        emails, phones = document.tables["email_ids"], document.tables["phone_nos"]
        values["email_id"] = next((row["email_id"] for row in emails if row["is_primary"]), None)
        values["phone"] = next((row["phone"] for row in phones if row["is_primary_phone"]), None)
        values["modified"] = max(self._now(), values["modified"] + timedelta(microseconds=1))

    def _rows(self, document: Document, table: str, rows: Sequence[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
        kind, empty = TABLES[table]
        primary = "is_primary" if table == "email_ids" else "is_primary_phone"
        for number, row in enumerate(rows, start=1):
            self.state["made"] += 1
            own = {"name": f"row{self.state['made']:06d}", "idx": number, "doctype": kind, "docstatus": 0}
            of = {"parent": document.name, "parentfield": table, "parenttype": "Contact"}
            first = {primary: 1} if primary in empty and len(rows) == 1 else {}
            times = {"owner": "hub@example.org", "creation": self._now(), "modified": self._now()}
            yield {**empty, **row, **first, **own, **of, **times, "modified_by": "hub@example.org"}

    def _shown(self, document: Document) -> dict[str, Any]:
        values = {name: shown(value) for name, value in document.values.items()}
        tables = {
            table: [{name: shown(value) for name, value in row.items()} for row in rows]
            for table, rows in document.tables.items()
        }
        told = {name: value for name, value in values.items() if value is not None or name in {"hub_id"}}
        return {**told, "doctype": "Contact", **tables}


def refused(status: int, kind: str, message: str) -> Refusal:
    told = orjson.dumps([orjson.dumps({"message": message, "indicator": "red"}).decode()]).decode()
    body = {"exc_type": kind, "exception": f"frappe.exceptions.{kind}: {message}", "_server_messages": told}
    return Refusal(status, body)


def shown(value: Any) -> Any:
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value


def parsed(text: str | None) -> Any:
    try:
        return orjson.loads(text or "null")
    except orjson.JSONDecodeError as error:
        raise refused(417, "ValidationError", "the parameter is no JSON") from error


def asked(text: str | None, known: Iterable[str]) -> list[str]:
    names = parsed(text)
    if names == ["*"]:
        return sorted(known)
    for name in names:
        if name not in known:
            raise refused(417, "DataError", f"Field not permitted in query: {name}")
    return list(names)


def condition(row: Any, known: Iterable[str]) -> Callable[[Document], bool]:
    if not isinstance(row, list) or len(row) != 3 or row[0] not in known:
        raise refused(417, "DataError", "Invalid filter")
    name, operator, wanted = row
    if name in {"modified", "creation"}:
        wanted = datetime.fromisoformat(wanted)
        if wanted.tzinfo is not None:
            raise refused(417, "DataError", "a time of a filter has no zone")
    tests: dict[str, Callable[[Any], bool]] = {
        "in": lambda value: same(value) in [same(each) for each in wanted],
        "=": lambda value: same(value) == same(wanted),
        "!=": lambda value: same(value) != same(wanted),
        ">=": lambda value: value >= wanted,
        "<=": lambda value: value <= wanted,
        ">": lambda value: same(value) > same(wanted),
    }
    if operator == "in" and not isinstance(wanted, list):
        raise refused(417, "DataError", "a list is needed")
    if operator not in tests:
        raise refused(417, "DataError", f"Operator {operator} is not allowed")
    return lambda document: tests[operator](document.values[name])


def same(value: Any) -> Any:
    """Texts are compared by MariaDB without regard to capitals; nothing is an empty text there."""
    return value.lower() if isinstance(value, str) else "" if value is None else value


def checked_text(name: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str | int | float):
        raise refused(417, "ValidationError", f"{name} must be a text")
    text = None if value is None else str(value)
    if text and len(text) > LONGEST:
        said = f"Value too big: '{name}' will get truncated, as max characters allowed is {LONGEST}"
        raise refused(417, "CharacterLengthExceededError", said)
    return text


def checked_row(table: str, row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise refused(417, "ValidationError", f"{table} must hold rows")
    kept = {name: value for name, value in row.items() if name in TABLES[table][1]}
    if table == "email_ids" and not EMAIL.fullmatch(str(kept.get("email_id"))):
        raise refused(417, "InvalidEmailAddressError", f"{kept.get('email_id')} is not a valid Email Address")
    if table == "phone_nos" and not re.fullmatch(r"[\d +()./-]{3,}", str(kept.get("phone"))):
        raise refused(417, "InvalidPhoneNumberError", f"Phone Number {kept.get('phone')} set in field is not valid.")
    return kept
