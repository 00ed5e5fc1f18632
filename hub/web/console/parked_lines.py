"""Pieces that could not be read put right as text, and many records put right by one rule: looked at, then saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.errors import ConfigError, NotThere, Overtaken
from hub.rereading import Line, Reread, forecast, line_of, look, put_all_right, put_right
from hub.secrets import redact
from hub.store import links as db
from hub.store.lists import ParkedRow
from hub.sync import domains
from hub.sync.domains import DomainRule
from hub.sync.line_rules import LONGEST_FIND, At, LineRule
from hub.sync.lines import LONGEST, spelled
from hub.web.console.asked import Number
from hub.web.console.chosen import Choice, Chosen
from hub.web.console.done import done
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, missing, page
from hub.web.guard import needs
from hub.web.returned import take_in_now

ENCODINGS = {
    "cp1252": "Windows-1252 (Western)",
    "iso-8859-1": "ISO 8859-1 (Latin 1)",
    "iso-8859-15": "ISO 8859-15 (Latin 9)",
    "cp850": "DOS 850 (Western)",
    "cp437": "DOS 437",
    "mac-roman": "Macintosh Roman",
    "cp1250": "Windows-1250 (Central European)",
    "iso-8859-2": "ISO 8859-2 (Latin 2)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "utf-8": "UTF-8",
}
Typed = Annotated[str, Form(max_length=LONGEST)]
Version = Annotated[str, Form(max_length=40)]
Find = Annotated[str, Form(max_length=LONGEST_FIND)]
Domain = Annotated[str, Form(max_length=domains.LONGEST)]
Seen = Annotated[int, Form()]


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/parked", route_class=PageRoute)
    _one(routes, console)
    _lines(routes, console)
    _domain(routes, console)
    return routes


# --- one ---------------------------------------------------------------------------------------------


def _one(routes: APIRouter, console: Console) -> None:
    @routes.post("/{number}/line/look")
    def look_at(request: Request, number: Number, text: Typed = "", actor: Actor = needs(Right.DECIDE)) -> Response:
        """What would become of a text, as it is typed."""
        with console.world.store.read() as tx:
            line = line_of(tx, number)
        if line is None:
            raise missing(request)
        shown, trouble = outcome(console, line, text)
        return page(console, request, actor, "parked_outcome.html", outcome=shown, trouble=trouble)

    @routes.post("/{number}/line")
    def save(
        request: Request, number: Number, version: Version, text: Typed = "", actor: Actor = needs(Right.DECIDE)
    ) -> Response:
        world = console.world
        try:
            made = put_right(world.config, world.store, number, text, actor.name, world.clock(), version)
        except NotThere:
            raise missing(request) from None
        except ConfigError as err:
            return _again(console, request, actor, number, text, err)
        take_in_now(console.world, actor, made.connections, len(made.numbers))
        return done(console, f"/parked/{number}")


def _again(console: Console, request: Request, actor: Actor, number: int, text: str, err: ConfigError) -> Response:
    """The page as it is now, with what was typed and why it was not saved."""
    with console.world.store.read() as tx:
        line = line_of(tx, number)
    if line is None:
        raise missing(request)
    texts = line_page(console, line, text)
    status = 409 if isinstance(err, Overtaken) else 422
    return page(console, request, actor, "parked_line.html", status=status, **texts, refusal=redact(str(err)))


def line_page(console: Console, line: Line, typed: str | None = None) -> dict[str, Any]:
    """What the page of a piece shows. typed: what was typed before, and not saved"""
    text = line.text if typed is None else typed
    shown, trouble = outcome(console, line, text)
    return {
        "line": line,
        "row": line.row,
        "text": text,
        "original": spelled(line.raw),
        "most": LONGEST,
        "outcome": shown,
        "trouble": trouble,
        "contact": _contact(console, line),
    }


def _contact(console: Console, line: Line) -> str | None:
    """The golden record that the piece came into, once it was put right."""
    if line.made is None:
        return None
    with console.world.store.read() as tx:
        link = db.links_of(tx, line.row.connection, [line.made.external_id]).get(line.made.external_id)
        return db.resolve_golden(tx, link.golden_id) if link is not None else None


def outcome(console: Console, line: Line, text: str) -> tuple[Reread | None, str]:
    """(what would become of a text, why that cannot be told)"""
    try:
        return look(console.world.config, console.world.store, line, text), ""
    except ConfigError as err:
        return None, redact(str(err))


# --- many lines --------------------------------------------------------------------------------------


def _line_rule(
    encoding: Annotated[str, Form(max_length=40)] = "",
    find: Find = "",
    put: Find = "",
    at: Annotated[At, Form()] = "anywhere",
) -> LineRule:
    return LineRule(encoding or None, find, put, at)


Rule = Annotated[LineRule, Depends(_line_rule)]


def _lines(routes: APIRouter, console: Console) -> None:
    @routes.post("/lines/look")
    def look_at_lines(request: Request, choice: Chosen, rule: Rule, actor: Actor = needs(Right.DECIDE)) -> Response:
        told = forecast(console.world.config, console.world.store, choice.records, rule)
        given = {"encoding": rule.encoding or "", "find": rule.find, "put": rule.put, "at": rule.at}
        return page(
            console,
            request,
            actor,
            "parked_lines.html",
            told=told,
            rule=rule,
            encodings=ENCODINGS,
            hidden=_hidden(given, choice, told.total),
            back=_back(choice),
        )

    @routes.post("/lines")
    def save_lines(choice: Chosen, rule: Rule, seen: Seen, actor: Actor = needs(Right.DECIDE)) -> Response:
        world = console.world
        made = put_all_right(world.config, world.store, choice.records, rule, actor.name, world.clock(), seen)
        take_in_now(world, actor, made.connections, len(made.numbers))
        return done(console, "/parked")


def _hidden(given: dict[str, str], choice: Choice, seen: int) -> list[tuple[str, str]]:
    """The fields of the form that saves what was looked at."""
    return [*((name, text) for name, text in given.items() if text), *choice.hidden(), ("seen", str(seen))]


def _back(choice: Choice) -> dict[str, str]:
    return {name: text for name, text in choice.asked.items() if text}


# --- domains of addresses ----------------------------------------------------------------------------


def _domain_rule(domain: Domain = "", meant: Domain = "") -> DomainRule:
    return DomainRule(domain, meant)


MeantDomain = Annotated[DomainRule, Depends(_domain_rule)]


def _domain(routes: APIRouter, console: Console) -> None:
    @routes.post("/domain/look")
    def look_at_domain(
        request: Request, choice: Chosen, rule: MeantDomain, actor: Actor = needs(Right.DECIDE)
    ) -> Response:
        told = domains.forecast(console.world.store, choice.records, rule)
        hidden = _hidden({"domain": rule.find, "meant": rule.put}, choice, told.total)
        return page(
            console, request, actor, "parked_domain.html", told=told, rule=rule, hidden=hidden, back=_back(choice)
        )

    @routes.post("/domain")
    def save_domain(choice: Chosen, rule: MeantDomain, seen: Seen, actor: Actor = needs(Right.DECIDE)) -> Response:
        world = console.world
        region, may_edit = world.config.default_region, actor.may(Right.EDIT)
        made = domains.mend(world.hub(), choice.records, rule, actor.name, region, seen=seen, contacts=may_edit)
        if actor.may(Right.RUN):
            for name in sorted(made.connections):
                world.run(name, False, actor.name)
        return done(console, "/parked")


def has_pieces(rows: Sequence[ParkedRow]) -> bool:
    """Whether some of these rows are pieces whose text can be put right."""
    return any(row.raw is not None for row in rows)


def has_addresses(rows: Sequence[ParkedRow]) -> bool:
    return any(row.stage in ("map", "value", "write") and "@" in row.original for row in rows)
