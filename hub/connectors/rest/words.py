"""Texts with gaps and places in answers: all that a service file can say. There is no expression to evaluate.

A gap is `{name}` or `{name:form}`. The names are the settings of the service and what the engine knows at that
moment (`id`, `size`, `since`, …), `fields.NAME` and `record.NAME` among it; the forms are the closed set below. A
text that is one gap keeps the kind of its value, and in a list a gap that is a list stands for its items; a key whose
gap has no value is left out of what is sent. The key `...` stands for the fields of its value. `{{` and `}}` stand
for braces.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias
from urllib.parse import quote

import orjson

from hub.mapping.paths import MISSING, Getter, getter, parse_path
from hub.mapping.phones import phone_country, phone_national

Values: TypeAlias = Mapping[str, Any]

_GAP = re.compile(r"\{\{|\}\}|\{(?P<name>[A-Za-z_][\w.]*)(?::(?P<form>\w+))?\}")
_ITEM = re.compile(r"\[(\d{1,3})\]\.?")
_END = re.compile(r"-([A-Za-z0-9]{1,12})$")  # no longer: a whole key must not stand for its end
_OWN = re.compile(r"~[0-9a-f]{16}$")
_NONE: Any = object()
SPREAD = "..."  # as a key: the fields of its value stand beside the others


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    return str(value)


def _joined(value: Any) -> str:
    return ",".join(map(_as_text, value)) if isinstance(value, list | tuple) else _as_text(value)


def _any(value: Any) -> str:
    """Conditions of which one holds, two at a time in brackets: ((a or b) or c)."""
    first, *rest = map(_as_text, value) if isinstance(value, list | tuple) else [_as_text(value)]
    return reduce(lambda held, each: f"({held} or {each})", rest, first)


def _base64(value: Any) -> str:
    return base64.b64encode(_as_text(value).encode()).decode()


FORMS: Mapping[str, Callable[[Any], Any]] = {
    "text": _as_text,
    "lower": lambda value: _as_text(value).lower(),
    "small": lambda value: [_as_text(each).lower() for each in value],  # a list of texts in small letters
    "upper": lambda value: _as_text(value).upper(),
    "md5": lambda value: hashlib.md5(_as_text(value).lower().encode(), usedforsecurity=False).hexdigest(),
    "join": _joined,
    "or": lambda value: " or ".join(map(_as_text, value)) if isinstance(value, list) else _as_text(value),
    "json": lambda value: orjson.dumps(value).decode(),
    "quoted": lambda value: _as_text(value).replace("'", "''"),  # within single quotes, as OData and SQL want it
    "quoted_list": lambda value: ",".join("'" + FORMS["quoted"](each) + "'" for each in value),
    "any": _any,  # conditions of which one holds, in brackets as COQL wants them
    "escaped": lambda value: _as_text(value).replace("\\", "\\\\").replace("'", "\\'"),  # the same in SOQL
    "escaped_list": lambda value: ",".join("'" + FORMS["escaped"](each) + "'" for each in value),
    "criteria": lambda value: re.sub(r"([\\(),])", r"\\\1", _as_text(value)),  # in a condition, as Zoho wants it
    "base64": _base64,
    "number": lambda value: int(value) if str(value).isascii() and str(value).isdigit() else value,
    "numbers": lambda value: [FORMS["number"](each) for each in value],
    "whole": lambda value: int(value) if re.fullmatch(r"[0-9]{1,18}", str(value)) else 0,  # 0: no id that there is
    "own": lambda value: _OWN.sub("", _as_text(value)),  # a version without what the hub has put behind it
    "phone_national": phone_national,
    "phone_country": phone_country,
    "after_dash": lambda value: found[1] if (found := _END.search(_as_text(value))) else None,
    "after_colon": lambda value: _as_text(value).rpartition(":")[2],
    "after_slash": lambda value: _as_text(value).rpartition("/")[2],
    "names": lambda value: ",".join(value) if isinstance(value, Mapping) else _as_text(value),
}
"""What a gap may make of its value. `md5` is of the small letters, as mailing services name their members."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text with gaps, parsed. `parts` are texts and (name, form) pairs."""

    source: str
    parts: tuple[str | tuple[str, str | None], ...]

    @property
    def names(self) -> Iterator[str]:
        return (part[0] for part in self.parts if isinstance(part, tuple))

    def fill(self, values: Values) -> Any:
        """The value; `_NONE`, which `fill` of this module drops, when a gap has none."""
        if len(self.parts) == 1 and isinstance(self.parts[0], tuple):
            value = _value(self.parts[0], values)
            return _NONE if value is None else value
        found = [part if isinstance(part, str) else _value(part, values) for part in self.parts]
        return _NONE if None in found else "".join(map(_as_text, found))

    def path(self, values: Values, plain: frozenset[str]) -> str:
        """As part of an address: whatever is not a setting (`plain`) is percent-encoded."""
        found = []
        for part in self.parts:
            if isinstance(part, str):
                found.append(part)
                continue
            value = _as_text(_value(part, values))
            found.append(value if part[0] in plain else quote(value, safe=""))
        return "".join(found)


