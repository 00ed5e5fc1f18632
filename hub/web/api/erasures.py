"""Erasure: what would be done, doing it, and the receipts. Administrators only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import JSONResponse

from hub.access.rights import Actor, Right
from hub.config.keys import ledger_of
from hub.store import erasures as db
from hub.store.holdings import counts
from hub.sync import erase
from hub.web.api.answers import (
    ApiRoute,
    Asked,
    GoldenId,
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
from hub.web.api.once import Key, once
from hub.web.api.world import World
from hub.web.guard import needs

ErasureId: TypeAlias = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
Connection: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]


class Told(Row):
    """how  erase | delete | empty | by hand"""

    connection: str
    how: str


class Foreseen(Row):
    """rows: by table of the hub, that would go or be emptied; systems: one line a record"""

    contact: str
    rows: dict[str, int]
    systems: list[Told]


class StepRow(Row):
    """state: pending | sent | by hand | refused | done | lifted; person: who confirmed it by hand

    outcome: erased | deleted | restorable | emptied | not there | by hand | told before | somebody else.
    Restorable: deleted, and it can be had back there until a person has emptied the bin. Somebody else: the key is
    another's by now, so nothing was deleted until a person has looked.
    """

    connection: str
    how: str
    state: str
    outcome: str | None
    at: Moment
    person: str | None


class Receipt(Row):
    """state: open | done | lifted; emptied_at: since when no file of the hub has anything of them"""

    id: str
    golden_id: str
    at: Moment
    person: str
    reference: str | None
    state: str
    emptied_at: Moment | None
    ended_at: Moment | None
    systems: list[StepRow]


class Order(Asked):
    """reference  what you know the request by; nothing of the person"""

    reference: Annotated[Plain, Field(min_length=1, max_length=200)] | None = None


class Listed(Paged):
    """open  only those that are not done everywhere"""

    open: bool = False


class Where(Asked):
    connection: Connection


class Why(Asked):
    reason: Annotated[Plain, Field(min_length=1, max_length=400)]


def router(world: World) -> APIRouter:
    routes = APIRouter(route_class=ApiRoute, responses=documented(), tags=["erasures"])

    @routes.get("/contacts/{golden_id}/erasure", responses=documented(404))
    def foresee(golden_id: GoldenId, _: Actor = needs(Right.ERASE)) -> Foreseen:
        """What an erasure would do. Changes nothing."""
        with world.store.read() as tx:
            held = erase.look(world.hub(), tx, golden_id)
            rows = counts(tx, held.who)
        told = [Told(connection=each.connection, how=each.how) for each in held.recipients]
        return Foreseen(contact=held.home, rows=rows, systems=told)

    @routes.post("/contacts/{golden_id}/erasure", status_code=201, responses=documented(404, 409, 413))
    def ask(golden_id: GoldenId, order: Order, key: Key = None, actor: Actor = needs(Right.ERASE)) -> JSONResponse:
        """Erase them: here at once, in every system by its next run. It cannot be undone."""

        def carry_out() -> Mapping[str, Any]:
            kept = ledger_of(world.config, world.store)
            made = erase.ask(world.hub(), kept, golden_id, actor.name, order.reference)
            return {"id": made.id, "contact": made.golden_id}

        return once(world, actor, key, order, f"erase {golden_id}", carry_out)

    @routes.get("/erasures")
    def listed(asked: Annotated[Listed, Query()], _: Actor = needs(Right.ERASE)) -> Page[Receipt]:
        """The newest first."""
        place = place_of("erasures", asked.cursor, str)
        with world.store.read() as tx:
            found = db.listed(tx, asked.limit + 1, place[0] if place else "", open_only=asked.open)
            steps = db.steps(tx, [made.id for made in found])
        rows = [_receipt(made, steps.get(made.id, [])) for made in found[: asked.limit]]
        more = cursor_of("erasures", found[asked.limit - 1].id) if len(found) > asked.limit else None
        return Page(items=rows, next=more)

    @routes.get("/erasures/{erasure_id}", responses=documented(404))
    def show(erasure_id: ErasureId, _: Actor = needs(Right.ERASE)) -> Receipt:
        """Each system: done, to be told, refused, or waiting for a person. Nothing of the person."""
        return _shown(erasure_id)

    @routes.post("/erasures/{erasure_id}/confirm", responses=documented(404, 413))
    def confirm(erasure_id: ErasureId, where: Where, actor: Actor = needs(Right.ERASE)) -> Receipt:
        """A person has seen to it that this system holds nothing of them any more."""
        erase.confirm(world.hub(), erasure_id, where.connection, actor.name)
        return _shown(erasure_id)

    @routes.post("/erasures/{erasure_id}/retry", responses=documented(404, 413))
    def retry(erasure_id: ErasureId, where: Where, actor: Actor = needs(Right.ERASE)) -> Receipt:
        """Tell a system that refused again, in its next run."""
        erase.retry(world.hub(), erasure_id, where.connection, actor.name)
        return _shown(erasure_id)

    @routes.post("/erasures/{erasure_id}/lift", responses=documented(404, 409, 413))
    def lift(erasure_id: ErasureId, why: Why, actor: Actor = needs(Right.ERASE)) -> Receipt:
        """Whoever it was may come in again. The reason is in the audit."""
        erase.lift(world.hub(), ledger_of(world.config, world.store), erasure_id, actor.name, why.reason)
        return _shown(erasure_id)

    def _shown(erasure_id: str) -> Receipt:
        with world.store.read() as tx:
            made = db.erasure(tx, erasure_id)
            steps = db.steps(tx, [erasure_id]).get(erasure_id, [])
        if made is None:
            raise missing("erasure of this id")
        return _receipt(made, steps)

    return routes


def _receipt(made: db.Erasure, steps: list[db.Step]) -> Receipt:
    found = {name: getattr(made, name) for name in Receipt.model_fields if name != "systems"}
    return Receipt.model_validate(found | {"systems": [StepRow.model_validate(step) for step in steps]})
