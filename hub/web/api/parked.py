"""Parked records: what could not be taken, and writes that did not go out; sent back or dropped, also in bulk."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query
from pydantic import Field, model_validator

from hub.access.rights import Actor, Right
from hub.store import lists
from hub.store.lists import ParkedFilter
from hub.sync import desk
from hub.web.api.answers import (
    LARGEST_NUMBER,
    ApiRoute,
    Asked,
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

ConnectionFilter = Annotated[str | None, Field(pattern=r"^[a-z0-9_]{1,40}$")]
Reason = Annotated[Plain | None, Field(max_length=200)]


class Parked(Row):
    """original  as it came, text; state: open, retry, resolved or dropped"""

    number: int
    connection: str
    external_id: str
    stage: str
    reason: str
    original: str
    at: Moment
    state: str


class ParkedList(Paged):
    """reason  any part of it"""

    state: Literal["open", "all"] = "open"
    connection: ConnectionFilter = None
    reason: Reason = None


class Chosen(Asked):
    """Which: by number, of a connection, by a part of the reason. All of these that are given have to fit."""

    numbers: list[Annotated[int, Field(ge=1, le=LARGEST_NUMBER)]] | None = Field(None, min_length=1, max_length=1000)
    connection: ConnectionFilter = None
    reason: Reason = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.numbers or self.connection or self.reason):
            raise ValueError("say which: numbers, connection or reason")
        return self

    def filter(self) -> ParkedFilter:
        numbers = tuple(self.numbers) if self.numbers else None
        return ParkedFilter(self.connection, reason=self.reason, numbers=numbers)


class Count(Row):
    records: int


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/parked", route_class=ApiRoute, responses=documented(), tags=["parked"])

    @routes.get("")
    def parked(asked: Annotated[ParkedList, Query()], _: Actor = needs(Right.CONTACTS)) -> Page[Parked]:
        """The oldest first: they wait longest."""
        place = place_of("parked", asked.cursor, int)
        states = () if asked.state == "all" else lists.WAITING
        chosen = ParkedFilter(asked.connection, reason=asked.reason, states=states, above=place[0] if place else None)
        with world.store.read() as tx:
            found = lists.parked(tx, chosen, lists.Part(asked.limit))
        more = cursor_of("parked", found.rows[-1].number) if found.more else None
        return Page(items=[Parked.model_validate(each) for each in found.rows], next=more)

    @routes.get("/{number}", responses=documented(404))
    def one(number: Number, _: Actor = needs(Right.CONTACTS)) -> Parked:
        with world.store.read() as tx:
            found = lists.parked(tx, ParkedFilter(numbers=(number,), states=()))
        if not found.rows:
            raise missing("parked record of this number")
        return Parked.model_validate(found.rows[0])

    @routes.post("/retry", responses=documented(404, 413))
    def retry(chosen: Chosen, actor: Actor = needs(Right.DECIDE)) -> Count:
        """The next run of their connection takes them in, or writes them, again."""
        return Count(records=desk.retry(world.store, chosen.filter(), actor.name))

    @routes.post("/drop", responses=documented(404, 413))
    def drop(chosen: Chosen, actor: Actor = needs(Right.DECIDE)) -> Count:
        """They leave the list until their original changes."""
        return Count(records=desk.drop(world.store, chosen.filter(), actor.name))

    return routes
