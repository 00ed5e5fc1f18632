"""Lengths of time as people write them: `5 minutes`, `1 day 12 hours`, `90s`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_SHORT = {"s": "second", "sec": "second", "m": "minute", "min": "minute"}
_SHORT |= {"h": "hour", "d": "day", "w": "week"}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]+)")
_LONGEST = timedelta(days=3660)  # beyond ten years it is a typing error

ALLOWED = 'a number and a unit, such as "30 seconds", "5 minutes", "1 day 12 hours" or "90s"'


def parse_duration(text: str) -> timedelta:
    """ValueError, with what is allowed, for anything that is not a positive length of time."""
    rest = text.strip().lower()
    seconds, at = 0.0, 0
    for part in _PART.finditer(rest):
        if rest[at : part.start()].strip(" ,"):
            break
        name = part[2].removesuffix("s") if len(part[2]) > 1 else part[2]
        unit = _SECONDS.get(_SHORT.get(name, name))
        if unit is None:
            raise ValueError(f"the unit is not known; allowed: {ALLOWED}")
        seconds += float(part[1]) * unit
        at = part.end()
    if at == 0 or at != len(rest):
        raise ValueError(f"allowed: {ALLOWED}")
    if not 0 < seconds <= _LONGEST.total_seconds():
        raise ValueError("must be more than nothing and at most ten years")
    return timedelta(seconds=seconds)


def say_duration(length: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as the same length."""
    seconds = length.total_seconds()
    for name in ("week", "day", "hour", "minute"):
        if seconds and seconds % _SECONDS[name] == 0:
            number = int(seconds // _SECONDS[name])
            return f"{number} {name}" + ("s" if number != 1 else "")
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + (" second" if seconds == 1 else " seconds")


def _read(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError(f"allowed: {ALLOWED}")


Duration = Annotated[
    timedelta,
    BeforeValidator(_read),
    PlainSerializer(say_duration, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["30 seconds", "5 minutes", "1 day 12 hours"]}),
]
"""A setting: text in the file, timedelta in the program."""
