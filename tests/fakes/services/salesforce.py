"""Salesforce: the contacts of an organisation.

Kept from the vendor's rules
Queries   a small part of SOQL: one object, conditions joined by AND, ORDER BY. An unknown field is 400 INVALID_FIELD,
          a field with another kind of value 400. An empty text is null. Times have no quotes and show whole seconds.
          `queryAll` shows the recycle bin as well. At most 2,000 rows a page, and 200 at least may be asked for;
          `nextRecordsUrl` is a path, and good for two days
Writes    collections of 200, one result each in their order; an unknown field fails the whole call. Upsert by the
          external id: `Id` is not allowed, an empty id is refused. LastName is required. Texts end at their length
Deleting  into the recycle bin for 15 days; then ENTITY_IS_DELETED; who never was: INVALID_CROSS_REFERENCE_KEY
Limits    requests of 24 hours: 403 REQUEST_LIMIT_EXCEEDED, told in Sforce-Limit-Info. 401 INVALID_SESSION_ID
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Rate, Refusal, route
from tests.fakes.services.salesforce_jobs import IngestJobs, QueryJobs

VERSION = "/services/data/v62.0"
LENGTHS = {
    "FirstName": 40,
    "LastName": 80,
    "Title": 128,
    "Department": 80,
    "Email": 80,
    "Phone": 40,
    "MobilePhone": 40,
    "HomePhone": 40,
    "Salutation": 40,
    "Description": 32_000,
    "MailingStreet": 255,
    "MailingCity": 40,
    "MailingState": 80,
    "MailingPostalCode": 20,
    "MailingCountry": 80,
    "HubId__c": 255,
}
WRITABLE = {*LENGTHS, "Birthdate", "HasOptedOutOfEmail", "AccountId"}
READABLE = {*WRITABLE, "Id", "Name", "SystemModstamp", "LastModifiedDate", "CreatedDate", "IsDeleted", "MasterRecordId"}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
QUERY = re.compile(
    r"SELECT (?P<fields>.+?) FROM (?P<kind>\w+)(?: WHERE (?P<where>.+?))?(?: ORDER BY (?P<order>[\w, ]+))?\s*"
)
CONDITION = re.compile(r"(\w+) (=|!=|>=|<=|>|<|IN) (null|true|false|[\dT:Z-]+|'(?:[^'\\]|\\.)*'|\([^)]*\))(?: AND |$)")
TEXT = re.compile(r"'((?:[^'\\]|\\.)*)'")
BIN = timedelta(days=15)
LOCATOR = timedelta(days=2)


@dataclass
class Contact:
    id: str
    fields: dict[str, Any]
    modified: datetime
    deleted: bool = False
    master: str | None = None

    def value(self, name: str) -> Any:
        own = {
            "Id": self.id,
            "SystemModstamp": self.modified,
            "LastModifiedDate": self.modified,
            "CreatedDate": self.modified,
            "IsDeleted": self.deleted,
            "MasterRecordId": self.master,
            "Name": f"{self.fields.get('FirstName') or ''} {self.fields.get('LastName') or ''}".strip(),
            "HasOptedOutOfEmail": self.fields.get("HasOptedOutOfEmail", False),
        }
        return own.get(name, self.fields.get(name))


@dataclass
class Locator:
    """The rest of a query: contacts not yet shown, and until when it can be had."""

    fields: list[str]
    ids: list[str]
    everything: bool
    size: int
    until: datetime = field(default_factory=lambda: datetime.max.replace(tzinfo=UTC))


class Salesforce(QueryJobs, IngestJobs):
    base = f"https://acme.my.salesforce.com{VERSION}"
    rate = Rate(100_000, 86_400.0)
    page = 2000

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.state |= {"contacts": {}, "accounts": {}, "made": 0}
        self.locators: dict[str, Locator] = {}

    @property
    def contacts(self) -> dict[str, Contact]:
        found: dict[str, Contact] = self.state["contacts"]
        return found

    # --- the back door ----------------------------------------------------------------------------

    def seed(self, **fields: Any) -> str:
        return self._new(fields).id

    def account(self, name: str) -> str:
        account_id = f"0015g0000{len(self.state['accounts']):06d}AAA"
        self.state["accounts"][account_id] = name
        return account_id

    def edit(self, contact_id: str, **fields: Any) -> None:
        self._change(self.contacts[contact_id], fields)

    def remove(self, contact_id: str) -> None:
        self.contacts[contact_id].deleted = True
        self.contacts[contact_id].modified = self._now()

    def merge(self, loser: str, winner: str) -> None:
        self.remove(loser)
        self.contacts[loser].master = winner

    # --- the front door ---------------------------------------------------------------------------

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        if status == 401:
            return refused(401, "INVALID_SESSION_ID", "Session expired or invalid")
        codes = {403: "INSUFFICIENT_ACCESS", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
        return refused(status, codes.get(status, "MALFORMED_QUERY"), reason)

    def rate_headers(self, left: int, resets_in: float) -> dict[str, str]:
        assert self.rate is not None
        return {"sforce-limit-info": f"api-usage={self.rate.requests - left}/{self.rate.requests}"}

    def too_many(self, call: Call, resets_in: float) -> Answer:
        return refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.").answer

    @route("GET", "/limits")
    def limits(self, call: Call) -> Answer:
        assert self.rate is not None
        left = {"Max": self.rate.requests, "Remaining": self.rate.requests - len(self._times)}
        return Answer(200, {"DailyApiRequests": left, "DataStorageMB": {"Max": 5, "Remaining": 5}})

    @route("GET", "/query")
    def query(self, call: Call) -> Answer:
        return self._first(call, everything=False)

    @route("GET", "/queryAll")
    def query_all(self, call: Call) -> Answer:
        return self._first(call, everything=True)

    @route("GET", "/query/{name}")
    def following(self, call: Call, name: str) -> Answer:
        call.only()
        held = self.locators.get(name)
        if held is None or held.until <= self.clock():
            raise refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(held, len(held.ids))

    @route("PATCH", "/composite/sobjects/{kind}/{key}")
    def upsert(self, call: Call, kind: str, key: str) -> Answer:
        if (kind, key) != ("Contact", "HubId__c"):
            raise refused(404, "NOT_FOUND", "The requested resource does not exist")
        return Answer(200, [self._result(self._upserted, row) for row in rows_of(call)])

    @route("PATCH", "/composite/sobjects")
    def update(self, call: Call) -> Answer:
        return Answer(200, [self._result(self._updated, row) for row in rows_of(call)])

    @route("DELETE", "/composite/sobjects")
    def delete(self, call: Call) -> Answer:
        call.only("ids", "allOrNone")
        ids = (call.one("ids") or "").split(",")
        if not 1 <= len(ids) <= 200:
            raise refused(
                400, "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than 200 records: {len(ids)}"
            )
        return Answer(200, [self._result(self._deleted, {"id": each}) for each in ids])

    # --- queries ----------------------------------------------------------------------------------

    def _first(self, call: Call, *, everything: bool) -> Answer:
        call.only("q")
        found = QUERY.fullmatch(call.one("q") or "")
        if found is None:
            raise refused(400, "MALFORMED_QUERY", "unexpected token")
        if found["kind"] == "Account":
            return self._accounts(found["fields"], found["where"])
        if found["kind"] != "Contact":
            raise refused(400, "INVALID_TYPE", f"sObject type '{found['kind']}' is not supported.")
        names, rows = self._matching(found, everything)
        return self._page(Locator(names, [each.id for each in rows], everything, self._size(call)), len(rows))

    def rows_of(self, query: str, *, everything: bool) -> tuple[list[str], Iterable[dict[str, Any]]]:
        found = QUERY.fullmatch(query)
        if found is None or found["kind"] != "Contact":
            raise refused(400, "MALFORMED_QUERY", "unexpected token")
        names, rows = self._matching(found, everything)
        return names, [self._shown(each, names) for each in rows]

    def _matching(self, found: re.Match[str], everything: bool) -> tuple[list[str], list[Contact]]:
        names = [each.strip() for each in found["fields"].split(",")]
        for name in names:
            known(name, relations=True)
        tests = list(conditions(found["where"]))
        rows = [each for each in self._there(everything) if all(test(each) for test in tests)]
        order = [each.strip() for each in (found["order"] or "Id").split(",")]
        for name in order:
            known(name)
        rows.sort(key=lambda each: [each.value(name) for name in order])
        return names, rows

    def _accounts(self, fields: str, where: str | None) -> Answer:
        """Only by name; names are compared without regard to capitals."""
        held = re.fullmatch(r"Name IN \((.+)\)", where or "")
        if fields.replace(" ", "") != "Id,Name" or held is None:
            raise refused(400, "INVALID_FIELD", "accounts are found by their names only")
        wanted = {str(unquoted(each[0])).lower() for each in TEXT.finditer(held[1])}
        rows = [(key, name) for key, name in self.state["accounts"].items() if name.lower() in wanted]
        told = [{"attributes": attributes("Account", key), "Id": key, "Name": name} for key, name in rows]
        return Answer(200, {"totalSize": len(told), "done": True, "records": told})

    def _size(self, call: Call) -> int:
        found = re.fullmatch(r"batchSize=(\d+)", call.headers.get("sforce-query-options", "batchSize=2000"))
        if found is None or not 200 <= int(found[1]) <= 2000:
            raise refused(400, "INVALID_QUERY_OPTIONS", "batchSize must be from 200 to 2000")
        return min(self.page, int(found[1]))

    def _there(self, everything: bool) -> Iterable[Contact]:
        oldest = self.clock() - BIN
        return [each for each in self.contacts.values() if not each.deleted or (everything and each.modified > oldest)]

    def _page(self, held: Locator, total: int) -> Answer:
        ids, rest = held.ids[: held.size], held.ids[held.size :]
        shown = [self._shown(self.contacts[each], held.fields) for each in ids if held.everything or self._live(each)]
        answer: dict[str, Any] = {"totalSize": total, "done": not rest, "records": shown}
        if rest:
            name = f"01g5g00000{len(self.locators):06d}AAA-{held.size}"
            self.locators[name] = Locator(held.fields, rest, held.everything, held.size, self.clock() + LOCATOR)
            answer["nextRecordsUrl"] = f"{VERSION}/query/{name}"
        return Answer(200, answer)

    def _live(self, contact_id: str) -> bool:
        return contact_id in self.contacts and not self.contacts[contact_id].deleted

    def _shown(self, contact: Contact, names: Iterable[str]) -> dict[str, Any]:
        shown: dict[str, Any] = {"attributes": attributes("Contact", contact.id)}
        for name in names:
            if name == "Account.Name":
                account = contact.fields.get("AccountId")
                told = {"attributes": attributes("Account", account or ""), "Name": self.state["accounts"].get(account)}
                shown["Account"] = told if account else None
                continue
            value = contact.value(name)
            shown[name] = value.strftime("%Y-%m-%dT%H:%M:%S.000+0000") if isinstance(value, datetime) else value
        return shown

    # --- writes -----------------------------------------------------------------------------------

    def _result(self, act: Callable[[dict[str, Any]], tuple[str, bool]], row: dict[str, Any]) -> dict[str, Any]:
        try:
            contact_id, created = act(row)
        except RowError as error:
            return {"success": False, "errors": [{"statusCode": error.code, "message": str(error), "fields": []}]}
        return {"id": contact_id, "success": True, "errors": [], "created": created}

    def take_row(self, operation: str, row: dict[str, Any]) -> tuple[str, bool]:
        if unknown := sorted(set(row) - WRITABLE - {"Id"}):
            raise RowError("INVALID_FIELD", f"No such column '{unknown[0]}' on sobject of type Contact")
        return self._upserted(row) if operation == "upsert" else self._updated(row)

    def _upserted(self, row: dict[str, Any]) -> tuple[str, bool]:
        if "id" in {name.lower() for name in row}:
            raise RowError(
                "INVALID_FIELD_FOR_INSERT_UPDATE", "The Id field should not be specified in the sobject data."
            )
        key = row.get("HubId__c")
        if not key:
            raise RowError("MISSING_ARGUMENT", "HubId__c not specified")
        checked = checked_row(row)
        there = next((each for each in self._there(False) if each.value("HubId__c") == key), None)
        if there is not None:
            self._change(there, checked)
            return there.id, False
        if not checked.get("LastName"):
            raise RowError("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]")
        return self._new(checked).id, True

    def _updated(self, row: dict[str, Any]) -> tuple[str, bool]:
        contact = self._contact(row.get("id") or row.get("Id"))
        checked = checked_row({name: value for name, value in row.items() if name.lower() != "id"})
        if "LastName" in checked and not checked["LastName"]:
            raise RowError("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]")
        self._change(contact, checked)
        return contact.id, False

    def _deleted(self, row: dict[str, Any]) -> tuple[str, bool]:
        contact = self._contact(row["id"])
        self.remove(contact.id)
        return contact.id, False

    def _contact(self, contact_id: Any) -> Contact:
        if not isinstance(contact_id, str) or not ID.fullmatch(contact_id):
            raise RowError("MALFORMED_ID", "bad id")
        found = self.contacts.get(contact_id)
        if found is None:
            raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if found.deleted:
            raise RowError("ENTITY_IS_DELETED", "entity is deleted")
        return found

    def _now(self) -> datetime:
        return self.clock().replace(microsecond=0)

    def _new(self, fields: Mapping[str, Any]) -> Contact:
        self.state["made"] += 1
        made = Contact(f"0035g0000{self.state['made']:06d}AAA", dict(fields), self._now())
        self.contacts[made.id] = made
        return made

    def _change(self, contact: Contact, fields: Mapping[str, Any]) -> None:
        contact.fields |= fields
        contact.modified = self._now()


class RowError(Exception):
    """One row of a collection that is not taken."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def refused(status: int, code: str, message: str) -> Refusal:
    return Refusal(status, [{"message": message, "errorCode": code}])


