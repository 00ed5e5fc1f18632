"""Paths into source records: `a.b[0].c`, `items[].email`, `items[type=vat].code`, `['a.b']` for odd names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

MISSING: Any = object()  # the path is not in the record: it says nothing

_STEP = re.compile(
    r"""\['(?P<quoted>[^']+)'\] | \[(?P<index>\d{1,4})\] | \[(?P<name>\w+)=(?P<value>[^\]]+)\]
        | (?P<each>\[\]) | (?:^|\.)(?P<plain>[^.\[\]']+)""",
    re.VERBOSE,
)

Step: TypeAlias = str | int | tuple[str, str]  # name, index, or the first item whose field has this value
Getter: TypeAlias = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path. `each` is the steps after `[]`, None when the path has none."""

    text: str
    steps: tuple[Step, ...]
    each: tuple[Step, ...] | None = None

    @property
    def head(self) -> str:
        return str(self.steps[0])

    @property
    def nested(self) -> bool:
        """Does it lead into an object or a list of the record?"""
        return len(self.steps) > 1 or bool(self.each)

    @property
    def writable(self) -> bool:
        """A place in a list by number can not be written without knowing the rest of the list."""
        return not any(isinstance(step, int) for step in self.steps + (self.each or ()))

    @property
    def partial(self) -> bool:
        """Writes one item of a list, so the rest of that list has to be in the mapping too."""
        return any(isinstance(step, tuple) for step in self.steps)


def parse_path(text: str) -> Path:
    """ValueError, with what is wrong, for anything but a path."""
    steps: list[Step] = []
    each: list[Step] | None = None
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise ValueError(f"not a path: nothing can be read from {text[at:]!r} on")
        at = found.end()
        if found["each"]:
            if each is not None:
                raise ValueError("a path may hold [] once")
            each = []
            continue
        (steps if each is None else each).append(_step(found))
    if not steps or not isinstance(steps[0], str):
        raise ValueError("a path starts with the name of a field")
    if isinstance((each or steps)[-1], tuple):
        raise ValueError("a path ends with the name of a field")
    return Path(text, tuple(steps), None if each is None else tuple(each))


def _step(found: re.Match[str]) -> Step:
    if found["index"]:
        return int(found["index"])
    if found["name"]:
        return found["name"], found["value"]
    return found["quoted"] or found["plain"]


def getter(steps: tuple[Step, ...]) -> Getter:
    """Reads the value at `steps`; MISSING when it is not there or not of that shape."""
    if len(steps) == 1 and isinstance(steps[0], str):
        name = steps[0]
        return lambda fields: fields.get(name, MISSING)

    def read(fields: Mapping[str, Any]) -> Any:
        value: Any = fields
        for step in steps:
            value = _follow(value, step)
            if value is MISSING:
                return MISSING
        return value

    return read


def _follow(value: Any, step: Step) -> Any:
    if isinstance(step, str):
        return value.get(step, MISSING) if isinstance(value, Mapping) else MISSING
    if not isinstance(value, list | tuple):
        return MISSING
    if isinstance(step, int):
        return value[step] if step < len(value) else MISSING
    name, wanted = step
    return next((v for v in value if isinstance(v, Mapping) and str(v.get(name)) == wanted), MISSING)


def place(fields: dict[str, Any], steps: tuple[Step, ...], value: Any) -> None:
    """Puts `value` at `steps`, making the objects and selected items on the way."""
    if len(steps) <= 1:
        if steps:
            fields[steps[0]] = value  # type: ignore[index]  # a path starts with a name
        return  # without a step the item is the value itself: there is nothing to put it into
    at: Any = fields
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        if following is None:
            at[step] = value
        elif isinstance(following, tuple):
            at = _selected(at.setdefault(step, []), following)
        elif isinstance(step, str):
            at = at.setdefault(step, {})


def _selected(items: list[dict[str, Any]], step: tuple[str, str]) -> dict[str, Any]:
    name, wanted = step
    for item in items:
        if item.get(name) == wanted:
            return item
    items.append({name: wanted})
    return items[-1]
