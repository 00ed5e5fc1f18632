"""Who is told when contacts change: how each subscription stands; one that was given up is started again."""

from __future__ import annotations

from fastapi import APIRouter

from hub.access.rights import Actor, Right
from hub.store import events_out as db
from hub.store.audit import note
from hub.store.db import Tx
from hub.web.api.answers import ApiRoute, ConnectionName, Moment, Row, documented, missing, moment
from hub.web.api.world import World
from hub.web.guard import needs


class Subscription(Row):
    """behind: changes it has not been told of; error: of the last attempt; disabled_at: it was given up"""

    name: str
    kinds: list[str]
    values: bool
    behind: int
    attempts: int
    failing_since: Moment | None
    disabled_at: Moment | None
    error: str | None


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/events", route_class=ApiRoute, responses=documented(), tags=["events"])

    @routes.get("")
    def subscriptions(_: Actor = needs(Right.HEALTH)) -> list[Subscription]:
        """As the configuration names them; who was never told of anything stands at 0."""
        with world.store.read() as tx:
            return [_one(tx, name) for name in world.config.events]

    @routes.post("/{name}/start", responses=documented(404, 413))
    def start(name: ConnectionName, actor: Actor = needs(Right.CONFIGURE)) -> Subscription:
        """Tell it again at once, from where it was."""
        if name not in world.config.events:
            raise missing("subscription of this name")
        with world.store.write() as tx:
            if db.start(tx, name) is not None:
                note(tx, actor.name, "subscription started", f"subscription {name}", at=world.clock())
            return _one(tx, name)

    def _one(tx: Tx, name: str) -> Subscription:
        settings = world.config.events[name]
        found = db.subscription(tx, name)
        return Subscription(
            name=name,
            kinds=list(settings.kinds),
            values=settings.values,
            behind=db.behind(tx, found) if found else 0,
            attempts=found.attempts if found else 0,
            failing_since=moment(found.failing_since) if found and found.failing_since else None,
            disabled_at=moment(found.disabled_at) if found and found.disabled_at else None,
            error=found.error if found else None,
        )

    return routes
