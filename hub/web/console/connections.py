"""Connections: how each stands, what it is allowed, how it is set up. The YAML file stays the source of truth."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.errors import ConfigError
from hub.store import overview
from hub.store.gauges import standings
from hub.store.runs import past_runs
from hub.sync import desk
from hub.web import setup
from hub.web.console.done import done
from hub.web.console.form_shown import form_shown
from hub.web.console.overview import card_of
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, gettext_of, missing, page
from hub.web.guard import needs

LAST_RUNS = 10


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/connections", route_class=PageRoute)

    @routes.get("")
    def connections(request: Request, actor: Actor = needs(Right.HEALTH)) -> Response:
        now = console.world.clock()
        cards = [card_of(console, each, [], now) for each in console.glance.standings().values()]
        return page(console, request, actor, "connections.html", cards=cards)

    @routes.get("/{name}")
    def connection(request: Request, name: str, actor: Actor = needs(Right.HEALTH)) -> Response:
        if name not in console.world.config.connections:
            raise missing(request)
        now = console.world.clock()
        with console.world.store.read() as tx:
            hours = overview.hourly(tx, [name], now)[name]
        [standing] = standings(console.world.store, [name], now, count=False)
        setting = console.world.config.connections[name]
        route = console.world.hub().routes.get(name)
        return page(
            console,
            request,
            actor,
            "connection.html",
            card=card_of(console, standing, hours, now),
            runs=past_runs(console.world.store, name, LAST_RUNS),
            setting=setting,
            limits=setting.limits.model_dump(mode="json"),
            able=route.can if route is not None else None,
            stands=setup.standing(console.world, name),
            yaml=setup.in_use(console.world.config, name),
            form=form_shown(console.world.config, name),
        )

    @routes.post("/{name}")
    def order(
        request: Request,
        name: str,
        order: Annotated[Literal["run", "full", "pause", "start"], Form()],
        reason: Annotated[str, Form(max_length=500)] = "",
        actor: Actor = needs(Right.RUN),
    ) -> Response:
        if name not in console.world.config.connections:
            raise missing(request)
        if order == "pause":
            desk.pause(console.world.store, name, actor.name, reason, console.world.clock())
        elif order == "start":
            desk.start(console.world.store, name, actor.name, console.world.clock())
        else:
            _run(console, request, name, actor, full=order == "full")
        return done(console, f"/connections/{name}")

    return routes


def _run(console: Console, request: Request, name: str, actor: Actor, *, full: bool) -> None:
    if not console.world.run(name, full, actor.name):
        _ = gettext_of(request)
        raise ConfigError(_("This connection is being run already. Nothing was begun; look at its runs."))
