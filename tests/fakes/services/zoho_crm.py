"""Zoho CRM: the contacts of an organisation (version 8 of the interface).

Kept from the vendor's rules
Listing   `fields` needed, 50 at most; 200 rows a page; `page_token` past 2,000, and good for a day. Nothing: 204, and
          nothing since If-Modified-Since: 304. Sorted by id when asked so
Deleted   apart, by `type`, with If-Modified-Since
Writes    100 rows; one result each in their order, with a code of its own: SUCCESS, MANDATORY_NOT_FOUND, INVALID_DATA
          with the name of the field, DUPLICATE_DATA. 200 when all went well, 207 when some did. Upsert by unique fields
          (`duplicate_check_fields`). Unknown fields are passed over
Query     2,000 rows in one call, of columns that are named (zoho_query.py); it needs a scope of its own
Bin       what was deleted lies in it until it is taken out, which needs a scope of its own
Channels  of notifications, by a number of the client; a day at most, and asked for more, an hour
Token     had at another host, refused as 401 INVALID_TOKEN; the scheme is Zoho-oauthtoken
Limits    credits of 24 hours, 429 TOO_MANY_REQUESTS; calls at a time
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Rate, Refusal, Service, route
from tests.fakes.services.zoho_query import Unfit, parse

LENGTHS = {
    "First_Name": 40,
    "Last_Name": 80,
    "Salutation": 40,
    "Email": 100,
    "Secondary_Email": 100,
    "Phone": 50,
    "Mobile": 50,
    "Home_Phone": 50,
    "Title": 100,
    "Department": 50,
    "Description": 32_000,
    "Mailing_Street": 250,
    "Mailing_City": 100,
    "Mailing_State": 100,
    "Mailing_Zip": 30,
    "Mailing_Country": 100,
    "Hub_Id": 255,
}
WRITABLE = {*LENGTHS, "Date_of_Birth", "Email_Opt_Out", "Account_Name"}
READABLE = {*WRITABLE, "id", "Full_Name", "Modified_Time", "Created_Time", "Owner"}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
ZONE = timezone(timedelta(hours=1))  # of the organisation, in which its times are told
PAGES = timedelta(days=1)


@dataclass
class Contact:
    id: str
    fields: dict[str, Any]
    modified: datetime


class Zoho(Service):
    base = "https://www.zohoapis.eu/crm/v8"
    rate = Rate(50_000, 86_400.0)

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.state |= {"contacts": {}, "deleted": {}, "purged": set(), "accounts": {}, "channels": {}, "made": 0}
        self.pages: dict[str, tuple[list[str], int, datetime]] = {}
        self.shortens: dict[str, int] = {}  # a workflow of the organisation cuts these fields
        self.empties = True  # the token has the scope of the recycle bin
        self.queries = True  # the token has the scope of the query language
        self.shows = 2000  # rows that an answer to a query holds
        self.late = False  # queries do not show yet what was written

    @property
    def contacts(self) -> dict[str, Contact]:
        found: dict[str, Contact] = self.state["contacts"]
        return found

    # --- the back door ----------------------------------------------------------------------------

    def seed(self, **fields: Any) -> str:
        return self._new(fields).id

    def account(self, name: str) -> str:
        account_id = f"5550000000{len(self.state['accounts']):08d}"
        self.state["accounts"][account_id] = name
        return account_id

    def edit(self, contact_id: str, **fields: Any) -> None:
        self._change(self.contacts[contact_id], fields)

    def remove(self, contact_id: str) -> None:
        self.contacts.pop(contact_id)
        self.state["deleted"][contact_id] = self._now()

    # --- the front door ---------------------------------------------------------------------------

    def key_of(self, call: Call) -> str | None:
        kind, _, value = call.headers.get("authorization", "").partition(" ")
        return value if kind == "Zoho-oauthtoken" else None

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        codes = {401: "INVALID_TOKEN", 403: "NO_PERMISSION", 404: "INVALID_URL_PATTERN", 405: "INVALID_REQUEST_METHOD"}
        return refused(status, codes.get(status, "INVALID_DATA"), reason)

    def too_many(self, call: Call, resets_in: float) -> Answer:
        return refused(429, "TOO_MANY_REQUESTS", "You have exceeded the limit of API credits.").answer

    @property
    def channels(self) -> dict[int, dict[str, Any]]:
        found: dict[int, dict[str, Any]] = self.state["channels"]
        return found

    @route("GET", "/actions/watch")
    def watched(self, call: Call) -> Answer:
        call.only("channel_id", "module", "page", "per_page")
        wanted = call.one("channel_id")
        rows = [each for each in self.channels.values() if ends(each) > self.clock()]
        rows = [each for each in rows if wanted in (None, str(each["channel_id"]))]
        told = [{**each, "channel_id": str(each["channel_id"]), "resource_name": "Contacts"} for each in rows]
        return (
            Answer(200, {"watch": told, "info": {"count": len(told), "more_records": False}}) if told else Answer(204)
        )

    @route("POST", "/actions/watch")
    def watch(self, call: Call) -> Answer:
        return self._channel(call, 201)

    @route("PUT", "/actions/watch")
    def watch_on(self, call: Call) -> Answer:
        return self._channel(call, 200)

    def _channel(self, call: Call, status: int) -> Answer:
        [row] = call.body(required=("watch",))["watch"]
        known = {"channel_id", "events", "channel_expiry", "token", "notify_url"}
        unfit = not isinstance(row.get("channel_id"), int) or not row.get("notify_url") or set(row) - known
        if unfit or len(row.get("token", "")) > 50 or row.get("events") != ["Contacts.all"]:
            failed = {"code": "INVALID_DATA", "details": {}, "message": "invalid data", "status": "error"}
            return Answer(202, {"watch": [failed]})
        if status == 200 and row["channel_id"] not in self.channels:
            failed = {"code": "NOT_SUBSCRIBED", "details": {}, "message": "the channel is not there", "status": "error"}
            return Answer(202, {"watch": [failed]})
        longest = self.clock() + timedelta(days=1)
        until = ends(row) if ends(row) <= longest else self.clock() + timedelta(hours=1)
        self.channels[row["channel_id"]] = {**row, "channel_expiry": shown(until)}
        done = {"code": "SUCCESS", "details": {"events": []}, "message": "Successfully subscribed", "status": "success"}
        return Answer(status, {"watch": [done]})

    @route("GET", "/Contacts")
    def listing(self, call: Call) -> Answer:
        call.only("fields", "per_page", "page", "page_token", "sort_by", "sort_order", "ids")
        names = asked(call)
        if call.one("sort_by", "id") not in {"id", "Modified_Time", "Created_Time"}:
            raise refused(400, "INVALID_DATA", "sort_by")
        size = call.number("per_page", 200, least=1, most=200)
        if "ids" in call.query:
            return self._some(call, names)
        if (token := call.one("page_token")) is not None:
            if token not in self.pages or self.pages[token][2] <= self.clock():
                raise refused(400, "INVALID_DATA", "the page token is not valid", page_token=True)
            ids, start, _ = self.pages[token]
            return self._page(ids, start, size, names)
        since = self._since(call)
        rows = [each for each in self.contacts.values() if since is None or each.modified > since]
        if not rows:
            return Answer(304 if since is not None else 204)
        down = call.one("sort_order", "desc") == "desc"
        ids = [each.id for each in sorted(rows, key=lambda each: each.id, reverse=down)]
        return self._page(ids, 0, size, names)

    def _some(self, call: Call, names: Sequence[str]) -> Answer:
        ids = (call.one("ids") or "").split(",")
        if len(ids) > 100:
            raise refused(400, "LIMIT_EXCEEDED", "more than 100 ids")
        if any(not each.isdigit() for each in ids):
            raise refused(400, "INVALID_DATA", "the id given seems to be invalid", api_name="ids")
        found = [self._shown(self.contacts[each], names) for each in ids if each in self.contacts]
        return (
            Answer(200, {"data": found, "info": {"count": len(found), "more_records": False}}) if found else Answer(204)
        )

    def _page(self, ids: list[str], start: int, size: int, names: Sequence[str]) -> Answer:
        rows = [self.contacts[each] for each in ids[start : start + size] if each in self.contacts]
        more = start + size < len(ids)
        token = None
        if more:
            token = f"page{len(self.pages) + 1}"
            self.pages[token] = (ids, start + size, self.clock() + PAGES)
        info = {"per_page": size, "count": len(rows), "more_records": more, "next_page_token": token}
        return Answer(200, {"data": [self._shown(each, names) for each in rows], "info": info})

    @route("GET", "/Contacts/deleted")
    def deleted(self, call: Call) -> Answer:
        call.only("type", "per_page", "page")
        if call.one("type") not in {"all", "recycle", "permanent"}:
            raise refused(400, "REQUIRED_PARAM_MISSING", "One of the expected parameter is missing", param_name="type")
        size, page = call.number("per_page", 200, least=1, most=200), call.number("page", 1, least=1)
        since = self._since(call)
        rows = [(each, at) for each, at in self.state["deleted"].items() if since is None or at > since]
        some = rows[(page - 1) * size : page * size]
        if not some:
            return Answer(304 if since is not None and not rows else 204)
        told = [{"id": each, "type": "recycle", "deleted_time": shown(at), "display_name": "…"} for each, at in some]
        info = {"per_page": size, "count": len(some), "page": page, "more_records": page * size < len(rows)}
        return Answer(200, {"data": told, "info": info})

    @route("GET", "/Contacts/search")
    def search(self, call: Call) -> Answer:
        call.only("criteria", "fields", "per_page", "page")
        names = asked(call)
        found = re.fullmatch(r"\((\w+):equals:((?:[^()\\,]|\\[()\\,])+)\)", call.one("criteria") or "")
        if found is None or found[1] not in READABLE:
            raise refused(400, "INVALID_QUERY", "Invalid query formed")
        wanted = re.sub(r"\\(.)", r"\1", found[2]).lower()
        rows = [each for each in self.contacts.values() if str(each.fields.get(found[1])).lower() == wanted]
        told = [self._shown(each, names) for each in rows]
        return Answer(200, {"data": told, "info": {"count": len(told), "more_records": False}}) if rows else Answer(204)

    @route("POST", "/coql", write=False)
    def query(self, call: Call) -> Answer:
        if not self.queries:
            raise refused(401, "OAUTH_SCOPE_MISMATCH", "invalid oauth scope to access this URL")
        try:
            asked_for = parse(call.body(required=("select_query",))["select_query"], READABLE)
        except Unfit as unfit:
            raise refused(400, unfit.code, "the query is not valid") from unfit
        there = sorted(asked_for.ids & set(self.contacts))
        some = there[: min(asked_for.limit, self.shows)]
        if not some:
            return Answer(204)
        rows = [self._shown(self.contacts[each], asked_for.columns) for each in some]
        info = {"count": len(rows), "more_records": len(some) < len(there)}
        return Answer(200, {"data": [self._queried(each) for each in rows], "info": info})

    def _queried(self, row: dict[str, Any]) -> dict[str, Any]:
        lookups = {name: {"id": each["id"]} for name, each in row.items() if isinstance(each, dict)}
        return {**row, **lookups, **({"Title": "Before"} if self.late and "Title" in row else {})}

    @route("GET", "/Accounts/search")
    def companies(self, call: Call) -> Answer:
        call.only("criteria", "fields")
        found = re.fullmatch(r"\(Account_Name:equals:((?:[^()\\,]|\\[()\\,])+)\)", call.one("criteria") or "")
        if found is None or call.one("fields") != "Account_Name":
            raise refused(400, "INVALID_QUERY", "Invalid query formed")
        wanted = re.sub(r"\\(.)", r"\1", found[1]).lower()
        rows = [
            {"id": key, "Account_Name": name} for key, name in self.state["accounts"].items() if name.lower() == wanted
        ]
        return Answer(200, {"data": rows, "info": {"count": len(rows), "more_records": False}}) if rows else Answer(204)

    @route("POST", "/Contacts/upsert")
    def upsert(self, call: Call) -> Answer:
        rows, body = rows_of(call, "duplicate_check_fields", "trigger")
        if any(name not in {"Hub_Id", "Email"} for name in body.get("duplicate_check_fields", [])):
            raise refused(400, "INVALID_DATA", "duplicate_check_fields")
        return results([self._upserted(row) for row in rows])

    @route("PUT", "/Contacts")
    def update(self, call: Call) -> Answer:
        rows, _ = rows_of(call, "trigger")
        return results([self._updated(row) for row in rows])

    @route("DELETE", "/Contacts")
    def delete(self, call: Call) -> Answer:
        call.only("ids", "wf_trigger")
        ids = (call.one("ids") or "").split(",")
        if not 1 <= len(ids) <= 100:
            raise refused(400, "LIMIT_EXCEEDED", "more than 100 ids")
        return results([self._deleted(each) for each in ids], said="record deleted")

    @route("DELETE", "/settings/recycle_bin/{name}")
    def purge(self, call: Call, name: str) -> Answer:
        call.only()
        if not self.empties:
            raise refused(401, "OAUTH_SCOPE_MISMATCH", "invalid oauth scope to access this URL")
        if name not in self.state["deleted"] or name in self.state["purged"]:
            raise refused(400, "INVALID_DATA", "the id given seems to be invalid", resource_path_index=2)
        self.state["purged"].add(name)
        done = {"code": "SUCCESS", "details": {"id": name}, "message": "record deleted", "status": "success"}
        return Answer(200, {"recycle_bin": [done]})

    # --- inside -----------------------------------------------------------------------------------

    def _since(self, call: Call) -> datetime | None:
        text = call.headers.get("if-modified-since")
        if text is None:
            return None
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", text) is None:
            raise refused(400, "INVALID_DATA", "the header If-Modified-Since is invalid")
        return datetime.fromisoformat(text).astimezone(UTC)

    def _upserted(self, row: Mapping[str, Any]) -> dict[str, Any]:
        there = next((each for each in self.contacts.values() if row.get("Hub_Id") == each.fields.get("Hub_Id")), None)
        if (fault := fault_of(row, creating=there is None)) is not None:
            return fault
        if there is None:
            return success(self._new(known(row)).id, "insert")
        self._change(there, known(row))
        return success(there.id, "update")

    def _updated(self, row: Mapping[str, Any]) -> dict[str, Any]:
        contact = self.contacts.get(str(row.get("id")))
        if contact is None:
            return failure("INVALID_DATA", "the id given seems to be invalid", api_name="id", json_path="$.data[0].id")
        if (fault := fault_of(row, creating=False)) is not None:
            return fault
        self._change(contact, known(row))
        return success(contact.id, None)

    def _deleted(self, contact_id: str) -> dict[str, Any]:
        if contact_id not in self.contacts:
            return {
                "code": "INVALID_DATA",
                "details": {"id": contact_id},
                "message": "record not deleted",
                "status": "error",
            }
        self.remove(contact_id)
        return {"code": "SUCCESS", "details": {"id": contact_id}, "message": "record deleted", "status": "success"}

    def _now(self) -> datetime:
        return self.clock().replace(microsecond=0)

    def _new(self, fields: Mapping[str, Any]) -> Contact:
        self.state["made"] += 1
        empty = dict.fromkeys(WRITABLE) | {"Email_Opt_Out": False}
        made = Contact(f"5551000000{self.state['made']:08d}", {**empty, **fields}, self._now())
        self.contacts[made.id] = made
        return made

    def _change(self, contact: Contact, fields: Mapping[str, Any]) -> None:
        contact.fields |= {name: cut(value, self.shortens.get(name)) for name, value in fields.items()}
        contact.modified = self._now()

    def _shown(self, contact: Contact, names: Iterable[str]) -> dict[str, Any]:
        account = contact.fields.get("Account_Name")
        parts = (contact.fields.get(name) for name in ("First_Name", "Last_Name"))
        own: dict[str, Any] = {
            "id": contact.id,
            "Full_Name": " ".join(part for part in parts if part),
            "Modified_Time": shown(contact.modified),
            "Created_Time": shown(contact.modified),
            "Owner": {"name": "Hub", "id": "5550000000000001", "email": "hub@example.org"},
            "Account_Name": {"name": self.state["accounts"].get(account), "id": account} if account else None,
        }
        return {name: own.get(name, contact.fields.get(name)) for name in names} | {"id": contact.id}


def cut(value: Any, length: int | None) -> Any:
    return value[:length] if isinstance(value, str) else value


def refused(status: int, code: str, message: str, **details: Any) -> Refusal:
    return Refusal(status, {"code": code, "details": details, "message": message, "status": "error"})


def ends(channel: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(channel["channel_expiry"]).astimezone(UTC)


def success(contact_id: str, action: str | None) -> dict[str, Any]:
    told = {"id": contact_id, "Modified_By": {"name": "Hub", "id": "1"}}
    done = {"code": "SUCCESS", "details": told, "message": "record updated", "status": "success"}
    return done if action is None else done | {"action": action, "duplicate_field": None}


def failure(code: str, message: str, **details: Any) -> dict[str, Any]:
    return {"code": code, "details": details, "message": message, "status": "error"}


def results(rows: Sequence[Mapping[str, Any]], said: str = "") -> Answer:
    well = [each["status"] == "success" for each in rows]
    return Answer(200 if all(well) else 207 if any(well) else 202 if not said else 400, {"data": list(rows)})


def asked(call: Call) -> list[str]:
    names = (call.one("fields") or "").split(",")
    if names == [""]:
        raise refused(400, "REQUIRED_PARAM_MISSING", "One of the expected parameter is missing", param_name="fields")
    if len(names) > 50:
        raise refused(400, "LIMIT_EXCEEDED", "more than 50 fields", param_name="fields")
    return [name for name in names if name in READABLE]  # others are passed over


def rows_of(call: Call, *allowed: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    body = call.body(required=("data",), allowed=allowed)
    if not 1 <= len(body["data"]) <= 100:
        raise refused(400, "INVALID_DATA", "maximum length of the list is 100", maximum_length=100, api_name="data")
    return body["data"], body


def known(row: Mapping[str, Any]) -> dict[str, Any]:
    held = {name: None if value == "" else value for name, value in row.items() if name in WRITABLE}
    if isinstance(held.get("Account_Name"), dict):
        held["Account_Name"] = held["Account_Name"]["id"]
    return held


def fault_of(row: Mapping[str, Any], *, creating: bool) -> dict[str, Any] | None:
    if (creating or "Last_Name" in row) and not row.get("Last_Name"):
        return failure("MANDATORY_NOT_FOUND", "required field not found", api_name="Last_Name")
    for name, value in row.items():
        if name not in WRITABLE or value == "":
            continue
        if value is not None and not FITS.get(name, _is_text)(value):
            return failure("INVALID_DATA", "invalid data", expected_data_type=name, api_name=name)
        if isinstance(value, str) and len(value) > LENGTHS.get(name, 50):
            return failure("INVALID_DATA", "invalid data", maximum_length=LENGTHS[name], api_name=name)
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


FITS: Mapping[str, Callable[[Any], bool]] = {
    "Email_Opt_Out": lambda value: isinstance(value, bool),
    "Email": lambda value: isinstance(value, str) and EMAIL.fullmatch(value) is not None,
    "Secondary_Email": lambda value: isinstance(value, str) and EMAIL.fullmatch(value) is not None,
    "Date_of_Birth": lambda value: re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)) is not None,
    "Account_Name": lambda value: isinstance(value, dict) and list(value) == ["id"],  # by its name, none is found
}


def shown(at: datetime) -> str:
    return at.astimezone(ZONE).isoformat()
