"""Texts that could not be read put right, one or many by a rule; a domain of addresses put right in many records."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from hub.access.rights import Actor, Right
from hub.errors import Overtaken
from hub.rereading import Line, Reread, forecast, line_of, look, put_all_right, put_right
from hub.sync import domains
from hub.sync.domains import DomainRule
from hub.sync.line_rules import LONGEST_FIND, At, LineRule
from hub.sync.lines import LONGEST, spelled
from hub.web.api.answers import ApiRoute, Asked, Number, Plain, Refused, Row, documented, missing
from hub.web.api.parked import Chosen
from hub.web.api.world import World
from hub.web.guard import needs
from hub.web.problems import KIND
from hub.web.returned import take_in_now

Find = Annotated[Plain, Field(max_length=LONGEST_FIND)]
Domain = Annotated[Plain, Field(max_length=domains.LONGEST)]


class Text(Row):
    """original  as it came; text: as it is meant, where it was put right before; columns: their names in order, if any

    version  to be sent with what is meant: it is refused when the piece is another one by then
    """

    number: int
    state: str
    original: str
    text: str
    columns: list[str]
    person: str | None
    version: str


class Meant(Asked):
    """version  of the text that was looked at; without it the last one wins"""

    text: Annotated[Plain, Field(max_length=LONGEST)]
    version: Annotated[str, Field(max_length=40)] | None = None


class Looked(Asked):
    text: Annotated[Plain, Field(max_length=LONGEST)]


class Outcome(Row):
    """is_read  it can be read; problem: why it would be set aside, by the reading or by the mapping

    fields   as the source names them; mapped: canonical field → value
    known    a record with this key is known from this connection; gone: the text says that it is deleted
    """

    record_id: str | None
    is_read: bool
    problem: str | None
    known: bool
    gone: bool
    fields: dict[str, Any]
    mapped: dict[str, Any]


class ByRule(Chosen):
    """One rule for the texts chosen: read in another encoding, a text found and another put in its place.

    seen  how many the chosen were when they were looked at
    """

    encoding: Annotated[Plain, Field(max_length=40)] | None = None
    find: Find = ""
    put: Find = ""
    at: At = "anywhere"
    seen: int | None = Field(None, ge=0)

    def rule(self) -> LineRule:
        return LineRule(self.encoding, self.find, self.put, self.at)


class ByDomain(Chosen):
    """domain  what stands behind the @; meant: what is meant by it"""

    domain: Domain
    meant: Domain
    seen: int | None = Field(None, ge=0)

    def rule(self) -> DomainRule:
        return DomainRule(self.domain, self.meant)


class Before(Row):
    """after null: the rule does not change it"""

    number: int
    place: str
    text: str
    after: str | None
    problem: str | None
    record_id: str | None


class Forecast(Row):
    """Of `total` chosen `counted` were tried: `read` would be read, `same` are not changed. shown: up to 20"""

    total: int
    counted: int
    read: int
    same: int
    shown: list[Before]


class Address(Row):
    number: int
    field: str
    before: str
    after: str


class Addresses(Row):
    """Of `total` chosen `counted` were looked at: so many records and writes have the domain. shown: up to 20"""

    total: int
    counted: int
    records: int
    writes: int
    shown: list[Address]


class Amended(Row):
    """records  put right; unread: those of which the rule makes nothing; left: not come to, ask again"""

    records: int
    unread: int
    left: int


class Mended(Row):
    records: int
    left: int


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/parked", route_class=ApiRoute, responses=documented(), tags=["parked"])
    _one(routes, world)
    _many(routes, world)
    _domains(routes, world)
    return routes


def _line(world: World, number: int) -> Line:
    with world.store.read() as tx:
        line = line_of(tx, number)
    if line is None:
        raise missing("parked text of this number")
    return line


def _one(routes: APIRouter, world: World) -> None:
    @routes.get("/{number}/line", responses=documented(404))
    def text(number: Number, _: Actor = needs(Right.CONTACTS)) -> Text:
        """The text of what could not be read."""
        return _text(_line(world, number))

    @routes.post("/{number}/line/look", responses=documented(404, 413))
    def look_at(number: Number, looked: Looked, _: Actor = needs(Right.DECIDE)) -> Outcome:
        """What would become of a text in its place. Nothing is changed."""
        return _outcome(look(world.config, world.store, _line(world, number), looked.text))

    @routes.post("/{number}/line", responses=documented(404, 409, 413))
    def save(number: Number, meant: Meant, actor: Actor = needs(Right.DECIDE)) -> Text:
        """The text is meant so, and its record is taken in. 409: it is another one by now, told as `now`."""
        line = _line(world, number)
        try:
            made = put_right(world.config, world.store, number, meant.text, actor.name, world.clock(), meant.version)
        except Overtaken as err:
            now = _text(_line(world, number)).model_dump()
            raise Refused(409, "Overtaken", str(err), {"type": KIND + "overtaken", "now": now}) from err
        take_in_now(world, actor, made.connections, len(made.numbers))
        return _text(_line(world, line.row.number))


def _many(routes: APIRouter, world: World) -> None:
    @routes.post("/lines/look", responses=documented(413))
    def look_at(asked: ByRule, _: Actor = needs(Right.DECIDE)) -> Forecast:
        """What a rule would do to the texts chosen. Nothing is changed."""
        return Forecast.model_validate(forecast(world.config, world.store, asked.filter(), asked.rule()))

    @routes.post("/lines", responses=documented(404, 409, 413))
    def save(asked: ByRule, actor: Actor = needs(Right.DECIDE)) -> Amended:
        """Those that the rule makes readable are meant so, up to 5,000; their records are taken in."""
        made = put_all_right(
            world.config, world.store, asked.filter(), asked.rule(), actor.name, world.clock(), asked.seen
        )
        take_in_now(world, actor, made.connections, len(made.numbers))
        return Amended(records=len(made.numbers), unread=made.unread, left=made.left)


def _domains(routes: APIRouter, world: World) -> None:
    @routes.post("/domain/look", responses=documented(413))
    def look_at(asked: ByDomain, _: Actor = needs(Right.DECIDE)) -> Addresses:
        """Which addresses of the records chosen have a domain. Nothing is changed."""
        return Addresses.model_validate(domains.forecast(world.store, asked.filter(), asked.rule()))

    @routes.post("/domain", responses=documented(404, 409, 413))
    def save(asked: ByDomain, actor: Actor = needs(Right.DECIDE)) -> Mended:
        """Another domain is meant: in records set aside, and on contacts of refused writes by who may change them."""
        made = domains.mend(
            world.hub(),
            asked.filter(),
            asked.rule(),
            actor.name,
            world.config.default_region,
            seen=asked.seen,
            contacts=actor.may(Right.EDIT),
        )
        return Mended(records=len(made.numbers), left=made.left)


def _text(line: Line) -> Text:
    return Text(
        number=line.row.number,
        state=line.row.state,
        original=spelled(line.raw),
        text=line.text,
        columns=list(line.raw.names),
        person=line.made.person if line.made is not None else None,
        version=line.version,
    )


def _outcome(found: Reread) -> Outcome:
    mapped = {cell.key: cell.after for cell in found.rows if cell.problem is None}
    return Outcome(
        record_id=found.record_id,
        is_read=found.is_read,
        problem=found.problem,
        known=found.known,
        gone=found.gone,
        fields=dict(found.fields),
        mapped=mapped,
    )
