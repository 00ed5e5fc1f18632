"""Possible duplicates, one after the other, those most worth an answer first; an answer can be taken back."""

from __future__ import annotations

from bisect import bisect_right
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.access.rights import Actor, Right
from hub.store import lists
from hub.store.lists import AskRow
from hub.sync import people
from hub.sync.sides import side_by_side, unexplained
from hub.web.console.asked import Number
from hub.web.console.done import done
from hub.web.console.glance import Kept
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, missing, page
from hub.web.guard import needs

ORDER_SECONDS = 15.0  # the order is made anew after that; what is answered meanwhile is passed over
START = ""

After = Annotated[str, Query(max_length=60, pattern=r"^(-?[0-9.e+-]+:[0-9]+)?$")]
Last = Annotated[int | None, Query(ge=1)]


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/reviews", route_class=PageRoute)
    order = Kept(lambda: _order(console), console.world.clock, ORDER_SECONDS)

    @routes.get("")
    def work(
        request: Request, after: After = START, last: Last = None, actor: Actor = needs(Right.CONTACTS)
    ) -> Response:
        """The first open question after a place in the order. last: what was answered before, to be taken back."""
        open_now = order.get()
        place, row = _next(console, open_now, after)
        there = len(open_now)
        key = _key(open_now[place]) if row else START
        return _show(console, request, actor, row, place=place, there=there, key=key, after=after, last=last)

    @routes.get("/{number}")
    def one(request: Request, number: Number, actor: Actor = needs(Right.CONTACTS)) -> Response:
        with console.world.store.read() as tx:
            row = lists.ask(tx, number)
        if row is None:
            raise missing(request)
        return _show(console, request, actor, row)

    @routes.post("/{number}")
    def answer(
        number: Number,
        verdict: Annotated[Literal["same", "different"], Form()],
        after: Annotated[str, Form(max_length=60)] = START,
        actor: Actor = needs(Right.DECIDE),
    ) -> Response:
        people.answer(console.world.hub(), number, verdict, actor.name)
        return done(console, f"/reviews?{urlencode({'after': after, 'last': number})}")

    @routes.post("/{number}/undo")
    def undo(number: Number, actor: Actor = needs(Right.DECIDE)) -> Response:
        people.take_back(console.world.hub(), number, actor.name)
        order.forget()
        console.glance.forget()
        return RedirectResponse(f"/reviews/{number}", 303)

    return routes


def _show(
    console: Console,
    request: Request,
    actor: Actor,
    row: AskRow | None,
    *,
    place: int | None = None,
    there: int = 0,
    key: str = START,
    after: str = START,
    last: int | None = None,
) -> Response:
    return page(
        console,
        request,
        actor,
        "review.html",
        row=row,
        place=place,
        there=there,
        key=key,
        after=after,
        last=last,
        lines=list(side_by_side(row)) if row else [],
        rest=unexplained(row) if row else 0.0,
        chance=lists.chance(row.weight) if row else 0.0,
    )


def _order(console: Console) -> list[tuple[float, int]]:
    with console.world.store.read() as tx:
        return lists.ask_order(tx)


def _next(console: Console, order: list[tuple[float, int]], after: str) -> tuple[int, AskRow | None]:
    """(place in the order, question): passes over what another answer has settled since the order was made."""
    start = bisect_right(order, _place(after)) if after else 0
    with console.world.store.read() as tx:
        for place in range(start, len(order)):
            row = lists.ask(tx, order[place][1])
            if row is not None and row.state == "open" and row.a.golden_id != row.b.golden_id:
                return place, row
    return len(order), None


def _key(place: tuple[float, int]) -> str:
    return f"{place[0]!r}:{place[1]}"


def _place(key: str) -> tuple[float, int]:
    worth, _, number = key.partition(":")
    try:
        return float(worth), int(number)
    except ValueError:
        return float("-inf"), 0
