"""How a connection is set up: read, replaced, changed, removed and tried. What is saved stands in `hub.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Header
from pydantic import AfterValidator, Field
from starlette.responses import JSONResponse

from hub.access.rights import Actor, Right
from hub.document import DEEPEST
from hub.secrets import redact
from hub.trying import Trial
from hub.web import setup
from hub.web.api.answers import ApiRoute, Asked, ConnectionName, Plain, Refused, Row, documented, missing, sound
from hub.web.api.world import World
from hub.web.guard import needs
from hub.web.setup import Draft, StaleConnection, Values, Wish

IfMatch = Annotated[
    str | None, Header(max_length=80, description="ETag of the configuration that the change is based on")
]
Secret = Annotated[Plain, Field(min_length=1, max_length=65_536)]
Key = Annotated[Plain, Field(min_length=1, max_length=200)]


def _plain_values(value: Any, depth: int = 0) -> Any:
    """As a configuration file may hold them."""
    if depth > DEEPEST:
        raise ValueError(f"nested deeper than {DEEPEST} levels")
    if isinstance(value, str):
        return sound(value)
    for part in (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ():
        _plain_values(part, depth + 1)
    return value


Given = Annotated[dict[Key, Any], AfterValidator(_plain_values), Field(max_length=200)]


class ConfigurationOrder(Asked):
    """values   its keys as they stand in hub.yaml; secrets by reference
    secrets  to be sealed: by their key, such as secret or login.password
    """

    values: Given
    secrets: dict[Key, Secret] = Field(default_factory=dict, max_length=20)


class TrialOrder(Asked):
    """values  tried instead of what stands in hub.yaml; none: as it stands"""

    values: Given | None = None
    secrets: dict[Key, Secret] = Field(default_factory=dict, max_length=20)


class Configuration(Row):
    """values  as they stand in hub.yaml; in_use: what runs says the same"""

    connection: str
    values: dict[str, Any]
    in_use: bool


class Saved(Row):
    """in_use  false: it is taken in as soon as runs under way have ended, or it cannot be: `trouble` says why"""

    connection: str
    keys: list[str]
    difference: str
    in_use: bool
    trouble: str


class Sampled(Row):
    """A value before and after mapping."""

    path: str
    before: Any
    key: str
    after: Any
    problem: str | None


class Tried(Row):
    """error  why it cannot be used; samples: records before and after mapping, for who may see contacts"""

    works: bool
    error: str | None
    system: str
    records: int | None
    lines: list[str]
    warnings: list[str]
    read: int
    problems: list[str]
    samples: list[list[Sampled]]


def router(world: World) -> APIRouter:
    routes = APIRouter(
        prefix="/connections/{name}/configuration",
        route_class=ApiRoute,
        responses=documented(404, 409, 412, 413, 428),
        tags=["connections"],
    )
    _add_changes(routes, world)

    @routes.get("")
    def configuration(name: ConnectionName, _: Actor = needs(Right.CONFIGURE)) -> JSONResponse:
        """As it stands in hub.yaml. Secrets are references."""
        values = _values(world, name)
        standing = setup.standing(world, name)
        told = Configuration(connection=name, values=dict(values), in_use=not (standing.difference or standing.mistake))
        return JSONResponse(told.model_dump(mode="json"), headers={"ETag": _etag(values)})

    @routes.post("/test")
    def test(name: ConnectionName, order: TrialOrder, actor: Actor = needs(Right.CONFIGURE)) -> Tried:
        """Reach the system, read up to ten records and map them. Nothing is written anywhere."""
        there = setup.connections_in(world.config.folder).get(name)
        values = order.values if order.values is not None else there
        if values is None:
            raise missing("connection of this name, and no values were sent")
        made = _judged(setup.draft(world, Wish(name, values, _typed(order.secrets), setup.mark_of(there))))
        return _tried(setup.attempt(made), may_see=actor.may(Right.CONTACTS))

    return routes


def _add_changes(routes: APIRouter, world: World) -> None:
    @routes.put("")
    def replace(
        name: ConnectionName,
        order: ConfigurationOrder,
        if_match: IfMatch = None,
        actor: Actor = needs(Right.CONFIGURE),
    ) -> JSONResponse:
        """Set it up so, and no otherwise; without If-Match a new one."""
        return _kept(world, name, order.values, order, if_match, actor)

    @routes.patch("")
    def change(
        name: ConnectionName,
        order: ConfigurationOrder,
        if_match: IfMatch = None,
        actor: Actor = needs(Right.CONFIGURE),
    ) -> JSONResponse:
        """Change these keys and leave the others; null takes one out. Groups are changed key by key."""
        return _kept(world, name, _merged(_values(world, name), order.values), order, if_match, actor)

    @routes.delete("")
    def remove(name: ConnectionName, if_match: IfMatch = None, actor: Actor = needs(Right.CONFIGURE)) -> JSONResponse:
        """It is not read or written any more. Its records stay, and nothing is deleted in the system."""
        _values(world, name)
        return _kept(world, name, None, None, if_match, actor)


def _kept(
    world: World,
    name: str,
    values: Values | None,
    order: ConfigurationOrder | None,
    if_match: str | None,
    actor: Actor,
) -> JSONResponse:
    there = setup.connections_in(world.config.folder).get(name)
    if there is not None and if_match is None:
        raise Refused(
            428,
            "Version missing",
            "Nothing was changed. Send If-Match with the ETag of the configuration as it was shown.",
        )
    seen = "" if if_match is None else if_match.strip().removeprefix("W/").strip('"')
    typed = _typed(order.secrets) if order is not None else {}
    try:
        made = _judged(setup.draft(world, Wish(name, values, typed, seen)))
        is_taken = setup.keep(world, made, actor)
    except StaleConnection as err:
        _changed_meanwhile(name, err, values)
    trouble = redact(world.setup.trouble())
    saved = Saved(
        connection=name, keys=made.keys, difference=made.difference, in_use=is_taken and not trouble, trouble=trouble
    )
    headers = {"ETag": _etag(made.wish.values)} if made.wish.values is not None else {}
    return JSONResponse(saved.model_dump(mode="json"), headers=headers)


def _values(world: World, name: str) -> Values:
    values: Values | None = setup.connections_in(world.config.folder).get(name)
    if values is None:
        raise missing("connection of this name in hub.yaml")
    return values


def _etag(values: Values) -> str:
    return f'"{setup.mark_of(values)}"'


def _typed(secrets: Mapping[str, str]) -> dict[tuple[str | int, ...], str]:
    return {tuple(path.split(".")): value for path, value in secrets.items()}


def _merged(values: Values, changes: Values) -> dict[str, Any]:
    """RFC 7396."""
    made = dict(values)
    for key, value in changes.items():
        if value is None:
            made.pop(key, None)
        elif isinstance(value, dict) and isinstance(made.get(key), dict):
            made[key] = _merged(made[key], value)
        else:
            made[key] = value
    return made


def _judged(made: Draft) -> Draft:
    if made.mistakes:
        found = [{"where": path[:200], "what": redact(what)} for path, what in made.mistakes[:50]]
        detail = "Nothing was done. Correct what `errors` names, then send it again."
        raise Refused(422, "Not valid", detail, {"errors": found})
    return made


def _changed_meanwhile(name: str, err: StaleConnection, mine: Values | None) -> NoReturn:
    """The loser sees what is there now, and how it differs from what was sent."""
    if err.now is None:
        raise missing("connection of this name in hub.yaml any more, or never was") from err
    raise Refused(
        412,
        "Changed meanwhile",
        "Nothing was changed: the configuration is not any more what the change is based on. `difference` leads from "
        "what is there now to what was sent. Look at it again, then decide again.",
        {"difference": setup.between(name, err.now, mine)},
        ETag=_etag(err.now),
    ) from err


def _tried(found: Trial, *, may_see: bool) -> Tried:
    finding = found.finding
    rows = [[Sampled.model_validate(row) for row in rows] for rows in found.samples] if may_see else []
    problems = [*finding.problems, *found.set_aside] if may_see else []
    return Tried(
        works=finding.error is None,
        error=redact(finding.error) if finding.error else None,
        system=redact(finding.system),
        records=finding.records,
        lines=[redact(line) for line in finding.lines],
        warnings=[redact(line) for line in finding.warnings],
        read=found.read,
        problems=[redact(each) for each in problems],
        samples=rows,
    )
