"""Possible duplicates, those most worth an answer first; answers, and answers taken back."""

from __future__ import annotations

from bisect import bisect_right
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from hub.access.rights import Actor, Right
from hub.store import lists
from hub.store.lists import AskRow, chance
from hub.sync import people
from hub.sync.link import Link
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
    moment,
    place_of,
)
from hub.web.api.world import World
from hub.web.guard import needs


class Side(Row):
    golden_id: str
    connection: str
    external_id: str
    state: str
    fields: dict[str, Any]


class Question(Row):
    """weight  bits; chance: that the two are one; worth: what a right answer is worth; evidence: fields and bits"""

    number: int
    weight: float
    chance: float
    reach: int
    worth: float
    at: Moment
    state: str
    evidence: list[dict[str, Any]]
    a: Side
    b: Side


class Reviews(Paged):
    state: Literal["open", "all"] = "open"
    connection: str | None = Field(None, pattern=r"^[a-z0-9_]{1,40}$")


class Answer(Asked):
    """same  one contact: merged; different: two, for ever"""

    answer: Literal["same", "different"]


class Answered(Row):
    """golden_ids  where the two records are now: one id, or two"""

    number: int
    state: str
    golden_ids: list[str]


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/reviews", route_class=ApiRoute, responses=documented(), tags=["reviews"])

    @routes.get("")
    def reviews(asked: Annotated[Reviews, Query()], _: Actor = needs(Right.CONTACTS)) -> Page[Question]:
        """Those most worth an answer first."""
        place = place_of("reviews", asked.cursor, float, int)
        with world.store.read() as tx:
            state = None if asked.state == "all" else "open"
            order = lists.ask_order(tx, state=state, connection=asked.connection)
            first = bisect_right(order, (place[0], place[1])) if place else 0
            some = order[first : first + asked.limit]
            rows = lists.asks_numbered(tx, [number for _, number in some])
        more = cursor_of("reviews", *some[-1]) if len(order) > first + asked.limit else None
        return Page(items=[_question(row) for row in rows], next=more)

    @routes.get("/{number}", responses=documented(404))
    def review(number: Number, _: Actor = needs(Right.CONTACTS)) -> Question:
        return _question(_there(number))

    @routes.post("/{number}/answer", responses=documented(404, 409, 413))
    def answer(number: Number, said: Answer, actor: Actor = needs(Right.DECIDE)) -> Answered:
        """It stands until it is taken back, whatever the model says."""
        people.answer(world.hub(), number, said.answer, actor.name, open_only=True)
        return _answered(number)

    @routes.post("/{number}/undo", responses=documented(404, 409, 413))
    def undo(number: Number, actor: Actor = needs(Right.DECIDE)) -> Answered:
        """What the answer did is undone, and the model decides again."""
        people.take_back(world.hub(), number, actor.name)
        return _answered(number)

    def _there(number: int) -> AskRow:
        with world.store.read() as tx:
            found = lists.ask(tx, number)
        if found is None:
            raise missing("question of this number")
        return found

    def _answered(number: int) -> Answered:
        row = _there(number)
        homes = list(dict.fromkeys((row.a.golden_id, row.b.golden_id)))
        return Answered(number=number, state=row.state, golden_ids=homes)

    return routes


def _question(row: AskRow) -> Question:
    return Question(
        number=row.number,
        weight=row.weight,
        chance=round(chance(row.weight), 3),
        reach=row.reach,
        worth=row.worth,
        at=moment(row.at),
        state=row.state,
        evidence=[dict(line) for line in row.evidence],
        a=_side(row.a),
        b=_side(row.b),
    )


def _side(link: Link) -> Side:
    return Side(
        golden_id=link.golden_id,
        connection=link.connection,
        external_id=link.external_id,
        state=str(link.state),
        fields=dict(link.opinion().fields),
    )
