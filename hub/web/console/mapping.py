"""The mapping of a connection, edited as a table: what it makes of real records is shown while one types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.config.editing import StaleEdit, difference, read_only
from hub.config.mapping_file import MappingFile, default_paths, open_mapping, refuse_stale, rewritten, save_text
from hub.errors import HubError, TransientError
from hub.mapping.alter import changed_rows
from hub.sampling import MOST_COUNTED, Sample, Samples
from hub.secrets import redact
from hub.store.inbox import StoreInbox
from hub.web.api.mappings import in_use, is_in_use
from hub.web.console.done import done
from hub.web.console.mapping_form import GOLDEN_FIELDS, Form, acted, form_of, read_form
from hub.web.console.mapping_steps import OFFERS
from hub.web.console.mapping_view import Looked, Preview, judge_form, preview, with_sources
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, missing, page
from hub.web.guard import needs

Pairs: TypeAlias = Sequence[tuple[str, str]]
NOT_TYPED = frozenset({"csrf", "etag", "act", "record"})  # of the page, not of the table


async def _pairs(request: Request) -> Pairs:
    """What was sent, as it was typed."""
    return [(name, value) for name, value in (await request.form()).multi_items() if isinstance(value, str)]


Sent = Annotated[Pairs, Depends(_pairs)]


@dataclass(frozen=True, slots=True)
class Typed:
    """A form as somebody has it before them. etag: of the file it began from; chosen: the record that is shown"""

    request: Request
    actor: Actor
    file: MappingFile
    form: Form
    etag: str
    chosen: str = ""
    act: str = ""
    pairs: Pairs = ()

    @property
    def is_part(self) -> bool:
        return self.request.headers.get("hx-request") == "true"


class Desk:
    """What the pages of one console share: samples, and how a form is looked at."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.samples = Samples(StoreInbox(console.world.store).of)

    def file(self, request: Request, name: str) -> MappingFile:
        world = self.console.world
        if name not in world.config.connections:
            raise missing(request)
        return open_mapping(world.config.folder, name)

    def typed(self, request: Request, name: str, actor: Actor, sent: Pairs) -> Typed:
        given = dict(sent)
        etag, chosen, act = (given.get(key, "") for key in ("etag", "record", "act"))
        return Typed(request, actor, self.file(request, name), read_form(sent), etag, chosen, act, sent)

    def judge(self, form: Form) -> Looked:
        return judge_form(form, self.console.world.config.default_region)

    def look(self, typed: Typed) -> Looked:
        world, name = self.console.world, typed.file.connection
        routes = world.hub().routes
        others = (route.mapping.fills() for other, route in routes.items() if other != name)
        elsewhere = frozenset(base for found in others for base in found)
        known = default_paths(world.config.folder, name)
        return with_sources(self.judge(typed.form), self._sample(typed), known, elsewhere)

    def preview(self, typed: Typed, looked: Looked) -> Preview | None:
        """None when no records were read yet, or this person may see none."""
        sample, name, chosen = self._sample(typed), typed.file.connection, typed.chosen
        if sample is None:
            return None
        number = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 4 else 0
        return preview(looked, in_use(self.console.world, name), sample, self.console.world.store, name, number)

    def _sample(self, typed: Typed) -> Sample | None:
        may = typed.actor.may(Right.CONTACTS) and typed.actor.may(Right.CONFIGURE)
        return self.samples.kept(typed.actor.id, typed.file.connection) if may else None


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/connections/{name}/mapping", route_class=PageRoute)
    desk = Desk(console)
    _looking(routes, desk)
    _typing(routes, desk)
    _saving(routes, desk)
    return routes


def _looking(routes: APIRouter, desk: Desk) -> None:
    @routes.get("")
    def mapping(
        request: Request,
        name: str,
        saved: Annotated[str, Query(max_length=8)] = "",
        actor: Actor = needs(Right.HEALTH),
    ) -> Response:
        file = desk.file(request, name)
        return _page(desk, Typed(request, actor, file, form_of(file.table), file.etag), saved=saved == "yes")


