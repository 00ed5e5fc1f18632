"""Past runs and those under way; one of them: how far it is, and what it did, record by record."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.store.outcomes import Part, Place, Wanted, outcomes
from hub.store.runs import PastRun, gates_of, one_run, past_runs
from hub.sync import desk
from hub.web.api.answers import Refused, cursor_of, place_of
from hub.web.console.asked import Connection, Skip, part_of
from hub.web.console.done import done
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, missing, page
from hub.web.guard import needs

What = Literal[
    "", "aside", "asked", "conflict", "unsure", "created", "linked", "changed", "joined", "written", "owed", "other"
]
Text = Annotated[str, Query(max_length=200)]
Cursor = Annotated[str, Query(max_length=400)]


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/runs", route_class=PageRoute)

    @routes.get("")
    def runs(
        request: Request, connection: Connection = "", skip: Skip = 0, actor: Actor = needs(Right.HEALTH)
    ) -> Response:
        part = part_of(skip)
        found = past_runs(console.world.store, connection or None, part.limit + 1, skip)
        return page(
            console,
            request,
            actor,
            "runs.html",
            runs=found[: part.limit],
            part=part,
            is_more=len(found) > part.limit,
            connection=connection,
            connections=list(console.world.config.connections),
        )

    @routes.get("/{run_id}")
    def run(
        request: Request,
        run_id: str,
        what: What = "",
        text: Text = "",
        cursor: Cursor = "",
        actor: Actor = needs(Right.HEALTH),
    ) -> Response:
        """What it did names people, so that it is shown only to who may see contacts."""
        with console.world.store.read() as tx:
            found, gates = one_run(tx, run_id), gates_of(tx, run_id)
        if found is None:
            raise missing(request)
        part = Part((), None)
        if actor.may(Right.CONTACTS):
            part = _part(console, request, found, Wanted(what or None, text or None), cursor)
        if found.status != "running" and request.headers.get("hx-request") == "true":
            return Response(headers={"HX-Refresh": "true"})  # it has ended while somebody looked
        return page(
            console,
            request,
            actor,
            "run.html",
            run=found,
            gates=gates,
            outcomes=part.rows,
            next=cursor_of("outcomes", part.next.source, part.next.after) if part.next else "",
            what=what,
            text=text,
            cursor=cursor,
        )

    @routes.post("/{run_id}/stop")
    def stop(run_id: str, actor: Actor = needs(Right.RUN)) -> Response:
        desk.stop_run(console.world.store, run_id, actor.name, console.world.clock())
        return done(console, f"/runs/{run_id}")

    return routes


def _part(console: Console, request: Request, run: PastRun, wanted: Wanted, cursor: str) -> Part:
    try:
        place = place_of("outcomes", cursor or None, str, int)
    except Refused as err:
        raise missing(request) from err
    with console.world.store.read() as tx:
        return outcomes(tx, run, wanted, Place(*place) if place else None)
