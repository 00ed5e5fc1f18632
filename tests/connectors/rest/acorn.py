"""A made-up service and its file: small enough to see through, with pages, changes and writes."""

from __future__ import annotations

from typing import Any

import yaml

from hub.connectors.contract import Context
from hub.connectors.rest import RestConnector, service_type
from hub.connectors.rest.files import check_service
from hub.connectors.rest.spec import ServiceSpec
from hub.document import parse_document
from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Service, route

FILE: dict[str, Any] = {
    "service": "Acorn",
    "about": "a made-up service",
    "url": "https://api.acorn.example/v1",
    "settings": {"secret": {"help": "key", "secret": True, "required": True}},
    "auth": {"header": {"x-key": "{secret}"}},
    "check": {"call": "GET /contacts", "query": {"limit": 1}, "count": "total"},
    "record": {"id": "id", "changed": "changed", "version": "version"},
    "list": {
        "call": "GET /contacts",
        "query": {"limit": "{size}", "offset": "{offset}"},
        "items": "items",
        "size": 10,
        "paging": {"offset": 0, "total": "total"},
    },
    "read": {"call": "GET /contacts/{id}"},
    "update": {"call": "PATCH /contacts/{id}", "body": "{fields}", "record": ""},
    "mapping": {"fields": {"given_name": "first", "emails": "mail"}},
}


def spec(**changed: Any) -> ServiceSpec:
    """The file with some of its keys changed; None takes a key away."""
    data = {name: value for name, value in {**FILE, **changed}.items() if value is not None}
    return check_service(parse_document(yaml.safe_dump(data, sort_keys=False), "acorn.yaml"))


class Acorn(Service):
    base = "https://api.acorn.example/v1"

    def __init__(self) -> None:
        super().__init__(Clock())
        self.keys = {"right": True}
        self.state |= {"contacts": {}}
        self.asked: list[Call] = []
        self.before_page: Any = lambda offset: None

    def key_of(self, call: Call) -> str | None:
        return call.headers.get("x-key")

    def seed(self, count: int) -> None:
        there = self.state["contacts"]
        for number in range(len(there) + 1, len(there) + count + 1):
            there[str(number)] = {"id": number, "first": f"Ana {number}", "mail": f"a{number}@example.org"}

    @route("GET", "/contacts")
    def listing(self, call: Call) -> Answer:
        self.asked.append(call)
        offset, limit = call.number("offset", 0), call.number("limit", 10)
        self.before_page(offset)
        rows = list(self.state["contacts"].values())
        return Answer(200, {"items": rows[offset : offset + limit], "total": len(rows)})

    @route("GET", "/contacts/{name}")
    def one(self, call: Call, name: str) -> Answer:
        if name not in self.state["contacts"]:
            return Answer(404, {"message": "no such contact"})
        return Answer(200, self.state["contacts"][name])

    @route("PATCH", "/contacts/{name}")
    def change(self, call: Call, name: str) -> Answer:
        self.state["contacts"][name] |= call.json
        return Answer(200, self.state["contacts"][name])


def connect(service: Service, described: ServiceSpec | None = None, **settings: Any) -> RestConnector:
    kind = service_type("acorn", described or spec())
    context = Context("acorn", transport=service, clock=service.clock, sleep=service.clock.sleep)
    connector = kind(kind.Settings.model_validate({"secret": "right", **settings}), context)
    assert isinstance(connector, RestConnector)
    return connector
