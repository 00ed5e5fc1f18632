"""Connections: how each stands, what it is allowed, how it is set up. The YAML file stays the source of truth."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from yaml import safe_dump

from hub.access.rights import Actor, Right
from hub.store import overview
from hub.store.runs import past_runs
from hub.web.console.overview import card_of
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, missing, page
from hub.web.guard import needs

LAST_RUNS = 10


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/connections", route_class=PageRoute)

    @routes.get("")
    def connections(request: Request, actor: Actor = needs(Right.HEALTH)) -> Response:
        now = console.clock().timestamp()
        cards = [card_of(console, each, [], now) for each in console.glance.standings().values()]
        return page(console, request, actor, "connections.html", cards=cards)

    @routes.get("/{name}")
    def connection(request: Request, name: str, actor: Actor = needs(Right.HEALTH)) -> Response:
        if name not in console.config.connections:
            raise missing(request)
        now = console.clock().timestamp()
        with console.store.read() as tx:
            hours = overview.hourly(tx, [name], now)[name]
        written = console.config.connections[name].model_dump(mode="json", exclude_unset=True)
        settings = written.pop("settings", {})
        return page(
            console,
            request,
            actor,
            "connection.html",
            card=card_of(console, console.glance.standings()[name], hours, now),
            runs=past_runs(console.store, name, LAST_RUNS),
            yaml=safe_dump({name: {**written, **settings}}, sort_keys=False, allow_unicode=True),
        )

    return routes
