"""Held runs: looked at row by row, approved or refused. Refused with 409 when the world moved meanwhile."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from hub.access.rights import Actor, Right
from hub.store import lists
from hub.sync import desk
from hub.web.api.answers import (
    ApiRoute,
    Asked,
    Moment,
    Number,
    Page,
    Paged,
    Row,
    cursor_of,
    documented,
    missing,
    place_of,
)
from hub.web.api.world import World
from hub.web.guard import needs


class Hold(Row):
    """gate: first, intake, absence, deletes, push creates, push deletes; state: open, approved, refused, overtaken"""

    number: int
    connection: str
    run_id: str
    gate: str
    counts: dict[str, int]
    reason: str
    at: Moment
    state: str
    person: str | None
    decided_at: Moment | None


class PlanRow(Row):
    """detail  `fields`: key → [old, new], where the plan knows it"""

    number: int
    connection: str
    op: str
    subject: str
    detail: dict[str, Any]


class Holds(Paged):
    state: Literal["open", "all"] = "open"
    connection: str | None = Field(None, pattern=r"^[a-z0-9_]{1,40}$")


class Decision(Asked):
    """seen  the `counts` that were decided on: with others the decision is refused"""

    seen: dict[Annotated[str, Field(max_length=40)], Annotated[int, Field(ge=0, le=2**53)]]


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/holds", route_class=ApiRoute, responses=documented(), tags=["holds"])

    @routes.get("")
    def holds(asked: Annotated[Holds, Query()], _: Actor = needs(Right.HEALTH)) -> Page[Hold]:
        """The newest first."""
        place = place_of("holds", asked.cursor, int)
        with world.store.read() as tx:
            found = lists.holds(
                tx,
                lists.Part(asked.limit),
                state=None if asked.state == "all" else "open",
                connection=asked.connection,
                below=place[0] if place else None,
            )
        more = cursor_of("holds", found.rows[-1].number) if found.more else None
        return Page(items=[Hold.model_validate(each) for each in found.rows], next=more)

    @routes.get("/{number}", responses=documented(404))
    def hold(number: Number, _: Actor = needs(Right.HEALTH)) -> Hold:
        with world.store.read() as tx:
            found = lists.hold(tx, number)
        if found is None:
            raise missing("hold of this number")
        return Hold.model_validate(found)

    @routes.get("/{number}/plan", responses=documented(404))
    def plan(number: Number, asked: Annotated[Paged, Query()], _: Actor = needs(Right.CONTACTS)) -> Page[PlanRow]:
        """What it would do, row by row. Holds personal data."""
        place = place_of("plan", asked.cursor, int)
        with world.store.read() as tx:
            if lists.hold(tx, number) is None:
                raise missing("hold of this number")
            found = lists.plan_rows(tx, number, lists.Part(asked.limit), after=place[0] if place else None)
        more = cursor_of("plan", found.rows[-1].number) if found.more else None
        return Page(items=[PlanRow.model_validate(each) for each in found.rows], next=more)

    @routes.post("/{number}/approve", responses=documented(404, 409, 413))
    def approve(number: Number, decision: Decision, actor: Actor = needs(Right.APPROVE)) -> Hold:
        """The next run of its connection may touch as much as was seen, and no more."""
        desk.approve(world.store, number, actor.name, world.clock(), seen=decision.seen)
        return _now(number)

    @routes.post("/{number}/refuse", responses=documented(404, 409, 413))
    def refuse(number: Number, decision: Decision, actor: Actor = needs(Right.APPROVE)) -> Hold:
        """Nothing more of it is done, and its connection is paused until somebody starts it."""
        desk.refuse(world.store, number, actor.name, world.clock(), seen=decision.seen)
        return _now(number)

    def _now(number: int) -> Hold:
        with world.store.read() as tx:
            return Hold.model_validate(lists.hold(tx, number))

    return routes