def attributes(kind: str, record_id: str) -> dict[str, str]:
    return {"type": kind, "url": f"{VERSION}/sobjects/{kind}/{record_id}"}


def known(name: str, *, relations: bool = False) -> None:
    if name not in READABLE and not (relations and name == "Account.Name"):
        raise refused(400, "INVALID_FIELD", f"No such column '{name}' on entity 'Contact'.")


def conditions(where: str | None) -> Iterable[Callable[[Contact], bool]]:
    at = 0
    while where and at < len(where):
        found = CONDITION.match(where, at)
        if found is None:
            raise refused(400, "MALFORMED_QUERY", f"unexpected token at {at}")
        at = found.end()
        yield condition(found[1], found[2], found[3])


def condition(name: str, operator: str, literal: str) -> Callable[[Contact], bool]:
    known(name)
    if operator == "IN":
        wanted = [unquoted(each[0]) for each in TEXT.finditer(literal)]
        if name == "Id" and any(each is None or not ID.fullmatch(each) for each in wanted):
            raise refused(400, "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field")
        return lambda contact: contact.value(name) in wanted
    value = literal_of(name, literal)
    if operator in {"=", "!="}:
        return lambda contact: (same(contact.value(name)) == same(value)) is (operator == "=")
    order: dict[str, Callable[[Any], bool]] = {
        ">=": lambda held: held >= value,
        "<=": lambda held: held <= value,
        ">": lambda held: held > value,
        "<": lambda held: held < value,
    }
    return lambda contact: order[operator](contact.value(name))


