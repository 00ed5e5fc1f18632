"""Records set aside: why, what they held, tried again or let be, many at once."""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.store import lists
from hub.store.lists import ParkedFilter, ParkedRow
from hub.sync import desk
from hub.web.console.asked import Connection, Skip, part_of
from hub.web.console.done import done
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, page
from hub.web.guard import needs

MOST = 500  # records by one step, unless all of a filter are meant
Stage = Literal["", "read", "map", "value", "write", "unknown"]
Reason = Annotated[str, Query(max_length=200)]
Numbers = Annotated[list[int], Form(max_length=MOST)]


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/parked", route_class=PageRoute)

    @routes.get("")
    def parked(
        request: Request,
        connection: Connection = "",
        stage: Stage = "",
        reason: Reason = "",
        skip: Skip = 0,
        actor: Actor = needs(Right.CONTACTS),
    ) -> Response:
        part = part_of(skip)
        chosen = ParkedFilter(connection or None, stage or None, reason or None)
        with console.world.store.read() as tx:
            found = lists.parked(tx, chosen, part)
            by_reason = lists.parked_by_reason(tx, ParkedFilter())
        return page(
            console,
            request,
            actor,
            "parked.html",
            found=found,
            originals={row.number: readable(row) for row in found.rows},
            by_reason=by_reason,
            part=part,
            connection=connection,
            stage=stage,
            reason=reason,
        )

    @routes.post("")
    def decide(
        verdict: Annotated[Literal["retry", "drop"], Form()],
        number: Numbers,
        actor: Actor = needs(Right.DECIDE),
    ) -> Response:
        act = desk.retry if verdict == "retry" else desk.drop
        act(console.world.store, ParkedFilter(numbers=tuple(dict.fromkeys(number))), actor.name)
        return done(console, "/parked")

    return routes


def readable(row: ParkedRow) -> str:
    """The original as indented JSON where it is JSON."""
    try:
        return orjson.dumps(orjson.loads(row.original), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return row.original
