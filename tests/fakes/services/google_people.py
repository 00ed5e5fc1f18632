"""Google People: the contacts of one user.

Kept from the vendor's rules
Listing   `personFields` needed; 1,000 rows a page, 100 unless asked; the following pages repeat every parameter
Changes   a full listing with `requestSyncToken` ends with a token, each later one with the next. A token is good for
          7 days; then 400 with the reason EXPIRED_SYNC_TOKEN. What is gone comes as `metadata.deleted`; a new name of
          a contact with its former names. A write is seen there after a while, not at once
Writes    fields of the mask are replaced whole. The etag of the contact's source is needed, a stale one is 400
          FAILED_PRECONDITION. Names, birthdays, genders and biographies hold one value
Batches   200 to create, read and update, 500 to delete; one bad contact fails all, and is named. An update has one
          mask for all
Limits    reads a minute, and first pages of full listings apart: 429 RESOURCE_EXHAUSTED
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Rate, Refusal, Service, route
from tests.fakes.services.google_rules import (
    READABLE,
    WRITABLE,
    as_shown,
    check_person,
    mask_of,
    not_found,
    refused,
    stale,
    stamp,
)

LIFE = timedelta(days=7)


@dataclass
class Person:
    """`seen` from when on sync reads show its last change."""

    id: str
    number: int
    fields: dict[str, Any]
    updated: datetime
    seen: datetime
    revision: int
    deleted: bool = False
    former: list[str] = field(default_factory=list)

    @property
    def etag(self) -> str:
        return f"%E{self.number}.{self.revision}"


class GooglePeople(Service):
    base = "https://people.googleapis.com/v1"
    rate = Rate(90, 60.0)
    full_a_minute = 60
    shown_after_seconds = 120.0

    def __init__(self, token: str = "ya29.right", clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.keys = {token: True}
        self.state |= {"people": {}, "revision": 0}
        self._pages: dict[str, tuple[int, Any]] = {}
        self._full: list[datetime] = []
        self._made = 0

    @property
    def people(self) -> dict[str, Person]:
        found: dict[str, Person] = self.state["people"]
        return found

    # --- the back door ----------------------------------------------------------------------------

    def seed(self, given: str, email: str, **more: Any) -> str:
        fields = {"names": [{"givenName": given, "familyName": "Made-Up"}], "emailAddresses": [{"value": email}]}
        made = self._new({**fields, **more})
        made.seen = self.clock()
        return f"people/{made.id}"

    def edit(self, name: str, **fields: Any) -> None:
        self._change(self._person(name), fields, at_once=True)

    def remove(self, name: str) -> None:
        self._remove(self._person(name), at_once=True)

    def rename(self, name: str) -> str:
        """A contact that gets another name, as happens when its address is found to belong to a profile."""
        old = self.people.pop(name.removeprefix("people/"))
        new_id = f"c9{old.id[1:]}"
        old.former.append(name)
        old.id = new_id
        self.people[new_id] = old
        self._change(old, {}, at_once=True)
        return f"people/{new_id}"

    def settle(self) -> None:
        self.clock.pass_by(self.shown_after_seconds + 1)

    # --- the front door ---------------------------------------------------------------------------

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        names = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
        return refused(status, names.get(status, "INVALID_ARGUMENT"), reason)

    def too_many(self, call: Call, resets_in: float) -> Answer:
        return refused(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Critical read requests'").answer

    @route("GET", "/people/me/connections")
    def connections(self, call: Call) -> Answer:
        call.only("personFields", "pageSize", "pageToken", "requestSyncToken", "syncToken", "sortOrder", "sources")
        mask = mask_of(call.one("personFields"), READABLE)
        size = call.number("pageSize", 100, most=1000) or 100
        same = {name: value for name, value in call.query.items() if name != "pageToken"}
        rows, start, until = self._rows(call, same)
        page = rows[start : start + size]
        answer: dict[str, Any] = {"connections": [self._shown(each, mask) for each in page]}
        if call.one("syncToken") is None:
            answer |= {"totalPeople": len(rows), "totalItems": len(rows)}
        if start + size < len(rows):
            answer["nextPageToken"] = self._page_token(start + size, (same, rows, until))
        elif call.one("requestSyncToken") == "true" or call.one("syncToken"):
            begun = (call.one("syncToken") or f"sync.{stamp(self.clock())}").split(".r")[0]
            answer["nextSyncToken"] = f"{begun}.r{until}"
        return Answer(200, answer if rows else {name: value for name, value in answer.items() if name != "connections"})

    def _rows(self, call: Call, same: Mapping[str, Any]) -> tuple[list[Person], int, int]:
        """(all rows of the listing, where this page begins, up to which revision it goes)"""
        if (page_token := call.one("pageToken")) is not None:
            if page_token not in self._pages or self._pages[page_token][1][0] != same:
                raise refused(400, "INVALID_ARGUMENT", "Request parameters do not match those of the page token.")
            start, (_, rows, until) = self._pages[page_token]
            return rows, start, until
        now = self.clock()
        late = [each.revision for each in self.people.values() if each.seen > now]
        until = min(late) - 1 if late else self.state["revision"]
        if (sync_token := call.one("syncToken")) is None:
            self._count_full()
            return [each for each in self.people.values() if not each.deleted], 0, until
        since = self._since(sync_token)
        changed = [each for each in self.people.values() if each.revision > since and each.seen <= now]
        return changed, 0, max(until, since)

    def _since(self, token: str) -> int:
        """The revision that it stands for. It is as old as the full listing it comes from."""
        match = re.fullmatch(r"sync\.(.+)\.r(\d+)", token)
        if match is None:
            raise refused(400, "INVALID_ARGUMENT", "Invalid sync token.")
        if datetime.fromisoformat(match[1]) + LIFE <= self.clock():
            said = "Sync token is expired. Clear local cache and retry call without the sync token."
            raise refused(400, "FAILED_PRECONDITION", said, reason="EXPIRED_SYNC_TOKEN")
        return int(match[2])

    def _count_full(self) -> None:
        now = self.clock()
        self._full = [at for at in self._full if at > now - timedelta(minutes=1)]
        if len(self._full) >= self.full_a_minute:
            self.too_fast += 1
            raise refused(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'FullSync requests'")
        self._full.append(now)

    def _page_token(self, start: int, kept: Any) -> str:
        token = f"page-{len(self._pages) + 1}"
        self._pages[token] = (start, kept)
        return token

    @route("GET", "/people/{person_id}")
    def one(self, call: Call, person_id: str) -> Answer:
        call.only("personFields", "sources")
        return Answer(200, self._shown(self._person(person_id), mask_of(call.one("personFields"), READABLE)))

    @route("GET", "/people:batchGet")
    def several(self, call: Call) -> Answer:
        call.only("resourceNames", "personFields", "sources")
        names, mask = call.query.get("resourceNames", []), mask_of(call.one("personFields"), READABLE)
        few(names, 200)
        return Answer(200, {"responses": [self._told(name, mask) for name in names]})

    def _told(self, name: str, mask: Iterable[str]) -> dict[str, Any]:
        try:
            person = self._person(name)
        except Refusal:
            status = {"code": 5, "message": "Requested entity was not found."}
            return {"httpStatusCode": 404, "requestedResourceName": name, "status": status}
        shown = self._shown(person, mask)
        return {"httpStatusCode": 200, "requestedResourceName": name, "person": shown, "status": {}}

    @route("POST", "/people:createContact")
    def create(self, call: Call) -> Answer:
        call.only("personFields", "sources")
        mask = mask_of(call.one("personFields"), READABLE) if "personFields" in call.query else READABLE
        return Answer(200, self._shown(self._new(check_person(call.json)), mask))

    @route("PATCH", "/people/{person_id}:updateContact")
    def update(self, call: Call, person_id: str) -> Answer:
        call.only("updatePersonFields", "personFields", "sources")
        person = self._person(person_id)
        mask = mask_of(call.one("updatePersonFields"), WRITABLE)
        body = check_person(call.json)
        self._fresh(person, call.json)
        self._change(person, {name: body.get(name, []) for name in mask})
        shown = mask_of(call.one("personFields"), READABLE) if "personFields" in call.query else READABLE
        return Answer(200, self._shown(person, shown))

    @route("DELETE", "/people/{person_id}:deleteContact")
    def delete(self, call: Call, person_id: str) -> Answer:
        self._remove(self._person(person_id))
        return Answer(200, {})

    @route("POST", "/people:batchCreateContacts")
    def create_several(self, call: Call) -> Answer:
        body = call.body(required=("contacts", "readMask"), allowed=("sources",))
        few(body["contacts"], 200)
        mask = mask_of(body["readMask"], READABLE)
        errors, checked = {}, []
        for number, each in enumerate(body["contacts"]):
            try:
                checked.append(check_person(each["contactPerson"]))
            except Refusal as refusal:
                errors[str(number)] = status_of(refusal)
        fail_all("BatchCreateContactsErrorDetails", errors)
        names = [f"people/{self._new(each).id}" for each in checked]
        return Answer(200, {"createdPeople": [self._told(name, mask) for name in names]})

    @route("POST", "/people:batchUpdateContacts")
    def update_several(self, call: Call) -> Answer:
        body = call.body(required=("contacts", "updateMask", "readMask"), allowed=("sources",))
        few(body["contacts"], 200)
        mask, shown = mask_of(body["updateMask"], WRITABLE), mask_of(body["readMask"], READABLE)
        errors, checked = {}, []
        for name, each in body["contacts"].items():
            try:
                person = self._person(name)
                self._fresh(person, each)
                checked.append((person, check_person(each)))
            except Refusal as refusal:
                errors[name] = status_of(refusal)
        fail_all("BatchUpdateContactsErrorDetails", errors)
        for person, fields in checked:
            self._change(person, {name: fields.get(name, []) for name in mask})
        return Answer(200, {"updateResult": {name: self._told(name, shown) for name in body["contacts"]}})

    @route("POST", "/people:batchDeleteContacts")
    def delete_several(self, call: Call) -> Answer:
        names = call.body(required=("resourceNames",))["resourceNames"]
        few(names, 500)
        for person in [self._person(name) for name in names]:
            self._remove(person)
        return Answer(200, {})

    # --- inside -----------------------------------------------------------------------------------

    def _person(self, name: str) -> Person:
        found = self.people.get(name.removeprefix("people/"))
        if found is None or found.deleted:
            raise not_found()
        return found

    def _fresh(self, person: Person, body: Mapping[str, Any]) -> None:
        sources = body.get("metadata", {}).get("sources", [])
        etags = [each.get("etag") for each in sources if each.get("type") == "CONTACT"] or [body.get("etag")]
        if not etags[0]:
            raise refused(400, "INVALID_ARGUMENT", "Request must set person.etag or person.metadata.sources.etag.")
        if etags[0] != person.etag:
            raise stale()

    def _new(self, fields: Mapping[str, Any]) -> Person:
        self._made += 1
        self.state["revision"] += 1
        now = self.clock()
        seen = now + timedelta(seconds=self.shown_after_seconds)
        kept = {name: list(values) for name, values in fields.items() if values}
        person = Person(f"c{1000 + self._made}", self._made, kept, now, seen, self.state["revision"])
        self.people[person.id] = person
        return person

    def _change(self, person: Person, fields: Mapping[str, Any], *, at_once: bool = False) -> None:
        self.state["revision"] += 1
        person.fields = {name: list(values) for name, values in {**person.fields, **fields}.items() if values}
        person.revision, person.updated = self.state["revision"], self.clock()
        person.seen = self.clock() + timedelta(seconds=0 if at_once else self.shown_after_seconds)

    def _remove(self, person: Person, *, at_once: bool = False) -> None:
        person.deleted = True
        self._change(person, dict.fromkeys(person.fields, ()), at_once=at_once)

    def _shown(self, person: Person, mask: Iterable[str]) -> dict[str, Any]:
        shown: dict[str, Any] = {"resourceName": f"people/{person.id}", "etag": person.etag}
        mask = set(mask)
        if "metadata" in mask:
            source = {"type": "CONTACT", "id": person.id, "etag": person.etag, "updateTime": stamp(person.updated)}
            shown["metadata"] = {"sources": [source], "objectType": "PERSON"}
            shown["metadata"] |= {"previousResourceNames": person.former} if person.former else {}
        if person.deleted:
            deleted = {**shown.get("metadata", {}), "deleted": True}
            return {"resourceName": shown["resourceName"], "etag": person.etag, "metadata": deleted}
        for name, values in person.fields.items():
            if name in mask:
                shown[name] = [
                    as_shown(name, value, person.id, first=not number) for number, value in enumerate(values)
                ]
        return shown


def few(rows: Any, most: int) -> None:
    if not 1 <= len(rows) <= most:
        raise refused(400, "INVALID_ARGUMENT", f"Must have 1 to {most} entries, not {len(rows)}.")


def status_of(refusal: Refusal) -> dict[str, Any]:
    error = refusal.answer.body["error"]
    code = {"INVALID_ARGUMENT": 3, "NOT_FOUND": 5, "FAILED_PRECONDITION": 9}[error["status"]]
    return {"code": code, "message": error["message"]}


def fail_all(kind: str, errors: Mapping[str, Any]) -> None:
    """Nothing was done when one of them cannot be."""
    if errors:
        details = {"@type": f"type.googleapis.com/google.people.v1.{kind}", "contactErrors": errors}
        raise refused(400, "INVALID_ARGUMENT", "Some of the contacts are not valid.", details=[details])
