"""Contacts: search as one types, one with all its sources, its history, why a field is what it is, its timeline."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Query, Response
from pydantic import Field

from hub.access.rights import Actor, Right
from hub.readable import name_of
from hub.store.contacts import history
from hub.store.lists import Part
from hub.sync import follow, search
from hub.sync import history as happened
from hub.sync.receipts import receipts
from hub.sync.story import Story, explain_field, tell
from hub.web.api import values
from hub.web.api.answers import (
    ApiRoute,
    Asked,
    GoldenId,
    Page,
    Paged,
    Plain,
    cursor_of,
    documented,
    missing,
    place_of,
)
from hub.web.api.world import World
from hub.web.guard import needs

Root: TypeAlias = Literal[
    "call", "chat", "complaint", "form", "letter", "mail", "note", "order", "sms", "social", "task", "visit", "web"
]


class Typed(Paged):
    """q  beginnings of words: of names, mail addresses, numbers and ids, in any order"""

    q: Plain = Field(max_length=200)


class Found(Page[values.FoundContact]):
    """behind: changes that the search has yet to hear of; filling: it is made anew, so that some are not found yet"""

    behind: int
    filling: bool


class OneField(Asked):
    field: Plain = Field(min_length=1, max_length=400, description="job_title, emails, or emails/ADDRESS")


class Happened(Paged):
    """kind  only those whose kind begins with it"""

    kind: Root | None = None


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/contacts", route_class=ApiRoute, responses=documented(), tags=["contacts"])

    @routes.get("")
    def find(asked: Annotated[Typed, Query()], _: Actor = needs(Right.CONTACTS)) -> Found:
        """Search as one types; those that have the words whole come first."""
        place = place_of("search", asked.cursor, int, int)
        after = search.After(*place) if place else search.After()
        hits = search.search(world.store, world.index, asked.q, asked.limit, after)
        lag = follow.lag(world.store, world.index)
        rows = [
            values.FoundContact(
                id=row.id,
                state=row.state,
                name=name_of(row.fields),
                fields=row.fields,
                records=[values.Ref(connection=c, external_id=e) for c, e in row.records],
            )
            for row in hits.rows
        ]
        more = cursor_of("search", hits.after.way, hits.after.number) if hits.after else None
        return Found(items=rows, next=more, behind=lag.changes, filling=lag.filling)

    @routes.get("/{golden_id}", responses=documented(404))
    def show(golden_id: GoldenId, response: Response, _: Actor = needs(Right.CONTACTS)) -> values.Contact:
        """All that is known: every value with its source, records, pins, what each system was told. Has an ETag."""
        story = _story(golden_id)
        response.headers["ETag"] = values.etag(story.head.version)
        return values.contact(story)

    @routes.get("/{golden_id}/history", responses=documented(404))
    def changes(
        golden_id: GoldenId, asked: Annotated[Paged, Query()], _: Actor = needs(Right.CONTACTS)
    ) -> Page[values.Change]:
        """The newest first."""
        place = place_of("history", asked.cursor, int)
        story = _story(golden_id)
        with world.store.read() as tx:
            ids = [story.head.id, *story.former]
            found = history(tx, ids, Part(asked.limit), below=place[0] if place else None)
        more = cursor_of("history", found.rows[-1].number) if found.more else None
        return Page(items=[values.Change.model_validate(row) for row in found.rows], next=more)

    @routes.get("/{golden_id}/explain", responses=documented(404))
    def explain(
        golden_id: GoldenId, asked: Annotated[OneField, Query()], _: Actor = needs(Right.CONTACTS)
    ) -> list[values.KeyStory]:
        """Why a field is what it is: every claim, the rule, the winner, a pin, who was told."""
        story = _story(golden_id)
        with world.store.read() as tx:
            found = explain_field(tx, story.head.id, asked.field, world.hub().rules)
        return [values.KeyStory.model_validate(key) for key in found]

    @routes.get("/{golden_id}/timeline", responses=documented(404))
    def timeline(
        golden_id: GoldenId, asked: Annotated[Happened, Query()], _: Actor = needs(Right.CONTACTS)
    ) -> Page[values.Event]:
        """Interactions, the latest first."""
        # what comes in later stands before the place, so the place is counted from the end
        place = place_of("timeline", asked.cursor, int)
        with world.store.read() as tx:
            first = happened.timeline(tx, golden_id, Part(1), asked.kind)
            if first is None:
                raise missing("contact of this id")
            total = first.more + len(first.rows)
            skip = max(0, total - place[0]) if place else 0
            found = happened.timeline(tx, golden_id, Part(asked.limit, skip), asked.kind)
        assert found is not None
        more = cursor_of("timeline", found.more) if found.more and found.rows else None
        return Page(items=[values.Event.model_validate(event) for event in found.rows], next=more)

    @routes.get("/{golden_id}/consent", responses=documented(404))
    def consent(golden_id: GoldenId, _: Actor = needs(Right.CONTACTS)) -> list[values.Receipt]:
        """Every consent: on whose word it stands, what it was before, and which systems know it."""
        home = _story(golden_id).head.id
        with world.store.read() as tx:
            found = receipts(world.hub(), tx, home)
        return [values.receipt(one) for one in found]

    def _story(golden_id: str) -> Story:
        with world.store.read() as tx:
            story = tell(tx, golden_id, world.hub().rules, Part(1))
        if story is None:
            raise missing("contact of this id")
        return story

    return routes
