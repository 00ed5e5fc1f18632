"""Pages on which connections are added, changed, tried and removed. What is saved stands in `hub.yaml` afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.access.rights import Actor, Right
from hub.config.editing import read_only
from hub.connectors.registry import connector_type, connector_types
from hub.errors import ConfigError, HubError
from hub.secrets import redact
from hub.web import setup
from hub.web.console.refusals import PageRoute
from hub.web.console.setup_fields import Asked, own_fields, shared_fields, typed_values
from hub.web.console.setup_kinds import Kinds
from hub.web.console.shell import Console, gettext_of, missing, page
from hub.web.guard import needs
from hub.web.setup import Draft, StaleConnection, Values, Wish

MOST_FIELDS = 600


async def _typed(request: Request) -> Mapping[str, str]:
    form = await request.form(max_fields=MOST_FIELDS, max_files=0)
    return {name: value for name, value in form.items() if isinstance(value, str)}


Typed: TypeAlias = Annotated[Mapping[str, str], Depends(_typed)]
"""What the fields of a form hold, by their names."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One form: of the connection `name`, or of a new one. before: its values in the file; None: a new one"""

    kind: str
    name: str
    before: Values | None
    own: tuple[Asked, ...]
    shared: tuple[Asked, ...]
    seen: str

    @property
    def fields(self) -> tuple[Asked, ...]:
        return (*self.own, *self.shared)

    @property
    def place(self) -> str:
        return f"/connections/{self.name}/setup" if self.before is not None else f"/connections/add-one/{self.kind}"


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/connections", route_class=PageRoute)
    kinds = Kinds(console.world.config.folder)

    @routes.get("/add-one")
    def choose(
        request: Request,
        find: Annotated[str, Query(max_length=80)] = "",
        actor: Actor = needs(Right.CONFIGURE),
    ) -> Response:
        found = kinds.found(find)
        template = "setup_kinds.html" if "hx-request" in request.headers else "setup_choose.html"
        return page(console, request, actor, template, kinds=found, find=find, fixed=read_only(console.world.config))

    @routes.get("/add-one/{kind}")
    def begin(request: Request, kind: str, actor: Actor = needs(Right.CONFIGURE)) -> Response:
        return _show(console, request, actor, _new_sheet(console, request, kind))

    @routes.post("/add-one/{kind}")
    def add(request: Request, kind: str, typed: Typed, actor: Actor = needs(Right.CONFIGURE)) -> Response:
        return _answer(console, request, actor, _new_sheet(console, request, kind, typed), typed)

    @routes.get("/{name}/setup")
    def edit(request: Request, name: str, actor: Actor = needs(Right.CONFIGURE)) -> Response:
        return _show(console, request, actor, _sheet(console, request, name))

    @routes.post("/{name}/setup")
    def change(request: Request, name: str, typed: Typed, actor: Actor = needs(Right.CONFIGURE)) -> Response:
        return _answer(console, request, actor, _sheet(console, request, name), typed)

    _add_removal(routes, console)
    return routes


def _add_removal(routes: APIRouter, console: Console) -> None:
    @routes.get("/{name}/remove")
    def ask(request: Request, name: str, actor: Actor = needs(Right.CONFIGURE)) -> Response:
        sheet = _sheet(console, request, name)
        made = setup.draft(console.world, Wish(name, None, {}, sheet.seen))
        texts: dict[str, Any] = {
            "standing": console.glance.standings().get(name),
            "fixed": read_only(console.world.config),
        }
        return page(console, request, actor, "setup_remove.html", sheet=sheet, made_of=made, **texts)

    @routes.post("/{name}/remove")
    def remove(name: str, typed: Typed, actor: Actor = needs(Right.CONFIGURE)) -> Response:
        made = setup.draft(console.world, Wish(name, None, {}, typed.get("seen", "")))
        setup.keep(console.world, made, actor)
        console.glance.forget()
        return RedirectResponse("/connections", 303)


# --- sheets -----------------------------------------------------------------------------------------


