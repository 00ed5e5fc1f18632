"""Mappings of connections: read, tried on sample records, saved with the comments of the file kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import Field, model_validator
from starlette.responses import JSONResponse

from hub.access.rights import Actor, Right
from hub.config.editing import StaleEdit, difference
from hub.config.mapping_file import MappingFile, data_of, open_mapping, rewritten, save_text
from hub.config.mappings import connection_mapping
from hub.errors import ConfigError
from hub.mapping.alter import full, keyed_as, short
from hub.mapping.apply import ContactMapping
from hub.mapping.preview import Between, Shown, judge_table
from hub.mapping.spec import load_mapping
from hub.sampling import Samples
from hub.secrets import redact
from hub.store.contacts import fields_of_records
from hub.store.inbox import StoreInbox
from hub.sync.link import differs
from hub.web.api.answers import ApiRoute, Asked, ConnectionName, Plain, Refused, Row, documented, missing
from hub.web.api.world import World
from hub.web.guard import needs

IfMatch = Annotated[str | None, Header(max_length=80, description="ETag of the mapping that the change is based on")]
LARGEST = 200_000  # characters of a file sent as text


class MappingShown(Row):
    """file: from the configuration's folder; own: the connection names it, else it is what its type brings along
    shared: other connections that use it; in_use: the hub that runs maps by it
    """

    connection: str
    file: str
    own: bool
    shared: list[str]
    in_use: bool
    mapping: dict[str, Any]
    text: str


class MappingOrder(Asked):
    """One of both: the table, as a mapping file spells it, or the file as text. Keys of `values` that are numbers or
    booleans in the file stay so; new ones are texts in JSON.
    """

    mapping: dict[str, Any] | None = None
    text: Annotated[Plain, Field(max_length=LARGEST)] | None = None

    @model_validator(mode="after")
    def _one(self) -> MappingOrder:
        if (self.mapping is None) == (self.text is None):
            raise ValueError("send mapping or text")
        return self


class TryOrder(Asked):
    """mapping  none: the one of the file; again: read the records anew, though some were read minutes ago"""

    mapping: dict[str, Any] | None = None
    again: bool = False


class Saved(Row):
    """rows  that changed; in_use: the hub that runs maps by it already, else as soon as runs under way have ended"""

    connection: str
    file: str
    rows: list[str]
    in_use: bool


class Mistake(Row):
    row: str
    what: str


class Value(Row):
    """A canonical value, there → here; was: what the mapping in use makes of it. change: new, gone, other or none"""

    key: str
    path: str
    before: Any
    after: Any
    was: Any
    change: str
    problem: str | None


class Written(Row):
    """A source field on the way back. sent: it would be written now"""

    name: str
    holds: Any
    value: Any
    was: Any
    change: str
    sent: bool


class Tried(Row):
    id: str
    error: str | None
    changes: int
    values: list[Value]
    written: list[Written]


class Preview(Row):
    """trouble: why the system could not be asked; aside: what could not be read"""

    wrong: list[Mistake]
    records: list[Tried]
    aside: list[str]
    trouble: str | None


def router(world: World) -> APIRouter:
    routes = APIRouter(
        prefix="/connections/{name}/mapping", route_class=ApiRoute, responses=documented(404), tags=["connections"]
    )
    _saving(routes, world)
    _trying(routes, world)
    return routes


def _saving(routes: APIRouter, world: World) -> None:
    @routes.get("", response_model=MappingShown)
    def mapping(name: ConnectionName, _: Actor = needs(Right.HEALTH)) -> JSONResponse:
        """The table and its file, with an ETag."""
        file = _file(world, name)
        shown = MappingShown(
            connection=name,
            file=file.name,
            own=file.is_own,
            shared=list(file.shared),
            in_use=is_in_use(world, file),
            mapping=short(file.table),
            text=file.text,
        )
        return JSONResponse(shown.model_dump(mode="json"), headers={"ETag": f'"{file.etag}"'})

    @routes.put("", response_model=Saved, responses=documented(404, 409, 412, 413, 428))
    def save(
        name: ConnectionName, order: MappingOrder, if_match: IfMatch = None, actor: Actor = needs(Right.CONFIGURE)
    ) -> JSONResponse:
        """Save it: rows that are the same stay as they were typed, with their comments. Stored records are mapped anew
        when they are read again: all of them by a run with `full`.
        """
        file = _file(world, name)
        if if_match is None:
            raise Refused(428, "Version missing", "Nothing was changed. Send If-Match with the ETag of the mapping.")
        text = order.text if order.text is not None else rewritten(file, _table(world, file, order.mapping or {}))
        if order.text is not None:
            _table(world, file, data_of(order.text, file.name))
        try:
            if if_match.strip().removeprefix("W/").strip('"') != file.etag:
                raise StaleEdit(file.name, file.text)
            rows = save_text(world.store, file, text, actor.name, world.clock())
        except StaleEdit as err:
            raise _meanwhile(err, text) from err
        is_taken = world.setup.take() and not world.setup.trouble()
        saved = _file(world, name)
        body = Saved(connection=name, file=file.name, rows=rows, in_use=is_taken or is_in_use(world, saved))
        return JSONResponse(body.model_dump(mode="json"), headers={"ETag": f'"{saved.etag}"'})


def _trying(routes: APIRouter, world: World) -> None:
    samples = Samples(lambda name: StoreInbox(world.store).of(name))

    @routes.post("/preview", dependencies=[needs(Right.CONTACTS)], responses=documented(404, 413))
    def preview(name: ConnectionName, order: TryOrder, actor: Actor = needs(Right.CONFIGURE)) -> Preview:
        """What a mapping makes of up to ten records, beside the one in use, and the way back. Nothing is written."""
        file = _file(world, name)
        table = file.table
        if order.mapping is not None:
            table = keyed_as(file.data, full(data_of(order.mapping, "mapping")))
        judged = judge_table(table, world.config.default_region)
        sample = None if order.again else samples.kept(actor.id, name)
        sample = sample or samples.read(world.config, name, actor.id)
        records: list[Tried] = []
        if judged.mapping is not None:
            between = Between(in_use(world, name), judged.mapping, differs)
            with world.store.read() as tx:
                golden = fields_of_records(tx, name, [record.id for record in sample.records])
            records = [_tried(between.show(record, golden.get(record.id))) for record in sample.records]
        return Preview(
            wrong=[Mistake(row=row, what=what) for row, what in judged.wrong],
            records=records,
            aside=[redact(said) for said in sample.aside],
            trouble=redact(sample.error) if sample.error else None,
        )


def in_use(world: World, name: str) -> ContactMapping:
    """The mapping that a connection runs with."""
    route = world.hub().routes.get(name)
    return route.mapping if route is not None else connection_mapping(world.config, name)


def is_in_use(world: World, file: MappingFile) -> bool:
    """Does the hub that runs map as the file says?"""
    try:
        saved = load_mapping(file.data, where=file.name, default_region=world.config.default_region)
    except ConfigError:
        return False
    return saved.digest == in_use(world, file.connection).digest


def _file(world: World, name: str) -> MappingFile:
    if name not in world.config.connections:
        raise missing("connection of this name")
    return open_mapping(world.config.folder, name)


def _table(world: World, file: MappingFile, data: Mapping[str, Any]) -> dict[str, Any]:
    """ConfigError when it cannot be used."""
    load_mapping(data, where="mapping", default_region=world.config.default_region)
    return keyed_as(file.data, full(data))


def _meanwhile(err: StaleEdit, text: str) -> Refused:
    return Refused(
        412,
        "Changed meanwhile",
        f"Nothing was changed: {err.name} is not any more what the change is based on. `difference` leads from what it "
        "is now to what was sent. Look at it again, then decide again.",
        {"difference": difference(err.now, text, err.name)},
    )


def _tried(shown: Shown) -> Tried:
    return Tried(
        id=shown.id,
        error=shown.error,
        changes=shown.changes,
        values=[Value.model_validate(line) for line in shown.lines],
        written=[Written.model_validate(told) for told in shown.told],
    )
