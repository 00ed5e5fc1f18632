"""Past runs, and one of them: counts, what it left behind, why it ended as it did."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.store.runs import past_runs, run_detail
from hub.web.console.asked import Connection, Skip, part_of
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, missing, page
from hub.web.guard import needs


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
    def run(request: Request, run_id: str, actor: Actor = needs(Right.HEALTH)) -> Response:
        found = run_detail(console.world.store, run_id)
        if found is None:
            raise missing(request)
        return page(console, request, actor, "run.html", run=found[0], left=found[1])

    return routes
