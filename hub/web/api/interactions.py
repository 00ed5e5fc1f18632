"""Logging what happened with a contact: a call, a note, a complaint, the outcome of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter
from pydantic import AwareDatetime, Field, model_validator
from starlette.responses import JSONResponse

from hub.access.rights import Actor, Right
from hub.model import Interaction
from hub.sync import notes
from hub.sync.notes import Note, Noted
from hub.web.api.answers import ApiRoute, Asked, Number, Plain, Row, documented
from hub.web.api.once import Key, once
from hub.web.api.world import World
from hub.web.guard import needs

MOST_TEXT = 4_000  # characters: in UTF-8 they fit into the details of an interaction
ConsentChannel = Literal["email", "sms", "phone", "whatsapp"]
Channel = Literal["call", "sms", "email", "chat", "web", "social", "visit", "post", "other"]
Kind = Annotated[
    str,
    Field(
        pattern=r"^(call|sms|mail|form|chat|web|social|visit|letter|order|note|task|complaint)(\.[a-z0-9_-]{1,40}){0,3}$"
    ),
]


class NewInteraction(Asked):
    """With a contact, or with the phone number or mail address of somebody who is none yet.

    at         when it happened; left out: now
    kind       its root, and more behind a dot, such as call.answered
    summary    what it was about, text all that was said
    follow_up  the day by which somebody comes back to it
    withdraws  channels by which the contact wants to hear nothing any more, from now on
    """

    contact: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")] | None = None
    phone: Annotated[Plain, Field(min_length=1, max_length=60)] | None = None
    mail: Annotated[Plain, Field(min_length=3, max_length=320)] | None = None
    kind: Kind
    channel: Channel = "other"
    direction: Literal["in", "out", ""] = ""
    at: AwareDatetime | None = None
    summary: Annotated[Plain, Field(max_length=2000)] = ""
    reference: Annotated[Plain, Field(max_length=200)] | None = None
    outcome: Annotated[Plain, Field(max_length=200)] | None = None
    text: Annotated[Plain, Field(max_length=MOST_TEXT)] = ""
    follow_up: date | None = None
    withdraws: tuple[ConsentChannel, ...] = Field((), max_length=4)

    @model_validator(mode="after")
    def _is_with_one(self) -> Self:
        if [self.contact, self.phone, self.mail].count(None) != 2:
            raise ValueError("exactly one of contact, phone and mail")
        return self


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/interactions", route_class=ApiRoute, responses=documented(), tags=["interactions"])

    @routes.post("", status_code=201, responses=documented(404, 409, 413))
    def log(new: NewInteraction, key: Key = None, actor: Actor = needs(Right.LOG)) -> JSONResponse:
        """Note what happened with a contact. With an Idempotency-Key it is noted once, however often it is sent."""

        def note() -> Mapping[str, Any]:
            return asdict(_log(world, actor, new, key))

        return once(world, actor, key, new, "interaction", note)

    return routes


def follow_up_router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/follow-ups", route_class=ApiRoute, responses=documented(), tags=["interactions"])

    @routes.get("")
    def due(_: Actor = needs(Right.LOOKUP)) -> FollowUps:
        """What was promised and is open, the most urgent first: at most fifty."""
        with world.store.read() as tx:
            found, count = notes.due(tx)
        items = [DueFollowUp(contacts=list(each.contacts), **asdict(each.follow_up)) for each in found]
        return FollowUps(items=items, open=count)

    @routes.post("/{number}/close", responses=documented(404, 409))
    def close(number: Number, actor: Actor = needs(Right.LOG)) -> Closed:
        """It was done, or is needed no more."""
        notes.close(world.hub(), number, actor.name)
        return Closed(number=number)

    return routes


class DueFollowUp(Row):
    """contacts: ids of those it is about"""

    number: int
    due: str
    by: str
    kind: str
    summary: str
    contacts: list[str]


class FollowUps(Row):
    items: list[DueFollowUp]
    open: int


class Closed(Row):
    number: int


def _log(world: World, actor: Actor, new: NewInteraction, key: str | None) -> Noted:
    note = Note(_item(world, actor, new, key), new.follow_up, frozenset(new.withdraws))
    if new.contact is not None:
        return notes.log(world.hub(), new.contact, note, actor.name)
    return notes.log_point(world.hub(), note, actor.name)


def _item(world: World, actor: Actor, new: NewInteraction, key: str | None) -> Interaction:
    hub = world.hub()
    # of the key: cut off before it was answered, it is noted again under the same id, and so once
    number = blake2b(f"{actor.id} {key}".encode(), digest_size=12).hexdigest() if key else hub.new_id("i")
    said = {"outcome": new.outcome, "text": new.text.strip()}
    at = new.at.astimezone(UTC) if new.at else datetime.fromtimestamp(world.clock(), UTC)
    return Interaction(
        f"api-{number}" if key else number,
        at,
        new.channel,
        new.kind,
        new.direction,
        phones=(notes.phone_of(new.phone, world.config.default_region),) if new.phone else (),
        emails=(new.mail.strip(),) if new.mail else (),
        summary=new.summary.strip(),
        details={"by": actor.name} | {name: text for name, text in said.items() if text},
        reference=new.reference,
    )
