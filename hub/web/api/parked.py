"""Parked records: what could not be taken, and writes that did not go out; sent back or dropped, also in bulk."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, model_validator

from hub.access.rights import Actor, Right
from hub.store import lists
from hub.store.lists import ParkedFilter
from hub.sync import desk
from hub.sync.corrections import fields_of, read_correction
from hub.sync.refused_writes import correct_contacts, sent_fields
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
    moment,
    place_of,
)
from hub.web.api.world import World
from hub.web.guard import needs

ConnectionFilter = Annotated[str | None, Field(pattern=r"^[a-z0-9_]{1,40}$")]
Reason = Annotated[Plain | None, Field(max_length=200)]


class Parked(Row):
    """original  as it came, text; state: open, retry, resolved or dropped

    fields      what of it can be corrected, as it came: field → text
    sent        of a refused write: what of it can be put right on the contact, as it was sent
    correction  what a person corrected: field → [as it came, as it is meant]
    """

    number: int
    connection: str
    external_id: str
    stage: str
    reason: str
    original: str
    at: Moment
    state: str
    fields: dict[str, str]
    sent: dict[str, str]
    correction: dict[str, list[str]]


class Reasons(Row):
    """Records of one connection and stage with the same reason. since: when the oldest was set aside"""

    connection: str
    stage: str
    reason: str
    records: int
    since: Moment


class ReasonList(BaseModel):
    items: list[Reasons]


class ParkedList(Paged):
    """reason  any part of it"""

    state: Literal["open", "all"] = "open"
    connection: ConnectionFilter = None
    reason: Reason = None


class ByReason(Asked):
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


class Correction(Chosen):
    """values: field → the value that is meant; it is taken for those of the records that have the field"""

    values: dict[Annotated[Plain, Field(max_length=200)], Annotated[Plain, Field(max_length=2_000)]] = Field(
        min_length=1, max_length=100
    )


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
        return Page(items=[_parked(each) for each in found.rows], next=more)

    @routes.get("/reasons")
    def reasons(asked: Annotated[ByReason, Query()], _: Actor = needs(Right.CONTACTS)) -> ReasonList:
        """How many wait for which reason, most first; at most 200."""
        with world.store.read() as tx:
            found = lists.parked_reasons(tx, ParkedFilter(asked.connection, reason=asked.reason), 200)
        return ReasonList(items=[Reasons.model_validate(each) for each in found])

    @routes.get("/{number}", responses=documented(404))
    def one(number: Number, _: Actor = needs(Right.CONTACTS)) -> Parked:
        with world.store.read() as tx:
            found = lists.parked(tx, ParkedFilter(numbers=(number,), states=()))
        if not found.rows:
            raise missing("parked record of this number")
        return _parked(found.rows[0])

    @routes.post("/retry", responses=documented(404, 413))
    def retry(chosen: Chosen, actor: Actor = needs(Right.DECIDE)) -> Count:
        """The next run of their connection takes them in, or writes them, again."""
        return Count(records=desk.retry(world.store, chosen.filter(), actor.name))

    @routes.post("/drop", responses=documented(404, 413))
    def drop(chosen: Chosen, actor: Actor = needs(Right.DECIDE)) -> Count:
        """They leave the list until their original changes."""
        return Count(records=desk.drop(world.store, chosen.filter(), actor.name))

    @routes.post("/correct", responses=documented(404, 413))
    def correct(correction: Correction, actor: Actor = needs(Right.DECIDE)) -> Count:
        """Fields of their originals are meant otherwise: the next run of their connection takes them in so."""
        rows = desk.correct(world.store, correction.filter(), correction.values, actor.name, world.clock())
        return Count(records=len(rows))

    @routes.post("/contacts", responses=documented(404, 409, 413))
    def contacts(correction: Correction, actor: Actor = needs(Right.EDIT)) -> Count:
        """Of refused writes: the values are put right on their contacts, and the writes made again by the next run.

        An element that was sent, such as `emails/ann@exmaple.org`, is replaced; an empty value takes it away.
        """
        region = world.config.default_region
        rows = correct_contacts(world.hub(), correction.filter(), correction.values, actor.name, region)
        return Count(records=len(rows))

    return routes


def _parked(row: lists.ParkedRow) -> Parked:
    correction = read_correction(row.edit)
    values = correction.values if correction is not None else {}
    return Parked(
        number=row.number,
        connection=row.connection,
        external_id=row.external_id,
        stage=row.stage,
        reason=row.reason,
        original=row.original,
        at=moment(row.at),
        state=row.state,
        fields=fields_of(row),
        sent=sent_fields(row),
        correction={key: list(pair) for key, pair in values.items()},
    )
