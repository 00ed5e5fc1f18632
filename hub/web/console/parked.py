"""Records set aside: why, what they held; corrected, tried again or let be, one or many at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.model import base_field
from hub.rereading import line_of
from hub.store import lists
from hub.store.lists import ParkedFilter, ParkedRow
from hub.sync import desk
from hub.sync.corrections import fields_of, mark_of, read_correction
from hub.sync.lines import read_raw, spelled
from hub.sync.refused_writes import ELEMENTS, Looked, contacts_of, correct_contacts, sent_fields
from hub.web.console.asked import Connection, Number, Skip, part_of
from hub.web.console.chosen import MOST, Chosen, asked_of, filter_of
from hub.web.console.done import done
from hub.web.console.parked_lines import ENCODINGS, has_addresses, has_pieces, line_page
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, missing, page
from hub.web.guard import needs

Stage = Literal["", "read", "map", "value", "write", "unknown", "spam"]
Reason = Annotated[str, Query(max_length=200)]
Because = Annotated[str, Query(max_length=2_000)]
Texts = Annotated[list[str], Form(max_length=MOST)]


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
        chosen = filter_of(connection, stage, reason, because)
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
            sent=_sent(found.rows),
            reasons=reasons,
            encodings=ENCODINGS if has_pieces(found.rows) else {},
            addresses=has_addresses(found.rows),
            part=part,
            asked=asked_of(chosen),
        )

    @routes.post("")
    def decide(
        choice: Chosen,
        verdict: Annotated[Literal["retry", "drop"], Form()],
        actor: Actor = needs(Right.DECIDE),
    ) -> Response:
        act = desk.retry if verdict == "retry" else desk.drop
        act(console.world.store, choice.records, actor.name)
        return done(console, "/parked")

    @routes.post("/correct")
    def correct(
        choice: Chosen,
        field: Annotated[str, Form(max_length=200)],
        value: Annotated[str, Form(max_length=2_000)] = "",
        seen: Annotated[int | None, Form()] = None,
        actor: Actor = needs(Right.DECIDE),
    ) -> Response:
        """One correction for many. seen: how many there were of a whole reason"""
        store, now = console.world.store, console.world.clock()
        rows = desk.correct(store, choice.records, {field: value}, actor.name, now, seen=seen if choice.every else None)
        return _tried(console, actor, rows, "/parked")

    @routes.post("/contacts")
    def contacts(
        choice: Chosen,
        sent_field: Annotated[str, Form(max_length=200)],
        sent_value: Annotated[str, Form(max_length=2_000)] = "",
        seen: Annotated[int | None, Form()] = None,
        actor: Actor = needs(Right.EDIT),
    ) -> Response:
        """One value put right on the contacts of many refused writes. seen: how many there were of a whole reason"""
        looked = Looked(seen if choice.every else None)
        return _put_right(console, actor, choice.records, {sent_field: sent_value}, looked, "/parked")

    @routes.post("/{number}/contact")
    def put_right(
        number: Number,
        mark: Annotated[str, Form(max_length=40)],
        field: Texts,
        value: Texts,
        actor: Actor = needs(Right.EDIT),
    ) -> Response:
        """What a system refused is put right on the contact. field, value, mark: as of `edit`"""
        chosen, values = ParkedFilter(numbers=(number,)), dict(zip(field, value, strict=False))
        return _put_right(console, actor, chosen, values, Looked(mark=mark), f"/parked/{number}")

    @routes.get("/{number}")
    def one(request: Request, number: Number, actor: Actor = needs(Right.CONTACTS)) -> Response:
        with console.world.store.read() as tx:
            found = lists.parked(tx, ParkedFilter(numbers=(number,), states=()))
            line = line_of(tx, number)
            contact = contacts_of(tx, found.rows).get(number)
        if not found.rows:
            raise missing(request)
        if line is not None and (line.row.state != "dropped" or line.made is not None):
            return page(console, request, actor, "parked_line.html", **line_page(console, line), refusal="")
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
            sent=sent_fields(row),
            contact=contact,
        )

    @routes.post("/{number}")
    def edit(
        number: Number,
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


def _put_right(
    console: Console, actor: Actor, chosen: ParkedFilter, values: dict[str, str], looked: Looked, place: str
) -> Response:
    region = console.world.config.default_region
    rows = correct_contacts(console.world.hub(), chosen, values, actor.name, region, looked)
    return _tried(console, actor, rows, place)


def _tried(console: Console, actor: Actor, rows: Iterable[ParkedRow], place: str) -> Response:
    """At once, by who may begin runs; else with the next run of the connection."""
    if actor.may(Right.RUN):
        for name in sorted({row.connection for row in rows}):
            console.world.run(name, False, actor.name)  # one that is under way is followed by the schedule's next
    return done(console, place)


def _fields(rows: Iterable[ParkedRow]) -> list[str]:
    """What can be corrected in some of these."""
    return sorted({key for row in rows for key in fields_of(row)})


def _sent(rows: Iterable[ParkedRow]) -> list[str]:
    """What can be put right on the contacts of many of these: single fields, and elements only to be taken away."""
    keys = {key for row in rows for key in sent_fields(row)}
    return sorted({base_field(key) if base_field(key) in ELEMENTS else key for key in keys if "addresses" not in key})


def readable(row: ParkedRow) -> str:
    """The original: a piece as its text, anything else as indented JSON where it is JSON."""
    if (raw := read_raw(row.raw)) is not None:
        return spelled(raw)
    try:
        return orjson.dumps(orjson.loads(row.original), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return row.original
