"""Many merges or splits in one request: looked at line by line, or carried out, a line whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, TypeAlias

from fastapi import APIRouter
from pydantic import Field, model_validator
from starlette.responses import JSONResponse

from hub.access.rights import Actor, Right
from hub.sync import bulk
from hub.sync.bulk import Back, Done, Kind, Line, Mistake, Outlook
from hub.web.api.answers import ApiRoute, Asked, Plain, Row, documented
from hub.web.api.edits import RecordRef
from hub.web.api.once import Key, once
from hub.web.api.world import World
from hub.web.guard import needs

MOST = 500  # lines of a request: some seconds of work
ContactName: TypeAlias = Annotated[
    Plain, Field(min_length=1, max_length=560, description="an id, or CONNECTION:EXTERNAL_ID")
]


class MergeLine(Asked):
    """Two contacts that are one."""

    a: ContactName
    b: ContactName


class SplitLine(Asked):
    """Records that leave a contact together."""

    contact: ContactName
    records: list[RecordRef] = Field(min_length=1, max_length=10_000)


class BulkOrder(Asked):
    """Either `merges`, or `splits`, or a CSV text of one `kind` with the columns that `hub contacts merge --from` and
    `split --from` take. dry_run: say what it would do, and do nothing
    """

    merges: list[MergeLine] = Field(default=[], max_length=MOST)
    splits: list[SplitLine] = Field(default=[], max_length=MOST)
    csv: Annotated[Plain, Field(max_length=200_000)] = ""
    kind: Literal["merge", "split"] = "merge"
    dry_run: bool = False

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(map(bool, (self.merges, self.splits, self.csv))) != 1:
            raise ValueError("one of merges, splits and csv")
        return self


class BulkLine(Row):
    """line: from 1, of a CSV text the line in it. outcome: done, already (it is so), failed; or would (be done).

    contacts  ids that the line is about, as they were before it
    """

    line: int
    outcome: Literal["done", "already", "failed", "would"]
    reason: str | None = None
    contacts: list[str] = Field(default_factory=list)


class BulkAnswer(Row):
    """changed: lines that were, or would be, done; undo: what takes it back when it is sent in turn"""

    lines: list[BulkLine]
    changed: int
    undo: BulkOrder | None = None


def router(world: World) -> APIRouter:
    responses: dict[int | str, dict[str, Any]] = {200: {"model": BulkAnswer, "description": "What it would do."}}
    routes = APIRouter(prefix="/contacts", route_class=ApiRoute, responses=documented(404, 409, 413), tags=["contacts"])

    @routes.post("/bulk", status_code=201, response_model=BulkAnswer, responses=responses)
    def many(order: BulkOrder, key: Key = None, actor: Actor = needs(Right.EDIT)) -> JSONResponse:
        """Merge or split many. Lines that fail leave the others alone; a line that is so already changes nothing."""
        kind, lines, mistakes = _read(order)
        if order.dry_run:
            with world.store.read() as tx:
                outlook = bulk.look_ahead(tx, lines, mistakes)
            return JSONResponse(_would(lines, outlook).model_dump(), 200)

        def carry_out() -> Mapping[str, Any]:
            return _done(kind, list(bulk.carry_out(world.hub(), lines, actor.name)), mistakes).model_dump()

        return once(world, actor, key, order, "bulk", carry_out)

    return routes


def _read(order: BulkOrder) -> tuple[Kind, list[Line], list[Mistake]]:
    """ConfigError when the CSV text is none, or has too many lines."""
    if order.merges:
        return "merge", [Line(n, (each.a, each.b)) for n, each in enumerate(order.merges, 1)], []
    if order.splits:
        return "split", [Line(n, (each.contact,), _refs(each)) for n, each in enumerate(order.splits, 1)], []
    lines, mistakes = bulk.read_text(io.StringIO(order.csv, newline=""), order.kind, "The CSV text")
    return order.kind, lines[:MOST], [*mistakes, *(Mistake(line.number, _TOO_MANY) for line in lines[MOST:])]


_TOO_MANY = f"a request has at most {MOST} lines: send the others in another one"


def _refs(line: SplitLine) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys((ref.connection, ref.external_id) for ref in line.records))


def _would(lines: Sequence[Line], outlook: Outlook) -> BulkAnswer:
    steps = {step.line: BulkLine(line=step.line, outcome="would", contacts=_ids(step.homes)) for step in outlook.steps}
    failed = {mistake.line: _failed(mistake) for mistake in outlook.mistakes}
    already = {line.number: BulkLine(line=line.number, outcome="already") for line in lines}
    rows = already | failed | steps
    return BulkAnswer(lines=[rows[number] for number in sorted(rows)], changed=len(steps))


def _ids(homes: Sequence[str]) -> list[str]:
    return [home for home in homes if " " not in home]  # the other half of a split has no id before it is done


def _done(kind: Kind, found: Sequence[Done | Mistake], mistakes: Sequence[Mistake]) -> BulkAnswer:
    done = [one for one in found if isinstance(one, Done)]
    rows = [_failed(one) for one in (*mistakes, *(one for one in found if isinstance(one, Mistake)))]
    rows += [_carried_out(one) for one in done]
    back = [each for one in reversed(done) for each in one.back]
    return BulkAnswer(
        lines=sorted(rows, key=lambda row: row.line),
        changed=sum(one.changed for one in done),
        undo=_undo(kind, back) if back else None,
    )


def _carried_out(one: Done) -> BulkLine:
    return BulkLine(line=one.line, outcome="done" if one.changed else "already", contacts=list(one.contacts))


def _failed(mistake: Mistake) -> BulkLine:
    return BulkLine(line=mistake.line, outcome="failed", reason=mistake.reason)


def _undo(kind: Kind, back: Sequence[Back]) -> BulkOrder:
    if kind == "split":
        return BulkOrder(merges=[MergeLine(a=each.contact, b=each.other) for each in back])
    return BulkOrder(splits=[SplitLine(contact=each.contact, records=_records(each.records)) for each in back])


def _records(refs: Sequence[tuple[str, str]]) -> list[RecordRef]:
    return [RecordRef(connection=connection, external_id=external_id) for connection, external_id in refs]
