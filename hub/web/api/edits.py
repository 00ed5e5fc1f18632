"""Putting contacts right: pin and unpin with the version that was looked at, merge, split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Header, Query
from pydantic import Field
from starlette.responses import JSONResponse

from hub.access.rights import Actor, Right
from hub.errors import ConfigError, Overtaken
from hub.store.contacts import changed_since, golden_head
from hub.store.links import resolve_golden
from hub.sync import desk, people
from hub.web.api.answers import ApiRoute, Asked, GoldenId, Plain, Refused, Row, documented, missing
from hub.web.api.once import Key, once
from hub.web.api.values import etag
from hub.web.api.world import World
from hub.web.guard import needs

IfMatch = Annotated[str | None, Header(max_length=80, description="ETag of the contact that the change is based on")]
Field400 = Annotated[Plain, Field(min_length=1, max_length=400)]
GoldenIdText = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]


class PinOrder(Asked):
    """field  job_title, custom.NAME, emails/ADDRESS, phones/NUMBER …; value: null empties it, or takes the element
    out; of emails/… and phones/… it is the label
    """

    field: Field400
    value: Annotated[Plain, Field(max_length=10_000)] | None


class OneField(Asked):
    field: Field400


class Changed(Row):
    """id  that answers; version: as the ETag"""

    id: str
    version: int


class MergeOrder(Asked):
    ids: list[GoldenIdText] = Field(min_length=2, max_length=50)


class RecordRef(Asked):
    connection: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]
    external_id: Annotated[Plain, Field(min_length=1, max_length=512)]


class SplitOrder(Asked):
    """records  that leave it, into a contact of their own"""

    records: list[RecordRef] = Field(min_length=1, max_length=200)


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/contacts", route_class=ApiRoute, responses=documented(404, 413), tags=["contacts"])

    @routes.put("/{golden_id}/pins", responses=documented(404, 412, 413, 428))
    def pin(
        golden_id: GoldenId, order: PinOrder, if_match: IfMatch = None, actor: Actor = needs(Right.EDIT)
    ) -> JSONResponse:
        """Fix a value: it beats every system and every rule until it is unpinned. All systems hear it."""
        version = _version(if_match)
        key, value = desk.pin_value(order.field, order.value, world.config.default_region)
        try:
            home = people.pin(world.hub(), golden_id, key, value, actor.name, version=version)
        except Overtaken:
            _changed_meanwhile(golden_id, version)
        return _now(home)

    @routes.delete("/{golden_id}/pins", responses=documented(404, 412, 413, 428))
    def unpin(
        golden_id: GoldenId,
        asked: Annotated[OneField, Query()],
        if_match: IfMatch = None,
        actor: Actor = needs(Right.EDIT),
    ) -> JSONResponse:
        """Let the rules decide a field again. The field as the contact's `pins` name it."""
        version = _version(if_match)
        try:
            home = people.unpin(world.hub(), golden_id, asked.field, actor.name, version=version)
        except Overtaken:
            _changed_meanwhile(golden_id, version)
        return _now(home)

    @routes.post("/merge", status_code=201, responses=documented(404, 409, 413))
    def merge(order: MergeOrder, key: Key = None, actor: Actor = needs(Right.EDIT)) -> JSONResponse:
        """These contacts are one. Nothing is lost: a split gives back exactly what was merged."""

        def join() -> Mapping[str, Any]:
            homes = _homes(order.ids)
            if len(homes) < 2:
                raise Overtaken("These are one golden record already, so nothing was changed.")
            kept = people.merge(world.hub(), homes, actor.name)
            return {"id": kept, "merged": [home for home in homes if home != kept]}

        return once(world, actor, key, order, "merge", join)

    @routes.post("/{golden_id}/split", status_code=201, responses=documented(404, 409, 413))
    def split(
        golden_id: GoldenId, order: SplitOrder, key: Key = None, actor: Actor = needs(Right.EDIT)
    ) -> JSONResponse:
        """Take source records out into a contact of their own; remembered as different people."""

        def part() -> Mapping[str, Any]:
            refs = [(ref.connection, ref.external_id) for ref in order.records]
            new = people.split(world.hub(), golden_id, refs, actor.name)
            return {"id": new, "left": _homes([golden_id])[0]}

        return once(world, actor, key, order, f"split {golden_id}", part)

    def _now(golden_id: str) -> JSONResponse:
        with world.store.read() as tx:
            head = golden_head(tx, golden_id)
        if head is None:
            raise missing("contact of this id")
        return JSONResponse({"id": head.id, "version": head.version}, headers={"ETag": etag(head.version)})

    def _homes(golden_ids: list[str]) -> list[str]:
        with world.store.read() as tx:
            found = [resolve_golden(tx, each) for each in golden_ids]
        if None in found:
            raise missing("contact of one of these ids")
        return list(dict.fromkeys(home for home in found if home))

    def _changed_meanwhile(golden_id: str, version: int) -> NoReturn:
        """The loser sees the difference between what was looked at and what is there now."""
        with world.store.read() as tx:
            home = resolve_golden(tx, golden_id) or golden_id
            head = golden_head(tx, home)
            changes = changed_since(tx, home, version)
        if head is None:
            raise missing("contact of this id")
        raise Refused(
            412,
            "Changed meanwhile",
            "Nothing was changed: the contact is not any more what the change is based on. `changes` has the "
            "difference, [then, now] by field. Look at it again, then decide again.",
            {"version": head.version, "changes": changes},
            ETag=etag(head.version),
        )

    return routes


def _version(if_match: str | None) -> int:
    if if_match is None:
        raise Refused(
            428, "Version missing", "Nothing was changed. Send If-Match with the ETag of the contact as it was shown."
        )
    digits = if_match.strip().removeprefix("W/").strip('"')
    if not (digits.isascii() and digits.isdigit() and len(digits) < 16):
        raise ConfigError("If-Match holds no ETag of a contact. Nothing was changed. Send the one that came with it.")
    return int(digits)