def parse_text(source: str) -> Text:
    """ValueError with what is wrong."""
    parts: list[str | tuple[str, str | None]] = []
    at, plain = 0, ""
    for found in _GAP.finditer(source):
        plain += source[at : found.start()]
        _refuse_braces(source[at : found.start()])
        at = found.end()
        if found["name"] is None:
            plain += found[0][0]
            continue
        if found["form"] is not None and found["form"] not in FORMS:
            raise ValueError(f"there is no form {found['form']!r}; allowed: {', '.join(sorted(FORMS))}")
        if plain:
            parts.append(plain)
        parts.append((found["name"], found["form"]))
        plain = ""
    _refuse_braces(source[at:])
    plain += source[at:]
    if plain or not parts:
        parts.append(plain)
    return Text(source, tuple(parts))


def _refuse_braces(text: str) -> None:
    if "{" in text or "}" in text:
        raise ValueError("a brace that belongs to no {name}; write {{ or }} for the character itself")


def _value(gap: tuple[str, str | None], values: Values) -> Any:
    name, form = gap
    head, dot, rest = name.partition(".")
    value = values.get(head)
    for step in rest.split(".") if dot else ():
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if value is None or form is None else FORMS[form](value)  # of what has no such form, none


def fill(tree: Any, values: Values) -> Any:
    """A tree of texts with gaps, lists and objects, filled; what has no value is left out."""
    found = _fill(tree, values)
    return None if found is _NONE else found


def _fill(tree: Any, values: Values) -> Any:
    if isinstance(tree, Text):
        return tree.fill(values)
    if isinstance(tree, dict):
        kept: dict[str, Any] = {}
        for key, value in tree.items():
            found = _fill(value, values)
            if key == SPREAD and isinstance(found, Mapping):
                kept |= found
            elif found is not _NONE:
                kept[key] = found
        return kept if kept or not tree else _NONE
    if isinstance(tree, list):
        items = [item for each in tree for item in _items(each, values)]
        return items if items or not tree else _NONE
    return tree


def _items(tree: Any, values: Values) -> list[Any]:
    """One item of a list; a gap that is a list itself stands for its items."""
    found = _fill(tree, values)
    if found is _NONE:
        return []
    return list(found) if isinstance(tree, Text) and isinstance(found, list | tuple) else [found]


def parse_tree(tree: Any) -> Any:
    """The texts in it parsed. ValueError with what is wrong."""
    if isinstance(tree, str):
        return parse_text(tree)
    if isinstance(tree, dict):
        return {key: parse_tree(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [parse_tree(each) for each in tree]
    return tree


def names_in(tree: Any) -> Iterator[str]:
    if isinstance(tree, Text):
        yield from tree.names
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from names_in(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from names_in(value)


# --- places in answers ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Where:
    """A place in an answer, such as `paging.next.after` or `['@odata.etag']`; empty: the answer itself.

    item  of an answer that is a list, such as `[0].code`, the number it begins with
    """

    source: str
    read: Getter | None
    item: int | None = None

    def of(self, body: Any) -> Any:
        """The value there; None when there is none."""
        if self.item is not None:
            body = self._begun(body)
        if self.read is None:
            return body
        found = self.read(body) if type(body) is dict or isinstance(body, Mapping) else MISSING
        return None if found is MISSING else found

    def _begun(self, body: Any) -> Any:
        if self.item is None:
            return body
        return body[self.item] if isinstance(body, list) and self.item < len(body) else None

    def has(self, body: Any) -> bool:
        body = self._begun(body)
        return self.read is None or (isinstance(body, Mapping) and self.read(body) is not MISSING)


Reading: TypeAlias = Callable[[dict[str, Any]], Any]


def reader_of(place: Where) -> Reading:
    """`place.of` for objects, without detours: records of every page are read by it."""
    if place.read is None or place.item is not None or not re.fullmatch(r"\w+", place.source):
        return place.of
    name = place.source
    return lambda raw: raw.get(name)


Column: TypeAlias = Callable[[Sequence[dict[str, Any]]], list[Any]]


def column_of(place: Where) -> Column:
    """`place.of` of every object of a page."""
    if place.read is None or place.item is not None or not re.fullmatch(r"\w+", place.source):
        return lambda raws: [place.of(raw) for raw in raws]
    name = place.source
    return lambda raws: [raw.get(name) for raw in raws]


def parse_where(source: str) -> Where:
    """ValueError with what is wrong."""
    if not source:
        return Where("", None)
    if (begun := _ITEM.match(source)) is not None:
        rest = parse_where(source[begun.end() :])
        return Where(source, rest.read, int(begun[1]))
    path = parse_path(source)
    if path.each is not None:
        raise ValueError("name the list itself, without []")
    return Where(source, getter(path.steps))
