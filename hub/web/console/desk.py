"""The desk of a call centre: who is calling, and what was said, written down from the page that shows it.

What somebody calls from never needs to stand in an address: `/desk#phone=…` stays in the browser, whose script sends
it in a body. `/desk?phone=…` works too, for telephony programs that know no better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.errors import ConfigError
from hub.model import Interaction
from hub.readable import name_of
from hub.store.contacts import heads
from hub.sync import lookup, notes
from hub.sync.allowed import Allowed, allowed
from hub.sync.lookup import Caller, Callers
from hub.sync.notes import Note, Noted
from hub.web.console.asked import Number
from hub.web.console.done import done
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, gettext_of, page
from hub.web.console.words import marked
from hub.web.guard import needs

CHANNEL_OF = {"call": "call", "mail": "email", "chat": "chat", "visit": "visit", "letter": "post", "sms": "sms"}
"""The channel of a kind; any other comes about in another way."""
KINDS = {
    "call": marked("Call"),
    "note": marked("Note"),
    "complaint": marked("Complaint"),
    "task": marked("Task"),
    "mail": marked("Mail"),
    "visit": marked("Visit"),
    "letter": marked("Letter"),
}
DIRECTIONS = {"in": marked("from the contact"), "out": marked("to the contact"), "": marked("neither")}
OUTCOMES = (marked("reached"), marked("not reached"), marked("left a message"), marked("done"), marked("not done"))
CHANNELS = {
    "phone": marked("Calls"),
    "email": marked("Mail"),
    "sms": marked("Text messages"),
    "whatsapp": marked("WhatsApp"),
}

Who = Annotated[str, Query(max_length=320)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a lookup was asked by. by: phone, mail, customer_number or contact; "": whatever the text looks like"""

    by: str = ""
    who: str = ""

    @property
    def point(self) -> tuple[str, str] | None:
        """(phone or mail, text) that a note without a contact could wait at."""
        if not self.who or self.by not in ("", "phone", "mail"):
            return None
        return ("mail" if self.by == "mail" or "@" in self.who else "phone"), self.who


@dataclass(frozen=True, slots=True)
class Match:
    caller: Caller
    may: Sequence[Allowed]


def router(console: Console) -> APIRouter:
    routes = APIRouter(route_class=PageRoute)
    _looking(routes, console)
    _noting(routes, console)
    return routes


# --- looking ----------------------------------------------------------------------------------------


def _looking(routes: APIRouter, console: Console) -> None:
    @routes.get("/desk")
    def desk(
        request: Request,
        phone: Who = "",
        mail: Who = "",
        customer_number: Who = "",
        contact: Who = "",
        noted: Annotated[str, Query(max_length=64, pattern=r"^[0-9A-Za-z_-]*$")] = "",
        actor: Actor = needs(Right.LOOKUP),
    ) -> Response:
        given = {"phone": phone, "mail": mail, "customer_number": customer_number, "contact": contact}
        by = next((Asked(name, text.strip()) for name, text in given.items() if text.strip()), Asked())
        return _shown(console, request, actor, by, noted)

    @routes.post("/desk")
    def look_up(
        request: Request,
        who: Annotated[str, Form(max_length=320)] = "",
        by: Annotated[str, Form(pattern="^(phone|mail|customer_number|)$")] = "",
        actor: Actor = needs(Right.LOOKUP),
    ) -> Response:
        """The same, with what was asked for in the body: it is in no address and no log."""
        return _shown(console, request, actor, Asked(by, who.strip()))


def _shown(console: Console, request: Request, actor: Actor, asked: Asked, noted: str = "") -> Response:
    found = _found(console, asked) if asked.who else Callers((), more=False)
    due, count, names = ((), 0, {}) if asked.who else _due(console)
    matches = [Match(caller, allowed(caller.head.fields)) for caller in found.found]
    return page(
        console,
        request,
        actor,
        "desk.html",
        asked=asked,
        matches=matches,
        more=found.more,
        due=due,
        due_count=count,
        names=names,
        noted=noted,
        today=_today(console),
        note_texts=form_texts(console),
    )


def _due(console: Console) -> tuple[Sequence[notes.Due], int, dict[str, str]]:
    """(follow-ups of all contacts, how many are open, names of these contacts by id)"""
    with console.world.store.read() as tx:
        due, count = notes.due(tx)
        found = heads(tx, sorted({golden_id for each in due for golden_id in each.contacts}))
        return due, count, {head.id: name_of(head.fields) for head in found}


