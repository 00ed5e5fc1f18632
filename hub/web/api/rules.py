"""Survivorship rules: tried on the conflicts of the last days, and saved in `hub.yaml`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import JSONResponse

from hub.access.rights import Actor, Right
from hub.config import editing
from hub.config.editing import StaleEdit
from hub.dedupe.trial import Effect, rule_text
from hub.store.disputes import by_field
from hub.sync import propose, rulebook
from hub.web.api.answers import ApiRoute, Asked, Moment, Plain, Refused, Row, documented
from hub.web.api.edits import IfMatch
from hub.web.api.world import World
from hub.web.guard import needs

FieldName = Annotated[str, Path(pattern=r"^[a-z_]{1,40}(\.[A-Za-z0-9_]{1,80})?$")]
Words = Annotated[list[Annotated[Plain, Field(min_length=1, max_length=40)]], Field(min_length=1, max_length=40)]
Days = Annotated[int, Field(ge=1, le=366)]


class FieldCount(Row):
    """Conflicts about a field that a connection brought."""

    field: str
    connection: str
    conflicts: int
    accepted: int
    overturned: int


class RuleList(Row):
    """rules: of the fields that have one, the others go by `latest`; etag: of the file that holds them"""

    rules: dict[str, str]
    conflicts: list[FieldCount]
    etag: str


class Tried(Asked):
    """rule  `latest`, `most_complete`, `most_common`, of addresses `union`; or connections, best first"""

    rule: Words
    days: Days = propose.DAYS


class Example(Row):
    """A conflict that would have been decided otherwise.

    then, would: the value that won, and the one that would have; right: what a person took for right, if one has;
    now, after: the golden record today, and decided anew with the rule; pinned: no rule changes it
    """

    number: int
    at: Moment
    golden_id: str
    key: str
    then: Any
    would: Any
    verdict: str
    right: Any
    now: Any
    after: Any
    pinned: bool


class EffectAnswer(Row):
    """tried, otherwise: conflicts, and those decided differently; unknown: those decided by something else, such as a
    pin; by_hand: those that a person has decided, agreed_before and agreed_after: as the old rule, and as this one
    """

    field: str
    before: str
    rule: str
    tried: int
    otherwise: int
    unknown: int
    by_hand: int
    agreed_before: int
    agreed_after: int
    cut: bool
    examples: list[Example]
    difference: str


class RuleOrder(Asked):
    rule: Words


class RuleSaved(Row):
    field: str
    rule: str
    difference: str


def router(world: World) -> APIRouter:
    routes = APIRouter(prefix="/rules", route_class=ApiRoute, responses=documented(), tags=["rules"])

    @routes.get("")
    def rules(_: Actor = needs(Right.CONTACTS)) -> RuleList:
        """The rules, and how often fields were in conflict in the last 30 days."""
        with world.store.read() as tx:
            counts = by_field(tx, propose.since(world.clock()))
        return RuleList(
            rules={field: rule_text(rule) for field, rule in world.config.golden.rules.items()},
            conflicts=[FieldCount.model_validate(row) for row in counts],
            etag=editing.open_file(world.config.folder, editing.FILE).etag,
        )

    @routes.get("/{field}")
    def effect(field: FieldName, asked: Annotated[Tried, Query()], _: Actor = needs(Right.CONTACTS)) -> EffectAnswer:
        """What a rule would have done with the conflicts of the last days, and what it changes in the file."""
        rule = rulebook.rule_from(world.config, field, asked.rule)
        draft = rulebook.draft(world.config, field, rule)
        with world.store.read() as tx:
            disputes = propose.disputes(world.hub(), tx, field, propose.since(world.clock(), asked.days))
            found = propose.propose(world.hub(), tx, disputes, rule)
        return _answer(found, draft.difference)

    @routes.put("/{field}", responses=documented(409, 412, 413, 428))
    def save(
        field: FieldName, order: RuleOrder, if_match: IfMatch = None, actor: Actor = needs(Right.CONFIGURE)
    ) -> JSONResponse:
        """Put a rule into `hub.yaml`, with the ETag of the file as it was looked at."""
        if if_match is None:
            raise Refused(428, "Version missing", "Nothing was changed. Send If-Match with the `etag` of the rules.")
        rule = rulebook.rule_from(world.config, field, order.rule)
        etag = if_match.strip().removeprefix("W/").strip('"')
        try:
            saved = rulebook.save(world.hub(), world.config, field, rule, actor.name, etag=etag)
        except StaleEdit as err:
            raise _changed_meanwhile(world, str(err)) from err
        world.setup.take()
        answer = RuleSaved(field=field, rule=rule_text(rule), difference=saved.difference)
        return JSONResponse(answer.model_dump(), headers={"ETag": f'"{_etag(world)}"'})

    return routes


def _etag(world: World) -> str:
    return editing.open_file(world.config.folder, editing.FILE).etag


def _changed_meanwhile(world: World, said: str) -> Refused:
    return Refused(412, "Changed meanwhile", said, ETag=f'"{_etag(world)}"')


def _answer(found: propose.Proposal, difference: str) -> EffectAnswer:
    seen: Effect = found.effect
    return EffectAnswer(
        field=found.field,
        before=rule_text(found.before),
        rule=rule_text(seen.rule),
        tried=seen.tried,
        otherwise=seen.otherwise,
        unknown=seen.unknown,
        by_hand=seen.by_hand,
        agreed_before=seen.agreed_before,
        agreed_after=seen.agreed_after,
        cut=found.cut,
        examples=[Example.model_validate(one) for one in found.examples],
        difference=difference,
    )