def _typing(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/table")
    def table(request: Request, name: str, sent: Sent, actor: Actor = needs(Right.CONFIGURE)) -> Response:
        """A row more or less, another order: the table anew, with all that was typed."""
        typed = desk.typed(request, name, actor, sent)
        return _page(desk, replace(typed, form=acted(typed.form, typed.act)), "mapping_table.html")

    @routes.post("/preview", dependencies=[needs(Right.CONTACTS)])
    def shown(request: Request, name: str, sent: Sent, actor: Actor = needs(Right.CONFIGURE)) -> Response:
        """What the form as it stands makes of the sample."""
        return _page(desk, desk.typed(request, name, actor, sent), "mapping_preview.html")

    @routes.post("/sample", dependencies=[needs(Right.CONTACTS)])
    def sample(request: Request, name: str, sent: Sent, actor: Actor = needs(Right.CONFIGURE)) -> Response:
        """Up to ten records are read now, and kept for this person for ten minutes."""
        typed = desk.typed(request, name, actor, sent)
        trouble = ""
        try:
            desk.samples.read(desk.console.world.config, name, actor.id)
        except TransientError as err:
            trouble = redact(str(err))
        return _page(desk, typed, "mapping_table.html", trouble=trouble)


def _saving(routes: APIRouter, desk: Desk) -> None:
    world = desk.console.world

    @routes.post("/review")
    def review(request: Request, name: str, sent: Sent, actor: Actor = needs(Right.CONFIGURE)) -> Response:
        """What saving would mean: the rows that change, the difference, what happens to stored records."""
        return _review(desk, desk.typed(request, name, actor, sent))

    @routes.post("/count", dependencies=[needs(Right.CONTACTS)])
    def count(request: Request, name: str, sent: Sent, actor: Actor = needs(Right.CONFIGURE)) -> Response:
        """How many of the first records of the listing would map otherwise."""
        typed = desk.typed(request, name, actor, sent)
        after = desk.judge(typed.form).judged.mapping
        tally, said = None, ""
        try:
            if after is not None:
                tally = desk.samples.count(world.config, name, in_use(world, name), after)
        except HubError as err:
            said = redact(str(err))
        return page(desk.console, request, actor, "mapping_count.html", tally=tally, trouble=said, most=MOST_COUNTED)

    @routes.post("")
    def save(request: Request, name: str, sent: Sent, actor: Actor = needs(Right.CONFIGURE)) -> Response:
        typed = desk.typed(request, name, actor, sent)
        looked = desk.judge(typed.form)
        if not looked.is_right:
            return _page(desk, typed, status=422)
        try:
            refuse_stale(typed.file, typed.etag)
            text = rewritten(typed.file, looked.table)
            save_text(world.store, typed.file, text, actor.name, world.clock())
        except StaleEdit:
            return _review(desk, replace(typed, file=desk.file(request, name)))
        world.setup.take()
        return done(desk.console, f"/connections/{name}/mapping?saved=yes")


def _review(desk: Desk, typed: Typed) -> Response:
    """Where somebody else has saved meanwhile, the difference starts from what they wrote."""
    looked, file = desk.look(typed), typed.file
    if not looked.is_right:
        return _page(desk, typed, status=422)
    text = rewritten(file, looked.table)
    stale = typed.etag != file.etag
    return page(
        desk.console,
        typed.request,
        typed.actor,
        "mapping_review.html",
        status=409 if stale else 200,
        file=file,
        stale=stale,
        diff=difference(file.text if file.is_own else "", text, file.name),
        rows=changed_rows(file.data, looked.table),
        preview=desk.preview(typed, looked),
        pairs=[(name, value) for name, value in typed.pairs if name not in NOT_TYPED],
        state=_state(desk, file),
        most=MOST_COUNTED,
    )


def _page(desk: Desk, typed: Typed, part: str = "", *, status: int = 200, **said: Any) -> Response:
    """part: the template of what is asked for where only a part of the page is"""
    looked = desk.look(typed)
    is_part = bool(part) and typed.is_part
    return page(
        desk.console,
        typed.request,
        typed.actor,
        part if is_part else "mapping.html",
        status=status,
        file=typed.file,
        etag=typed.etag,
        looked=looked,
        form=typed.form,
        preview=desk.preview(typed, looked),
        offers=OFFERS,
        golden_fields=GOLDEN_FIELDS,
        saved=said.get("saved", False),
        trouble=said.get("trouble", ""),
        state=_state(desk, typed.file),
        is_part=is_part,
        oob=part == "mapping_preview.html",
    )


def _state(desk: Desk, file: MappingFile) -> dict[str, Any]:
    """How the file stands to the hub that runs."""
    config = desk.console.world.config
    return {
        "read_only": read_only(config),
        "is_taken": is_in_use(desk.console.world, file),
        "trouble": redact(desk.console.world.setup.trouble()),
        "full_every": config.connections[file.connection].full_every,
    }
