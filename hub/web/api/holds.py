"""Held runs: looked at row by row, approved or refused. Refused with 409 when the world moved meanwhile."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, model_validator

from hub.access.rights import Actor, Right
from hub.store import lists
from hub.sync import desk
from hub.sync.in_part import Said, ask_again, decide_rows
from hub.web.api.answers import (
    LARGEST_NUMBER,
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

Word = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[\w. ]+$")]


class Hold(Row):
    """gate: first, intake, absence, deletes, push creates, push deletes; state: open, approved, refused, overtaken

    total  rows of its plan, of which the first are kept: the others follow when those are decided; null: all are kept
    """

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
    total: int | None


class PlanRow(Row):
    """detail   `fields`: key → [old, new], where the plan knows it

    verdict  approved, refused; done, kept: carried out since; overtaken: it does not wait any more; null: not decided
    waits    whether it can be decided by itself, and is not
    """

    number: int
    connection: str
    op: str
    subject: str
    detail: dict[str, Any]
    verdict: str | None
    waits: bool


class PlanGroup(Row):
    """Rows of one kind in one connection; fields: field → rows that change it"""

    connection: str
    op: str
    rows: int
    fields: dict[str, int]


class PlanGroups(BaseModel):
    items: list[PlanGroup]


class PlanPaged(Paged):
    """op: rows of this kind; field: that change this field"""

    op: Word | None = None
    field: Word | None = None


class SomeRows(Asked):
    """Which rows: by number, or by kind and field. All of these that are given have to fit.

    seen  how many such rows that wait were looked at: with others by now the decision is refused
    """

    verdict: Literal["approved", "refused"]
    numbers: list[Annotated[int, Field(ge=1, le=LARGEST_NUMBER)]] | None = Field(None, min_length=1, max_length=10_000)
    op: Word | None = None
    field: Word | None = None
    seen: Annotated[int, Field(ge=0, le=LARGEST_NUMBER)] | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.numbers or self.op or self.field):
            raise ValueError("say which: numbers, op or field")
        return self


class DecidedRows(BaseModel):
    """rows: that were decided; moved: that have changed since, and were not: look at them again"""

    hold: Hold
    rows: list[int]
    moved: list[int]


class AskedAgain(BaseModel):
    records: int


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
    def plan(number: Number, asked: Annotated[PlanPaged, Query()], _: Actor = needs(Right.CONTACTS)) -> Page[PlanRow]:
        """What it would do, row by row. Holds personal data."""
        place = place_of("plan", asked.cursor, int)
        with world.store.read() as tx:
            if lists.hold(tx, number) is None:
                raise missing("hold of this number")
            chosen = lists.RowFilter(op=asked.op, field=asked.field)
            after = place[0] if place else None
            found = lists.plan_rows(tx, number, lists.Part(asked.limit), after=after, chosen=chosen)
        more = cursor_of("plan", found.rows[-1].number) if found.more else None
        return Page(items=[PlanRow.model_validate(each) for each in found.rows], next=more)

    @routes.get("/{number}/groups", responses=documented(404))
    def groups(number: Number, _: Actor = needs(Right.HEALTH)) -> PlanGroups:
        """The rows of its plan by connection, kind and field, as they were when it was made."""
        with world.store.read() as tx:
            if lists.hold(tx, number) is None:
                raise missing("hold of this number")
            return PlanGroups(items=[PlanGroup.model_validate(each) for each in lists.plan_groups(tx, number)])

    @routes.post("/{number}/rows", responses=documented(404, 409, 413))
    def rows(number: Number, some: SomeRows, actor: Actor = needs(Right.APPROVE)) -> DecidedRows:
        """Some rows of a hold are approved or refused; the others wait on."""
        chosen = lists.RowFilter(tuple(some.numbers) if some.numbers else None, some.op, some.field)
        made = decide_rows(world.hub(), number, chosen, Said(some.verdict, actor.name, some.seen), world.clock())
        return DecidedRows(hold=Hold.model_validate(made.hold), rows=list(made.rows), moved=list(made.moved))

    @routes.post("/{number}/again", responses=documented(404, 409))
    def again(number: Number, actor: Actor = needs(Right.APPROVE)) -> AskedAgain:
        """What was refused row by row is asked again: its connection lists everything at its next run."""
        return AskedAgain(records=ask_again(world.store, number, actor.name, world.clock()))

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