def _sheet(console: Console, request: Request, name: str) -> Sheet:
    values = setup.connections_in(console.world.config.folder).get(name)
    if values is None:
        raise missing(request)
    return _made(console, request, str(values.get("type")), name, values)


def _new_sheet(console: Console, request: Request, kind: str, typed: Typed | None = None) -> Sheet:
    return _made(console, request, kind, (typed or {}).get("name", ""), None)


def _made(console: Console, request: Request, kind: str, name: str, values: Values | None) -> Sheet:
    types = connector_types(console.world.config.folder)
    if kind not in types:
        if values is None:
            raise missing(request)
        raise ConfigError(f"There is no connector type {kind!r}, so there is no form for it. Correct hub.yaml.")
    given = values or {}
    own = own_fields(connector_type(kind, types).Settings, given)
    return Sheet(kind, name, values, own, shared_fields(given), setup.mark_of(values))


def _show(console: Console, request: Request, actor: Actor, sheet: Sheet, **more: Any) -> Response:
    by_hand = connector_type(sheet.kind, connector_types(console.world.config.folder)).by_hand
    needed = [field for field in sheet.own if field.is_needed or (field.kind == "secret" and field.is_set)]
    texts: dict[str, Any] = {
        "sheet": sheet,
        "typed": {},
        "needed": needed,
        "others": [field for field in sheet.own if field not in needed],
        "by_hand": by_hand,
        "fixed": read_only(console.world.config),
        "outcome": None,
        "saved": request.query_params.get("saved") == "1",
        **more,
    }
    return page(console, request, actor, "setup_form.html", **texts)


# --- what was typed ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the button that was pressed.

    mistakes  (path of a key, what is wrong with it)
    theirs    the difference between what somebody else has saved and what was typed here
    seen      what the form is based on from now on
    """

    said: str = ""
    kind: str = "bad"
    mistakes: tuple[tuple[str, str], ...] = ()
    draft: Draft | None = None
    trial: Any = None
    theirs: str | None = None
    seen: str = ""


def _answer(console: Console, request: Request, actor: Actor, sheet: Sheet, typed: Typed) -> Response:
    """Whatever comes of it, what was typed stays in the form: with htmx the form is not touched at all."""
    _ = gettext_of(request)
    values, secrets, mistakes = typed_values(sheet.fields, typed, {"type": sheet.kind, **(sheet.before or {})})
    name = sheet.name
    seen = typed.get("seen", "")
    if mistakes:
        return _said(console, request, actor, sheet, typed, Outcome(mistakes=tuple(mistakes), seen=seen))
    try:
        made = setup.draft(console.world, Wish(name, values, secrets, seen))
        if made.mistakes or typed.get("do") != "save":
            trial = setup.attempt(made) if typed.get("do") == "test" and not made.mistakes else None
            outcome = Outcome(mistakes=made.mistakes, draft=made, trial=trial, seen=seen)
            return _said(console, request, actor, sheet, typed, outcome)
        is_taken = setup.keep(console.world, made, actor)
    except StaleConnection as err:
        return _said(console, request, actor, sheet, typed, _stale(err, name, values))
    except HubError as err:
        return _said(console, request, actor, sheet, typed, Outcome(said=redact(str(err)), seen=seen))
    console.glance.forget()
    is_in_use = is_taken and not console.world.setup.trouble()
    return _on(request, f"/connections/{name}" if is_in_use else f"/connections/{name}/setup?saved=1")


def _stale(err: StaleConnection, name: str, mine: Values) -> Outcome:
    return Outcome(said=str(err), kind="warn", theirs=setup.between(name, err.now, mine), seen=setup.mark_of(err.now))


def _said(console: Console, request: Request, actor: Actor, sheet: Sheet, typed: Typed, outcome: Outcome) -> Response:
    if "hx-request" in request.headers:
        return page(console, request, actor, "setup_outcome.html", sheet=sheet, outcome=outcome, is_part=True)
    return _show(console, request, actor, sheet, typed=typed, outcome=outcome)


def _on(request: Request, place: str) -> Response:
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": place})
    return RedirectResponse(place, 303)
