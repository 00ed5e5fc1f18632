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
        "key": {"type": "string"},
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
                    {"name": "key", "in": "query", "schema": {"type": "string"}},
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
            "patch": {
                "requestBody": {"required": True, **answers({"type": "object"})},
                "responses": {"200": answers({"$ref": "#/components/schemas/Contact"})},
            },
            "delete": {"responses": {"204": {"description": "gone"}}},
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
        self.state = {"contacts": {}, "made": 0}

    @property
    def contacts(self) -> dict[str, Any]:
        found: dict[str, Any] = self.state["contacts"]
        return found

    def rate_headers(self, left: int, resets_in: float) -> dict[str, str]:
        return {"x-left": str(left)}

    @route("GET", "/contacts")
    def listing(self, call: Call) -> Answer:
        call.only("limit", "after", "key")
        limit = call.number("limit", 10, least=1, most=100)
        after, key = call.one("after", ""), call.one("key")
        rest = [each for at, each in self.contacts.items() if at > str(after)]  # in the order of their ids
        if key is not None:
            rest = [each for each in rest if each.get("key") == key]
        following = rest[limit - 1]["id"] if len(rest) > limit else None
        return Answer(200, {"items": rest[:limit], "next": following, "total": len(self.contacts)})

    @route("POST", "/contacts")
    def create(self, call: Call) -> Answer:
        sent = call.body(required=["name"], allowed=["stage", "key"])
        self._judge(call, sent)
        self.state["made"] += 1
        made = f"c{self.state['made']:07}"
        self.contacts[made] = {"id": made, "stage": "lead", **sent}
        return Answer(201, self.contacts[made])

    @route("GET", "/contacts/{id}")
    def one(self, call: Call, id: str) -> Answer:
        return Answer(200, self._there(id))

    @route("PATCH", "/contacts/{id}")
    def change(self, call: Call, id: str) -> Answer:
        sent = call.body(allowed=["name", "stage"])
        self._judge(call, sent)
        self._there(id).update(sent)
        return Answer(200, self._there(id))

    @route("DELETE", "/contacts/{id}")
    def delete(self, call: Call, id: str) -> Answer:
        self._there(id)
        del self.contacts[id]
        return Answer(204)

    def _there(self, id: str) -> dict[str, Any]:
        if id not in self.contacts:
            raise Refusal(404, {"error": "no such contact"})
        found: dict[str, Any] = self.contacts[id]
        return found

    def _judge(self, call: Call, sent: dict[str, Any]) -> None:
        if len(str(sent.get("name") or "")) > 200:
            raise self.refusal(call, 422, "name is too long")
        if sent.get("stage") not in {None, "lead", "client"}:
            raise self.refusal(call, 422, "no such stage")
