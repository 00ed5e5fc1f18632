"""A value of a golden record put right by a person, on the version that they have looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.errors import Overtaken
from hub.model import base_field
from hub.store.contacts import changed_since, golden_head, pin_rows
from hub.store.links import resolve_golden
from hub.sync import desk, people
from hub.web.console.done import done
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, missing, page
from hub.web.guard import needs

Named = Annotated[str, Query(max_length=400)]
Field = Annotated[str, Form(max_length=400)]
Value = Annotated[str, Form(max_length=10_000)]
Version = Annotated[int, Form(ge=1, le=2**53)]


@dataclass(frozen=True, slots=True)
class _Typed:
    """What a person has typed. value: None takes the pin away; based_on: the version that they have looked at"""

    golden_id: str
    field: str
    value: str | None
    based_on: int


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/contacts", route_class=PageRoute)

    @routes.get("/{golden_id}/correct")
    def correct(request: Request, golden_id: str, field: Named = "", actor: Actor = needs(Right.CONTACTS)) -> Response:
        return _form(console, request, actor, golden_id, field)

    @routes.post("/{golden_id}/pin")
    def pin(
        request: Request,
        golden_id: str,
        field: Field,
        version: Version,
        value: Value = "",
        actor: Actor = needs(Right.EDIT),
    ) -> Response:
        key, fixed = desk.pin_value(field, value or None, console.world.config.default_region)
        try:
            home = people.pin(console.world.hub(), golden_id, key, fixed, actor.name, version=version)
        except Overtaken:
            return _form(console, request, actor, golden_id, field, _Typed(golden_id, field, value, version))
        return done(console, f"/contacts/{home}")

    @routes.post("/{golden_id}/unpin")
    def unpin(
        request: Request, golden_id: str, field: Field, version: Version, actor: Actor = needs(Right.EDIT)
    ) -> Response:
        try:
            home = people.unpin(console.world.hub(), golden_id, field, actor.name, version=version)
        except Overtaken:
            return _form(console, request, actor, golden_id, field, _Typed(golden_id, field, None, version))
        return done(console, f"/contacts/{home}")

    return routes


def _form(
    console: Console, request: Request, actor: Actor, golden_id: str, field: str, late: _Typed | None = None
) -> Response:
    """late: typed on a version that is not there any more; the difference is shown, and nothing typed is lost"""
    with console.world.store.read() as tx:
        home = resolve_golden(tx, golden_id)
        head = golden_head(tx, home) if home else None
        if head is None:
            raise missing(request)
        changes = changed_since(tx, head.id, late.based_on) if late else {}
        pinned = field in {row.field for row in pin_rows(tx, head.id)}
    may_see = actor.may(Right.CONTACTS)
    there = desk.pin_text(field, head.fields.get(field)) if may_see else ""
    texts: dict[str, Any] = {
        "head": head,
        "field": field,
        "base": base_field(field),
        "value": late.value if late and late.value is not None else there,
        "late": late,
        "changes": changes if may_see else {},
        "pinned": pinned,
    }
    return page(console, request, actor, "correct.html", status=409 if late else 200, **texts)
