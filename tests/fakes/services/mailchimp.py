"""Mailchimp: the members of one audience.

Kept from the vendor's rules
Listing     1,000 rows a page, 10 unless asked; archived members only when asked for by that status
Changes     whole seconds; `since_last_changed` takes in its own second, unless `since_takes_in_its_second` is off
Key         MD5 of the address in small letters; the path takes the address and the contact id as well. A changed
            address changes the key
Consent     `status_if_new` counts for new ones only; who left by himself or bounced is in a compliance state:
            `subscribed` is refused, `pending` sends a mail; without `status` nothing changes
Deleting    archives; an archived one cannot be archived again. Erased for good, by the MD5
            of the address alone: cannot be brought back by the API
Batches     500 members; what fails is listed, the rest is done. Without `update_existing` known ones fail
Operations  calls as texts, carried out one by one when they were asked for `rounds` times; the answers lie in a tar
            on another host, at an address that holds for ten minutes and takes no key. A batch that was stopped keeps
            what it has done and tells nothing of it
Fields      unknown merge fields are ignored; required ones fail the write unless the validation is skipped
Limits      10 calls at a time, no headers, 429
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import md5
from threading import Semaphore
from typing import Any

import httpx

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Refusal, route
from tests.fakes.services.mailchimp_batches import Batches
from tests.fakes.services.mailchimp_rules import (
    ADDRESS,
    CONSENT,
    EMAIL,
    PARAMS,
    STATUSES,
    WRITABLE_STATUS,
    WRITTEN,
    fields_of,
    invalid,
    key_of,
    known,
    not_found,
    refused,
    row_error,
    time_of,
    whole,
)


@dataclass
class Member:
    email: str
    status: str
    changed: datetime
    contact_id: str
    merge: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    rest: dict[str, Any] = field(default_factory=dict)
    barred: bool = False  # left by himself, bounced or under review

    @property
    def key(self) -> str:
        return key_of(self.email)


class Mailchimp(Batches):
    base = "https://us21.api.mailchimp.com/3.0"
    at_a_time = 10

    def __init__(self, key: str = "0123456789abcdef0123456789abcdef-us21", clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.keys = {key: True}
        self.state |= {"members": {}, "erased": set()}
        self.list_id, self.other_lists = "a1b2c3d4e5", {"ffffffffff"}
        self.confirmations: list[str] = []  # addresses that were sent a mail to confirm
        self.merge_tags = {"FNAME": "text", "LNAME": "text", "PHONE": "phone", "ADDRESS": "address", "HUBID": "text"}
        self.required: set[str] = set()
        self.since_takes_in_its_second = True
        self._made = 0
        self._places = Semaphore(self.at_a_time)

    @property
    def members(self) -> dict[str, Member]:
        """By the MD5 of the address."""
        found: dict[str, Member] = self.state["members"]
        return found

    # --- the back door ----------------------------------------------------------------------------

    def seed(self, email: str, status: str = "subscribed", **merge: Any) -> str:
        return self._new(email, status, merge).key

    def edit(self, key: str, **merge: Any) -> None:
        self._touch(self.members[key], merge=merge)

    def twin(self, key: str, email: str, **merge: Any) -> str:
        made = self._new(email, "subscribed", merge)
        made.changed = self.members[key].changed
        return made.key

    def archive(self, key: str) -> None:
        self.members[key].status = "archived"
        self._touch(self.members[key])

    def erase(self, key: str) -> None:
        self.state["erased"].add(self.members.pop(key).email.lower())

    def leave(self, key: str, status: str = "unsubscribed") -> None:
        """The person does it, or (`cleaned`) the mail bounced."""
        member = self.members[key]
        member.status, member.barred = status, True
        self._touch(member)

    # --- the front door ---------------------------------------------------------------------------

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == self.answers_host:
            return self.fetched(request)
        if not self._places.acquire(blocking=False):
            self.too_fast += 1
            return self._response(refused(429, "Too Many Requests", "10 simultaneous connections.").answer, request)
        try:
            return super().handle_request(request)
        finally:
            self._places.release()

    def key_of(self, call: Call) -> str | None:
        basic = call.basic()
        return basic[1] if basic else call.bearer()

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        if status == 401:
            said = "Your API key may be invalid, or you've attempted to access the wrong datacenter."
            return refused(401, "API Key Invalid", said)
        return refused(status, {403: "Forbidden", 404: "Resource Not Found"}.get(status, "Invalid Resource"), reason)

    @route("GET", "/ping")
    def ping(self, call: Call) -> Answer:
        return Answer(200, {"health_status": "Everything's Chimpy!"})

    @route("GET", "/lists/{list_id}")
    def audience(self, call: Call, list_id: str) -> Answer:
        self._known_list(list_id)
        count = sum(each.status == "subscribed" for each in self.members.values())
        return Answer(200, {"id": list_id, "name": "Readers", "stats": {"member_count": count}})

    @route("GET", "/lists/{list_id}/merge-fields")
    def merge_fields(self, call: Call, list_id: str) -> Answer:
        self._known_list(list_id)
        rows = [
            {"merge_id": number, "tag": tag, "name": tag.title(), "type": kind, "required": tag in self.required}
            for number, (tag, kind) in enumerate(self.merge_tags.items(), start=1)
        ]
        return Answer(200, {"merge_fields": rows, "list_id": list_id, "total_items": len(rows)})

    @route("GET", "/lists/{list_id}/members")
    def listing(self, call: Call, list_id: str) -> Answer:
        self._known_list(list_id)
        if unknown := set(call.query) - PARAMS:
            raise invalid(sorted(unknown)[0], "Schema describes no such parameter")
        count, offset = int(call.one("count", "10") or 0), int(call.one("offset", "0") or 0)
        if not 0 <= count <= 1000:
            raise invalid("count", f"Schema describes number, at most 1000, {count} found instead")
        status = call.one("status")
        if status is not None and status not in STATUSES:
            raise invalid("status", "Value must be one of: subscribed, unsubscribed, cleaned, pending, transactional")
        rows = [
            each
            for each in self.members.values()
            if (each.status == status if status else each.status != "archived") and self._in_time(each, call)
        ]
        if call.one("sort_field") == "last_changed":
            rows.sort(key=lambda each: (each.changed, each.key), reverse=call.one("sort_dir", "DESC") == "DESC")
        page = [self._shown(each) for each in rows[offset : offset + count]]
        return Answer(200, {"members": page, "list_id": list_id, "total_items": len(rows)})

    @route("GET", "/lists/{list_id}/members/{key}")
    def one(self, call: Call, list_id: str, key: str) -> Answer:
        return Answer(200, self._shown(self._member(list_id, key)))

    @route("POST", "/lists/{list_id}/members")
    def add(self, call: Call, list_id: str) -> Answer:
        self._known_list(list_id)
        body = fields_of(call, WRITTEN | CONSENT | {"status", "tags"}, {"email_address", "status"})
        if self._by_email(body["email_address"]) is not None:
            raise refused(400, "Member Exists", "This address is already a list member. Use PUT to insert or update.")
        return Answer(200, self._shown(self._write(None, body, call)))

    @route("PUT", "/lists/{list_id}/members/{key}")
    def put(self, call: Call, list_id: str, key: str) -> Answer:
        self._known_list(list_id)
        body = fields_of(call, WRITTEN | CONSENT | {"status", "status_if_new"}, {"email_address", "status_if_new"})
        member = self._find(key)
        if_new = body.pop("status_if_new")
        if member is None:
            if key not in {key_of(body["email_address"]), body["email_address"].lower()}:
                raise not_found()
            body.setdefault("status", if_new)
        return Answer(200, self._shown(self._write(member, body, call)))

    @route("PATCH", "/lists/{list_id}/members/{key}")
    def patch(self, call: Call, list_id: str, key: str) -> Answer:
        member = self._member(list_id, key)
        body = fields_of(call, WRITTEN | CONSENT | {"status"}, set())
        return Answer(200, self._shown(self._write(member, body, call)))

    @route("DELETE", "/lists/{list_id}/members/{key}")
    def delete(self, call: Call, list_id: str, key: str) -> Answer:
        member = self._member(list_id, key)
        if member.status == "archived":
            raise refused(405, "Method Not Allowed", "This list member cannot be removed. Please contact support.")
        self.archive(member.key)
        return Answer(204)

    @route("POST", "/lists/{list_id}/members/{key}/actions/delete-permanent")
    def delete_permanent(self, call: Call, list_id: str, key: str) -> Answer:
        self._known_list(list_id)
        if key not in self.members:
            raise not_found()
        self.erase(key)
        return Answer(204)

    @route("POST", "/lists/{list_id}/members/{key}/tags")
    def tags(self, call: Call, list_id: str, key: str) -> Answer:
        member = self._member(list_id, key)
        for each in fields_of(call, {"tags", "is_syncing"}, {"tags"})["tags"]:
            if each.get("status") not in {"active", "inactive"}:
                raise invalid("tags.item:0.status", "Value must be one of: inactive, active")
            member.tags = [tag for tag in member.tags if tag != each["name"]]
            member.tags += [each["name"]] if each["status"] == "active" else []
        self._touch(member)
        return Answer(204)

    @route("POST", "/lists/{list_id}")
    def batch(self, call: Call, list_id: str) -> Answer:
        self._known_list(list_id)
        body = fields_of(call, {"members", "sync_tags", "update_existing"}, {"members"})
        if len(body["members"]) > 500:
            raise invalid("members", "Array must contain no more than 500 items")
        done: dict[str, list[Any]] = {"new_members": [], "updated_members": [], "errors": []}
        for row in body["members"]:
            email = row.get("email_address", "")
            try:
                member = self._by_email(email)
                if member is not None and not body.get("update_existing"):
                    done["errors"].append(row_error(email, "is already a list member", "ERROR_CONTACT_EXISTS"))
                    continue
                written = self._write(member, known(row, WRITTEN | CONSENT | {"status"}), call)
            except Refusal as refusal:
                done["errors"].append(row_error(email, refusal.answer.body["detail"], "ERROR_GENERIC"))
                continue
            done["updated_members" if member else "new_members"].append(self._shown(written))
        counts = {"total_created": len(done["new_members"]), "total_updated": len(done["updated_members"])}
        return Answer(200, {**done, **counts, "error_count": len(done["errors"])})

    # --- inside -----------------------------------------------------------------------------------

    def _known_list(self, list_id: str) -> None:
        if list_id != self.list_id:
            raise not_found()

    def _find(self, key: str) -> Member | None:
        found = self.members.get(key.lower()) or self.members.get(key_of(key))
        return found or next((each for each in self.members.values() if each.contact_id == key), None)

    def _by_email(self, email: str) -> Member | None:
        return self.members.get(key_of(email))

    def _member(self, list_id: str, key: str) -> Member:
        self._known_list(list_id)
        found = self._find(key)
        if found is None:
            raise not_found()
        return found

    def _in_time(self, member: Member, call: Call) -> bool:
        since, before = call.one("since_last_changed"), call.one("before_last_changed")
        if since and (member.changed < time_of(since) or (self._open_end and member.changed == time_of(since))):
            return False
        return not before or member.changed < time_of(before)

    @property
    def _open_end(self) -> bool:
        return not self.since_takes_in_its_second

    def _write(self, member: Member | None, body: Mapping[str, Any], call: Call) -> Member:
        """Everything is checked before anything is changed."""
        email = body.get("email_address", member.email if member else "")
        if not EMAIL.fullmatch(email):
            raise invalid("email_address", "Please provide a valid email address.")
        if email.lower() in self.state["erased"]:
            said = f"{email} was permanently deleted and cannot be re-imported."
            raise refused(400, "Forgotten Email Not Subscribed", said)
        status = body.get("status")
        self._check_status(member, email, status)
        merge = self._merge(member, body.get("merge_fields", {}), call.one("skip_merge_validation") == "true")
        other = self._by_email(email)
        if member is not None and other not in (None, member):
            raise refused(400, "Invalid Resource", f"{email} is already a list member.")
        rest = {name: body[name] for name in ("language", "vip", "email_type", "interests") if name in body}
        if member is None:
            assert status is not None
            made = self._new(email, status, merge)
            made.rest = rest
            return made
        self.members.pop(member.key)
        member.email = email
        self.members[member.key] = member
        member.status = status or member.status
        self._touch(member, merge=merge, rest=rest)
        return member

    def _check_status(self, member: Member | None, email: str, status: str | None) -> None:
        if status is None and member is None:
            raise invalid("status", "A status is needed for a new member")
        if status is not None and status not in WRITABLE_STATUS:
            raise invalid("status", "Value must be one of: subscribed, unsubscribed, cleaned, pending, transactional")
        if member is not None and member.barred and status == "subscribed" != member.status:
            said = "is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed."
            raise refused(400, "Member In Compliance State", f"{email} {said}")
        if status == "pending":
            self.confirmations.append(email)

    def _merge(self, member: Member | None, given: Mapping[str, Any], lax: bool) -> dict[str, Any]:
        known_tags = {tag: value for tag, value in given.items() if tag in self.merge_tags}
        for tag, value in known_tags.items():
            if self.merge_tags[tag] == "address" and value != "":
                if not isinstance(value, dict) or not all(value.get(part) for part in ADDRESS):
                    raise invalid(tag, "Please enter a complete address")
            elif not isinstance(value, str | int | float):
                raise invalid(tag, "Data did not match any of the schemas described in anyOf.")
        held = {**(member.merge if member else {}), **known_tags}
        if (missing := sorted(tag for tag in self.required if not held.get(tag))) and not lax:
            raise invalid(missing[0], "This value should not be blank.")
        return known_tags

    def _new(self, email: str, status: str, merge: Mapping[str, Any]) -> Member:
        self._made += 1
        contact_id = md5(f"contact{self._made}".encode(), usedforsecurity=False).hexdigest()
        member = Member(email, status, whole(self.clock()), contact_id, dict(merge))
        self.members[member.key] = member
        return member

    def _touch(
        self, member: Member, merge: Mapping[str, Any] | None = None, rest: Mapping[str, Any] | None = None
    ) -> None:
        member.merge |= merge or {}
        member.rest |= rest or {}
        member.changed = whole(self.clock())

    def _shown(self, member: Member) -> dict[str, Any]:
        merge = {tag: member.merge.get(tag, "") for tag in self.merge_tags}
        return {
            "id": member.key,
            "email_address": member.email,
            "unique_email_id": member.key[:10],
            "contact_id": member.contact_id,
            "full_name": f"{merge['FNAME']} {merge['LNAME']}".strip(),
            "status": member.status,
            "merge_fields": merge,
            "email_type": member.rest.get("email_type", "html"),
            "language": member.rest.get("language", ""),
            "vip": member.rest.get("vip", False),
            "interests": member.rest.get("interests", {}),
            "last_changed": member.changed.isoformat(),
            "tags_count": len(member.tags),
            "tags": [{"id": number, "name": name} for number, name in enumerate(member.tags, start=1)],
            "list_id": self.list_id,
        }
