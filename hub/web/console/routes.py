"""All pages of the console, and what of it is not one: language and colours."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Right
from hub.web.console import (
    conflicts,
    connections,
    contacts,
    correct,
    desk,
    erasures,
    holds,
    mapping,
    overview,
    parked,
    parked_lines,
    reviews,
    rules,
    runs,
    settings,
    setup,
)
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, prefer
from hub.web.guard import needs

PAGES = (
    *(
        overview,
        holds,
        reviews,
        rules,
        conflicts,
        parked_lines,
        parked,
        desk,
        correct,
        erasures,
        contacts,
        mapping,
        setup,
        connections,
        runs,
        settings,
    ),
)


def router(console: Console) -> APIRouter:
    routes = APIRouter(route_class=PageRoute)
    for each in PAGES:
        routes.include_router(each.router(console))

    @routes.post("/preferences", dependencies=[needs(Right.HEALTH)])
    def preferences(
        request: Request,
        language: Annotated[str, Form(max_length=8)] = "",
        theme: Annotated[str, Form(max_length=8)] = "",
        back: Annotated[str, Form(max_length=2_000)] = "/",
    ) -> Response:
        return prefer(language, theme, back, secure=request.url.scheme == "https")

    return routes
