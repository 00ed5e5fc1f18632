"""Conflicts: a field that changed on two sides; what won, by which rule; accepted or overturned."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from hub.access.rights import Actor, Right
from hub.store import lists
from hub.sync import desk, people
from hub.web.api.answers import (
    ApiRoute,
    Moment,
    Number,
    Page,
    Paged,
    Plain,
    Row,
    cursor_of,
    documented,
    missing,
    place_of,
)
from hub.web.api.world import World
from hub.web.guard import needs


class Conflict(Row):
    """base  what both held before; theirs: the system's; ours: the hub's. state: open, accepted or overturned"""

    number: int
    at: Moment
    connection: str
    golden_id: str
    field: str
    rule: str
    base: Any
    theirs: Any
    ours: Any
    claims: list[dict[str, Any]]
    winner: Any
    told: list[str]
    state: str
    run_id: str | None


class Decided(Row):
    number: int
    state: str
    golden_id: str


class Conflicts(Paged):
    state: Literal["open", "all"] = "open"
    connection: str | None = Field(None, pattern=r"^[a-z0-9_]{1,40}$")
    field: Plain | None = Field(None, max_length=200)
    golden_id: str | None = Field(None, pattern=r"^[0-9A-Za-z_-]{1,64}$")


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/conflicts", route_class=ApiRoute, responses=documented(), tags=["conflicts"])

    @routes.get("")
    def conflicts(asked: Annotated[Conflicts, Query()], _: Actor = needs(Right.CONTACTS)) -> Page[Conflict]:
        """The newest first."""
        place = place_of("conflicts", asked.cursor, int)
        with world.store.read() as tx:
            found = lists.conflicts(
                tx,
                lists.Part(asked.limit),
                state=None if asked.state == "all" else "open",
                connection=asked.connection,
                field=asked.field,
                golden_id=asked.golden_id,
                below=place[0] if place else None,
            )
        more = cursor_of("conflicts", found.rows[-1].number) if found.more else None
        return Page(items=[Conflict.model_validate(each) for each in found.rows], next=more)

    @routes.get("/{number}", responses=documented(404))
    def conflict(number: Number, _: Actor = needs(Right.CONTACTS)) -> Conflict:
        return Conflict.model_validate(_there(number))

    @routes.post("/{number}/accept", responses=documented(404, 409, 413))
    def accept(number: Number, actor: Actor = needs(Right.DECIDE)) -> Decided:
        """The rule decided well."""
        desk.accept_one(world.store, number, actor.name, world.clock())
        return _decided(number)

    @routes.post("/{number}/overturn", responses=documented(404, 409, 413))
    def overturn(number: Number, actor: Actor = needs(Right.DECIDE)) -> Decided:
        """The value that lost was right: it is pinned, and every system is told."""
        people.overturn(world.hub(), number, actor.name)
        return _decided(number)

    def _there(number: int) -> lists.ConflictRow:
        with world.store.read() as tx:
            found = lists.conflict(tx, number)
        if found is None:
            raise missing("conflict of this number")
        return found

    def _decided(number: int) -> Decided:
        return Decided.model_validate(_there(number))

    return routes
