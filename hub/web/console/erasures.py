"""Somebody asks to be erased: what is held where and who is told, the id typed in, then the receipt that keeps up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.config.keys import ledger_of
from hub.errors import NotThere
from hub.store import erasures as db
from hub.store.erasures import Erasure, Step
from hub.store.holdings import counts
from hub.sync import erase
from hub.web.console.done import done
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, Said, gettext_of, missing, page
from hub.web.console.words import marked
from hub.web.guard import needs

SHOWN = 50  # erasures of a page
Connection = Annotated[str, Form(max_length=40, pattern=r"^[a-z0-9_]+$")]

KINDS: Mapping[str, tuple[str, ...]] = {
    marked("the golden record, its pins and conflicts"): ("golden", "pin", "conflict", "declined"),
    marked("source records, and what matching keeps of them"): (
        *("record", "match_key", "recent_key", "name_count", "verdict", "ask", "ruling", "owed_link"),
    ),
    marked("lines of the history, which lose their values"): ("change",),
    marked("interactions, follow-ups and what they said of consent"): (
        *("interaction", "interaction_point", "interaction_kept", "follow_up", "statement"),
    ),
    marked("what waits: writes, deliveries, mails, plans"): (
        *("queue", "intent", "inbox", "opt_in", "mail_out", "plan_row", "idempotency"),
    ),
    marked("what was set aside"): ("parked",),
}
"""What the tables hold, for people."""


@dataclass(frozen=True, slots=True)
class Line:
    """A system on the receipt. told: its steps by how they stand; waits: for a person; refused: some of them were"""

    connection: str
    steps: Sequence[Step]

    @property
    def state(self) -> str:
        states = [step.state for step in self.steps]
        return next((word for word in ("refused", "by hand", "sent", "pending", "lifted") if word in states), "done")

    @property
    def since(self) -> float:
        return max(step.at for step in self.steps)

    @property
    def outcomes(self) -> list[tuple[str, int]]:
        return sorted(Counter(step.outcome for step in self.steps if step.outcome).items())

    @property
    def person(self) -> str | None:
        return next((step.person for step in self.steps if step.person), None)


def router(console: Console) -> APIRouter:
    routes = APIRouter(route_class=PageRoute)
    _asking(routes, console)
    _receipts(routes, console)
    return routes


def _asking(routes: APIRouter, console: Console) -> None:
    @routes.get("/contacts/{golden_id}/erase")
    def foresee(request: Request, golden_id: str, actor: Actor = needs(Right.ERASE)) -> Response:
        return _foreseen(console, request, actor, golden_id)

    @routes.post("/contacts/{golden_id}/erase")
    def ask(
        request: Request,
        golden_id: str,
        typed: Annotated[str, Form(max_length=64)] = "",
        reference: Annotated[str, Form(max_length=200)] = "",
        actor: Actor = needs(Right.ERASE),
    ) -> Response:
        if typed.strip() != golden_id:
            _ = gettext_of(request)
            said = Said(_("That is not the id of this contact. Nothing was erased."), "warn")
            return _foreseen(console, request, actor, golden_id, said, reference)
        world = console.world
        kept = ledger_of(world.config, world.store)
        made = erase.ask(world.hub(), kept, golden_id, actor.name, reference.strip() or None)
        return done(console, f"/erasures/{made.id}")


def _foreseen(
    console: Console, request: Request, actor: Actor, golden_id: str, said: Said | None = None, reference: str = ""
) -> Response:
    hub = console.world.hub()
    with console.world.store.read() as tx:
        try:
            held = erase.look(hub, tx, golden_id)
        except NotThere as err:
            raise missing(request) from err
        rows = counts(tx, held.who)
    kinds = [(text, sum(rows.get(table, 0) for table in tables)) for text, tables in KINDS.items()]
    told = sorted(Counter((each.connection, each.how) for each in held.recipients).items())
    texts: dict[str, Any] = {
        "home": held.home,
        "asked": golden_id,
        "kinds": [(text, n) for text, n in kinds if n],
        "told": [(connection, how, n) for (connection, how), n in told],
        "reference": reference,
        "said": said,
    }
    return page(console, request, actor, "erase.html", status=422 if said else 200, **texts)


def _receipts(routes: APIRouter, console: Console) -> None:
    @routes.get("/erasures")
    def listed(
        request: Request,
        before: Annotated[str, Query(max_length=64)] = "",
        actor: Actor = needs(Right.ERASE),
    ) -> Response:
        with console.world.store.read() as tx:
            found = db.listed(tx, SHOWN + 1, before)
            steps = db.steps(tx, [made.id for made in found])
        rows = [(made, _lines(steps.get(made.id, []))) for made in found[:SHOWN]]
        older = found[SHOWN - 1].id if len(found) > SHOWN else None
        return page(console, request, actor, "erasures.html", rows=rows, older=older, before=before)

    @routes.get("/erasures/{erasure_id}")
    def show(request: Request, erasure_id: str, actor: Actor = needs(Right.ERASE)) -> Response:
        made, lines = _receipt(console, request, erasure_id)
        return page(console, request, actor, "erasure.html", made=made, lines=lines)

    @routes.post("/erasures/{erasure_id}/confirm")
    def confirm(erasure_id: str, connection: Connection, actor: Actor = needs(Right.ERASE)) -> Response:
        erase.confirm(console.world.hub(), erasure_id, connection, actor.name)
        return done(console, f"/erasures/{erasure_id}")

    @routes.post("/erasures/{erasure_id}/retry")
    def retry(erasure_id: str, connection: Connection, actor: Actor = needs(Right.ERASE)) -> Response:
        erase.retry(console.world.hub(), erasure_id, connection, actor.name)
        return done(console, f"/erasures/{erasure_id}")

    @routes.post("/erasures/{erasure_id}/lift")
    def lift(
        erasure_id: str,
        reason: Annotated[str, Form(min_length=1, max_length=400)],
        actor: Actor = needs(Right.ERASE),
    ) -> Response:
        world = console.world
        erase.lift(world.hub(), ledger_of(world.config, world.store), erasure_id, actor.name, reason)
        return done(console, f"/erasures/{erasure_id}")


def _receipt(console: Console, request: Request, erasure_id: str) -> tuple[Erasure, list[Line]]:
    with console.world.store.read() as tx:
        made = db.erasure(tx, erasure_id)
        steps = db.steps(tx, [erasure_id]).get(erasure_id, [])
    if made is None:
        raise missing(request)
    return made, _lines(steps)


def _lines(steps: Sequence[Step]) -> list[Line]:
    names = sorted({step.connection for step in steps})
    return [Line(name, [step for step in steps if step.connection == name]) for name in names]