def literal_of(name: str, literal: str) -> Any:
    if literal in {"null", "true", "false"}:
        return {"null": None, "true": True, "false": False}[literal]
    timed = name in {"SystemModstamp", "LastModifiedDate", "CreatedDate"}
    if timed == literal.startswith("'") or (not timed and literal[0].isdigit()):
        raise refused(400, "INVALID_FIELD", f"value of filter criterion for field '{name}' must be of another type")
    if timed:
        return datetime.strptime(literal, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return unquoted(literal)


def unquoted(literal: str) -> str | None:
    return re.sub(r"\\(.)", r"\1", literal[1:-1]) or None


def same(value: Any) -> Any:
    """Texts are compared without regard to capitals."""
    return value.lower() if isinstance(value, str) else value


def rows_of(call: Call) -> list[dict[str, Any]]:
    body = call.body(required=("records",), allowed=("allOrNone",))
    if not 1 <= len(body["records"]) <= 200:
        raise refused(400, "INVALID_INPUT", "record limit reached. cannot submit more than 200 records in one call")
    rows = []
    for row in body["records"]:
        if row.get("attributes", {}).get("type") != "Contact":
            raise refused(400, "INVALID_INPUT", "Include an entity type in the attributes of each record")
        rows.append({name: value for name, value in row.items() if name != "attributes"})
        for name in rows[-1]:
            if name not in WRITABLE and name.lower() != "id":
                raise refused(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type Contact")
    return rows


def checked_row(row: Mapping[str, Any]) -> dict[str, Any]:
    checked = {}
    for name, value in row.items():
        if name == "HasOptedOutOfEmail":
            if not isinstance(value, bool):
                raise RowError("INVALID_TYPE_ON_FIELD_IN_RECORD", f"{name}: value not of required type")
        elif value is not None and not isinstance(value, str):
            raise RowError("INVALID_TYPE_ON_FIELD_IN_RECORD", f"{name}: value not of required type")
        elif value and len(value) > LENGTHS.get(name, 18):
            raise RowError("STRING_TOO_LONG", f"{name}: data value too large (max length={LENGTHS.get(name, 18)})")
        elif name == "AccountId" and value is not None and not ID.fullmatch(value):
            raise RowError("MALFORMED_ID", f"{name}: id value of incorrect type")
        checked[name] = None if value == "" else value
    if checked.get("Email") and not EMAIL.fullmatch(checked["Email"]):
        raise RowError("INVALID_EMAIL_ADDRESS", f"Email: invalid email address: {checked['Email']}")
    return checked
