"""Acorn CRM, a made-up service, and its description: what the kit is tried on."""

from __future__ import annotations

from typing import Any, ClassVar

from hub.testing.clock import Clock
from hub.testing.service import Answer, Call, Rate, Refusal, Service, route

KEY = "acorn-key-1"
PAGE = {"type": "object", "required": ["items", "next"], "properties": {"next": {"type": "string", "nullable": True}}}
CONTACT = {
    "type": "object",
    "required": ["id", "name"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string", "nullable": True},
        "stage": {"type": "string"},
    },
}


def answers(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}, "description": "what was asked for"}


DESCRIPTION: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Acorn", "version": "2"},
    "servers": [{"url": "https://api.acorn.example/v2"}],
    "paths": {
        "/contacts": {
            "get": {
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}},
                    {"name": "after", "in": "query", "schema": {"type": "string"}},
                ],
                "responses": {"200": answers(PAGE)},
            },
            "post": {
                "requestBody": {"required": True, **answers({"$ref": "#/components/schemas/New"})},
                "responses": {"201": answers({"$ref": "#/components/schemas/Contact"})},
            },
        },
        "/contacts/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {"responses": {"200": answers({"$ref": "#/components/schemas/Contact"})}},
        },
    },
    "components": {
        "schemas": {
            "Contact": CONTACT,
            "New": {"type": "object", "required": ["name"], "properties": {"name": CONTACT["properties"]["name"]}},
        }
    },
}


class Acorn(Service):
    base = "https://api.acorn.example/v2"
    rate: ClassVar = Rate(50, 1.0)

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.keys = {KEY: True}
        self.state = {"contacts": {}}

    @property
    def contacts(self) -> dict[str, Any]:
        found: dict[str, Any] = self.state["contacts"]
        return found

    def rate_headers(self, left: int, resets_in: float) -> dict[str, str]:
        return {"x-left": str(left)}

    @route("GET", "/contacts")
    def listing(self, call: Call) -> Answer:
        call.only("limit", "after")
        limit = call.number("limit", 10, least=1, most=100)
        after = call.one("after", "")
        rest = [each for key, each in sorted(self.contacts.items()) if key > str(after)]
        more = len(rest) > limit
        return Answer(200, {"items": rest[:limit], "next": rest[limit - 1]["id"] if more else None})

    @route("POST", "/contacts")
    def create(self, call: Call) -> Answer:
        sent = call.body(required=["name"])
        key = f"c{len(self.contacts) + 1:05}"
        self.contacts[key] = {"id": key, **sent}
        return Answer(201, self.contacts[key])

    @route("GET", "/contacts/{id}")
    def one(self, call: Call, id: str) -> Answer:
        if id not in self.contacts:
            raise Refusal(404, {"error": "no such contact"})
        return Answer(200, self.contacts[id])
