"""Fields that changed in two places: who won by which rule, accepted many at once or overturned one by one."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.store import lists
from hub.sync import desk, people
from hub.sync.aftermath import aftermath
from hub.web.console.asked import Connection, Number, OneOf, Skip, part_of
from hub.web.console.done import done
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, missing, page
from hub.web.guard import needs

MOST = 500  # conflicts accepted by one step
Numbers = Annotated[list[OneOf], Form(max_length=MOST)]


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/conflicts", route_class=PageRoute)

    @routes.get("")
    def conflicts(
        request: Request,
        connection: Connection = "",
        show: Literal["open", "all"] = "open",
        skip: Skip = 0,
        actor: Actor = needs(Right.CONTACTS),
    ) -> Response:
        part = part_of(skip)
        state = "open" if show == "open" else None
        with console.world.store.read() as tx:
            found = lists.conflicts(tx, part, state=state, connection=connection or None)
        return page(
            console,
            request,
            actor,
            "conflicts.html",
            found=found,
            part=part,
            show=show,
            connection=connection,
            connections=list(console.world.config.connections),
        )

    @routes.get("/{number}")
    def conflict(request: Request, number: Number, actor: Actor = needs(Right.CONTACTS)) -> Response:
        with console.world.store.read() as tx:
            row = lists.conflict(tx, number)
            after = aftermath(tx, row) if row is not None else None
        if row is None:
            raise missing(request)
        return page(console, request, actor, "conflict.html", row=row, after=after)

    @routes.post("/accept")
    def accept(number: Numbers, actor: Actor = needs(Right.DECIDE)) -> Response:
        desk.accept(console.world.store, number, actor.name, console.world.clock())
        return done(console, "/conflicts")

    @routes.post("/{number}/overturn")
    def overturn(number: Number, actor: Actor = needs(Right.DECIDE)) -> Response:
        people.overturn(console.world.hub(), number, actor.name)
        return done(console, f"/conflicts/{number}")

    return routes