def _found(console: Console, asked: Asked) -> Callers:
    world = console.world
    region = world.config.default_region
    if asked.by == "phone":
        return lookup.by_phone(world.store, world.index, asked.who, region)
    if asked.by == "mail":
        return lookup.by_mail(world.store, world.index, asked.who)
    if asked.by == "customer_number":
        return lookup.by_customer_number(world.store, world.index, asked.who)
    if asked.by == "contact":
        return lookup.by_contact(world.store, asked.who)
    return lookup.by_anything(world.store, world.index, asked.who, region)


def _today(console: Console) -> str:
    return datetime.fromtimestamp(console.world.clock(), UTC).date().isoformat()


def form_texts(console: Console) -> dict[str, Any]:
    """What the form for a note offers. once: what makes it one note however often it is sent"""
    return {
        "kinds": KINDS,
        "directions": DIRECTIONS,
        "outcomes": OUTCOMES,
        "channels": CHANNELS,
        "once": console.world.hub().new_id("n"),
    }


# --- noting -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """The form for a note, as it was filled in."""

    kind: Annotated[str, Form(pattern="^(call|note|complaint|task|mail|visit|letter)$")]
    once: Annotated[str, Form(min_length=8, max_length=64)]
    direction: Annotated[str, Form(pattern="^(in|out|)$")] = ""
    outcome: Annotated[str, Form(max_length=200)] = ""
    subject: Annotated[str, Form(max_length=500)] = ""
    text: Annotated[str, Form(max_length=4_000)] = ""
    at: Annotated[str, Form(max_length=25)] = ""
    follow_up: Annotated[str, Form(max_length=10)] = ""
    withdraws: Annotated[tuple[str, ...], Form(max_length=4)] = ()

    def number(self, actor: Actor, whom: str) -> str:
        """The same for the same content, so what is sent twice is noted once, and what was changed is another note."""
        said = [actor.id, whom, self.once, self.kind, self.direction, self.outcome, self.subject, self.text]
        said += [self.at, self.follow_up, *sorted(self.withdraws)]
        return "desk-" + blake2b(orjson.dumps(said), digest_size=12).hexdigest()


Filled = Annotated[Written, Depends(Written)]


def _noting(routes: APIRouter, console: Console) -> None:
    @routes.post("/desk/notes")
    def note(
        request: Request,
        written: Filled,
        contact: Annotated[str, Form(max_length=64)] = "",
        phone: Annotated[str, Form(max_length=60)] = "",
        mail: Annotated[str, Form(max_length=320)] = "",
        actor: Actor = needs(Right.LOG),
    ) -> Response:
        if contact:
            noted = _log(console, request, actor, written, contact)
            return done(console, f"/desk?contact={noted.contact}&noted={noted.id}")
        points: dict[str, Any] = {}
        if phone:
            points["phones"] = (notes.phone_of(phone, console.world.config.default_region),)
        if mail:
            points["emails"] = (mail.strip(),)
        made = _note(console, request, actor, written, phone or mail, **points)
        return done(console, f"/desk?noted={notes.log_point(console.world.hub(), made, actor.name).id}")

    @routes.post("/contacts/{golden_id}/notes")
    def note_of_contact(request: Request, golden_id: str, written: Filled, actor: Actor = needs(Right.LOG)) -> Response:
        noted = _log(console, request, actor, written, golden_id)
        return done(console, f"/contacts/{noted.contact}?noted={noted.id}#notes")

    @routes.post("/desk/follow-ups/{number}/close")
    def close(
        number: Number, contact: Annotated[str, Form(max_length=64)] = "", actor: Actor = needs(Right.LOG)
    ) -> Response:
        notes.close(console.world.hub(), number, actor.name)
        return done(console, f"/desk?contact={contact}" if contact.isalnum() else "/desk")


def _log(console: Console, request: Request, actor: Actor, written: Written, contact: str) -> Noted:
    made = _note(console, request, actor, written, contact)
    return notes.log(console.world.hub(), contact, made, actor.name)


def _note(console: Console, request: Request, actor: Actor, written: Written, whom: str, **points: Any) -> Note:
    """ConfigError for times that are none."""
    said = {"outcome": written.outcome.strip(), "text": written.text.strip()}
    try:
        at = datetime.fromisoformat(written.at) if written.at else None
        follow_up = date.fromisoformat(written.follow_up) if written.follow_up else None
    except ValueError as err:
        _ = gettext_of(request)
        raise ConfigError(_("A day or time cannot be read, so nothing was noted. Go back and correct it.")) from err
    item = Interaction(
        written.number(actor, whom),
        at.replace(tzinfo=UTC) if at else datetime.fromtimestamp(console.world.clock(), UTC),
        CHANNEL_OF.get(written.kind, "other"),
        written.kind,
        written.direction,
        summary=written.subject.strip(),
        details={"by": actor.name} | {name: text for name, text in said.items() if text},
        **points,
    )
    return Note(item, follow_up, frozenset(written.withdraws))
