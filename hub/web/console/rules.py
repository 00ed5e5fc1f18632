"""Survivorship rules: tried on the conflicts of the last days, shown as a change of `hub.yaml`, saved."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import Response

from hub.access.rights import Actor, Right
from hub.config import editing
from hub.config.editing import StaleEdit
from hub.dedupe.trial import Effect, rule_text
from hub.errors import ConfigError
from hub.store.disputes import FieldCount, by_field
from hub.sync import propose, rulebook
from hub.web.console.done import done
from hub.web.console.glance import Kept
from hub.web.console.refusals import PageRoute
from hub.web.console.shell import Console, Said, page
from hub.web.guard import needs

COUNTED_SECONDS = 15.0  # conflicts are counted and read anew after that
MOST_KEPT = 8  # fields whose conflicts are kept, some 2 MB each
FIELD = r"^[a-z_]{1,40}(\.[A-Za-z0-9_]{1,80})?$"

Words = Annotated[list[str] | None, Query(alias="rule", max_length=40)]
Posted = Annotated[list[str], Form(alias="rule", max_length=40)]
Order = Annotated[str, Query(max_length=2_000)]


class _Looked(NamedTuple):
    """The conflicts of a field, and what rules would have made of them."""

    disputes: propose.Disputes
    effects: list[Effect]


class _Rules:
    """The console, and what of rules is kept for a while for all who look."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.counts: Kept[list[FieldCount]] = Kept(lambda: _counts(console), console.world.clock, COUNTED_SECONDS)
        self._looked: dict[str, Kept[_Looked]] = {}

    def looked(self, field: str) -> _Looked:
        if field not in self._looked:
            if len(self._looked) >= MOST_KEPT:
                self._looked.clear()
            self._looked[field] = Kept(lambda: _look(self.console, field), self.console.world.clock, COUNTED_SECONDS)
        return self._looked[field].get()


def router(console: Console) -> APIRouter:
    routes = APIRouter(prefix="/conflicts/rules", route_class=PageRoute)
    kept = _Rules(console)

    @routes.get("")
    def fields(request: Request, actor: Actor = needs(Right.CONTACTS)) -> Response:
        rules = {name: rule_text(rule) for name, rule in console.world.config.golden.rules.items()}
        return page(console, request, actor, "rules.html", rows=kept.counts.get(), rules=rules, days=propose.DAYS)

    @routes.get("/{field}")
    def one(
        request: Request, field: str, rule: Words = None, order: Order = "", actor: Actor = needs(Right.CONTACTS)
    ) -> Response:
        """rule: tried in detail; order: the same as a person types it"""
        words = _typed(order) or rule
        return _field(kept, request, actor, _checked(field), words)

    @routes.post("/{field}")
    def save(
        request: Request,
        field: str,
        rule: Posted,
        etag: Annotated[str, Form(max_length=80)] = "",
        actor: Actor = needs(Right.CONFIGURE),
    ) -> Response:
        world = console.world
        chosen = rulebook.rule_from(world.config, _checked(field), rule)
        try:
            rulebook.save(world.hub(), world.config, field, chosen, actor.name, etag=etag)
        except StaleEdit as err:
            if not actor.may(Right.CONTACTS):
                raise
            return _field(kept, request, actor, field, rule, Said(str(err), "bad"))
        world.setup.take()
        return done(console, "/conflicts/rules")

    return routes


def _counts(console: Console) -> list[FieldCount]:
    with console.world.store.read() as tx:
        return by_field(tx, propose.since(console.world.clock()))


def _look(console: Console, field: str) -> _Looked:
    hub = console.world.hub()
    with console.world.store.read() as tx:
        disputes = propose.disputes(hub, tx, field, propose.since(console.world.clock()))
    return _Looked(disputes, propose.compare(hub, disputes))


def _checked(field: str) -> str:
    if not re.fullmatch(FIELD, field):
        raise ConfigError("There is no such field. Nothing was changed. Choose one from the list.")
    return field


def _typed(order: str) -> list[str]:
    return [word for word in re.split(r"[\s,;>]+", order) if word]


def _field(
    kept: _Rules, request: Request, actor: Actor, field: str, words: Sequence[str] | None, said: Said | None = None
) -> Response:
    console = kept.console
    world, engine = console.world, console.world.hub()
    wanted = rulebook.rule_from(world.config, field, words) if words else None
    looked, tried = kept.looked(field), None
    if wanted is not None:
        with world.store.read() as tx:
            tried = propose.propose(engine, tx, looked.disputes, wanted)
    texts: dict[str, Any] = {
        "field": field,
        "days": propose.DAYS,
        "today": rule_text(engine.rules.of(field)),
        "compared": [(rule_text(one.rule), _as_words(one.rule), one) for one in looked.effects],
        "tried": tried,
        "wanted": rule_text(wanted) if wanted is not None else "",
        "words": _as_words(wanted) if wanted is not None else [],
        "connections": list(world.config.connections),
        "said": said,
    }
    if wanted is not None:
        texts["draft"] = rulebook.draft(world.config, field, wanted)
        texts["read_only"] = editing.read_only(world.config)
    return page(console, request, actor, "rule.html", status=409 if said else 200, **texts)


def _as_words(rule: str | tuple[str, ...]) -> list[str]:
    return [rule] if isinstance(rule, str) else list(rule)
