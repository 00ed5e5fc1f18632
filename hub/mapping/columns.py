"""Fields that each come from one column of a flat record, read in one go: most of what a table or a file says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias
from unicodedata import is_normalized

from hub.mapping.fields import Field, SingleField
from hub.mapping.paths import MISSING
from hub.mapping.text import Unmappable, as_text, shown
from hub.model import Problem

Read: TypeAlias = Callable[[Mapping[str, Any], dict[str, Any], list[Problem]], None]


class Plain(NamedTuple):
    """A column that is there. convert: None where the text is taken as it is, in its one form"""

    column: str
    base: str
    convert: Callable[[Any], Any] | None


def readers_of(fields: Iterable[Field]) -> tuple[Read, ...]:
    """How these fields are read, in their order, of records that have all the columns they name."""
    found: list[Read] = []
    for is_plain, some in groupby(fields, lambda field: _plain(field) is not None):
        group = list(some)
        if is_plain:
            found.append(_together([plain for field in group if (plain := _plain(field)) is not None]))
        else:
            found += [field.read for field in group]
    return tuple(found)


def _plain(field: Field) -> Plain | None:
    if not isinstance(field, SingleField) or len(field.columns) != 1:
        return None
    [column] = field.columns
    if column.beside or column.path.nested:
        return None
    return Plain(column.path.head, field.base, None if column.read is as_text else column.read)


def _together(columns: Sequence[Plain]) -> Read:
    def read(source: Mapping[str, Any], out: dict[str, Any], problems: list[Problem]) -> None:
        for column, base, convert in columns:
            raw = source[column]
            if type(raw) is str:
                if raw == "":
                    out[base] = None
                    continue
                text = raw.strip()
                if convert is None and (text.isascii() or is_normalized("NFC", text)):
                    out[base] = text or None
                    continue
            _read_one(base, convert or as_text, raw, out, problems)

    return read


def _read_one(base: str, convert: Callable[[Any], Any], raw: Any, out: dict[str, Any], problems: list[Problem]) -> None:
    try:
        value = convert(raw)
    except Unmappable as err:
        problems.append(Problem(base, shown(raw), err.reason))
        return
    if value is not MISSING:
        out[base] = value
