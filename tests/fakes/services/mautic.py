"""Mautic: the contacts of one installation.

Kept from the vendor's rules
Listing   an object by id, an empty list when there is none; the total a text, and up to 5 seconds old. Conditions in
          `where`, nested by `orX` and `andX`, on properties or on fields; sorting by columns written with underscores
Search    commands such as `!is:anonymous` and `field:text`, which finds parts of texts
Times     `dateModified` is null until a contact is changed; whole seconds, kept in UTC, shown in another zone
Writes    unknown fields refused without their name; PATCH of nobody is 404, PUT makes one and empties what is not sent.
          Empty values are passed over without `overwriteWithBlank`, and zeros always. Who has the address of another
          contact becomes one with it
Consent   `doNotContact` by channel and reason, added and taken away by calls of their own
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Refusal, Service, route

FIELDS = frozenset(
    """title firstname lastname company position email phone mobile website address1 address2 city state zipcode country
    hub_id""".split()
)
BESIDE = frozenset({"overwriteWithBlank", "ipAddress", "lastActive", "owner", "tags"})
PARAMETERS = frozenset({"search", "start", "limit", "orderBy", "orderByDir", "publishedOnly", "minimal"})
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
LONGEST, LARGEST_PAGE, COUNT_KEPT = 191, 200, 5
ZONE = timezone(timedelta(hours=-5))
Condition = Callable[["Contact"], bool]


@dataclass
class Contact:
    id: int
    fields: dict[str, str]
    added: datetime
    modified: datetime | None = None
    anonymous: bool = False
    refused: dict[str, int] = field(default_factory=dict)

    def value(self, column: str) -> Any:
        own = {"id": self.id, "dateAdded": self.added, "dateModified": self.modified}
        if column not in own and column not in FIELDS:
            raise refused(500, "An exception occurred while executing a query: unknown column")
        return own[column] if column in own else self.fields.get(column)


class Mautic(Service):
    base = "https://mautic.example.org/api"

    def __init__(self, user: str = "hub", password: str = "right-secret-1", clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.keys = {f"{user}:{password}": True}
        self.state |= {"contacts": {}, "made": 0}
        self.counts: dict[str, tuple[datetime, int]] = {}

    @property
    def contacts(self) -> dict[int, Contact]:
        found: dict[int, Contact] = self.state["contacts"]
        return found

    # --- the back door ----------------------------------------------------------------------------

    def seed(self, **fields: str) -> str:
        return str(self._new(fields).id)

    def visit(self) -> str:
        """Somebody of whom nothing is known looks at a page."""
        visitor = self._new({})
        visitor.anonymous = True
        return str(visitor.id)

    def edit(self, contact_id: str, **fields: str) -> None:
        contact = self.contacts[int(contact_id)]
        contact.fields |= fields
        contact.modified = self._now()

    def twin(self, contact_id: str, **fields: str) -> str:
        made, other = self._new(fields), self.contacts[int(contact_id)]
        made.added, made.modified = other.added, other.modified
        return str(made.id)

    def remove(self, contact_id: str) -> None:
        del self.contacts[int(contact_id)]

    def leave(self, contact_id: str, channel: str = "email", reason: int = 1) -> None:
        contact = self.contacts[int(contact_id)]
        contact.refused[channel], contact.modified = reason, self._now()

    # --- the front door ---------------------------------------------------------------------------

    def key_of(self, call: Call) -> str | None:
        shown = call.basic()
        return None if shown is None else ":".join(shown)

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        said = {401: "API authorization denied.", 403: "You do not have access to the requested area/action."}
        return refused(status, said.get(status, reason))

    @route("GET", "/contacts")
    def listing(self, call: Call) -> Answer:
        call.only(*PARAMETERS, *(name for name in call.query if name.startswith("where[")))
        start, limit = call.number("start", 0), call.number("limit", 30, least=1, most=LARGEST_PAGE)
        tests = [*searched(call.one("search") or ""), *map(condition, nested(call.query, "where").values())]
        rows = [each for each in self.contacts.values() if all(test(each) for test in tests)]
        column = call.one("orderBy", "id") or ""
        if column != "id" and column not in FIELDS | {"date_added", "date_modified"}:
            raise refused(500, "An exception occurred while executing a query: unknown column to sort by")
        by = re.sub(r"_(\w)", lambda found: found[1].upper(), column) if column.startswith("date") else column
        rows.sort(key=lambda each: (each.value(by) is not None, each.value(by)))
        if call.one("orderByDir", "asc") == "desc":
            rows.reverse()
        page = {str(each.id): shown(each) for each in rows[start : start + limit]}
        return Answer(200, {"total": str(self._counted(call, len(rows))), "contacts": page or []})

    @route("GET", "/contacts/{contact_id}")
    def one(self, call: Call, contact_id: str) -> Answer:
        call.only()
        return Answer(200, {"contact": shown(self._contact(contact_id))})

    @route("POST", "/contacts/new")
    def create(self, call: Call) -> Answer:
        call.only()
        fields = checked(call.json)
        same = self._by_email(fields.get("email"))
        contact = same or self._new({})
        self._take(contact, fields, call.json, new=same is None)
        return Answer(200 if same else 201, {"contact": shown(contact)})

    @route("PATCH", "/contacts/{contact_id}/edit")
    def update(self, call: Call, contact_id: str) -> Answer:
        call.only()
        contact = self._contact(contact_id)
        fields = checked(call.json)
        self._take(self._joined(contact, fields), fields, call.json)
        return Answer(200, {"contact": shown(contact)})

    @route("PUT", "/contacts/{contact_id}/edit")
    def replace(self, call: Call, contact_id: str) -> Answer:
        call.only()
        fields = checked(call.json)
        there = self.contacts.get(int(contact_id) if contact_id.isdigit() else 0)
        contact = self._joined(there, fields) if there else self._new({})
        contact.fields = {name: value for name, value in fields.items() if value}
        contact.modified = self._now() if there else None
        return Answer(200 if there else 201, {"contact": shown(contact)})

    @route("DELETE", "/contacts/{contact_id}/delete")
    def delete(self, call: Call, contact_id: str) -> Answer:
        call.only()
        gone = shown(self._contact(contact_id))
        self.remove(contact_id)
        return Answer(200, {"contact": {**gone, "id": None}})

    @route("POST", "/contacts/{contact_id}/dnc/{channel}/add")
    def refuse(self, call: Call, contact_id: str, channel: str) -> Answer:
        contact = self._contact(contact_id)
        reason = call.body(allowed=("reason", "channelId", "comments")).get("reason", 3)
        if not isinstance(reason, int) or reason < 1:
            raise refused(400, "Invalid reason code given")
        self.leave(contact_id, channel, reason)
        return Answer(200, {"contact": shown(contact)})

    @route("POST", "/contacts/{contact_id}/dnc/{channel}/remove")
    def allow(self, call: Call, contact_id: str, channel: str) -> Answer:
        contact = self._contact(contact_id)
        there = contact.refused.pop(channel, None)
        return Answer(200, {"recordFound": there is not None, "contact": shown(contact)})

    # --- inside -----------------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self.clock().replace(microsecond=0)

    def _counted(self, call: Call, count: int) -> int:
        """As many as there were when the same was asked a moment ago."""
        key = repr(sorted((name, values) for name, values in call.query.items() if name not in {"start", "limit"}))
        at, known = self.counts.get(key, (None, 0))
        if at is None or self.clock() >= at + timedelta(seconds=COUNT_KEPT):
            self.counts[key] = (self.clock(), count)
            return count
        return known

    def _contact(self, contact_id: str) -> Contact:
        found = self.contacts.get(int(contact_id)) if contact_id.isascii() and contact_id.isdigit() else None
        if found is None:
            raise refused(404, "Item was not found.")
        return found

    def _by_email(self, email: Any) -> Contact | None:
        same = (
            each for each in self.contacts.values() if email and each.fields.get("email", "").lower() == email.lower()
        )
        return next(same, None)

    def _joined(self, contact: Contact, fields: Mapping[str, Any]) -> Contact:
        """With the other contact that has the address it is to have: there is one of them afterwards."""
        other = self._by_email(fields.get("email"))
        if other is not None and other is not contact:
            contact.fields = {**other.fields, **contact.fields}
            contact.refused |= other.refused
            del self.contacts[other.id]
        return contact

    def _take(self, contact: Contact, fields: Mapping[str, Any], body: Any, *, new: bool = False) -> None:
        for name, value in fields.items():
            if value in (None, ""):
                if body.get("overwriteWithBlank"):
                    contact.fields.pop(name, None)
            elif not (str(value).isdigit() and int(value) == 0):
                contact.fields[name] = str(value)
        contact.modified = contact.modified if new else self._now()

    def _new(self, fields: Mapping[str, str]) -> Contact:
        self.state["made"] += 1
        made = Contact(self.state["made"], dict(fields), self._now())
        self.contacts[made.id] = made
        return made


# --- words ------------------------------------------------------------------------------------------


def refused(status: int, message: str, details: Mapping[str, Any] | None = None) -> Refusal:
    return Refusal(status, {"errors": [{"code": status, "message": message, "details": details or [], "type": None}]})


def checked(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise refused(400, "No data was sent.")
    if set(body) - FIELDS - BESIDE:
        raise refused(400, "This form should not contain extra fields.")
    for name, value in body.items():
        if name in FIELDS and isinstance(value, dict | list | bool):
            raise refused(400, f"{name}: This value is not valid.", {name: ["This value is not valid."]})
        if name in FIELDS and len(str(value or "")) > LONGEST:
            raise refused(400, f"{name}: This value is too long.", {name: ["This value is too long."]})
    if body.get("email") and EMAIL.fullmatch(str(body["email"])) is None:
        raise refused(400, "email: The email is invalid.", {"email": ["The email is invalid."]})
    return {name: value for name, value in body.items() if name in FIELDS}


def nested(query: Mapping[str, Any], name: str) -> dict[str, Any]:
    """`where[0][col]=x` as PHP reads it."""
    found: dict[str, Any] = {}
    for key, values in query.items():
        if not key.startswith(f"{name}["):
            continue
        steps = re.findall(r"\[(\w+)\]", key)
        if name + "".join(f"[{step}]" for step in steps) != key:
            raise refused(400, "the query cannot be read")
        at = found
        for step in steps[:-1]:
            at = at.setdefault(step, {})
        at[steps[-1]] = values[-1]
    return found


def condition(clause: Mapping[str, Any]) -> Condition:
    if clause.get("expr") in {"orX", "andX"}:
        inner = [condition(each) for each in clause["val"].values()]
        join = any if clause["expr"] == "orX" else all
        return lambda contact: join(test(contact) for test in inner)
    if set(clause) != {"col", "expr", "val"}:
        raise refused(400, "a condition needs col, expr and val")
    tests: dict[str, Callable[[Any, Any], bool]] = {
        "eq": lambda held, wanted: held == wanted,
        "gt": lambda held, wanted: held > wanted,
        "gte": lambda held, wanted: held >= wanted,
        "lt": lambda held, wanted: held < wanted,
    }
    if clause["expr"] not in tests:
        raise refused(500, "An exception occurred while executing a query: unknown expression")
    return lambda contact: compared(contact.value(clause["col"]), clause["val"], tests[clause["expr"]])


def compared(held: Any, wanted: str, test: Callable[[Any, Any], bool]) -> bool:
    """A null compares with nothing; texts without regard to capitals."""
    if held is None:
        return False
    if isinstance(held, datetime):
        return test(held, datetime.strptime(wanted, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC))
    return test(held, int(wanted)) if isinstance(held, int) else test(held.lower(), wanted.lower())


def searched(text: str) -> list[Condition]:
    found: list[Condition] = []
    for word in text.split():
        command, colon, value = word.partition(":")
        if word in {"is:anonymous", "!is:anonymous"}:
            found.append(lambda contact, wanted=word[0] != "!": contact.anonymous is wanted)  # type: ignore[misc]
        elif colon and command in FIELDS:
            part = re.compile(re.escape(value).replace("%", ".*").replace("_", "."), re.IGNORECASE)
            found.append(lambda contact, c=command, p=part: p.search(contact.fields.get(c, "")) is not None)  # type: ignore[misc]
        else:
            found.append(lambda contact, word=word: any(word in value for value in contact.fields.values()))  # type: ignore[misc]
    return found


def stamp(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(ZONE).isoformat()


def shown(contact: Contact) -> dict[str, Any]:
    everything: dict[str, Any] = {"id": contact.id, "points": 0, **{name: contact.fields.get(name) for name in FIELDS}}
    core = {name: {"alias": name, "group": "core", "value": everything[name]} for name in sorted(FIELDS)}
    refusals = [
        {"id": number, "reason": reason, "comments": "", "channel": channel, "channelId": None}
        for number, (channel, reason) in enumerate(contact.refused.items(), start=1)
    ]
    return {
        "id": contact.id,
        "isPublished": True,
        "dateAdded": stamp(contact.added),
        "dateModified": stamp(contact.modified),
        "dateIdentified": None if contact.anonymous else stamp(contact.added),
        "points": 0,
        "fields": {"core": core, "social": {}, "personal": [], "professional": [], "all": everything},
        "tags": [],
        "utmtags": [],
        "doNotContact": refusals,
    }
