"""Past runs and those under way."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field

from hub.access.rights import Actor, Right
from hub.secrets import redact
from hub.store.runs import PastRun, past_runs, run_detail
from hub.web.api.answers import (
    ApiRoute,
    Moment,
    Page,
    Paged,
    Row,
    cursor_of,
    documented,
    missing,
    place_of,
)
from hub.web.api.world import World
from hub.web.guard import needs


class Run(Row):
    """status: running, done, held, failed or interrupted"""

    id: str
    connection: str
    started_at: Moment
    ended_at: Moment | None
    status: str
    counts: dict[str, int]
    error: str | None


class RunDetail(Run):
    """left  what it left behind: kind of entry → word → how many"""

    left: dict[str, dict[str, int]]


class Runs(Paged):
    connection: str | None = Field(None, pattern=r"^[a-z0-9_]{1,40}$")


RunId = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{1,64}$")]


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/runs", route_class=ApiRoute, responses=documented(), tags=["runs"])

    @routes.get("")
    def runs(asked: Annotated[Runs, Query()], _: Actor = needs(Right.HEALTH)) -> Page[Run]:
        """The newest first."""
        place = place_of("runs", asked.cursor, float, str)
        before = (place[0], place[1]) if place else None
        found = past_runs(world.store, asked.connection, asked.limit + 1, before=before)
        shown = found[: asked.limit]
        more = cursor_of("runs", shown[-1].started_at, shown[-1].id) if len(found) > asked.limit else None
        return Page(items=[Run(**_plain(each)) for each in shown], next=more)

    @routes.get("/{run_id}", responses=documented(404))
    def run(run_id: RunId, _: Actor = needs(Right.HEALTH)) -> RunDetail:
        found = run_detail(world.store, run_id)
        if found is None:
            raise missing("run of this id")
        return RunDetail(**_plain(found[0]), left=found[1])

    return routes


def _plain(run: PastRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "connection": run.connection,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "status": run.status,
        "counts": run.counts,
        "error": redact(run.error) if run.error else None,
    }
