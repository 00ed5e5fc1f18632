"""listmonk: its subscribers, as a server of the version of July 2026 answers.

Kept from the vendor's sources
Listing     50 rows a page at most (more is cut without a word), or `all`; by id downwards unless asked otherwise;
            an unknown order is passed over
Query       an SQL expression, which needs a right of its own
Changes     `updated_at` of the subscriber, in microseconds; leaving a list changes only the membership
Create      409 for a known address; without a name it takes one from the address; unknown lists are passed over
Update      PUT replaces: lists and attributes left out are gone. PATCH keeps what is left out and merges attributes.
            An empty name changes nothing. Unsubscribed and confirmed memberships stay what they are
Mails       create, PUT and PATCH send a mail for lists with double opt-in that wait for it, unless preconfirmed
Deleting    hard, without a trace; deleting nobody is answered with true
Errors      403 for wrong credentials, 400 for somebody who is not there, 500 for what the database refuses
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Refusal, Service, route
from tests.fakes.services.listmonk_query import parse_query

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
BY_ID = attrgetter("id")
ORDERS = {
    "email": attrgetter("email"),
    "status": attrgetter("status"),
    "name": attrgetter("name"),
    "created_at": attrgetter("created"),
    "updated_at": attrgetter("updated"),
}
MOST = 50
STATUSES = {"enabled", "disabled", "blocklisted"}
PARAMS = ("page", "per_page", "query", "search", "order_by", "order", "subscription_status", "list_id")


@dataclass
class Membership:
    status: str
    created: datetime
    updated: datetime


@dataclass
class Subscriber:
    id: int
    email: str
    name: str
    created: datetime
    updated: datetime
    status: str = "enabled"
    attribs: dict[str, Any] = field(default_factory=dict)
    lists: dict[int, Membership] = field(default_factory=dict)


class Listmonk(Service):
    base = "https://news.example.org/api"

    def __init__(self, user: str = "hub", token: str = "right-token-1", clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.keys = {f"{user}:{token}": True}
        self.may_query = True
        self.broken = False
        self.optins = {3: "single", 4: "double"}
        self.mails: list[str] = []  # addresses that were sent a mail to confirm
        self.state |= {"subscribers": {}}
        self._last_id = 10

    @property
    def subscribers(self) -> dict[int, Subscriber]:
        found: dict[int, Subscriber] = self.state["subscribers"]
        return found

    # --- the back door ----------------------------------------------------------------------------

    def seed(self, email: str, name: str = "Ann Made-Up", *lists: int, **attribs: Any) -> str:
        made = self._new(email, name)
        made.attribs = dict(attribs)
        self._subscribe(made, lists or (3,), "confirmed")
        return str(made.id)

    def edit(self, subscriber_id: str, **attribs: Any) -> None:
        subscriber = self.subscribers[int(subscriber_id)]
        subscriber.attribs |= attribs
        self._touch(subscriber)

    def twin(self, subscriber_id: str, email: str) -> str:
        made = self.subscribers[int(self.seed(email))]
        made.updated = self.subscribers[int(subscriber_id)].updated
        return str(made.id)

    def remove(self, subscriber_id: str) -> None:
        del self.subscribers[int(subscriber_id)]

    def leave(self, subscriber_id: str, list_id: int = 3) -> None:
        """The person unsubscribes by the link in a mail."""
        membership = self.subscribers[int(subscriber_id)].lists[list_id]
        membership.status, membership.updated = "unsubscribed", self.clock()

    # --- the front door ---------------------------------------------------------------------------

    def key_of(self, call: Call) -> str | None:
        basic = call.basic()
        if basic is not None:
            return ":".join(basic)
        kind, _, pair = call.headers.get("authorization", "").partition(" ")
        return pair if kind == "token" else None

    def refusal(self, call: Call, status: int, reason: str) -> Refusal:
        return refused(403 if status == 401 else status, "invalid API credentials" if status == 401 else reason)

    @route("GET", "/health", public=True)
    def health(self, call: Call) -> Answer:
        return said(True)

    @route("GET", "/lists")
    def lists(self, call: Call) -> Answer:
        rows = [self._list(number) for number in self.optins]
        return said({"results": rows, "total": len(rows), "per_page": 20, "page": 1})

    @route("GET", "/subscribers")
    def listing(self, call: Call) -> Answer:
        call.only(*PARAMS)
        asked, page = call.one("per_page", "20"), call.number("page", 1, least=1)
        size = None if asked == "all" else min(call.number("per_page", 20, least=1), MOST)
        query = (call.one("query") or "").strip()
        if query and not self.may_query:
            raise refused(403, "Permission denied: subscribers:sql_query")
        order_by = call.one("order_by")
        fits = parse_query(query)
        rows = list(self.subscribers.values())
        if "list_id" in call.query:
            rows = [each for each in rows if self._listed(each, call)]
        if query:
            rows = [each for each in rows if fits(row_of(each))]
        rows.sort(key=ORDERS.get(order_by or "", BY_ID), reverse=call.one("order") != "ASC")
        found = rows if size is None else rows[(page - 1) * size : page * size]
        body = {"results": [self._shown(each) for each in found], "query": query, "search": ""}
        return said({**body, "total": len(rows), "per_page": size or 0, "page": page})

    @route("GET", "/subscribers/{key}")
    def one(self, call: Call, key: str) -> Answer:
        return said(self._shown(self._subscriber(key)))

    @route("POST", "/subscribers")
    def create(self, call: Call) -> Answer:
        body = body_of(call)
        email = address(body.get("email")).lower()
        if any(each.email == email for each in self.subscribers.values()):
            raise refused(409, "E-mail already exists.")
        self._check_status(body, "creating")
        made = self._new(email, (body.get("name") or "").strip() or email.partition("@")[0].replace(".", " ").title())
        made.status = body.get("status") or "enabled"
        made.attribs = body.get("attribs") or {}
        self._subscribe(made, body.get("lists") or (), status_of(body))
        self._mail(made, body)
        return said(self._shown(made))

    @route("PUT", "/subscribers/{key}")
    def put(self, call: Call, key: str) -> Answer:
        body = body_of(call)
        subscriber = self._subscriber(key)
        wanted = {"attribs": {}, "lists": [], **body, "email": address(body.get("email"))}
        return self._replaced(subscriber, wanted)

    @route("PATCH", "/subscribers/{key}")
    def patch(self, call: Call, key: str) -> Answer:
        body = body_of(call)
        subscriber = self._subscriber(key)
        attribs = {**subscriber.attribs, **(body.get("attribs") or {})}
        wanted = {"email": subscriber.email, "name": subscriber.name, "status": subscriber.status, **body}
        return self._replaced(subscriber, {**wanted, "attribs": attribs, "email": address(wanted["email"])})

    @route("DELETE", "/subscribers/{key}")
    def delete(self, call: Call, key: str) -> Answer:
        self.subscribers.pop(number_of(key), None)
        return said(True)

    @route("PUT", "/subscribers/lists")
    def manage(self, call: Call) -> Answer:
        body = call.body(allowed=("ids", "action", "target_list_ids", "status", "query"))
        if self.broken:
            raise refused(500, "Error updating lists: the database is shutting down")
        if not body.get("ids") or not body.get("target_list_ids"):
            raise refused(400, "No subscribers or lists given.")
        if body.get("action") not in {"add", "remove", "unsubscribe"}:
            raise refused(400, "Invalid action.")
        if body["action"] == "add" and not set(body["ids"]) <= set(self.subscribers):
            said_of_them = 'violates foreign key constraint "subscriber_lists_subscriber_id_fkey"'
            raise refused(500, f'Error updating lists: insert or update on table "subscriber_lists" {said_of_them}')
        for subscriber in (self._subscriber(str(key)) for key in body["ids"]):
            for number in body["target_list_ids"]:
                self._manage(subscriber, number, body["action"], body.get("status", ""))
        return said(True)

    @route("PUT", "/subscribers/{key}/blocklist")
    def blocklist(self, call: Call, key: str) -> Answer:
        subscriber = self._subscriber(key)
        subscriber.status = "blocklisted"
        self._touch(subscriber)
        for membership in subscriber.lists.values():
            membership.status, membership.updated = "unsubscribed", self.clock()
        return said(True)

    # --- inside -----------------------------------------------------------------------------------

    def _listed(self, subscriber: Subscriber, call: Call) -> bool:
        wanted = {int(number) for number in call.query.get("list_id", [])}
        status = call.one("subscription_status")
        if not wanted:
            return True
        return any(number in wanted and status in (None, "", m.status) for number, m in subscriber.lists.items())

    def _subscriber(self, key: str) -> Subscriber:
        found = self.subscribers.get(number_of(key))
        if found is None:
            raise refused(400, f"Subscriber ({key}: ) not found")
        return found

    def _replaced(self, subscriber: Subscriber, body: Mapping[str, Any]) -> Answer:
        if any(each is not subscriber and each.email == body["email"] for each in self.subscribers.values()):
            raise refused(500, "Error updating subscriber: duplicate key value violates unique constraint")
        self._check_status(body, "updating")
        subscriber.email = body["email"]
        subscriber.name = (body.get("name") or "").strip() or subscriber.name
        subscriber.status = body.get("status") or subscriber.status
        subscriber.attribs = dict(body["attribs"])
        self._touch(subscriber)
        if "lists" in body:
            for number in set(subscriber.lists) - set(body["lists"]):
                del subscriber.lists[number]
            self._subscribe(subscriber, body["lists"], status_of(body))
        self._mail(subscriber, body)
        return said(self._shown(subscriber))

    def _check_status(self, body: Mapping[str, Any], verb: str) -> None:
        if (body.get("status") or "enabled") not in STATUSES:
            raise refused(500, f"Error {verb} subscriber: invalid input value for enum subscriber_status")

    def _subscribe(self, subscriber: Subscriber, lists: Any, status: str) -> None:
        now = self.clock()
        for number in (each for each in lists if each in self.optins):
            there = subscriber.lists.get(number)
            if subscriber.status == "blocklisted":
                status = "unsubscribed"
            if there is None:
                subscriber.lists[number] = Membership(status, now, now)
            elif there.status not in {"confirmed", "unsubscribed"}:
                there.status = status

    def _manage(self, subscriber: Subscriber, number: int, action: str, status: str) -> None:
        now, there = self.clock(), subscriber.lists.get(number)
        if action == "remove":
            subscriber.lists.pop(number, None)
        elif action == "unsubscribe" and there is not None:
            there.status, there.updated = "unsubscribed", now
        elif action == "add" and there is None:
            subscriber.lists[number] = Membership(status or "unconfirmed", now, now)
        elif action == "add" and there is not None:
            there.status = status or there.status  # and its time stays

    def _mail(self, subscriber: Subscriber, body: Mapping[str, Any]) -> None:
        waits = any(m.status == "unconfirmed" and self.optins[n] == "double" for n, m in subscriber.lists.items())
        if waits and not body.get("preconfirm_subscriptions"):
            self.mails.append(subscriber.email)

    def _new(self, email: str, name: str) -> Subscriber:
        self._last_id += 1
        made = Subscriber(self._last_id, email, name, self.clock(), self.clock())
        self.subscribers[made.id] = made
        return made

    def _touch(self, subscriber: Subscriber) -> None:
        subscriber.updated = max(self.clock(), subscriber.updated + timedelta(microseconds=1))

    def _list(self, number: int) -> dict[str, Any]:
        uuid = str(uuid5(NAMESPACE_DNS, f"list{number}"))
        name = "Newsletter" if number == 3 else f"List {number}"
        return {"id": number, "uuid": uuid, "name": name, "type": "private", "optin": self.optins[number], "tags": []}

    def _shown(self, subscriber: Subscriber) -> dict[str, Any]:
        lists = [
            {**self._list(n), "subscription_status": m.status, "subscription_updated_at": m.updated.isoformat()}
            for n, m in sorted(subscriber.lists.items())
        ]
        return {
            "id": subscriber.id,
            "uuid": str(uuid5(NAMESPACE_DNS, f"subscriber{subscriber.id}")),
            "email": subscriber.email,
            "name": subscriber.name,
            "attribs": subscriber.attribs,
            "status": subscriber.status,
            "lists": lists,
            "created_at": subscriber.created.isoformat(),
            "updated_at": subscriber.updated.isoformat(),
        }


# --- words ------------------------------------------------------------------------------------------


def said(data: Any) -> Answer:
    return Answer(200, {"data": data})


def refused(status: int, message: str) -> Refusal:
    return Refusal(status, {"message": message})


def body_of(call: Call) -> dict[str, Any]:
    names = ("email", "name", "status", "lists", "list_uuids", "preconfirm_subscriptions", "attribs")
    return call.body(allowed=names)


def address(email: Any) -> str:
    if not isinstance(email, str) or not EMAIL.fullmatch(email):
        raise refused(400, "Invalid email.")
    return email.lower()


def number_of(key: str) -> int:
    if not key.isdigit() or int(key) < 1:
        raise refused(400, "Invalid ID.")
    return int(key)


def status_of(body: Mapping[str, Any]) -> str:
    return "confirmed" if body.get("preconfirm_subscriptions") else "unconfirmed"


def row_of(subscriber: Subscriber) -> dict[str, Any]:
    """What a query sees."""
    return {
        "id": subscriber.id,
        "email": subscriber.email,
        "name": subscriber.name,
        "status": subscriber.status,
        "created_at": subscriber.created,
        "updated_at": subscriber.updated,
        "attribs": subscriber.attribs,
        "memberships": [each.updated for each in subscriber.lists.values()],
    }
