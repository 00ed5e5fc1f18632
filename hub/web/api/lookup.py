"""Caller lookup: who has this number, address or customer number; what a screen pop shows."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import Field, model_validator
from starlette.responses import Response

from hub.access.rights import Right
from hub.model import element
from hub.readable import name_of
from hub.sync import lookup
from hub.sync.allowed import allowed
from hub.sync.lookup import Callers
from hub.web.api.answers import ApiRoute, Asked, Moment, Plain, Refused, Row, documented, moment
from hub.web.api.values import Event, Ref
from hub.web.api.world import World
from hub.web.guard import Guarded, needs_within


class By(Asked):
    """One of them. phone in any written form; customer_number: as any system, or the field of that name, has it"""

    phone: Plain | None = Field(None, min_length=1, max_length=60)
    mail: Plain | None = Field(None, min_length=3, max_length=320)
    customer_number: Plain | None = Field(None, min_length=1, max_length=200)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if [self.phone, self.mail, self.customer_number].count(None) != 2:
            raise ValueError("exactly one of phone, mail and customer_number")
        return self


class May(Row):
    """What the consents of a channel come to: yes, no, partly, asked or unsaid. denied: purposes, * being all"""

    channel: str
    verdict: str
    denied: list[str]


class ConsentSaid(Row):
    """address, purpose: null means the whole person, and everything"""

    channel: str
    address: str | None
    purpose: str | None
    status: str


class FollowUp(Row):
    """What somebody promised to come back to. summary: of the interaction it was promised in"""

    number: int
    due: str
    by: str
    kind: str
    summary: str


class OpenMatters(Row):
    """Numbers of conflicts, possible duplicates and parked records that are about this contact, and follow-ups."""

    conflicts: list[int]
    reviews: list[int]
    parked: list[int]
    follow_ups: list[FollowUp]


class Match(Row):
    """stage  of the customer relation, where a system says one"""

    id: str
    state: str
    updated_at: Moment
    name: str
    kind: str | None
    company: str | None
    stage: str | None
    allowed: list[May]
    consent: list[ConsentSaid]
    open: OpenMatters
    records: list[Ref]
    last_interactions: list[Event]


class Matches(Row):
    """more  others have it too, who are not among the matches"""

    matches: list[Match]
    more: bool


def router(world: World) -> APIRouter:
    routes = APIRouter(route_class=ApiRoute, responses=documented(404), tags=["lookup"])

    @routes.get("/lookup", response_model=Matches)
    async def look_up(asked: Annotated[By, Query()], guarded: Guarded = needs_within(Right.LOOKUP)) -> Response:
        """Name, stage, consent, open matters and last interactions of whoever has it."""
        return await guarded(lambda: _answer(asked))

    @routes.post("/lookup", response_model=Matches)
    async def look_up_unseen(asked: By, guarded: Guarded = needs_within(Right.LOOKUP)) -> Response:
        """The same with the number in the body: no proxy on the way writes it into its log."""
        return await guarded(lambda: _answer(asked))

    def _answer(asked: By) -> Response:
        """Written out by the thread that looked it up: each change of threads may wait while a run is busy."""
        found = _found(world, asked)
        if not found.found:
            raise Refused(
                404,
                "Not there",
                "Nobody has it. Ask for the name and search with /api/v1/contacts?q=, or enter the contact in the "
                "system where new ones begin; it is found seconds after its next run.",
            )
        return Response(_matches(found).model_dump_json(), media_type="application/json")

    return routes


def _found(world: World, asked: By) -> Callers:
    if asked.phone is not None:
        return lookup.by_phone(world.store, world.index, asked.phone, world.config.default_region)
    if asked.mail is not None:
        return lookup.by_mail(world.store, world.index, asked.mail)
    return lookup.by_customer_number(world.store, world.index, asked.customer_number or "")


def _matches(found: Callers) -> Matches:
    return Matches(matches=[_match(caller) for caller in found.found], more=found.more)


def _match(caller: lookup.Caller) -> Match:
    fields = caller.head.fields
    return Match(
        id=caller.head.id,
        state=caller.head.state,
        updated_at=moment(caller.head.updated_at),
        name=name_of(fields),
        kind=fields.get("kind"),
        company=fields.get("company"),
        stage=fields.get("lifecycle_stage"),
        allowed=[May.model_validate(each) for each in allowed(fields)],
        consent=[
            _consent(key, value) for key, value in sorted(fields.items()) if key.startswith("consents/") and value
        ],
        open=OpenMatters.model_validate(caller.matters),
        records=[Ref(connection=link.connection, external_id=link.external_id) for link in caller.records],
        last_interactions=[Event.model_validate(event) for event in caller.last],
    )


def _consent(key: str, value: dict[str, str]) -> ConsentSaid:
    channel, _, rest = element(key).partition("|")
    address, _, purpose = rest.rpartition("|")
    return ConsentSaid(
        channel=channel,
        address=None if address == "*" else address,
        purpose=None if purpose == "*" else purpose,
        status=value.get("status", ""),
    )
