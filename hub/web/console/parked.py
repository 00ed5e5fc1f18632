"""Records set aside: why, what they held; corrected, tried again or let be, one or many at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.errors import ConfigError
from hub.store import lists
from hub.store.lists import ParkedFilter, ParkedRow
from hub.sync import desk
from hub.sync.corrections import fields_of, mark_of, read_correction
from hub.web.console.asked import Connection, Skip, part_of
from hub.web.console.done import done
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, gettext_of, missing, page
from hub.web.guard import needs

MOST = 500  # records by one step, unless all of a filter are meant
Stage = Literal["", "read", "map", "value", "write", "unknown", "spam"]
Reason = Annotated[str, Query(max_length=200)]
Because = Annotated[str, Query(max_length=2_000)]
Numbers = Annotated[list[int], Form(max_length=MOST)]
Texts = Annotated[list[str], Form(max_length=MOST)]
Asked = Annotated[str, Form(max_length=2_000)]


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/parked", route_class=PageRoute)

    @routes.get("")
    def parked(
        request: Request,
        connection: Connection = "",
        stage: Stage = "",
        reason: Reason = "",
        because: Because = "",
        skip: Skip = 0,
        actor: Actor = needs(Right.CONTACTS),
    ) -> Response:
        part = part_of(skip)
        chosen = _filter(connection, stage, reason, because)
        with console.world.store.read() as tx:
            found = lists.parked(tx, chosen, part)
            reasons = [] if because else lists.parked_reasons(tx, chosen)
        return page(
            console,
            request,
            actor,
            "parked.html",
            found=found,
            originals={row.number: readable(row) for row in found.rows},
            corrections={row.number: read_correction(row.edit) for row in found.rows},
            fields=_fields(found.rows),
            reasons=reasons,
            part=part,
            asked={"connection": connection, "stage": stage, "reason": reason, "because": because},
        )

    @routes.post("")
    def decide(
        request: Request,
        verdict: Annotated[Literal["retry", "drop"], Form()],
        number: Numbers = [],  # noqa: B006  FastAPI copies it
        every: Annotated[bool, Form()] = False,
        connection: Asked = "",
        stage: Asked = "",
        reason: Asked = "",
        because: Asked = "",
        actor: Actor = needs(Right.DECIDE),
    ) -> Response:
        act = desk.retry if verdict == "retry" else desk.drop
        chosen = _chosen(request, number, every, _filter(connection, stage, reason, because))
        act(console.world.store, chosen, actor.name)
        return done(console, "/parked")

    @routes.post("/correct")
    def correct(
        request: Request,
        field: Annotated[str, Form(max_length=200)],
        value: Annotated[str, Form(max_length=2_000)] = "",
        number: Numbers = [],  # noqa: B006
        every: Annotated[bool, Form()] = False,
        seen: Annotated[int | None, Form()] = None,
        connection: Asked = "",
        stage: Asked = "",
        reason: Asked = "",
        because: Asked = "",
        actor: Actor = needs(Right.DECIDE),
    ) -> Response:
        """One correction for many. seen: how many there were of a whole reason"""
        chosen = _chosen(request, number, every, _filter(connection, stage, reason, because))
        store, now = console.world.store, console.world.clock()
        rows = desk.correct(store, chosen, {field: value}, actor.name, now, seen=seen if every else None)
        return _tried(console, actor, rows, "/parked")

    @routes.get("/{number}")
    def one(request: Request, number: int, actor: Actor = needs(Right.CONTACTS)) -> Response:
        with console.world.store.read() as tx:
            found = lists.parked(tx, ParkedFilter(numbers=(number,), states=()))
        if not found.rows:
            raise missing(request)
        row = found.rows[0]
        return page(
            console,
            request,
            actor,
            "parked_one.html",
            row=row,
            original=readable(row),
            fields=fields_of(row),
            correction=read_correction(row.edit),
            mark=mark_of(row.original),
        )

    @routes.post("/{number}")
    def edit(
        number: int,
        mark: Annotated[str, Form(max_length=40)],
        field: Texts,
        value: Texts,
        actor: Actor = needs(Right.DECIDE),
    ) -> Response:
        """field, value: as many of one as of the other; mark: of the original that was looked at"""
        values = dict(zip(field, value, strict=False))
        chosen = ParkedFilter(numbers=(number,))
        rows = desk.correct(console.world.store, chosen, values, actor.name, console.world.clock(), mark=mark)
        return _tried(console, actor, rows, f"/parked/{number}")

    return routes


def _tried(console: Console, actor: Actor, rows: Iterable[ParkedRow], place: str) -> Response:
    """At once, by who may begin runs; else with the next run of the connection."""
    if actor.may(Right.RUN):
        for name in sorted({row.connection for row in rows}):
            console.world.run(name, False, actor.name)  # one that is under way is followed by the schedule's next
    return done(console, place)


def _filter(connection: str, stage: str, reason: str, because: str) -> ParkedFilter:
    return ParkedFilter(connection or None, stage or None, reason or None, because=because or None)


def _chosen(request: Request, numbers: list[int], every: bool, filtered: ParkedFilter) -> ParkedFilter:
    """Those of some numbers, or all of a filter."""
    if every:
        return filtered
    if not numbers:
        _ = gettext_of(request)
        raise ConfigError(_("No record was chosen, so nothing was changed. Choose some, or all of a reason."))
    return ParkedFilter(numbers=tuple(dict.fromkeys(numbers)))


def _fields(rows: Iterable[ParkedRow]) -> list[str]:
    """What can be corrected in some of these."""
    return sorted({key for row in rows for key in fields_of(row)})


def readable(row: ParkedRow) -> str:
    """The original as indented JSON where it is JSON."""
    try:
        return orjson.dumps(orjson.loads(row.original), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return row.original
