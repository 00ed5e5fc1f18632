"""HubSpot's CRM: contacts and companies, search, batches, associations, subscriptions.

Kept from the vendor's rules
Search     answers what it has indexed: a create after 10 seconds, a change after 60; never what is archived.
           200 rows a page, 10,000 rows a query, 5 groups, 25 filters, one sort, its own limit of calls
Listing    100 rows a page, ordered by id; archived rows only when asked for
Batches    100 rows. One bad row fails the whole batch, unless every row has a trace id of its own: then 207
           with errors by trace id. An id twice in one batch is refused. By e-mail, no partial result is given
Values     strings; an empty one clears. Unknown, read-only and invalid ones fail. Stages only go forward:
           a step back is taken and ignored
Deleting   archives; the privacy deletion blocks the address for good; of a merge the second id goes
Consent    somebody who opted out himself is not subscribed again
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Rate, Refusal, route
from tests.fakes.services.hubspot_rules import (
    CHANGED,
    LABELS,
    SHOWN,
    STAGES,
    UNIQUE,
    allowed,
    batch_of,
    fault,
    fields_of,
    fits,
    invalid,
    is_known,
    known,
    listed,
    not_found,
    problem_body,
    refused,
    row_error,
    sortable,
    stamp,
)
from tests.fakes.services.hubspot_subscriptions import Subscriptions


@dataclass
class Thing:
    """One object; `seen` is what search has been told of it, and when search will know."""

    id: str
    properties: dict[str, str]
    created: datetime
    updated: datetime
    archived: datetime | None = None
    seen: list[tuple[datetime, dict[str, str]]] = field(default_factory=list)


class HubSpot(Subscriptions):
    base = "https://api.hubapi.com"
    rate = Rate(190, 10.0)
    searches_a_second = 5
    index_create_seconds = 10.0
    index_update_seconds = 60.0

    def __init__(self, token: str = "pat-eu1-right", clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.keys = {token: True}
        self.state |= {"contacts": {}, "companies": {}, "forgotten": set(), "links": set()}
        self._last_id = 100
        self._searches: list[datetime] = []

    @property
    def things(self) -> Mapping[str, dict[str, Thing]]:
        return self.state

    # --- the back door ----------------------------------------------------------------------------

    def seed(self, kind: str = "contacts", /, **properties: str) -> str:
        return self._make(kind, properties).id

    def edit(self, thing_id: str, kind: str = "contacts", /, **properties: str) -> None:
        self._change(self.things[kind][thing_id], kind, properties)

    def twin(self, thing_id: str, kind: str = "contacts", /, **properties: str) -> str:
        """Another one, changed in the very millisecond of that one."""
        made = self._make(kind, properties)
        made.updated = self.things[kind][thing_id].updated
        made.seen = [(made.seen[0][0], self._all(made, kind))]
        return made.id

    def archive(self, thing_id: str, kind: str = "contacts", /) -> None:
        self.things[kind][thing_id].archived = self.clock()

    def merge(self, kept: str, gone: str) -> None:
        del self.things["contacts"][gone]
        self._change(self.things["contacts"][kept], "contacts", {"hs_merged_object_ids": gone})

    def told(self, email: str) -> None:
        for thing in self.things["contacts"].values():
            if thing.properties.get("email") == email:
                self._change(thing, "contacts", {})

    def associate(self, contact: str, company: str) -> None:
        self.state["links"] |= {
            ("contacts", contact, "companies", company),
            ("companies", company, "contacts", contact),
        }
        self._change(self.things["contacts"][contact], "contacts", {})

    def settle(self) -> None:
        """Until search knows everything."""
        self.clock.pass_by(self.index_update_seconds + 1)

    # --- the front door ---------------------------------------------------------------------------

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        categories = {401: "INVALID_AUTHENTICATION", 403: "MISSING_SCOPES", 404: "OBJECT_NOT_FOUND"}
        return refused(status, categories.get(status, "VALIDATION_ERROR"), reason)

    def too_many(self, call: Call, resets_in: float, policy: str = "TEN_SECONDLY_ROLLING") -> Answer:
        body = problem_body("RATE_LIMITS", "You have reached your rate limit.")
        return Answer(429, {**body, "errorType": "RATE_LIMIT", "policyName": policy})

    def rate_headers(self, left: int, resets_in: float) -> dict[str, str]:
        assert self.rate is not None
        return {
            "x-hubspot-ratelimit-max": str(self.rate.requests),
            "x-hubspot-ratelimit-remaining": str(left),
            "x-hubspot-ratelimit-interval-milliseconds": str(int(self.rate.per_seconds * 1000)),
        }

    @route("GET", "/crm/v3/objects/{kind}")
    def listing(self, call: Call, kind: str) -> Answer:
        allowed(call, {"limit", "after", "properties", "associations", "archived"})
        limit = int(call.one("limit", "10") or 0)
        if not 1 <= limit <= 100:
            raise invalid(f"limit must be between 1 and 100, and is {limit}")
        archived = call.one("archived", "false") == "true"
        after = int(call.one("after", "0") or 0)
        things = self._sorted(kind)  # by their ids, which only grow
        begun = bisect_right(things, after, key=lambda each: int(each.id))
        rest = (each for each in islice(things, begun, None) if (each.archived is not None) == archived)
        rows = list(islice(rest, limit + 1))
        page = [self._shown(each, kind, listed(call, "properties")) for each in rows[:limit]]
        for shown in page:
            self._add_links(shown, kind, listed(call, "associations"))
        body: dict[str, Any] = {"results": page}
        if len(rows) > limit:
            body["paging"] = {"next": {"after": rows[limit - 1].id, "link": "https://api.hubapi.com/"}}
        return Answer(200, body)

    @route("GET", "/crm/v3/objects/{kind}/{thing_id}")
    def one(self, call: Call, kind: str, thing_id: str) -> Answer:
        allowed(call, {"properties", "idProperty", "associations", "archived"})
        archived = call.one("archived", "false") == "true"
        thing = self._find(kind, thing_id, call.one("idProperty"), archived=archived)
        if thing is None:
            raise not_found()
        shown = self._shown(thing, kind, listed(call, "properties"))
        self._add_links(shown, kind, listed(call, "associations"))
        return Answer(200, shown)

    @route("POST", "/crm/v3/objects/{kind}")
    def create(self, call: Call, kind: str) -> Answer:
        body = fields_of(call.json, {"properties", "associations"})
        return Answer(201, self._shown(self._created(kind, body), kind, list(body["properties"])))

    @route("PATCH", "/crm/v3/objects/{kind}/{thing_id}")
    def update(self, call: Call, kind: str, thing_id: str) -> Answer:
        allowed(call, {"idProperty"})
        body = fields_of(call.json, {"properties"})
        thing = self._updated(kind, {"id": thing_id, "idProperty": call.one("idProperty"), **body})
        return Answer(200, self._shown(thing, kind, list(body["properties"])))

    @route("DELETE", "/crm/v3/objects/{kind}/{thing_id}")
    def remove(self, call: Call, kind: str, thing_id: str) -> Answer:
        if thing_id in self.things[kind]:
            self.archive(thing_id, kind)
        return Answer(204)

    @route("POST", "/crm/v3/objects/contacts/gdpr-delete")
    def forget(self, call: Call) -> Answer:
        body = fields_of(call.json, {"objectId", "idProperty"})
        thing = self._find("contacts", body["objectId"], body.get("idProperty"))
        if thing is not None:
            self.state["forgotten"].add(thing.properties.get("email", ""))
            del self.things["contacts"][thing.id]
        return Answer(204)

    @route("POST", "/crm/v3/objects/contacts/merge")
    def merged(self, call: Call) -> Answer:
        body = fields_of(call.json, {"primaryObjectId", "objectIdToMerge"})
        if not {body["primaryObjectId"], body["objectIdToMerge"]} <= set(self.things["contacts"]):
            raise not_found()
        self.merge(body["primaryObjectId"], body["objectIdToMerge"])
        return Answer(200, self._shown(self.things["contacts"][body["primaryObjectId"]], "contacts", []))

    # --- search -----------------------------------------------------------------------------------

    @route("POST", "/crm/v3/objects/{kind}/search", write=False)
    def search(self, call: Call, kind: str) -> Answer:
        self._count_search(call)
        body = fields_of(call.json, {"filterGroups", "sorts", "limit", "after", "properties", "query"})
        limit, after = body.get("limit", 10), int(body.get("after") or 0)
        if not 1 <= limit <= 200:
            raise invalid(f"limit must be between 1 and 200, and is {limit}")
        if after + limit > 10_000:
            raise invalid("The maximum number of results is 10,000.")
        groups = body.get("filterGroups", [])
        if len(groups) > 5 or sum(len(each["filters"]) for each in groups) > 25 or len(body.get("sorts", [])) > 1:
            raise invalid("Too many filter groups, filters or sorts.")
        found = [row for row in self._indexed(kind) if not groups or any(fits(row[1], each) for each in groups)]
        for sort in body.get("sorts", []):
            name, down = (sort, False) if isinstance(sort, str) else (sort["propertyName"], sort.get("direction"))
            known(name, kind)
            found.sort(key=lambda row: sortable(row[1].get(name, "")), reverse=down == "DESCENDING")
        page = found[after : after + limit]
        answer: dict[str, Any] = {
            "total": len(found),
            "results": [self._shown(thing, kind, body.get("properties", []), values) for thing, values in page],
        }
        if after + limit < len(found):
            answer["paging"] = {"next": {"after": str(after + limit)}}
        return Answer(200, answer)

    def _count_search(self, call: Call) -> None:
        now = self.clock()
        self._searches = [at for at in self._searches if at > now - timedelta(seconds=1)]
        if len(self._searches) >= self.searches_a_second:
            told = self.too_many(call, 1.0, "SECONDLY")
            self.too_fast += 1
            raise Refusal(told.status, told.body)
        self._searches.append(now)

    def _indexed(self, kind: str) -> Iterator[tuple[Thing, dict[str, str]]]:
        for thing in self._sorted(kind):
            known_now = [values for at, values in thing.seen if at <= self.clock()]
            if known_now and thing.archived is None:
                yield thing, known_now[-1]

    # --- batches ----------------------------------------------------------------------------------

    @route("POST", "/crm/v3/objects/{kind}/batch/read", write=False)
    def batch_read(self, call: Call, kind: str) -> Answer:
        body = batch_of(call, {"properties", "propertiesWithHistory", "idProperty"})
        archived = call.one("archived", "false") == "true"
        ids, by = [each["id"] for each in body["inputs"]], body.get("idProperty")
        pairs = [(each, self._find(kind, each, by, archived=archived)) for each in ids]
        rows = [self._shown(each, kind, body.get("properties", [])) for _, each in pairs if each]
        gone = [each for each, thing in pairs if thing is None]
        return self._batch_answer(200, rows, [row_error(not_found(), {"ids": gone})] if gone else [])

    @route("POST", "/crm/v3/objects/{kind}/batch/archive")
    def batch_archive(self, call: Call, kind: str) -> Answer:
        for each in batch_of(call)["inputs"]:
            if each["id"] in self.things[kind]:
                self.archive(each["id"], kind)
        return Answer(204)

    @route("POST", "/crm/v3/objects/{kind}/batch/{action}")
    def batch_write(self, call: Call, kind: str, action: str) -> Answer:
        inputs = batch_of(call)["inputs"]
        write = {"create": self._created, "update": self._updated, "upsert": self._upserted}[action]
        traces = {each.get("objectWriteTraceId") for each in inputs}
        by_email = any(each.get("idProperty") == "email" for each in inputs)
        partial = None not in traces and len(traces) == len(inputs) and not (action == "upsert" and by_email)
        rows: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        before = {each.id: (dict(each.properties), each.updated, list(each.seen)) for each in self._sorted(kind)}
        for each in inputs:
            try:
                thing = write(kind, each)
            except Refusal as refusal:
                gone = refusal.answer.status == 404
                if not partial and not (gone and action == "update"):
                    self._undo(kind, before)
                    raise
                context = {"ids": [each["id"]]} if gone else {}
                trace = {"objectWriteTraceId": [each["objectWriteTraceId"]]} if partial else {}
                errors.append(row_error(refusal, {**context, **trace}))
                continue
            shown = self._shown(thing, kind, list(each["properties"]))
            shown |= {"objectWriteTraceId": each["objectWriteTraceId"]} if partial else {}
            rows.append(shown | ({"new": thing.id not in before} if action == "upsert" else {}))
        return self._batch_answer(201 if action == "create" else 200, rows, errors)

    def _undo(self, kind: str, before: Mapping[str, Any]) -> None:
        self.state[kind] = {key: each for key, each in self.things[kind].items() if key in before}
        for each in self.things[kind].values():
            each.properties, each.updated, each.seen = before[each.id]

    def _batch_answer(self, status: int, rows: list[Any], errors: list[Any]) -> Answer:
        now = stamp(self.clock())
        body = {"status": "COMPLETE", "results": rows, "startedAt": now, "completedAt": now}
        if errors:
            return Answer(207, {**body, "numErrors": len(errors), "errors": errors})
        return Answer(status, body)

    # --- associations -----------------------------------------------------------------------------

    @route("PUT", "/crm/v4/objects/{kind}/{thing_id}/associations/default/{other}/{other_id}")
    def link(self, call: Call, kind: str, thing_id: str, other: str, other_id: str) -> Answer:
        if thing_id not in self.things[kind] or other_id not in self.things[other]:
            raise not_found()
        self.state["links"] |= {(kind, thing_id, other, other_id), (other, other_id, kind, thing_id)}
        spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": LABELS[kind, other]}
        row = {"from": {"id": thing_id}, "to": {"id": other_id}, "associationSpec": spec}
        return self._batch_answer(200, [row], [])

    @route("POST", "/crm/v4/associations/{kind}/{other}/batch/associate/default")
    def link_many(self, call: Call, kind: str, other: str) -> Answer:
        inputs = call.body(required=("inputs",))["inputs"]
        if not 1 <= len(inputs) <= 2000:
            raise invalid("between 1 and 2000 inputs are taken")
        rows = [self.link(call, kind, each["from"]["id"], other, each["to"]["id"]) for each in inputs]
        for each in inputs:
            self._change(self.things[kind][each["from"]["id"]], kind, {})
        return self._batch_answer(200, [row for each in rows for row in each.body["results"]], [])

    # --- inside -----------------------------------------------------------------------------------

    def _sorted(self, kind: str) -> list[Thing]:
        if kind not in CHANGED:
            raise not_found()
        return list(self.things[kind].values())

    def _find(self, kind: str, key: str, name: str | None, *, archived: bool = False) -> Thing | None:
        if name not in (None, "hs_object_id", *UNIQUE[kind]):
            raise invalid(f"{name} is not a unique property.")
        for thing in self._sorted(kind):
            held = thing.id if name in {None, "hs_object_id"} else thing.properties.get(str(name))
            if held == (key.lower() if name == "email" else key) and (thing.archived is not None) == archived:
                return thing
        return None

    def _created(self, kind: str, row: Mapping[str, Any]) -> Thing:
        fields_of(row, {"properties", "associations", "objectWriteTraceId", "id", "idProperty"})
        values = self._valid(kind, row["properties"])
        for name in UNIQUE[kind]:
            same = self._find(kind, values[name], name) if values.get(name) else None
            if same is not None:
                raise refused(409, "CONFLICT", f"Contact already exists. Existing ID: {same.id}")
        if values.get("email") in self.state["forgotten"]:
            raise invalid("This contact was permanently deleted and cannot be added again.")
        return self._make(kind, values)

    def _updated(self, kind: str, row: Mapping[str, Any]) -> Thing:
        fields_of(row, {"id", "idProperty", "properties", "objectWriteTraceId"})
        thing = self._find(kind, row["id"], row.get("idProperty"))
        if thing is None:
            raise not_found()
        values = self._valid(kind, row["properties"])
        for name in UNIQUE[kind]:
            same = self._find(kind, values[name], name) if values.get(name) else None
            if same not in (None, thing):
                raise refused(409, "CONFLICT", f"A contact with this {name} already exists.")
        self._change(thing, kind, values)
        return thing

    def _upserted(self, kind: str, row: Mapping[str, Any]) -> Thing:
        name = row.get("idProperty")
        if name not in UNIQUE[kind]:
            raise invalid(f"Unable to perform update/upsert by non-unique property {name}.")
        if self._find(kind, row["id"], name) is not None:
            return self._updated(kind, row)
        return self._created(kind, {**row, "properties": {**row["properties"], name: row["id"]}})

    def _valid(self, kind: str, properties: Mapping[str, Any]) -> dict[str, str]:
        wrong = [(name, code) for name, value in properties.items() if (code := fault(kind, name, value))]
        if wrong:
            said = ", ".join(f'{{"name":"{name}","error":"{code}"}}' for name, code in wrong)
            raise invalid(f"Property values were not valid: [{said}]")
        return {name: value.lower() if name == "email" else value for name, value in properties.items()}

    def _make(self, kind: str, properties: Mapping[str, str]) -> Thing:
        self._last_id += 1
        now = self.clock()
        thing = Thing(str(self._last_id), dict(properties), now, now)
        self.things[kind][thing.id] = thing
        thing.seen.append((now + timedelta(seconds=self.index_create_seconds), self._all(thing, kind)))
        return thing

    def _change(self, thing: Thing, kind: str, properties: Mapping[str, str]) -> None:
        stage, wanted = thing.properties.get("lifecyclestage"), properties.get("lifecyclestage")
        back = stage and wanted and STAGES.index(wanted) < STAGES.index(stage)
        thing.properties |= {k: v for k, v in properties.items() if not (back and k == "lifecyclestage")}
        thing.updated = max(self.clock(), thing.updated + timedelta(milliseconds=1))
        thing.seen.append((self.clock() + timedelta(seconds=self.index_update_seconds), self._all(thing, kind)))

    def _all(self, thing: Thing, kind: str) -> dict[str, str]:
        own = {"createdate": stamp(thing.created), CHANGED[kind]: stamp(thing.updated), "hs_object_id": thing.id}
        if kind == "contacts":
            linked = [to for k, at, other, to in self.state["links"] if (k, at, other) == (kind, thing.id, "companies")]
            own |= {"associatedcompanyid": min(linked, default="")}
            own |= self.opt_outs(thing.properties.get("email", ""))
        return {name: value for name, value in {**thing.properties, **own}.items() if value}

    def _shown(
        self, thing: Thing, kind: str, names: list[str], values: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Properties that were asked for and hold nothing are null; unknown ones are left out."""
        held = self._all(thing, kind) if values is None else values
        asked = [name for name in dict.fromkeys([*SHOWN[kind], *names]) if is_known(name, kind)]
        shown: dict[str, Any] = {
            "id": thing.id,
            "properties": {name: held.get(name) for name in asked},
            "createdAt": stamp(thing.created),
            "updatedAt": held[CHANGED[kind]],
            "archived": thing.archived is not None,
        }
        return shown | ({"archivedAt": stamp(thing.archived)} if thing.archived else {})

    def _add_links(self, shown: dict[str, Any], kind: str, others: list[str]) -> None:
        for other in others:
            ids = sorted(to for k, at, o, to in self.state["links"] if (k, at, o) == (kind, shown["id"], other))
            if ids:
                rows = [{"id": each, "type": f"{kind[:-1]}_to_{other}"} for each in ids]
                shown.setdefault("associations", {})[other] = {"results": rows}
