"""Held runs and the plans of first syncs: looked at row by row, then approved or refused."""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.errors import ConfigError
from hub.store import lists, rulings
from hub.store.lists import RowFilter
from hub.sync import desk
from hub.sync.in_part import Said, ask_again, decide_rows
from hub.web.console.asked import Connection, Number, OneOf, Skip, part_of
from hub.web.console.done import done
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, gettext_of, missing, page
from hub.web.guard import needs

Show = Literal["open", "all"]
MOST_TOLD = 20  # rows that are named in an address
Word = Annotated[str, Query(max_length=80, pattern=r"^[\w. ]*$")]
Moved = Annotated[str, Query(max_length=200, pattern=r"^[0-9,]*$")]
Asked = Annotated[str, Form(max_length=80)]
Rows = Annotated[list[OneOf], Form(max_length=10_000)]


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/holds", route_class=PageRoute)

    @routes.get("")
    def holds(
        request: Request,
        connection: Connection = "",
        show: Show = "open",
        skip: Skip = 0,
        actor: Actor = needs(Right.HEALTH),
    ) -> Response:
        part = part_of(skip)
        with console.world.store.read() as tx:
            found = lists.holds(tx, part, state="open" if show == "open" else None, connection=connection or None)
        return page(console, request, actor, "holds.html", found=found, part=part, show=show, connection=connection)

    @routes.get("/{number}")
    def hold(
        request: Request,
        number: Number,
        op: Word = "",
        field: Word = "",
        moved: Moved = "",
        skip: Skip = 0,
        actor: Actor = needs(Right.HEALTH),
    ) -> Response:
        """The plan names people, so that it is shown only to who may see contacts. moved: rows that had changed"""
        part = part_of(skip)
        chosen = RowFilter(op=op or None, field=field or None)
        with console.world.store.read() as tx:
            found = lists.hold(tx, number)
            groups = lists.plan_groups(tx, number)
            waiting, refused = lists.count_waiting(tx, number, chosen), rulings.count_refused(tx, number)
            plan: lists.Listed[lists.PlanRow] = lists.Listed((), 0)
            if actor.may(Right.CONTACTS):
                plan = lists.plan_rows(tx, number, part, chosen=chosen)
        if found is None:
            raise missing(request)
        return page(
            console,
            request,
            actor,
            "hold.html",
            hold=found,
            groups=groups,
            plan=plan,
            part=part,
            asked={"op": op, "field": field},
            moved=moved,
            rows_there=sum(group.rows for group in groups),
            waiting=waiting,
            refused=refused,
        )

    @routes.post("/{number}")
    def decide(
        number: Number,
        verdict: Annotated[Literal["approve", "refuse"], Form()],
        seen: Annotated[str, Form(max_length=2_000)],
        actor: Actor = needs(Right.APPROVE),
    ) -> Response:
        """seen: the counts that were looked at; with others the decision is refused."""
        act = desk.approve if verdict == "approve" else desk.refuse
        act(console.world.store, number, actor.name, console.world.clock(), seen=_counts(seen))
        return done(console, f"/holds/{number}")

    @routes.post("/{number}/rows")
    def decide_some(
        request: Request,
        number: Number,
        verdict: Annotated[Literal["approved", "refused"], Form()],
        row: Rows = [],  # noqa: B006  FastAPI copies it
        every: Annotated[bool, Form()] = False,
        op: Asked = "",
        field: Asked = "",
        seen: Annotated[int | None, Form()] = None,
        actor: Actor = needs(Right.APPROVE),
    ) -> Response:
        """Rows by number, or every one of a kind and field. What has changed since is shown again, and not decided.

        seen: how many there were of a whole kind
        """
        if not (row or every):
            _ = gettext_of(request)
            raise ConfigError(_("No row was chosen, so nothing was changed. Choose some, or all of a kind."))
        chosen = RowFilter(op=op or None, field=field or None) if every else RowFilter(tuple(dict.fromkeys(row)))
        said = Said(verdict, actor.name, seen if every else None)
        made = decide_rows(console.world.hub(), number, chosen, said, console.world.clock())
        more = ",".join(map(str, made.moved[:MOST_TOLD]))
        return done(console, f"/holds/{number}" + (f"?moved={more}" if more else ""))

    @routes.post("/{number}/again")
    def again(number: Number, actor: Actor = needs(Right.APPROVE)) -> Response:
        ask_again(console.world.store, number, actor.name, console.world.clock())
        return done(console, f"/holds/{number}")

    return routes


def _counts(text: str) -> dict[str, int]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    return found if isinstance(found, dict) else {}
