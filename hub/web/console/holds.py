"""Held runs and the plans of first syncs: looked at row by row, then approved or refused."""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.store import lists
from hub.sync import desk
from hub.web.console.asked import Connection, Skip, part_of
from hub.web.console.done import done
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, missing, page
from hub.web.guard import needs

Show = Literal["open", "all"]


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/holds", route_class=PageRoute)

    @routes.get("")
    def holds(
        request: Request,
        connection: Connection = "",
        show: Show = "open",
        skip: Skip = 0,
        actor: Actor = needs(Right.HEALTH),
    ) -> Response:
        part = part_of(skip)
        with console.world.store.read() as tx:
            found = lists.holds(tx, part, state="open" if show == "open" else None, connection=connection or None)
        return page(console, request, actor, "holds.html", found=found, part=part, show=show, connection=connection)

    @routes.get("/{number}")
    def hold(request: Request, number: int, skip: Skip = 0, actor: Actor = needs(Right.HEALTH)) -> Response:
        """The plan names people, so that it is shown only to who may see contacts."""
        part = part_of(skip)
        with console.world.store.read() as tx:
            found = lists.hold(tx, number)
            plan = lists.plan_rows(tx, number, part) if actor.may(Right.CONTACTS) else lists.Listed((), 0)
        if found is None:
            raise missing(request)
        return page(console, request, actor, "hold.html", hold=found, plan=plan, part=part)

    @routes.post("/{number}")
    def decide(
        number: int,
        verdict: Annotated[Literal["approve", "refuse"], Form()],
        seen: Annotated[str, Form(max_length=2_000)],
        actor: Actor = needs(Right.APPROVE),
    ) -> Response:
        """seen: the counts that were looked at; with others the decision is refused."""
        act = desk.approve if verdict == "approve" else desk.refuse
        act(console.world.store, number, actor.name, console.world.clock(), seen=_counts(seen))
        return done(console, f"/holds/{number}")

    return routes


def _counts(text: str) -> dict[str, int]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    return found if isinstance(found, dict) else {}
