"""Logging what happened with a contact: a call, a note, a complaint, the outcome of a task."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, Field
from starlette.responses import JSONResponse

from hub.access.rights import Actor, Right
from hub.model import Interaction
from hub.sync import history
from hub.web.api.answers import ApiRoute, Asked, Plain, documented
from hub.web.api.once import Key, once
from hub.web.api.world import World
from hub.web.guard import needs

Channel = Literal["call", "sms", "email", "chat", "web", "social", "visit", "post", "other"]
Kind = Annotated[
    str,
    Field(
        pattern=r"^(call|sms|mail|form|chat|web|social|visit|letter|order|note|task|complaint)(\.[a-z0-9_-]{1,40}){0,3}$"
    ),
]


class NewInteraction(Asked):
    """at  when it happened; left out: now. kind: its root, and more behind a dot, such as call.answered"""

    contact: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
    kind: Kind
    channel: Channel = "other"
    direction: Literal["in", "out", ""] = ""
    at: AwareDatetime | None = None
    summary: Annotated[Plain, Field(max_length=2000)] = ""
    reference: Annotated[Plain, Field(max_length=200)] | None = None
    outcome: Annotated[Plain, Field(max_length=200)] | None = None


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/interactions", route_class=ApiRoute, responses=documented(), tags=["interactions"])

    @routes.post("", status_code=201, responses=documented(404, 409, 413))
    def log(new: NewInteraction, key: Key = None, actor: Actor = needs(Right.LOG)) -> JSONResponse:
        """Note what happened with a contact. With an Idempotency-Key it is noted once, however often it is sent."""

        def note() -> Mapping[str, Any]:
            item = _item(world, actor, new, key)
            return {"contact": history.log(world.hub(), new.contact, item, actor.name), "id": item.id}

        return once(world, actor, key, new, "interaction", note)

    return routes


def _item(world: World, actor: Actor, new: NewInteraction, key: str | None) -> Interaction:
    hub = world.hub()
    # of the key: cut off before it was answered, it is noted again under the same id, and so once
    number = blake2b(f"{actor.id} {key}".encode(), digest_size=12).hexdigest() if key else hub.new_id("i")
    details = {"by": actor.name} | ({"outcome": new.outcome} if new.outcome else {})
    at = new.at.astimezone(UTC) if new.at else datetime.fromtimestamp(world.clock(), UTC)
    return Interaction(
        f"api-{number}" if key else number,
        at,
        new.channel,
        new.kind,
        new.direction,
        summary=new.summary.strip(),
        details=details,
        reference=new.reference,
    )
