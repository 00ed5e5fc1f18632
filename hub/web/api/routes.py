"""The API, version 1: all of its routes, and their description as OpenAPI."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse

from hub import __version__
from hub.access.rights import Actor, Right
from hub.web.api import (
    bulk,
    configurations,
    conflicts,
    connections,
    contacts,
    edits,
    erasures,
    events,
    exports,
    holds,
    interactions,
    lookup,
    mappings,
    parked,
    parked_lines,
    reviews,
    rules,
    runs,
)
from hub.web.api.answers import ApiRoute
from hub.web.api.world import World
from hub.web.guard import needs

PREFIX = "/api/v1"
RESOURCES = (
    lookup,  # first: routes are tried in turn, and here somebody waits on the telephone
    *(connections, configurations, mappings, runs, holds, contacts, bulk, edits, erasures, reviews, conflicts),
    *(rules, parked_lines, parked, interactions, exports, events),
)


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix=PREFIX, route_class=ApiRoute)
    for resource in RESOURCES:
        routes.include_router(resource.router(world))
    routes.include_router(interactions.follow_up_router(world))
    described: list[dict[str, Any]] = []

    @routes.get("/openapi.json", include_in_schema=False)
    def openapi(_: Actor = needs(Right.HEALTH)) -> JSONResponse:
        if not described:
            described.append(describe(routes))
        return JSONResponse(described[0])

    return routes


def describe(routes: APIRouter) -> dict[str, Any]:
    """The OpenAPI document."""
    found = get_openapi(
        title="contact hub",
        version=__version__,
        description="Everything the console does. Errors are RFC 9457 problems; decide by their `type`.",
        routes=routes.routes,
    )
    found.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{"token": []}]
    return found
