"""Golden records: found as one types, shown with the source of every value, and put right."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.errors import ConfigError
from hub.model import ROOTS
from hub.store.db import Tx
from hub.sync import history, people
from hub.sync.receipts import receipts
from hub.sync.search import search
from hub.sync.story import Story, explain_field, tell
from hub.web.console.asked import Skip, part_of
from hub.web.console.desk import form_texts
from hub.web.console.done import done
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, gettext_of, missing, page
from hub.web.guard import needs

FOUND = 50  # golden records shown for a search
GoldenId = Annotated[str, Form(max_length=64)]
Text = Annotated[str, Query(max_length=200)]
Field = Annotated[str, Query(max_length=400)]
Kind = Annotated[str, Query(max_length=20, pattern=r"^[a-z]*$")]


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/contacts", route_class=PageRoute)
    _looking(routes, console)
    _changing(routes, console)
    return routes


def _looking(routes: APIRouter, console: Console) -> None:
    @routes.get("")
    def contacts(request: Request, q: Text = "", actor: Actor = needs(Right.CONTACTS)) -> Response:
        hits = search(console.world.store, console.world.index, q, FOUND)
        return page(console, request, actor, "contacts.html", q=q, found=hits.rows, more=hits.after is not None)

    @routes.get("/found")
    def found_part(request: Request, q: Text = "", actor: Actor = needs(Right.CONTACTS)) -> Response:
        """The rows only, as one types."""
        hits = search(console.world.store, console.world.index, q, FOUND)
        return page(console, request, actor, "contacts_found.html", q=q, found=hits.rows, more=hits.after is not None)

    @routes.get("/{golden_id}")
    def contact(
        request: Request,
        golden_id: str,
        skip: Skip = 0,
        noted: Annotated[str, Query(max_length=64, pattern=r"^[0-9A-Za-z_-]*$")] = "",
        actor: Actor = needs(Right.CONTACTS),
    ) -> Response:
        part = part_of(skip)
        with console.world.store.read() as tx:
            story = _story(console, tx, request, golden_id, part)
        note_texts = form_texts(console)
        return page(console, request, actor, "contact.html", story=story, part=part, noted=noted, note_texts=note_texts)

    @routes.get("/{golden_id}/explain")
    def explain(request: Request, golden_id: str, field: Field, actor: Actor = needs(Right.CONTACTS)) -> Response:
        """Why one field is what it is: every claim, the rule, and who was told."""
        with console.world.store.read() as tx:
            story = _story(console, tx, request, golden_id, part_of(0, 1))
            keys = explain_field(tx, story.head.id, field, console.world.hub().rules)
        return page(console, request, actor, "contact_field.html", story=story, field=field, keys=keys)

    @routes.get("/{golden_id}/timeline")
    def timeline(
        request: Request, golden_id: str, skip: Skip = 0, kind: Kind = "", actor: Actor = needs(Right.CONTACTS)
    ) -> Response:
        part = part_of(skip)
        with console.world.store.read() as tx:
            story = _story(console, tx, request, golden_id, part_of(0, 1))
            events = history.timeline(tx, story.head.id, part, kind if kind in ROOTS else None)
        texts: dict[str, Any] = {"story": story, "events": events, "part": part, "kind": kind, "kinds": sorted(ROOTS)}
        return page(console, request, actor, "timeline.html", **texts)

    @routes.get("/{golden_id}/consent")
    def consent(request: Request, golden_id: str, actor: Actor = needs(Right.CONTACTS)) -> Response:
        """Every consent with its receipts: on whose word, what it was, and which systems know it."""
        with console.world.store.read() as tx:
            story = _story(console, tx, request, golden_id, part_of(0, 1))
            found = receipts(console.world.hub(), tx, story.head.id)
        return page(console, request, actor, "consent.html", story=story, receipts=found)


def _changing(routes: APIRouter, console: Console) -> None:
    @routes.post("/{golden_id}/merge")
    def merge(golden_id: str, other: GoldenId, actor: Actor = needs(Right.EDIT)) -> Response:
        return _to(console, people.merge(console.world.hub(), [golden_id, other.strip()], actor.name))

    @routes.post("/{golden_id}/split")
    def split(
        request: Request,
        golden_id: str,
        ref: Annotated[list[str] | None, Form(max_length=500)] = None,
        actor: Actor = needs(Right.EDIT),
    ) -> Response:
        if not ref:
            _ = gettext_of(request)
            raise ConfigError(_("Choose the source records that are another contact. Nothing was changed."))
        pairs = [(name, rest) for name, _, rest in (each.partition(":") for each in ref)]
        return _to(console, people.split(console.world.hub(), golden_id, pairs, actor.name))


def _to(console: Console, golden_id: str) -> Response:
    return done(console, f"/contacts/{golden_id}")


def _story(console: Console, tx: Tx, request: Request, golden_id: str, part: Any) -> Story:
    story = tell(tx, golden_id, console.world.hub().rules, part)
    if story is None:
        raise missing(request)
    return story
