"""Connections: how each stands; run now, pause, start. Their settings are in the configuration, not here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import JSONResponse

from hub.access.rights import Actor, Right
from hub.secrets import redact
from hub.store import overview
from hub.store.gauges import Standing, standings
from hub.sync import desk
from hub.web.api.answers import ApiRoute, Asked, ConnectionName, Plain, Refused, Row, documented, missing
from hub.web.api.once import Key, once
from hub.web.api.world import World
from hub.web.guard import needs


class Connection(Row):
    """How a connection stands. state: off, paused, running, first sync, failing, held or healthy"""

    name: str
    type: str
    state: str
    paused: str | None
    last_complete: datetime | None
    last_listing: datetime | None
    last_run: str | None
    last_status: str | None
    last_error: str | None
    next_run: datetime | None
    records: int
    queue_depth: int
    oldest_opt_out: datetime | None
    held: list[str]
    parked: int


class WorkList(Row):
    """count  what waits for a person; oldest: epoch seconds since the first of it waits"""

    count: int
    oldest: float | None


class Status(Row):
    connections: list[Connection]
    work: Mapping[str, WorkList]


class RunOrder(Asked):
    """full  list every record again, whatever the cursor"""

    full: bool = False


class PauseOrder(Asked):
    reason: Annotated[Plain, Field(max_length=200)] = ""


class Done(Row):
    connection: str
    state: str


def router(world: World) -> APIRouter:
    routes = APIRouter(route_class=ApiRoute, responses=documented())

    @routes.get("/status", tags=["status"])
    def status(_: Actor = needs(Right.HEALTH)) -> Status:
        """Every connection, and how much waits in the work lists."""
        with world.store.read() as tx:
            waiting = overview.work_lists(tx)
        counts = {name: WorkList.model_validate(found) for name, found in waiting.items()}
        return Status(connections=_connections(world, list(world.config.connections)), work=counts)

    @routes.get("/connections", tags=["connections"])
    def connections(_: Actor = needs(Right.HEALTH)) -> list[Connection]:
        """In the order of the configuration."""
        return _connections(world, list(world.config.connections))

    @routes.get("/connections/{name}", tags=["connections"], responses=documented(404))
    def connection(name: ConnectionName, _: Actor = needs(Right.HEALTH)) -> Connection:
        return _connections(world, [_known(world, name)])[0]

    @routes.post("/connections/{name}/runs", status_code=201, tags=["connections"], responses=documented(404, 409, 413))
    def run(name: ConnectionName, order: RunOrder, key: Key = None, actor: Actor = needs(Right.RUN)) -> JSONResponse:
        """Run it now. A paused connection is tried again by this; the answer does not wait for the end."""
        _known(world, name)

        def begin() -> Mapping[str, str]:
            if not world.run(name, order.full, actor.name):
                raise Refused(409, "Running", "It is being run at this moment, so nothing was begun.")
            return {"connection": name, "state": "running"}

        return once(world, actor, key, order, f"run {name}", begin)

    @routes.post("/connections/{name}/pause", tags=["connections"], responses=documented(404, 413))
    def pause(name: ConnectionName, order: PauseOrder, actor: Actor = needs(Right.RUN)) -> Done:
        """No run of it begins until it is started."""
        desk.pause(world.store, _known(world, name), actor.name, order.reason, world.clock())
        return Done(connection=name, state="paused")

    @routes.post("/connections/{name}/start", tags=["connections"], responses=documented(404, 413))
    def start(name: ConnectionName, actor: Actor = needs(Right.RUN)) -> Done:
        """Its schedule goes on. What a person has to approve still waits."""
        desk.start(world.store, _known(world, name), actor.name, world.clock())
        return Done(connection=name, state="started")

    return routes


def _known(world: World, name: str) -> str:
    if name not in world.config.connections:
        raise missing("connection of this name")
    return name


def _connections(world: World, names: list[str]) -> list[Connection]:
    return [_connection(world, found) for found in standings(world.store, names, world.clock())]


def _connection(world: World, found: Standing) -> Connection:
    settings = world.config.connections[found.name]
    return Connection(
        name=found.name,
        type=settings.type,
        state=found.state(settings.enabled),
        paused=redact(found.paused) if found.paused else None,
        last_complete=found.last_complete,
        last_listing=found.last_listing,
        last_run=found.last_run,
        last_status=found.last_status,
        last_error=redact(found.last_error) if found.last_error else None,
        next_run=world.next_run(found.name),
        records=found.records,
        queue_depth=found.queue_depth,
        oldest_opt_out=found.oldest_opt_out,
        held=list(found.gates),
        parked=found.parked,
    )
