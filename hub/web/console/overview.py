"""The overview: how every connection stands, what waits for a person, and what went in and out in the last day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.secrets import redact
from hub.store import overview as counted
from hub.store.gauges import Standing
from hub.store.overview import Hour
from hub.web.console.glance import Kept
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, page
from hub.web.guard import needs

NEEDS_SOMEBODY = ("failing", "paused", "held", "first sync")


@dataclass(frozen=True, slots=True)
class Card:
    """One connection on the overview. lag: seconds since its last complete run; agreement: 0 to 1."""

    standing: Standing
    type: str
    state: str
    lag: float | None
    next_run: datetime | None
    hours: Sequence[Hour]
    agreement: float
    trouble: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    cards: Sequence[Card]
    day: Sequence[Hour]

    @property
    def needing(self) -> int:
        return sum(card.state in NEEDS_SOMEBODY for card in self.cards)


def router(console: Console) -> APIRouter:
    routes = APIRouter(route_class=PageRoute)
    kept = Kept(lambda: look(console), console.world.clock)

    @routes.get("/")
    def overview(request: Request, actor: Actor = needs(Right.HEALTH)) -> Response:
        return page(console, request, actor, "overview.html", found=kept.get(), lists=console.glance.work_lists())

    @routes.get("/overview/live")
    def live(request: Request, actor: Actor = needs(Right.HEALTH)) -> Response:
        """The part of the page that changes by itself."""
        return page(console, request, actor, "overview_live.html", found=kept.get(), lists=console.glance.work_lists())

    return routes


def look(console: Console) -> Overview:
    names = list(console.world.config.connections)
    now = console.world.clock()
    found = console.glance.standings().values()
    with console.world.store.read() as tx:
        hours = counted.hourly(tx, names, now)
    return Overview([card_of(console, each, hours[each.name], now) for each in found], _together(hours))


def card_of(console: Console, standing: Standing, hours: Sequence[Hour], now: float) -> Card:
    connection = console.world.config.connections[standing.name]
    state = standing.state(connection.enabled)
    trouble = standing.paused if state == "paused" else standing.last_error if state == "failing" else None
    return Card(
        standing=standing,
        type=connection.type,
        state=state,
        lag=None if standing.last_complete is None else max(0.0, now - standing.last_complete.timestamp()),
        next_run=console.world.next_run(standing.name),
        hours=hours,
        agreement=1 - min(1.0, standing.queue_depth / max(1, standing.records, standing.queue_depth)),
        trouble=redact(trouble) if trouble else None,
    )


def _together(hours: Mapping[str, Sequence[Hour]]) -> Sequence[Hour]:
    return [
        Hour(
            sum(h.read for h in column),
            sum(h.written for h in column),
            sum(h.failed for h in column),
            sum(h.runs for h in column),
        )
        for column in zip(*hours.values(), strict=True)
    ]
