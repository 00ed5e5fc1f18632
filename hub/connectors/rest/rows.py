"""Rows of a record that are entities of their own: which of them are made, changed and dropped. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from hub.connectors.rest.calls import Request
from hub.connectors.rest.child_calls import Child
from hub.connectors.rest.words import Values, fill

Row: TypeAlias = Mapping[str, Any]


class Unfit(Exception):
    """Why the rows cannot be written, in words for people; nothing is sent."""


@dataclass(frozen=True, slots=True)
class Steps:
    """change: (as it is there, as it is wanted)"""

    change: tuple[tuple[Row, Row], ...]
    drop: tuple[Row, ...]
    make: tuple[Row, ...]


def steps(there: Sequence[Row], wanted: Sequence[Row]) -> Steps:
    """The fewest calls that leave what is wanted; a row is changed rather than dropped and another one made."""
    left, more = list(there), []
    for row in wanted:
        same = next((each for each in left if is_same(each, row)), None)
        if same is None:
            more.append(row)
        else:
            left.remove(same)
    paired = min(len(left), len(more))
    return Steps(tuple(zip(left, more, strict=False)), tuple(left[paired:]), tuple(more[paired:]))


def is_same(there: Row, wanted: Row) -> bool:
    return all(_plain(there.get(name)) == _plain(value) for name, value in wanted.items())


def _plain(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else "" if value is None else value


def rows_at(kind: Child, held: Any) -> list[Row]:
    """The rows of a kind in a record as it is read, or in the row that they belong to."""
    found = kind.at.of(held) if isinstance(held, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def sent(kind: Child, row: Row, settings: Values, *, making: bool = False) -> dict[str, Any]:
    """A row as it is sent; a new one without what is empty. Unfit when a part of it has no form there."""
    if not kind.row:
        return {name: value for name, value in row.items() if value is not None or not making}
    found = fill(kind.row, {**settings, "row": row})
    if not isinstance(found, dict) or found.keys() != kind.row.keys():
        raise Unfit(f"a value of {kind.field} has no form in which it can be written there")
    return found


# --- a new record -----------------------------------------------------------------------------------


def nested(kinds: Sequence[Child], fields: Mapping[str, Any], settings: Values) -> dict[str, Any]:
    """The fields of a new record with its rows in it."""
    names = {kind.field for kind in kinds}
    found = {name: value for name, value in fields.items() if name not in names}
    for kind in kinds:
        if kind.of is None:
            rows = new_rows(kinds, kind, fields, settings)
            if rows:
                found[kind.into] = rows
    return found


def new_rows(kinds: Sequence[Child], kind: Child, fields: Mapping[str, Any], settings: Values) -> list[dict[str, Any]]:
    """Rows of a kind that others belong to, the first with those."""
    rows = [sent(kind, each, settings, making=True) for each in fields.get(kind.field) or ()]
    theirs = [each for each in kinds if each.of == kind.field and fields.get(each.field)]
    if not theirs:
        return rows
    if not rows:
        rows = [_otherwise(kind, theirs, settings)]
    rows[0] |= {each.into: [sent(each, row, settings, making=True) for row in fields[each.field]] for each in theirs}
    return rows


def _otherwise(kind: Child, theirs: Sequence[Child], settings: Values) -> dict[str, Any]:
    found = fill(kind.otherwise, settings)
    if not isinstance(found, dict) or not found:
        names = " and ".join(each.field for each in theirs)
        raise Unfit(f"{names} belong to one of {kind.field} there, and none is known")
    return found


# --- a record that is there -------------------------------------------------------------------------


def calls(
    kinds: Sequence[Child], name: str, raw: Row, fields: Mapping[str, Any], settings: Values
) -> Iterator[tuple[Request, Values]]:
    """The calls that bring the rows of a record to what is written, in their order. Unfit: none is to be made."""
    for kind in kinds:
        theirs = [each for each in kinds if each.of == kind.field and fields.get(each.field)]
        if kind.of is not None or (kind.field not in fields and not theirs):
            continue
        there = rows_at(kind, raw)
        if not there:
            for row in new_rows(kinds, kind, fields, settings):
                yield kind.make, {"id": name, "row": row}
            continue
        if kind.field in fields:
            wanted = fields[kind.field] or ()
            if theirs and there[0] in steps(there, wanted).drop:
                raise Unfit(f"the first of {kind.field} is no longer wanted, and others belong to it; change it there")
            yield from _of_kind(kind, {"id": name}, there, wanted, settings)
    for kind in kinds:
        owners = [] if kind.of is None else [each for each in kinds if each.field == kind.of]
        for owner in owners:
            first = rows_at(owner, raw)[:1]
            if kind.field in fields and first:
                values = {"id": name, "owner": first[0]}
                yield from _of_kind(kind, values, rows_at(kind, first[0]), fields[kind.field] or (), settings)


def _of_kind(
    kind: Child, values: Values, there: Sequence[Row], wanted: Sequence[Row], settings: Values
) -> Iterator[tuple[Request, Values]]:
    found = steps(there, wanted)
    if any(place.of(row) for row in found.drop for place in kind.holds):
        raise Unfit(f"one of {kind.field} is no longer wanted, and holds what else would be lost; remove it there")
    for row, new in found.change:
        yield kind.change, {**values, "there": row, "row": sent(kind, new, settings)}
    for new in found.make:
        yield kind.make, {**values, "row": sent(kind, new, settings, making=True)}
    for row in found.drop:
        yield kind.drop, {**values, "there": row}
