"""Past runs and those under way: how far each is, and what it did, record by record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import StreamingResponse

from hub.access.rights import Actor, Right
from hub.secrets import redact
from hub.store.audit import note
from hub.store.outcomes import Place, Wanted, every, outcomes
from hub.store.runs import PastRun, one_run, past_runs, run_detail
from hub.sync import desk
from hub.sync.outcome_rows import MEDIA, Form, as_document, parts
from hub.web.api.answers import (
    ApiRoute,
    Asked,
    Moment,
    Page,
    Paged,
    Plain,
    Row,
    cursor_of,
    documented,
    missing,
    place_of,
)
from hub.web.api.exports import in_one_thread
from hub.web.api.world import World
from hub.web.guard import needs


class Progress(Row):
    """phase: reading, matching, saving or pushing; done, total: records of it, total null: not known; rate: a second"""

    phase: str
    done: int
    total: int | None
    since: Moment
    at: Moment
    rate: float


class Run(Row):
    """status: running, done, held, failed or interrupted. stopped_by: who has asked it to end after its page"""

    id: str
    connection: str
    started_at: Moment
    ended_at: Moment | None
    status: str
    counts: dict[str, int]
    error: str | None
    progress: Progress | None
    stopped_by: str | None


class RunDetail(Run):
    """left  what it left behind: kind of entry → word → how many; of history at most 20,000 lines are counted"""

    left: dict[str, dict[str, int]]


class Runs(Paged):
    connection: str | None = Field(None, pattern=r"^[a-z0-9_]{1,40}$")


class Outcome(Row):
    """What became of one record, contact or write.

    what     aside, asked, conflict, unsure, created, linked, changed, joined, written or other
    changes  key → [old, new]; of what was written, and of a new contact, old is null
    """

    what: str
    said: str
    number: int
    at: Moment
    connection: str | None
    golden_id: str | None
    name: str
    records: list[str]
    changes: dict[str, Any]
    reason: str | None
    state: str | None


What = Literal[
    "aside", "asked", "conflict", "unsure", "created", "linked", "changed", "joined", "written", "owed", "other"
]


class OutcomeFilter(Asked):
    """text  in a name, a value, an id or a reason, in any letter case"""

    what: What | None = None
    text: Annotated[Plain | None, Field(max_length=200)] = None


class Outcomes(OutcomeFilter, Paged):
    pass


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

    @routes.get("/{run_id}/outcomes", responses=documented(404))
    def outcome_list(
        run_id: RunId, asked: Annotated[Outcomes, Query()], _: Actor = needs(Right.CONTACTS)
    ) -> Page[Outcome]:
        """What it did, record by record; what wants attention comes first. A page may be empty and have a `next`."""
        place = place_of("outcomes", asked.cursor, str, int)
        with world.store.read() as tx:
            found = one_run(tx, run_id)
            if found is None:
                raise missing("run of this id")
            wanted = Wanted(asked.what, asked.text or None, asked.limit)
            part = outcomes(tx, found, wanted, Place(*place) if place else None)
        more = cursor_of("outcomes", part.next.source, part.next.after) if part.next else None
        return Page(items=[Outcome(**as_document(each)) for each in part.rows], next=more)

    @routes.get(
        "/{run_id}/outcomes.{form}",
        response_class=StreamingResponse,
        responses={
            **documented(404),
            200: {"content": {"text/csv": {"schema": {"type": "string"}}, "application/jsonl": {}}},
        },
    )
    def download(
        run_id: RunId, form: Form, asked: Annotated[OutcomeFilter, Query()], actor: Actor = needs(Right.EXPORT)
    ) -> StreamingResponse:
        """All of it as CSV or JSON lines. A cell that a spreadsheet would take for a formula gets an apostrophe."""
        with world.store.write() as tx:
            found = one_run(tx, run_id)
            if found is None:
                raise missing("run of this id")
            note(tx, actor.name, "exported", "outcomes of a run", {"run": run_id, "what": asked.what or "all"})
        return _streamed(world, found, form, Wanted(asked.what, asked.text or None, 200))

    @routes.post("/{run_id}/stop", responses=documented(404, 409))
    def stop(run_id: RunId, actor: Actor = needs(Right.RUN)) -> Run:
        """It ends after its page; the next run goes on from there."""
        desk.stop_run(world.store, run_id, actor.name, world.clock())
        with world.store.read() as tx:
            found = one_run(tx, run_id)
        if found is None:
            raise missing("run of this id")
        return Run(**_plain(found))

    return routes


def _streamed(world: World, run: PastRun, form: Form, wanted: Wanted) -> StreamingResponse:
    def made() -> Iterator[bytes]:
        with world.store.read() as tx:
            yield from parts(form, every(tx, run, wanted))

    headers = {"Content-Disposition": f'attachment; filename="run-{run.id}.{form}"'}
    return StreamingResponse(in_one_thread(made), media_type=MEDIA[form], headers=headers)


def _plain(run: PastRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "connection": run.connection,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "status": run.status,
        "counts": run.counts,
        "error": redact(run.error) if run.error else None,
        "progress": run.progress,
        "stopped_by": run.stopped_by,
    }
